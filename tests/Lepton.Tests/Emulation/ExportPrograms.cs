using System.Globalization;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Optimizer;
using Lepton.Tests.Cases;
using Lepton.Tests.Codegen;
using Lepton.Tests.Fuzz;
using Lepton.Tests.House;
using Lepton.Tests.Support;

namespace Lepton.Tests.Emulation;

/// <summary>The programs that tests/emulated.sh runs on an emulated CPU, written to the folder LEPTON_EXPORT.</summary>
public sealed class ExportPrograms
{
    private const int Samples = 40_009;

    private static ModuleExport Export { get; } = new(
        Environment.GetEnvironmentVariable(ExportFactAttribute.Folder) ?? "",
        CpuTarget.Parse(Environment.GetEnvironmentVariable("LEPTON_EXPORT_TARGET") ?? "avx512", out _)!);

    /// <summary>Every run of tests/cases, with symbolic and with constant sizes.</summary>
    [ExportFact]
    public void Cases() => All(((IEnumerable<object[]>)RunCases.Files()).Select(row => (string)row[0]), file =>
    {
        var made = CaseFile.Read(Repository.PathOf("tests", "cases", file))!;
        var compilation = Compilation.Of(new SourceText(Path.Combine("tests", "cases", file), made.Text));
        var name = "case-" + file.Replace('/', '-').Replace(".lep", "", StringComparison.Ordinal);
        Assert.Empty(new CaseCheck(compilation, made) { Export = (mode, kernels, runs) => Export.Add($"{name}-{mode}", kernels, runs) }.Run());
    });

    /// <summary>Every elementwise operation on every type.</summary>
    [ExportFact]
    public void Operations() => All(Enum.GetValues<MapOp>().SelectMany(MapOpTests.Programs), program =>
        Export.Add(
            $"op-{program.Name}",
            _ => program.Module,
            [new ExportRun(program.Name, "test", new Dictionary<string, long>(), program.Inputs)]));

    /// <summary>The elementwise operations on floats of any bits.</summary>
    [ExportFact]
    public void Mathematics()
    {
        foreach (var element in (ElementType[])[ElementType.F32, ElementType.F64])
        {
            var type = new TensorType(element, [SizeExpr.Variable("N")]);
            TensorValue[] inputs = [Sample(element, 1), Sample(element, 2)];
            All(Enum.GetValues<MapOp>().Where(o => o.Info() is { Typing: MapTyping.Float or MapTyping.Numeric, Arity: 1 or 2 }), op =>
            {
                var graph = new GraphAssembler("math", ["N"]);
                NodeId[] arguments = [graph.Input("x", type), graph.Input("y", type)];
                graph.Output("result", graph.Map(op, arguments.AsSpan(0, op.Info().Arity)));
                var run = new ExportRun($"{op} of {element}", "math", new Dictionary<string, long> { ["N"] = Samples }, inputs);
                var fused = GraphPasses.Run(graph.ToGraph());
                Export.Add($"math-{op}-{element}", t => KernelLowering.Run(fused, Compilation.OptionsFor(t)), [run]);
            });
        }
    }

    /// <summary>
    /// Random programs, as many as LEPTON_FUZZ_COUNT says, from the seed LEPTON_FUZZ_SEED; every other one with forced choices. Both targets have the
    /// kernels of the emulated one: the same operations in the same order, by other instructions.
    /// </summary>
    [ExportFact]
    public void Random() => All(Enumerable.Range(Setting("LEPTON_FUZZ_SEED", 1), Setting("LEPTON_FUZZ_COUNT", 500)), seed =>
    {
        var made = RandomGraphs.Make(seed, DifferentialFuzz.Options(seed));
        var dims = seed / 7 % 3 == 0 ? new Dictionary<string, long>() : new Dictionary<string, long>(made.Sizes);
        var fused = GraphPasses.Run(made.Graph, new PassOptions { Dims = dims });
        var usual = Compilation.OptionsFor(Export.Target);
        var kernels = seed % 2 == 0 ? KernelLowering.Run(fused, usual) : ForcedChoices.Lower(fused, ForcedChoices.Of(usual, seed, made.AllowsWinograd), seed);
        Export.Add($"random-{seed:d6}", _ => kernels, [new ExportRun($"seed {seed}", fused.Graph.Name, made.Sizes, made.Inputs)]);
    });

    private static void All<T>(IEnumerable<T> programs, Action<T> export) =>
        Parallel.ForEach(programs, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, export);

    // Any bits, and every other number of ordinary size.
    private static TensorValue Sample(ElementType element, int seed)
    {
        var random = new Random(seed);
        var values = Enumerable.Range(0, Samples).Select(i => i % 2 == 0
            ? (random.NextDouble() - 0.5) * Math.ScaleB(1, random.Next(-12, 12))
            : element == ElementType.F32
                ? BitConverter.Int32BitsToSingle((int)random.NextInt64(int.MinValue, 1L << 31))
                : BitConverter.Int64BitsToDouble(random.NextInt64(long.MinValue, long.MaxValue)));
        return TensorValue.OfFloats(element, [Samples], [.. values.Select(v => Scalar.Round(element, v))]);
    }

    private static int Setting(string name, int otherwise) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;
}

/// <summary>A fact that is skipped unless programs are to be exported.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class ExportFactAttribute : FactAttribute
{
    /// <summary>The environment variable with the folder.</summary>
    public const string Folder = "LEPTON_EXPORT";

    public ExportFactAttribute()
    {
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable(Folder)))
        {
            Skip = "tests/emulated.sh runs it";
        }
    }
}
