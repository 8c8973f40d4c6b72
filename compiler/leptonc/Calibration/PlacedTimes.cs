using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Calibration;

/// <summary>
/// What a placed run takes besides its segments, from the timelines of a chain of kernels on devices a, b, a; medians of many runs, in seconds:
/// <code>
///   a   |start [ ]                [ ] end|
///   b              over [ ] over
/// </code>
/// Kernels are long enough for threads that wait to fall asleep.
/// </summary>
/// <param name="Run">Start and end together.</param>
/// <param name="Over">From the end of a segment to the start of what waits for it on the other device: the mean of there and back, with copies.</param>
internal sealed record PlacedTimes(double Run, double Over)
{
    private const int Measurements = 3;
    private const int Kernels = 3;
    private const int Rows = 512;
    private const int Columns = 128;

    /// <summary>A chain of equal kernels whose tensors stay in caches.</summary>
    public static CalibrationProgram Chain { get; } = new(KernelClass.Contraction, Purpose.Chain, CalibrationProgram.Products(Kernels, Columns), "N", [Rows]);

    /// <summary>Of what one kernel hands to the next.</summary>
    public double Bytes { get; private init; }

    /// <summary>What timelines of one segment, or of three on two devices, say.</summary>
    public static PlacedTimes Of(IReadOnlyList<PlacedTimeline> runs)
    {
        var segments = runs.Select(r => (Whole: r.Seconds, Spans: r.Spans.Where(s => s.Kind == SpanKind.Segment).ToArray())).ToArray();
        return new PlacedTimes(
            Median(segments.Select(r => r.Spans[0].Start + r.Whole - r.Spans[^1].End)),
            Median(segments.Select(r => r.Spans.Zip(r.Spans.Skip(1)).Select(p => p.Second.Start - p.First.End).DefaultIfEmpty(0).Average())));
    }

    /// <summary>Measures two devices of this machine, or one, which hands nothing over.</summary>
    /// <param name="chain">What runs there.</param>
    /// <param name="kinds">What they are; the first is where a run starts and ends.</param>
    /// <param name="compile">How to compile for each.</param>
    /// <param name="threads">Of each that is a processor.</param>
    /// <param name="seconds">For how long.</param>
    /// <param name="cancel">Ends it.</param>
    public static PlacedTimes Measure(CalibrationProgram chain, IReadOnlyList<string> kinds, IReadOnlyList<CompileOptions> compile, int threads, double seconds, CancellationToken cancel)
    {
        var devices = new List<Device>();
        try
        {
            devices.AddRange(kinds.Select((kind, i) => LeptonDevices.Open($"{kind} {i}", kind, threads)));
            var (source, sizes) = (new SourceText("calibration.lep", chain.Text), new Dictionary<string, long> { [chain.Size] = chain.Sizes[0] });
            using var engine = LeptonEngine.Of(Compilation.Of(source, compile[0]));
            using var made = Inputs.Make(engine["f"], [], sizes, null, 1, i => BenchCommand.Standard(engine["f"].Manifest.Arguments[i], i));
            using var placed = PlacedEngine.Of(kind => Compilation.Of(source, compile[devices.FindIndex(d => d.Kind == kind)]), "f", sizes, devices, fused =>
                [.. SegmentCut.Needed(fused).Select((group, i) => new PlacedGroup(group, devices[i % devices.Count].Name))]);
            using var result = Tensor.Allocate(ElementType.F32, [.. engine["f"].Manifest.Results[0].Shape.Select(s => s.AsConstant ?? chain.Sizes[0])]);
            var runs = new List<PlacedTimeline>();
            var options = new PlacedOptions { Parameters = made.Parameters, Timeline = runs.Add };
            WarmUp.Run(Once, seconds / 4);
            runs.Clear();
            CompiledSample.Time(Once, seconds, cancel);
            return Of(runs) with { Bytes = result.ByteLength };

            void Once() => placed.Run(made.References, [new TensorRef(result)], options);
        }
        finally
        {
            devices.ForEach(d => d.Dispose());
        }
    }

    /// <summary>The less of several measurements: what else the machine does only ever slows down.</summary>
    /// <inheritdoc cref="Measure"/>
    public static PlacedTimes Least(CalibrationProgram chain, IReadOnlyList<string> kinds, IReadOnlyList<CompileOptions> compile, int threads, double seconds, CancellationToken cancel)
    {
        var found = Enumerable.Range(0, Measurements).Select(_ => Measure(chain, kinds, compile, threads, seconds, cancel)).ToArray();
        return new PlacedTimes(found.Min(f => f.Run), found.Min(f => f.Over)) { Bytes = found[0].Bytes };
    }

    private static double Median(IEnumerable<double> times) => times.Order().ToArray() is var all ? all[all.Length / 2] : 0;
}
