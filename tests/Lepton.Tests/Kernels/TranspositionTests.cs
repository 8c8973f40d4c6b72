using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>Permuted axes, which run in squares that are turned over in registers: every element type, every target's registers.</summary>
public sealed class TranspositionTests
{
    // So small that each result is taken to be larger than a last-level cache.
    private const int PastCaches = 1 << 18;

    // Sizes that leave rows and columns over, and that do not.
    private static readonly (string Lines, long[] Shape)[] Programs =
    [
        ("view %0 [i1, i0] : {t}[150, 70]", [70, 150]),
        ("view %0 [i1, i0] : {t}[{N}, {M}]", [41, 37]),
        ("view %0 [i1, i0] : {t}[150, 64]", [64, 150]),
        ("view %0 [i0, i2, i1] : {t}[3, 37, 128]", [3, 128, 37]),
        ("view %0 [i2, i1, i0] : {t}[32, 3, 48]; view %0 [i0, i2, i1] : {t}[48, 32, 3]; view %0 [i1, i0, i2] : {t}[3, 48, 32]", [48, 3, 32]),
        ("view %0 [i0, i3, i1, i2] : {t}[2, 19, 5, 16]; view %0 [i3, i0, i2, i1] : {t}[16, 5, 19, 2]", [2, 16, 19, 5]),
        ("view %0 [i1, i0] : {t}[50, 50]; add %1, %0 : {t}[50, 50]; reshape %0 : {t}[25, 100]; view %3 [i1, i0] : {t}[100, 25]", [50, 50]),
        ("view %0 [2*i1 + 1, -1*i0 + 39] : {t}[40, 20]; concat %0, %1 axis 1 : {t}[40, 60]; view %2 [i1, i0] : {t}[60, 40]", [40, 40]),
    ];

    public static TheoryData<string> Targets() => [.. NativeRunner.Targets.Keys, "clr"];

    [Fact]
    public void By_the_interpreter_of_loops()
    {
        foreach (var (registers, bytes, miniature) in ((int, int, int)[])[(16, 16, 1), (16, 32, 1), (32, 64, 1), (16, 32, PastCaches), (32, 64, PastCaches)])
        {
            var options = new KernelOptions(Registers: registers, RegisterBytes: bytes, Miniature: miniature);
            var streams = 0;
            foreach (var element in ElementTypes.All)
            {
                ForEach(element, (graph, input) =>
                {
                    var module = KernelLowering.Run(TrivialFusion.Run(graph, inline: true), options);
                    streams += module.Kernels.Count(k => k.Note.Contains("lines written past the caches", StringComparison.Ordinal));
                    return KernelHarness.Run(module, graph, [input]).Results;
                });
            }

            Assert.Equal(miniature == PastCaches, streams > 0);
        }
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void In_machine_code(string target)
    {
        CodeDevice? device = target == "clr" ? CodeDevice.Clr : null;
        var cpu = device is null ? NativeRunner.Targets[target] : NativeRunner.Targets.Values.First();
        foreach (var miniature in (int[])[1, PastCaches])
        {
            var options = NativeRunner.OptionsFor(cpu, device) with { Miniature = miniature };
            foreach (var element in (ElementType[])[ElementType.F32, ElementType.F64, ElementType.F16, ElementType.I16, ElementType.U8, ElementType.Bool])
            {
                ForEach(element, (graph, input) =>
                {
                    using var native = NativeRunner.Load(KernelLowering.Run(TrivialFusion.Run(graph, inline: true), options), cpu, device: device);
                    return NativeRunner.Run(native.Entries.First(), [input], new Dictionary<string, long>(), threads: 2);
                });
            }
        }
    }

    private static void ForEach(ElementType element, Func<Graph, TensorValue, IReadOnlyList<TensorValue>> run)
    {
        foreach (var (text, shape) in Programs.Where(p => element != ElementType.Bool || !p.Lines.Contains("add", StringComparison.Ordinal)))
        {
            var isSymbolic = text.Contains("{N}", StringComparison.Ordinal);
            var lines = text.Replace("{t}", element.Name()).Replace("{N}", "N").Replace("{M}", "M").Split(';', StringSplitOptions.TrimEntries);
            var outputs = string.Join('\n', lines.Select((_, i) => $"output y{i} = %{i + 1}"));
            var graph = GraphText.Parse(
                $"graph g({(isSymbolic ? "M, N" : "")}) {{\n%0 = input argument x : {element.Name()}[{(isSymbolic ? "M, N" : string.Join(", ", shape))}]\n"
                + $"{string.Join('\n', lines.Select((l, i) => $"%{i + 1} = {l}"))}\n{outputs}\n}}\n");
            GraphVerifier.Verify(graph);
            var input = KernelHarness.Random(element, 3, shape);
            var expected = Interpreter.Run(graph, [input]);
            var actual = run(graph, input);
            for (var i = 0; i < expected.Count; i++)
            {
                var wrong = KernelHarness.Difference(expected[i], actual[i], 0);
                Assert.True(wrong is null, $"{element} {text}, result {i}: {wrong}");
            }
        }
    }
}
