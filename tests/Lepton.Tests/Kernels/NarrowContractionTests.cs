using Lepton.Abi;
using Lepton.Graphs;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Sums in i32 of products of narrow integers, which are multiplied in pairs; every result is exact.</summary>
public sealed class NarrowContractionTests
{
    private const string InPairs = "in pairs of 16-bit integers";

    private static string Check(string inputs, string lines, string outputs, params TensorValue[] values) =>
        RowwiseTests.CheckSizes(KernelStrategy.Contraction, inputs, lines, outputs, values, 0);

    // The largest and the smallest values too: two products of -32768 add up to 2^31.
    private static TensorValue Any(ElementType element, int seed, params long[] shape)
    {
        var random = new Random(seed);
        var (least, most) = element switch
        {
            ElementType.Bool => (0, 1),
            ElementType.U8 => (0, 255),
            ElementType.I8 => (-128, 127),
            ElementType.I16 => (-32768, 32767),
            _ => (int.MinValue, int.MaxValue),
        };
        var values = Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b))
            .Select(_ => random.Next(4) is var r && r == 0 ? least : r == 1 ? most : (double)random.NextInt64(least, (long)most + 1));
        return TensorValue.Of(element, shape, values.ToArray());
    }

    private static string Matmul(ElementType a, ElementType b, int m, int n, int k) => Check(
        $"{a.Name()}[{{M={m}}}, {{K={k}}}]; {b.Name()}[{{K={k}}}, {{N={n}}}]",
        $"cast %0 : i32[{{M={m}}}, {{K={k}}}]; cast %1 : i32[{{K={k}}}, {{N={n}}}]; contract %2[0, 1], %3[1, 2] -> [0, 2] : i32[{{M={m}}}, {{N={n}}}]",
        "%4",
        Any(a, m + k, m, k),
        Any(b, n, k, n));

    [Theory]
    [InlineData(ElementType.I8, ElementType.I8)]
    [InlineData(ElementType.U8, ElementType.I8)]
    [InlineData(ElementType.I16, ElementType.I16)]
    [InlineData(ElementType.Bool, ElementType.U8)]
    public void Sizes_around_the_tile(ElementType a, ElementType b)
    {
        foreach (var (m, n, k) in ((int, int, int)[])
            [(1, 1, 4), (2, 7, 5), (5, 8, 31), (6, 16, 32), (7, 17, 33), (13, 33, 9), (40, 20, 330), (6, 300, 701), (150, 24, 17), (3, 5, 0), (0, 4, 6), (4, 0, 6)])
        {
            var note = Matmul(a, b, m, n, k);
            Assert.True(k <= 3 || m * n == 0 || note.Contains(InPairs), $"{m} x {n} x {k}: {note}");
        }
    }

    [Fact]
    public void Every_layout()
    {
        foreach (var (left, right) in ((string, string)[])[("1, 0", "1, 2"), ("0, 1", "2, 1"), ("1, 0", "2, 1")])
        {
            var (m, n, k) = (14, 21, 37);
            var (a, b) = (left == "0, 1" ? new long[] { m, k } : [k, m], right == "1, 2" ? new long[] { k, n } : [n, k]);
            var note = Check(
                $"i8[{a[0]}, {a[1]}]; i8[{b[0]}, {b[1]}]",
                $"cast %0 : i32[{a[0]}, {a[1]}]; cast %1 : i32[{b[0]}, {b[1]}]; contract %2[{left}], %3[{right}] -> [0, 2] : i32[{m}, {n}]",
                "%4", Any(ElementType.I8, 1, a), Any(ElementType.I8, 2, b));
            Assert.Contains(InPairs, note);
        }
    }

    /// <summary>Zero points are subtracted on the way, and the sums are scaled on the way out.</summary>
    [Fact]
    public void A_quantised_layer()
    {
        const string A = "[{M=9}, {K=35}]", B = "[{K=35}, {N=20}]", C = "[{M=9}, {N=20}]";
        var note = Check(
            $"u8{A}; i8{B}; u8; f32[{{N=20}}]",
            $"cast %0 : i32{A}; cast %1 : i32{B}; cast %2 : i32; view %6 [] : i32{A}; sub %4, %7 : i32{A}; contract %8[0, 1], %5[1, 2] -> [0, 2] : i32{C}; "
            + $"cast %9 : f32{C}; view %3 [i1] : f32{C}; mul %10, %11 : f32{C}",
            "%12 %9",
            Any(ElementType.U8, 1, 9, 35), Any(ElementType.I8, 2, 35, 20), Any(ElementType.U8, 3), Random(ElementType.F32, 4, 20));
        Assert.Contains(InPairs, note);
    }

    [Fact]
    public void A_convolution_with_padding()
    {
        var note = Check(
            "u8[2, 5, {H=9}, {W=21}]; i8[14, 5, 3, 3]",
            "cast %0 : i32[2, 5, {H=9}, {W=21}]; cast %1 : i32[14, 5, 3, 3]; view %2 [i0, i1, i2 + i4 - 1 else fill, i3 + i5 - 1 else fill] fill 0 : i32[2, 5, {H=9}, {W=21}, 3, 3]; "
            + "contract %4[0, 4, 2, 3, 5, 6], %3[1, 4, 5, 6] -> [0, 1, 2, 3] : i32[2, 14, {H=9}, {W=21}]",
            "%5", Any(ElementType.U8, 1, 2, 5, 9, 21), Any(ElementType.I8, 2, 14, 5, 3, 3));
        Assert.Contains(InPairs, note);
    }

    [Theory]
    [InlineData("cast %0 : i32[6, 20]; add %2, %2 : i32[6, 20]", "i16")] // twice an i16
    [InlineData("cast %0 : i32[6, 20]; mul %2, %2 : i32[6, 20]", "u8")] // 255² = 65025
    [InlineData("cast %0 : i32[6, 20]; view %2 [i0, i1 + 1 else fill] fill 40000 : i32[6, 20]", "i8")]
    [InlineData("cast %0 : i32[6, 20]; neg %2 : i32[6, 20]", "i16")] // 32768
    [InlineData("neg %0 : i32[6, 20]; neg %2 : i32[6, 20]", "i32")]
    public void What_does_not_fit_is_multiplied_whole(string lines, string element)
    {
        var type = ElementTypes.All.Single(e => e.Name() == element);
        var note = Check(
            $"{element}[6, 20]; i8[20, 17]",
            $"{lines}; cast %1 : i32[20, 17]; contract %3[0, 1], %4[1, 2] -> [0, 2] : i32[6, 17]",
            "%5", Any(type, 1, 6, 20), Any(ElementType.I8, 2, 20, 17));
        Assert.DoesNotContain(InPairs, note);
    }

    [Theory]
    [InlineData("cast %0 : i32[6, 20]; mul %2, %2 : i32[6, 20]", "i8")] // 128² = 16384
    [InlineData("cast %0 : i32[6, 20]; sub %2, %2 : i32[6, 20]", "u8")]
    [InlineData("cast %0 : i32[6, 20]; view %2 [i0, i1 + 1 else fill] fill -32768 : i32[6, 20]", "i8")]
    public void What_fits_after_arithmetic_is_multiplied_in_pairs(string lines, string element)
    {
        var type = ElementTypes.All.Single(e => e.Name() == element);
        var note = Check(
            $"{element}[6, 20]; i8[20, 17]",
            $"{lines}; cast %1 : i32[20, 17]; contract %3[0, 1], %4[1, 2] -> [0, 2] : i32[6, 17]",
            "%5", Any(type, 1, 6, 20), Any(ElementType.I8, 2, 20, 17));
        Assert.Contains(InPairs, note);
    }
}
