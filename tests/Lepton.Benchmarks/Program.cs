using System.Diagnostics;
using System.Globalization;
using Lepton.Abi;
using Lepton.Benchmarks;
using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;

// Lepton and ONNX Runtime in turn, in one process, on the same numbers: rounds of each, medians, outputs compared.
//   tests/benchmarks.sh [threads]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var library = args.Length > 0 ? OnnxRuntimePeer.FindLibrary(args[0]) : null;
var threads = args.Length > 1 ? int.Parse(args[1]) : 1;
if (library is null)
{
    Console.WriteLine("ONNX Runtime is not installed: tests/benchmarks.sh installs it by npm");
    return 1;
}

Console.WriteLine($"{threads} thread{(threads == 1 ? "" : "s")}, medians in ms; ratio below 1: Lepton is faster\n");
Console.WriteLine($"{"workload",-32} {"Lepton",10} {"ONNX Rt",10} {"ratio",8}  {"largest difference"}");
var wrong = 0;
foreach (var workload in Workloads.All())
{
    var (ours, theirs, difference) = Measure(workload, library, threads);
    var bad = difference > workload.Tolerance;
    wrong += bad ? 1 : 0;
    Console.WriteLine($"{workload.Name,-32} {ours * 1e3,10:G4} {theirs * 1e3,10:G4} {ours / theirs,8:F3}  {difference:E1}{(bad ? "  WRONG" : "")}");
}

return wrong;

static (double Ours, double Theirs, double Difference) Measure(Workload workload, string library, int threads)
{
    var data = workload.Inputs.Select((input, i) => Fill(input.Shape, i)).ToArray();
    var count = workload.Output.Aggregate(1L, (a, b) => a * b);
    var other = new float[count];
    var owned = new List<OwnedTensor>();
    var model = workload.Model;
    for (var i = workload.Arguments; i < data.Length; i++)
    {
        model.Weights(workload.Inputs[i].Name, data[i], workload.Inputs[i].Shape);
    }

    using var peer = new OnnxRuntimePeer(
        library,
        model.ToBytes(),
        threads,
        [.. workload.Inputs.Take(workload.Arguments).Select((input, i) => (input.Name, data[i], input.Shape))],
        [("y", other, workload.Output)]);

    using var engine = LeptonEngine.Compile(workload.Program);
    using var parameters = new ParameterSet();
    for (var i = workload.Arguments; i < data.Length; i++)
    {
        parameters.Set(workload.Inputs[i].Name, Tensor.From(data[i], workload.Inputs[i].Shape));
    }

    using var invocation = engine["f"].Bind(new RunOptions { Threads = threads, Parameters = parameters });
    for (var i = 0; i < workload.Arguments; i++)
    {
        var input = Tensor.Allocate(ElementType.F32, workload.Inputs[i].Shape);
        data[i].CopyTo(input.AsSpan<float>());
        owned.Add(input);
        invocation.SetInput(i, input);
    }

    // Native memory: two large managed arrays lie 32 bytes apart modulo 4096, where stores look to the processor like what is loaded next.
    var output = Tensor.Allocate(ElementType.F32, workload.Output);
    owned.Add(output);
    invocation.SetOutput(0, output);
    var (ours, theirs) = (new List<double>(), new List<double>());
    Time(() => invocation.Run(), 0.2);
    Time(peer.Run, 0.2);
    for (var round = 0; round < 7; round++)
    {
        ours.Add(Time(() => invocation.Run(), 0.15));
        theirs.Add(Time(peer.Run, 0.15));
    }

    var difference = output.AsSpan<float>().ToArray().Zip(other, (a, b) => Math.Abs(a - b) / (1.0 + Math.Abs(b))).Max();
    owned.ForEach(t => t.Dispose());
    return (ours.Order().ElementAt(3), theirs.Order().ElementAt(3), difference);
}

// Seconds per run: the median of as many runs as fit into the time.
static double Time(Action run, double seconds)
{
    var times = new List<double>();
    var start = Stopwatch.GetTimestamp();
    do
    {
        var before = Stopwatch.GetTimestamp();
        run();
        times.Add(Stopwatch.GetElapsedTime(before).TotalSeconds);
    }
    while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds);
    times.Sort();
    return times[times.Count / 2];
}

static float[] Fill(long[] shape, int seed)
{
    var random = new Random(seed);
    var values = new float[shape.Aggregate(1L, (a, b) => a * b)];
    var scale = seed == 0 ? 2 : 0.1f;
    for (var i = 0; i < values.Length; i++)
    {
        values[i] = (float)((random.NextDouble() * 2) - 1) * scale;
    }

    return values;
}
