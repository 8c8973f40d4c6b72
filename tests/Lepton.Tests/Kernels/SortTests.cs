using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Support;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Merge sorts and radix sorts against the interpreter of graphs, bit by bit: stable, -0.0 equal to 0.0, not-a-number last.</summary>
public sealed class SortTests
{
    public static TheoryData<ElementType> Elements => [.. Enum.GetValues<ElementType>()];

    [Theory]
    [MemberData(nameof(Elements))]
    public void Rows_of_any_length_and_type(ElementType element)
    {
        Check(element, "N", [0, 1, 2, 3, 7, 8, 23, 24, 47, 48, 95, 96, 97, 192, 300], KernelOptions.Default);
        Check(element, "33", [33], KernelOptions.Default);
        Check(element, "300", [300], KernelOptions.Default);
    }

    /// <summary>As for a graphics processor, where chunks have no stack to speak of; and with chunks of one row.</summary>
    [Theory]
    [InlineData(8, 1)]
    [InlineData(1, 64)]
    public void Scratch_in_memory(int groupChunks, int miniature)
    {
        var options = KernelOptions.Default with { GroupChunks = groupChunks, Miniature = miniature };
        foreach (var element in (ElementType[])[ElementType.F32, ElementType.I64, ElementType.U8])
        {
            Check(element, "40", [40], options);
            Check(element, "N", [5, 40, 400], options);
        }
    }

    [Theory]
    [InlineData(23, "merge sort")]
    [InlineData(24, "radix sort")]
    public void Long_rows_are_sorted_by_their_bytes(int length, string note)
    {
        var module = KernelLowering.Run(TrivialFusion.Run(Parse($"sort %0 axis 0 : u8[{length}]", Values(ElementType.U8, length)), false));
        Assert.StartsWith(note, Assert.Single(module.Kernels).Note, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_computed_on_the_way_is_sorted()
    {
        KernelHarness.Check("neg %0 : f32[120]; sort %1 axis 0 : f32[120]", Values(ElementType.F32, 120));
        KernelHarness.Check("sort %0 axis 0 : f16[140]; exp %1 : f16[140]", Random(ElementType.F16, 2, 140));
        KernelHarness.Check("sort %0 axis 1 : i32[3, 150, 2]", Random(ElementType.I32, 2, 3, 150, 2));
    }

    /// <summary>Rows in lanes: rows and lengths that fill vectors and blocks and that do not, elements of a row side by side and apart.</summary>
    [Theory]
    [MemberData(nameof(Elements))]
    public void Rows_side_by_side(ElementType element)
    {
        SideBySide(element, 16, 16);
        SideBySide(element, 32, 16);
        SideBySide(element, 64, 32);
    }

    private static void SideBySide(ElementType element, int registerBytes, int registers)
    {
        var options = KernelOptions.Default with { RegisterBytes = registerBytes, Registers = registers };
        var notes = new HashSet<string>();
        foreach (var (axis, rows, size) in ((int, int, string)[])[(2, 16, "40"), (1, 16, "40"), (2, 21, "7"), (0, 21, "33"), (0, 3, "40"), (2, 19, "N"), (0, 19, "N")])
        {
            int[] lengths = size == "N" ? [0, 1, 16, 17, 47, 100, 2050] : [int.Parse(size, CultureInfo.InvariantCulture)];
            notes.UnionWith(Sorted(element, axis, rows, size, lengths, options));
        }

        Assert.Equal(registerBytes / KeyBytes(element) >= 4, notes.Any(n => n.Contains("network", StringComparison.Ordinal)));
    }

    private static int KeyBytes(ElementType element) => element is ElementType.F16 or ElementType.BF16 ? 4 : element.ByteSize();

    // Sorts of [2, rows, n], [2, n, rows] or [n, 2, rows], as axis says; answers the notes.
    private static IEnumerable<string> Sorted(ElementType element, int axis, int rows, string size, int[] lengths, KernelOptions options)
    {
        object[] Shape(object n) => axis switch { 2 => [2, rows, n], 1 => [2, n, rows], _ => [n, 2, rows] };
        var shape = string.Join(", ", Shape(size));
        var graph = GraphText.Parse($$"""
            graph g({{(size == "N" ? "N" : "")}}) {
              %0 = input argument x : {{element.Name()}}[{{shape}}]
              %1 = sort %0 axis {{axis}} : {{element.Name()}}[{{shape}}]
              %2 = sort %0 axis {{axis}} descending : {{element.Name()}}[{{shape}}]
              %3 = sort %0 axis {{axis}} indices : i64[{{shape}}]
              %4 = sort %0 axis {{axis}} descending indices : i64[{{shape}}]
              output up = %1
              output down = %2
              output at = %3
              output back = %4
            }
            """);
        var module = KernelLowering.Run(TrivialFusion.Run(graph, false), options);
        using var native = NativeRunner.Load(module, NativeRunner.Targets.Last().Value, quick: true);
        foreach (var length in lengths)
        {
            var x = Values(element, 2 * rows * length, [.. Shape(length).Select(n => Convert.ToInt64(n, CultureInfo.InvariantCulture))]);
            var expected = Interpreter.Run(graph, [x]);
            var actual = NativeRunner.Run(native.Entries.First(), [x], new Dictionary<string, long> { ["N"] = length });
            for (var i = 0; i < expected.Count; i++)
            {
                Same(expected[i], actual[i], $"{element}, {shape}, {length}, {graph.Outputs[i].Name}, machine code");
            }

            if (length <= 64)
            {
                var (interpreted, failure) = Run(module, graph, [x]);
                Assert.Null(failure);
                for (var i = 0; i < expected.Count; i++)
                {
                    Same(expected[i], interpreted[i], $"{element}, {shape}, {length}, {graph.Outputs[i].Name}, loops");
                }
            }
        }

        return module.Kernels.Select(k => k.Note);
    }

    private static void Check(ElementType element, string size, int[] lengths, KernelOptions options)
    {
        foreach (var mode in (string[])["", " descending"])
        {
            var graph = GraphText.Parse($$"""
                graph g({{(size == "N" ? "N" : "")}}) {
                  %0 = input argument x : {{element.Name()}}[3, {{size}}]
                  %1 = sort %0 axis 1{{mode}} : {{element.Name()}}[3, {{size}}]
                  %2 = sort %0 axis 1{{mode}} indices : i64[3, {{size}}]
                  output y = %1
                  output at = %2
                }
                """);
            var module = KernelLowering.Run(TrivialFusion.Run(graph, false), options);
            using var native = NativeRunner.Load(module, NativeRunner.Targets.Last().Value, quick: true);
            foreach (var length in lengths)
            {
                var x = Values(element, 3 * length, 3, length);
                var expected = Interpreter.Run(graph, [x]);
                var (interpreted, failure) = Run(module, graph, [x]);
                Assert.Null(failure);
                var actual = NativeRunner.Run(native.Entries.First(), [x], new Dictionary<string, long> { ["N"] = length });
                for (var i = 0; i < expected.Count; i++)
                {
                    Same(expected[i], interpreted[i], $"{element}, {length}{mode}, loops");
                    Same(expected[i], actual[i], $"{element}, {length}{mode}, machine code");
                }
            }
        }
    }

    private static void Same(TensorValue expected, TensorValue actual, string what)
    {
        for (var i = 0; i < expected.Count; i++)
        {
            var (e, a) = (expected[i], actual[i]);
            Assert.True(e.Bits == a.Bits || (e.Type.IsFloat() && double.IsNaN(e.AsDouble) && double.IsNaN(a.AsDouble)), $"{what}: element {i} is {a}, not {e}");
        }
    }

    // Many equals, the greatest and least numbers, zeros of both signs, infinities and not-a-numbers.
    private static TensorValue Values(ElementType element, int count, params long[] shape)
    {
        var random = new Random(count);
        var special = element switch
        {
            ElementType.F32 or ElementType.F64 or ElementType.F16 or ElementType.BF16 => [0.0, -0.0, double.NaN, double.PositiveInfinity, double.NegativeInfinity, -1e-40, 1e-7],
            ElementType.I64 => [long.MinValue, 1L << 62, -1, 1L << 40],
            ElementType.I32 => [int.MinValue, int.MaxValue, -1, -256],
            ElementType.I16 => [short.MinValue, short.MaxValue, -1, 255],
            ElementType.I8 => [sbyte.MinValue, sbyte.MaxValue, -1, 0],
            ElementType.U8 => [0, 255, 128, 127],
            _ => (double[])[0, 1],
        };
        var least = element is ElementType.U8 or ElementType.Bool ? 0 : -100;
        var most = element == ElementType.Bool ? 2 : 100;
        return TensorValue.Of(element, shape.Length > 0 ? shape : [count], Enumerable.Range(0, count).Select(_ => random.Next(3) switch
        {
            0 => special[random.Next(special.Length)],
            1 => random.Next(least, most),
            _ => element.IsFloat() ? (random.NextDouble() - 0.5) * 1e4 : random.Next(least, most),
        }).ToArray());
    }
}
