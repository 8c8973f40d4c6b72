using System.Globalization;
using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>A flat product that is read in slices, one kernel, against the interpreter: rows around the tiles, slices, element types, every target.</summary>
public sealed class GatesTests
{
    [Fact]
    public void Random_cells_are_one_kernel_and_mean_the_same()
    {
        foreach (var seed in KernelHarness.Seeds("LEPTON_FUZZ_GATES", 23))
        {
            Check(seed);
        }
    }

    private static void Check(int seed)
    {
        var random = new Random(seed);
        T Pick<T>(params T[] all) => all[random.Next(all.Length)];
        var element = Pick(ElementType.F32, ElementType.F32, ElementType.F64, ElementType.F16);
        var type = element.Name();
        var (m, k, width, gates) = (Pick(1, 2, 3, 5, 6, 7, 12, 16, 17, 64), Pick(1, 2, 7, 16, 33, 130), Pick(32, 64, 96, 256), Pick(2, 3, 4, 8));
        string N(long n) => n.ToString(CultureInfo.InvariantCulture);
        var (all, part) = ($"{type}[{m}, {width * gates}]", $"{type}[{m}, {width}]");
        var lines = new List<string>
        {
            $"input argument h : {type}[{m}, {k}]", $"input argument p : {all}", $"input argument b : {type}[{width * gates}]",
            $"input argument c : {part}", $"input {Pick("parameter", "argument")} w : {type}[{k}, {width * gates}]",
        };
        int Add(string line)
        {
            lines.Add(line);
            return lines.Count - 1;
        }

        // Work before the product, behind it over all columns, and on the slices.
        var (h, w) = (0, 4);
        h = random.Next(3) == 0 ? Add($"tanh %{h} : {type}[{m}, {k}]") : h;
        w = random.Next(4) == 0 ? Add($"neg %{w} : {type}[{k}, {width * gates}]") : w;
        var g = Add($"contract %{h}[0, 2], %{w}[2, 1] -> [0, 1] : {all}");
        g = random.Next(2) == 0 ? Add($"add %1, %{g} : {all}") : g;
        g = random.Next(2) == 0 ? Add($"add %{g}, %{Add($"view %2 [i1] : {all}")} : {all}") : g;
        var (sum, outputs) = (3, new List<int>());
        foreach (var gate in Enumerable.Range(0, gates).OrderBy(_ => random.Next()).ToList())
        {
            var slice = Add($"view %{g} [i0, i1{(gate == 0 ? "" : $" + {N(gate * width)}")}] : {part}");
            slice = random.Next(2) == 0 ? Add($"tanh %{slice} : {part}") : slice;
            sum = Add($"{Pick("add", "mul")} %{sum}, %{slice} : {part}");
        }

        outputs.Add(sum);
        if (random.Next(2) == 0)
        {
            outputs.Insert(0, Add($"tanh %{sum} : {part}"));
        }

        var text = $"graph g() {{\n{string.Join('\n', lines.Select((l, i) => $"%{i} = {l}"))}\n"
            + $"{string.Join('\n', outputs.Select((o, i) => $"output y{i} = %{o}"))}\n}}\n";
        var graph = GraphText.Parse(text);
        GraphVerifier.Verify(graph);

        TensorValue Small(int number, params long[] shape)
        {
            var value = KernelHarness.Random(element, (seed * 10) + number, shape);
            return TensorValue.Of(element, shape, [.. Enumerable.Range(0, (int)value.Count).Select(i => value[i].AsDouble / 4)]);
        }

        TensorValue[] inputs = [Small(0, m, k), Small(2, m, width * gates), Small(3, width * gates), Small(4, m, width), Small(1, k, width * gates)];
        var isHalf = element == ElementType.F16;
        var meaning = isHalf ? GraphText.Parse(text.Replace($": {type}", ": f32", StringComparison.Ordinal)) : graph;
        var exact = isHalf ? inputs.Select(i => TensorValue.Of(ElementType.F32, [.. i.Dims], [.. Enumerable.Range(0, (int)i.Count).Select(n => i[n].AsDouble)])) : inputs;
        var expected = Interpreter.Run(meaning, [.. exact]);
        var fused = GraphPasses.Run(graph, new PassOptions { Verify = true });
        var what = $"seed {seed}: {element} {m} x {gates} * {width} x {k}\n{text}";
        Assert.True(fused.Groups.Count(group => group.Strategy == KernelStrategy.Contraction) == 1, $"{what}\n{string.Join('\n', fused.Groups)}");
        var (target, cpu) = NativeRunner.Targets.ElementAt(seed % NativeRunner.Targets.Count);
        var kernels = KernelLowering.Run(fused, Compilation.OptionsFor(cpu));
        Assert.True(kernels.Kernels.Any(n => n.Note.StartsWith("slices", StringComparison.Ordinal)), $"{what}\n{string.Join('\n', kernels.Kernels.Select(n => n.Note))}");
        using var native = NativeRunner.Load(kernels, cpu);
        var one = NativeRunner.Run(native.Entries.First(), inputs, new Dictionary<string, long>());
        var two = NativeRunner.Run(native.Entries.First(), inputs, new Dictionary<string, long>(), threads: 2);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(one[i].ToBytes(), two[i].ToBytes());
            var wrong = KernelHarness.Difference(expected[i], one[i], isHalf ? 4e-3 : 1e-4);
            Assert.True(wrong is null, $"{target}, {what}\ny{i}: {wrong}");
        }
    }
}
