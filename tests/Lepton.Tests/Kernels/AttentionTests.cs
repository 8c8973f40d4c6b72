using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>
/// A softmax between two contractions against the interpreter: sizes around the blocks, orders of axes, masks, element types, nan and infinities,
/// constant and symbolic sizes, every target, one and two threads.
/// </summary>
public sealed class AttentionTests
{
    private static readonly string[] Masks = ["none", "add", "causal", "after", "band", "far", "low", "select", "cap"];
    private static readonly string[] Epilogues = ["none", "bias", "residual", "cast"];
    private static readonly int[] Rows = [4, 5, 7, 16, 33, 67, 131, 300];
    private static readonly int[] Keys = [1, 2, 7, 16, 31, 63, 64, 65, 128, 131, 200, 270];
    private static readonly int[] Widths = [1, 3, 8, 16, 17, 31, 40, 64, 128];

    // Masks of indices: keys that no row of a block sees are skipped. With "far" and "low" the fill is a number, which some rows do not lie above.
    private static readonly string[] Skipping = ["causal", "after", "band", "far", "low"];

    // Fewer scores of known sizes are stored, and those of wider rows.
    private const int FewScores = 64 * 64;
    private const int MostRowBytes = 1024;

    [Fact]
    public void Random_attentions_are_one_kernel_and_mean_the_same()
    {
        foreach (var seed in KernelHarness.Seeds("LEPTON_FUZZ_ATTENTION", 44))
        {
            Check(seed);
        }
    }

    private static void Check(int seed)
    {
        var random = new Random(seed);
        T Pick<T>(params T[] all) => all[random.Next(all.Length)];
        var element = Pick(ElementType.F32, ElementType.F32, ElementType.F32, ElementType.F64, ElementType.F16, ElementType.BF16);
        var sizes = new Dictionary<string, long>
        {
            ["B"] = Pick(1, 2, 3), ["H"] = Pick(1, 2, 5), ["N"] = Pick(Rows), ["M"] = Pick(Keys), ["D"] = Pick(Widths), ["E"] = Pick(Widths),
        };
        var (mask, epilogue, isSymbolic) = (Masks[seed % Masks.Length], Pick(Epilogues), random.Next(3) == 0);
        isSymbolic |= sizes["N"] * sizes["M"] < FewScores && random.Next(8) > 0;

        // Rare sizes: nothing at all.
        if (isSymbolic && random.Next(6) == 0)
        {
            sizes[Pick("B", "H", "N", "M")] = 0;
        }

        string Size(string s) => isSymbolic && s is not ("D" or "E") ? s : sizes[s].ToString(System.Globalization.CultureInfo.InvariantCulture);
        string Shape(IEnumerable<string> axes) => $"[{string.Join(", ", axes.Select(Size))}]";
        string[] Shuffled(params string[] axes)
        {
            if (random.Next(2) == 0)
            {
                random.Shuffle(axes);
            }

            return axes;
        }

        // The keys, or keys and values, may be shared by all heads.
        var shared = random.Next(4);
        var q = Shuffled("B", "H", "N", "D");
        var k = Shuffled(shared == 0 ? ["B", "M", "D"] : ["B", "H", "M", "D"]);
        var v = Shuffled(shared is 0 or 1 ? ["B", "M", "E"] : ["B", "H", "M", "E"]);
        var y = Shuffled("B", "H", "N", "E");
        var labels = new Dictionary<string, int> { ["B"] = 0, ["H"] = 1, ["N"] = 2, ["M"] = 3, ["D"] = 4, ["E"] = 5 };
        string Labels(IEnumerable<string> axes) => $"[{string.Join(", ", axes.Select(a => labels[a]))}]";
        var (type, scores, rows) = (element.Name(), Shape(["B", "H", "N", "M"]), Shape(["B", "H", "N"]));
        var lines = new List<string>
        {
            $"input argument q : {type}{Shape(q)}", $"input argument k : {type}{Shape(k)}", $"input argument v : {type}{Shape(v)}",
            $"input argument a : {type}{Shape(["N", "M"])}", $"input argument b : bool{Shape(["B", "N", "M"])}", $"input argument r : {type}{Shape(y)}",
        };
        int Add(string line)
        {
            lines.Add(line);
            return lines.Count - 1;
        }

        var s = Add($"contract %0{Labels(q)}, %1{Labels(k)} -> [0, 1, 2, 3] : {type}{scores}");
        s = Add($"mul %{s}, %{Add($"splat {(mask == "low" ? 700 : 0.5)} : {type}{scores}")} : {type}{scores}");
        var shift = random.Next(-9, mask is "far" or "low" ? 3 : 40);
        switch (mask)
        {
            case "add":
                s = Add($"add %{Add($"view %3 [i2, i3] : {type}{scores}")}, %{s} : {type}{scores}");
                break;
            case "causal" or "after" or "band" or "far" or "low":
                var plane = Shape(["N", "M"]);
                var (i, j) = (Add($"iota 0 : i64{plane}"), Add($"iota 1 : i64{plane}"));
                i = mask == "causal" ? i : Add($"add %{i}, %{Add($"splat {shift} : i64{plane}")} : i64{plane}");
                var seen = random.Next(2) == 0 ? Add($"lessequal %{j}, %{i} : bool{plane}") : Add($"greaterequal %{i}, %{j} : bool{plane}");
                if (mask == "band")
                {
                    var least = Add($"sub %{i}, %{Add($"splat {random.Next(70)} : i64{plane}")} : i64{plane}");
                    seen = Add($"and %{Add($"greater %{j}, %{least} : bool{plane}")}, %{seen} : bool{plane}");
                }
                else if (mask == "after")
                {
                    seen = Add($"not %{seen} : bool{plane}");
                }

                var fill = mask is not ("far" or "low") ? "-inf" : mask == "far" && element is ElementType.F32 or ElementType.F64 ? "-1e9" : "-1024";
                s = Add($"select %{Add($"view %{seen} [i2, i3] : bool{scores}")}, %{s}, %{Add($"splat {fill} : {type}{scores}")} : {type}{scores}");
                break;
            case "select":
                s = Add($"select %{Add($"view %4 [i0, i2, i3] : bool{scores}")}, %{s}, %{Add($"splat -inf : {type}{scores}")} : {type}{scores}");
                break;
            case "cap":
                s = Add($"tanh %{s} : {type}{scores}");
                break;
        }

        var max = Add($"view %{Add($"reduce max %{s} [3] : {type}{rows}")} [i0, i1, i2] : {type}{scores}");
        var e = Add($"exp %{Add($"sub %{s}, %{max} : {type}{scores}")} : {type}{scores}");
        var sum = Add($"view %{Add($"reduce sum %{e} [3] : {type}{rows}")} [i0, i1, i2] : {type}{scores}");
        var p = Add($"div %{e}, %{sum} : {type}{scores}");
        var out0 = Add($"contract %{p}[0, 1, 2, 3], %2{Labels(v)} -> {Labels(y)} : {type}{Shape(y)}");
        var outputs = new List<int> { epilogue switch
        {
            "bias" => Add($"add %{out0}, %{Add($"splat 0.25 : {type}{Shape(y)}")} : {type}{Shape(y)}"),
            "residual" => Add($"mul %5, %{out0} : {type}{Shape(y)}"),
            "cast" => Add($"cast %{out0} : f64{Shape(y)}"),
            _ => out0,
        } };
        if (epilogue != "none" && random.Next(3) == 0)
        {
            outputs.Add(out0);
        }

        var text = $"graph g({(isSymbolic ? "B, H, N, M" : "")}) {{\n{string.Join('\n', lines.Select((l, i) => $"%{i} = {l}"))}\n"
            + $"{string.Join('\n', outputs.Select((o, i) => $"output y{i} = %{o}"))}\n}}\n";
        var graph = GraphText.Parse(text);
        GraphVerifier.Verify(graph);
        TensorValue Values(ElementType of, int number, params string[] axes)
        {
            var value = KernelHarness.Random(of, (seed * 10) + number, [.. axes.Select(a => sizes[a])]);
            if (number is 0 or 2 or 3 && value.Count > 0 && random.Next(3) == 0)
            {
                var numbers = Enumerable.Range(0, (int)value.Count).Select(i => value[i].AsDouble).ToArray();
                // A weight so small that it may be 0 makes nan or infinity of an infinity.
                numbers[random.Next(numbers.Length)] = number == 2 && sizes["D"] > 8 ? double.NaN : Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity);
                value = TensorValue.Of(of, [.. value.Dims], numbers);
            }

            return value;
        }

        TensorValue[] inputs =
            [Values(element, 0, q), Values(element, 1, k), Values(element, 2, v), Values(element, 3, "N", "M"), Values(ElementType.Bool, 4, "B", "N", "M"), Values(element, 5, y)];
        var dims = sizes.Where(d => isSymbolic && d.Key is not ("D" or "E")).ToDictionary(d => d.Key, d => d.Value);

        // Half floats are computed in f32 and rounded at the end; the interpreter would round every step.
        var isHalf = element is ElementType.F16 or ElementType.BF16;
        var meaning = isHalf ? GraphText.Parse(text.Replace($": {type}", ": f32")) : graph;
        var exact = isHalf ? inputs.Select(i => i.Element == element ? TensorValue.Of(ElementType.F32, [.. i.Dims], [.. Enumerable.Range(0, (int)i.Count).Select(n => i[n].AsDouble)]) : i).ToArray() : inputs;
        var expected = Interpreter.Run(meaning, exact, d => dims[d]);
        var rowsOfKeys = sizes["N"] * (shared == 0 ? sizes["H"] : 1);
        var fused = GraphPasses.Run(graph, new PassOptions { Verify = true });
        var what = $"seed {seed}: {element} {string.Join(" ", sizes)} {mask} {epilogue} {(isSymbolic ? "symbolic" : "constant")}\n{text}";
        var isOne = fused.Groups.Count == 1 && fused.Groups[0].Strategy == KernelStrategy.Attention;
        var isWide = (sizes["D"] + sizes["E"]) * element.ComputeType().ByteSize() > MostRowBytes;
        Assert.True(isOne || isWide || (!isSymbolic && rowsOfKeys * sizes["M"] < FewScores), $"{what}\n{string.Join('\n', fused.Groups)}");
        var (target, cpu) = NativeRunner.Targets.ElementAt(seed % NativeRunner.Targets.Count);
        var module = KernelLowering.Run(fused, Compilation.OptionsFor(cpu));
        Assert.Equal(
            isOne && Skipping.Contains(mask) && (!isHalf || mask is not ("far" or "low")), module.Kernels.Any(k => k.Note.Contains("the mask hides", StringComparison.Ordinal)));
        using var native = NativeRunner.Load(module, cpu);
        var one = NativeRunner.Run(native.Entries.First(), inputs, dims);
        var two = NativeRunner.Run(native.Entries.First(), inputs, dims, threads: 2);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(one[i].ToBytes(), two[i].ToBytes());
            var tolerance = mask == "low" ? 3e-2 : element switch { ElementType.F16 => 4e-3, ElementType.BF16 => 3e-2, _ => 1e-4 };
            var wrong = KernelHarness.Difference(expected[i], one[i], tolerance);
            Assert.True(wrong is null, $"{target}, {what}\ny{i}: {wrong}");
        }
    }
}
