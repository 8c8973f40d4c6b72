using System.Globalization;
using Lepton.Graphs;

namespace Lepton.Tests.Kernels;

/// <summary>Random graphs of one kernel: a product of tensors with any labels, a convolution, or rows with what stands before and behind.</summary>
internal static class RandomProduct
{
    private static readonly int[] Sizes = [1, 2, 3, 5, 6, 7, 8, 9, 12, 13, 15, 16, 17, 20, 31, 33, 40];

    public static (Graph Graph, KernelStrategy Strategy) Make(Random random) => random.Next(8) switch
    {
        0 => (Rows(random), KernelStrategy.Rowwise),
        1 => (Maps(random), KernelStrategy.Map),
        2 or 3 => (Convolution(random), KernelStrategy.Contraction),
        _ => (Product(random), KernelStrategy.Contraction),
    };

    // Labels: 0 in both sides and the result, then of A, of B, and those that are summed.
    private static Graph Product(Random random)
    {
        var counts = new[] { random.Next(2), random.Next(1, 3), random.Next(1, 3), random.Next(1, 4) };
        var labels = new List<int>[4];
        for (var (next, i) = (0, 0); i < 4; next += counts[i++])
        {
            labels[i] = [.. Enumerable.Range(next, counts[i])];
        }

        int[] size;
        do
        {
            size = [.. Enumerable.Range(0, counts.Sum()).Select(l => labels[3].Contains(l) && random.Next(6) == 0 ? random.Next(300, 700) : Sizes[random.Next(Sizes.Length)])];
        }
        while (size.Aggregate(1L, (a, b) => a * b) > 150_000);
        var (a, b, c) = (Shuffled(labels[0], labels[1], labels[3]), Shuffled(labels[0], labels[2], labels[3]), Shuffled(labels[0], labels[1], labels[2]));
        string Shape(IEnumerable<int> which) => string.Join(", ", which.Select(l => size[l]));
        var element = random.Next(8) switch { 0 => "f64", 1 or 2 => "i32", _ => "f32" };
        var (left, right, stored) = (0, 1, element == "i32" && random.Next(2) == 0 ? "i8" : element);
        var lines = new List<string>
        {
            $"input argument a : {stored}[{Shape(a)}]",
            $"input {(random.Next(2) == 0 ? "parameter" : "argument")} b : {stored}[{Shape(b)}]",
        };
        if (stored != element)
        {
            lines.AddRange([$"cast %0 : {element}[{Shape(a)}]", $"cast %1 : {element}[{Shape(b)}]"]);
            (left, right) = (2, 3);
        }

        if (random.Next(4) == 0)
        {
            lines.Add($"neg %{left} : {element}[{Shape(a)}]");
            left = lines.Count - 1;
        }

        if (element != "i32" && random.Next(4) == 0)
        {
            lines.Add($"exp %{right} : {element}[{Shape(b)}]");
            right = lines.Count - 1;
        }

        lines.Add($"contract %{left}[{string.Join(", ", a)}], %{right}[{string.Join(", ", b)}] -> [{string.Join(", ", c)}] : {element}[{Shape(c)}]");
        Behind(random, lines, $"{element}[{Shape(c)}]", element != "i32");
        return Parsed(lines);

        int[] Shuffled(params List<int>[] parts)
        {
            var all = parts.SelectMany(p => p).ToArray();
            random.Shuffle(all);
            return all;
        }
    }

    private static Graph Convolution(Random random)
    {
        var (batch, channels, filters) = (random.Next(1, 3), random.Next(1, 7), random.Next(1, 15));
        var (height, width, taps) = (random.Next(3, 15), random.Next(3, 22), random.Next(3) == 0 ? random.Next(1, 6) : 3);
        var (outside, fill) = random.Next(3) switch { 0 => ("clamp", ""), 1 => ("reflect", ""), _ => ("fill", " fill 0") };
        var (shape, stride) = ($"f32[{batch}, {filters}, {height}, {width}]", random.Next(4) == 0 ? "2*" : "");
        var lines = new List<string>
        {
            $"input argument x : f32[{batch}, {channels}, {height}, {width}]",
            $"input {(random.Next(2) == 0 ? "parameter" : "argument")} w : f32[{filters}, {channels}, {taps}, {taps}]",
            $"view %0 [i0, i1, {stride}i2 + i4 - {taps / 2} else {outside}, {stride}i3 + i5 - {taps / 2} else {outside}]{fill} : f32[{batch}, {channels}, {height}, {width}, {taps}, {taps}]",
            $"contract %2[0, 4, 2, 3, 5, 6], %1[1, 4, 5, 6] -> [0, 1, 2, 3] : {shape}",
        };
        Behind(random, lines, shape, true);
        return Parsed(lines);
    }

    private static Graph Rows(Random random)
    {
        var (rows, length) = (random.Next(1, 300), random.Next(1, 2500));
        length = rows * length > 200_000 ? 200_000 / rows : length;
        var (full, row) = ($"f32[{rows}, {length}]", $"f32[{rows}]");
        var lines = new List<string> { $"input argument x : {full}", $"reduce max %0 [1] : {row}" };
        if (random.Next(2) == 0)
        {
            lines.AddRange([
                $"view %1 [i0] : {full}", $"sub %0, %2 : {full}", $"exp %3 : {full}", $"reduce sum %4 [1] : {row}", $"view %5 [i0] : {full}", $"div %4, %6 : {full}",
            ]);
        }

        return Parsed(lines);
    }

    private static Graph Maps(Random random)
    {
        var shape = $"f32[{random.Next(1, 200)}, {random.Next(1, 300)}]";
        return Parsed([$"input argument x : {shape}", $"input argument y : {shape}", $"mul %0, %1 : {shape}", $"exp %2 : {shape}"]);
    }

    private static void Behind(Random random, List<string> lines, string type, bool isFloat)
    {
        for (var steps = random.Next(3); steps > 0; steps--)
        {
            var op = random.Next(isFloat ? 3 : 2) switch { 0 => "neg", 1 => "abs", _ => "tanh" };
            lines.Add($"{op} %{lines.Count - 1} : {type}");
        }
    }

    private static Graph Parsed(List<string> lines)
    {
        var text = string.Join('\n', lines.Select((line, i) => string.Create(CultureInfo.InvariantCulture, $"%{i} = {line}")));
        var graph = GraphText.Parse($"graph g() {{\n{text}\noutput y = %{lines.Count - 1}\n}}\n");
        GraphVerifier.Verify(graph);
        return graph;
    }
}
