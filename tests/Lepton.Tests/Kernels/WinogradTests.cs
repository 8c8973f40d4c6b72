using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Winograd's convolution against the interpreter of graphs, also where it would not pay.</summary>
public sealed class WinogradTests
{
    private static readonly KernelOptions Eager = KernelOptions.Default with { Eager = true };

    private static string Lower(Graph graph, TensorValue[] inputs, double tolerance, KernelOptions? options = null)
    {
        GraphVerifier.Verify(graph);
        var module = Check(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), inputs, tolerance, options ?? Eager);
        return string.Join(" | ", module.Kernels.Select(k => k.Note));
    }

    private static Graph Convolution(string element, int batch, int channels, int filters, int height, int width, string access, string size, string inputs = "argument") =>
        GraphText.Parse($$"""
            graph g() {
              %0 = input argument x : {{element}}[{{batch}}, {{channels}}, {{size}}]
              %1 = input {{inputs}} w : {{element}}[{{filters}}, {{channels}}, 3, 3]
              %2 = view %0 [i0, i1, {{access}} : {{element}}[{{batch}}, {{channels}}, {{height}}, {{width}}, 3, 3]
              %3 = contract %2[0, 4, 2, 3, 5, 6], %1[1, 4, 5, 6] -> [0, 1, 2, 3] : {{element}}[{{batch}}, {{filters}}, {{height}}, {{width}}]
              %4 = neg %3 : {{element}}[{{batch}}, {{filters}}, {{height}}, {{width}}]
              output y = %4
              output z = %3
            }
            """);

    /// <summary>In f64 the rounding does not hide anything.</summary>
    [Theory]
    [InlineData(1, 1, 2, 2, 2)]
    [InlineData(2, 3, 2, 4, 4)]
    [InlineData(1, 2, 5, 5, 9)]
    [InlineData(2, 1, 3, 13, 14)]
    [InlineData(1, 9, 7, 8, 35)]
    [InlineData(1, 2, 2, 3, 70)]
    public void Every_size(int batch, int channels, int filters, int height, int width)
    {
        foreach (var mode in (string[])["fill", "clamp", "reflect"])
        {
            var fill = mode == "fill" ? " fill 2" : "";
            var graph = Convolution("f64", batch, channels, filters, height, width, $"i2 + i4 - 1 else {mode}, i3 + i5 - 1 else {mode}]{fill}", $"{height}, {width}");
            var inputs = new[] { Random(ElementType.F64, 1, batch, channels, height, width), Random(ElementType.F64, 2, filters, channels, 3, 3) };
            Assert.Contains("winograd F(4x4, 3x3)", Lower(graph, inputs, 1e-12));
        }
    }

    [Fact]
    public void Inside_the_image_tiles_must_be_full()
    {
        var inputs = new[] { Random(ElementType.F64, 1, 2, 3, 10, 14), Random(ElementType.F64, 2, 4, 3, 3, 3) };
        Assert.Contains("winograd", Lower(Convolution("f64", 2, 3, 4, 8, 12, "i2 + i4, i3 + i5]", "10, 14"), inputs, 1e-12));
        inputs[0] = Random(ElementType.F64, 1, 2, 3, 9, 14);
        Assert.DoesNotContain("winograd", Lower(Convolution("f64", 2, 3, 4, 7, 12, "i2 + i4, i3 + i5]", "9, 14"), inputs, 1e-12));
    }

    /// <summary>Of two windows one may lie outside, the other may not: no tile may read behind the end of that one.</summary>
    [Theory]
    [InlineData(7, false)]
    [InlineData(8, true)]
    public void A_window_that_stays_inside_beside_one_that_does_not(int size, bool suits)
    {
        var (window, result) = ($"f64[1, 2, {size}, {size}, 3, 3]", $"f64[1, 3, {size}, {size}]");
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument x : f64[1, 2, {{size}}, {{size}}]
              %1 = input argument w : f64[3, 2, 3, 3]
              %2 = input argument z : f64[1, 2, {{size + 2}}, {{size + 2}}]
              %3 = view %0 [i0, i1, i2 + i4 - 1 else fill, i3 + i5 - 1 else fill] fill 0 : {{window}}
              %4 = view %2 [i0, i1, i2 + i4, i3 + i5] : {{window}}
              %5 = mul %3, %4 : {{window}}
              %6 = contract %5[0, 4, 2, 3, 5, 6], %1[1, 4, 5, 6] -> [0, 1, 2, 3] : {{result}}
              output y = %6
            }
            """);
        var inputs = new[]
        {
            Random(ElementType.F64, 1, 1, 2, size, size), Random(ElementType.F64, 2, 3, 2, 3, 3), Random(ElementType.F64, 3, 1, 2, size + 2, size + 2),
        };
        Assert.Equal(suits, Lower(graph, inputs, 1e-12).Contains("winograd", StringComparison.Ordinal));
    }

    [Fact]
    public void Other_windows_are_left_alone()
    {
        var inputs = new[] { Random(ElementType.F64, 1, 1, 2, 8, 8), Random(ElementType.F64, 2, 3, 2, 3, 3) };
        foreach (var access in (string[])["2*i2 + i4 else fill, i3 + i5 else fill", "i2 + 2*i4 else fill, i3 + i5 else fill", "i2 - i4 else fill, i3 + i5 else fill", "i2 + i4 else wrap, i3 + i5 else fill"])
        {
            Assert.DoesNotContain("winograd", Lower(Convolution("f64", 1, 2, 3, 8, 8, access + "] fill 0", "8, 8"), inputs, 1e-12));
        }

        // The other way round is a window too: the rows slide with the last axis of the filter.
        Assert.Contains("winograd", Lower(Convolution("f64", 1, 2, 3, 8, 8, "i2 + i5 else fill, i3 + i4 else fill] fill 0", "8, 8"), inputs, 1e-12));
    }

    /// <summary>The error that the documentation states, with parameters, so that the filters are transformed once.</summary>
    [Fact]
    public void Rounding_stays_below_its_bound()
    {
        const int channels = 60;
        var graph = Convolution("f32", 1, channels, 4, 12, 12, "i2 + i4 - 1 else fill, i3 + i5 - 1 else fill] fill 0", "12, 12", "parameter");
        var inputs = new[] { Random(ElementType.F32, 1, 1, channels, 12, 12), Random(ElementType.F32, 2, 4, channels, 3, 3) };
        var module = KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), Eager);
        var actual = Run(module, graph, inputs).Results[1];
        var expected = Interpreter.Run(graph, inputs)[1];
        var magnitudes = Interpreter.Run(graph, [Absolute(inputs[0]), Absolute(inputs[1])])[1];
        var worst = 0.0;
        for (var i = 0; i < expected.Count; i++)
        {
            worst = Math.Max(worst, Math.Abs(actual.AsFloats[i] - expected.AsFloats[i]) / magnitudes.AsFloats[i]);
        }

        Assert.InRange(worst, 0, 64 * Math.Pow(2, -24));
        Assert.Contains("winograd", module.Kernels[^1].Note);
        Assert.DoesNotContain("winograd", Lower(graph, inputs, 1e-3, Eager with { Exact = true }));
    }

    private static TensorValue Absolute(TensorValue value) => TensorValue.OfFloats(value.Element, [.. value.Dims], [.. value.AsFloats.ToArray().Select(Math.Abs)]);
}
