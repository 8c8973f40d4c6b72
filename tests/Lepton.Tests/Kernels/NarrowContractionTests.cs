using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Tests.Support;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Sums in i32 of products of narrow integers, which are multiplied in pairs, bytes in fours where the target can; every result is exact.</summary>
public sealed class NarrowContractionTests
{
    private const string InPairs = "in pairs of 16-bit integers";
    private const string InFours = "in fours of bytes";

    private static readonly KernelOptions Bytes = KernelOptions.Default with { ByteDots = true };

    private static string Check(string inputs, string lines, string outputs, params TensorValue[] values) => Check(null, inputs, lines, outputs, values);

    // Also on one of the targets, whether it has the instruction for bytes or not.
    private static string Check(KernelOptions? options, string inputs, string lines, string outputs, params TensorValue[] values)
    {
        var note = RowwiseTests.CheckSizes(KernelStrategy.Contraction, inputs, lines, outputs, values, 0, options);
        var graph = RowwiseTests.GraphOf(inputs, lines, outputs, symbolic: false);
        var expected = Interpreter.Run(graph, values);
        var (name, target) = NativeRunner.Targets.ElementAt((int)(values.Sum(v => v.Count) % NativeRunner.Targets.Count));
        var own = NativeRunner.OptionsFor(target) with { ByteDots = options?.ByteDots ?? false };
        var actual = NativeRunner.Run(KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), own), values, new Dictionary<string, long>(), target);
        Assert.All(expected.Zip(actual), p => Assert.True(Difference(p.First, p.Second, 0) is null, $"{name}: {Difference(p.First, p.Second, 0)}\n{inputs}; {lines}"));
        return note;
    }

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

    private static string Matmul(ElementType a, ElementType b, int m, int n, int k, KernelOptions? options = null) => Check(
        options,
        $"{a.Name()}[{{M={m}}}, {{K={k}}}]; {b.Name()}[{{K={k}}}, {{N={n}}}]",
        $"cast %0 : i32[{{M={m}}}, {{K={k}}}]; cast %1 : i32[{{K={k}}}, {{N={n}}}]; contract %2[0, 1], %3[1, 2] -> [0, 2] : i32[{{M={m}}}, {{N={n}}}]",
        "%4",
        Any(a, m + k, m, k),
        Any(b, n, k, n));

    [Theory]
    [InlineData(ElementType.I8, ElementType.I8, false)]
    [InlineData(ElementType.U8, ElementType.I8, false)]
    [InlineData(ElementType.I16, ElementType.I16, false)]
    [InlineData(ElementType.Bool, ElementType.U8, false)]
    [InlineData(ElementType.U8, ElementType.I8, true)]
    [InlineData(ElementType.I8, ElementType.U8, true)]
    [InlineData(ElementType.I8, ElementType.I8, true)]
    [InlineData(ElementType.U8, ElementType.U8, true)]
    [InlineData(ElementType.Bool, ElementType.U8, true)]
    public void Sizes_around_the_tile(ElementType a, ElementType b, bool bytes)
    {
        foreach (var (m, n, k) in ((int, int, int)[])
            [(1, 1, 4), (2, 7, 5), (5, 8, 31), (6, 16, 32), (7, 17, 33), (13, 33, 9), (40, 20, 330), (6, 300, 701), (27, 35, 66), (150, 24, 17), (3, 5, 0), (0, 4, 6), (4, 0, 6)])
        {
            var note = Matmul(a, b, m, n, k, bytes ? Bytes : null);
            Assert.True(k <= 3 || m * n == 0 || note.Contains(bytes ? InFours : InPairs), $"{m} x {n} x {k}: {note}");
        }
    }

    /// <summary>Sums are kept between blocks of k; what an offset adds is taken away in each block.</summary>
    [Theory]
    [InlineData(ElementType.U8, ElementType.I8)]
    [InlineData(ElementType.I8, ElementType.I8)]
    public void Blocks_of_k(ElementType a, ElementType b) =>
        Assert.Contains(InFours, Matmul(a, b, 9, 40, 203, Bytes with { Miniature = 64 }));

    [Fact]
    public void Bytes_with_sixteen_bits_are_multiplied_in_pairs() => Assert.Contains(InPairs, Matmul(ElementType.I8, ElementType.I16, 5, 20, 33, Bytes));

    [Fact]
    public void Every_layout()
    {
        foreach (var (left, right, bytes) in ((string, string, bool)[])[("1, 0", "1, 2", false), ("0, 1", "2, 1", false), ("1, 0", "2, 1", false), ("1, 0", "1, 2", true), ("0, 1", "2, 1", true)])
        {
            var (m, n, k) = (14, 21, 37);
            var (a, b) = (left == "0, 1" ? new long[] { m, k } : [k, m], right == "1, 2" ? new long[] { k, n } : [n, k]);
            var note = Check(
                bytes ? Bytes : null,
                $"i8[{a[0]}, {a[1]}]; i8[{b[0]}, {b[1]}]",
                $"cast %0 : i32[{a[0]}, {a[1]}]; cast %1 : i32[{b[0]}, {b[1]}]; contract %2[{left}], %3[{right}] -> [0, 2] : i32[{m}, {n}]",
                "%4", Any(ElementType.I8, 1, a), Any(ElementType.I8, 2, b));
            Assert.Contains(bytes ? InFours : InPairs, note);
        }
    }

    [Theory]
    [InlineData("znver5", "", true)]
    [InlineData("znver5", "+avx2,-avx512vnni", false)]
    [InlineData("x86-64-v4", "", false)]
    [InlineData("x86-64-v4", "+avx512vnni", true)]
    [InlineData("x86-64-v3", "+avxvnni", true)]
    [InlineData("alderlake", "", true)]
    [InlineData("haswell", "", false)]
    [InlineData("x86-64", "+avxvnni", false)]
    public void Which_targets_have_the_instruction(string cpu, string features, bool has)
    {
        var target = CpuTarget.Parse(cpu, out _)! with { Features = features };
        Assert.Equal(has, target.HasByteDots);
        var kernels = KernelLowering.Run(RowwiseTests.OneGroup(Product("u8", "i8", 5, 40, 20), KernelStrategy.Contraction), Compilation.OptionsFor(target));
        Assert.Contains(has ? InFours : InPairs, kernels.Kernels[^1].Note);
        Assert.Equal(has, ObjectCode.Assembly(LlvmBackend.Emit(kernels, target), target).Contains("vpdpbusd", StringComparison.Ordinal));
    }

    /// <summary>On vectors of 32 bytes the instruction has an encoding of its own, which this machine may have.</summary>
    [Fact]
    public void Without_avx512()
    {
        var target = (CpuTarget.Avx2 with { Features = "+avxvnni" }).ForThisHost(out _);
        if (target is not { HasByteDots: true } || NativeRunner.Device != CodeDevice.Cpu)
        {
            return;
        }

        var graph = Product("u8", "i8", 23, 77, 41);
        TensorValue[] values = [Any(ElementType.U8, 1, 23, 77), Any(ElementType.I8, 2, 77, 41)];
        var kernels = KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), Compilation.OptionsFor(target));
        Assert.Null(Difference(Interpreter.Run(graph, values)[0], NativeRunner.Run(kernels, values, new Dictionary<string, long>(), target)[0], 0));
    }

    /// <summary>The bytes are what is kept for a set of parameters, not the i32 that they are cast to.</summary>
    [Fact]
    public void Weights_that_a_program_makes_bytes_of_stay_bytes()
    {
        var module = Compilation.Of(new SourceText("p.lep", """
            param w: f32[640, 320]
            fn f(x: i8[9, 640]) -> (y: i32[9, 320]) { y[i, j] = sum[k] i32(x[i, k]) * i32(i8(w[k, j] * 100)) }
            """)).Lower(["f"], new Dictionary<string, long>());
        Assert.Contains(module.Kernels, k => k.Note.Contains(InPairs, StringComparison.Ordinal) || k.Note.Contains(InFours, StringComparison.Ordinal));
    }

    private static Graph Product(string a, string b, int m, int k, int n) => RowwiseTests.GraphOf(
        $"{a}[{m}, {k}]; {b}[{k}, {n}]",
        $"cast %0 : i32[{m}, {k}]; cast %1 : i32[{k}, {n}]; contract %2[0, 1], %3[1, 2] -> [0, 2] : i32[{m}, {n}]",
        "%4",
        symbolic: false);

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

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_convolution_with_padding(bool bytes)
    {
        var note = Check(
            bytes ? Bytes : null,
            "u8[2, 5, {H=9}, {W=21}]; i8[14, 5, 3, 3]",
            "cast %0 : i32[2, 5, {H=9}, {W=21}]; cast %1 : i32[14, 5, 3, 3]; view %2 [i0, i1, i2 + i4 - 1 else fill, i3 + i5 - 1 else fill] fill 0 : i32[2, 5, {H=9}, {W=21}, 3, 3]; "
            + "contract %4[0, 4, 2, 3, 5, 6], %3[1, 4, 5, 6] -> [0, 1, 2, 3] : i32[2, 14, {H=9}, {W=21}]",
            "%5", Any(ElementType.U8, 1, 2, 5, 9, 21), Any(ElementType.I8, 2, 14, 5, 3, 3));
        Assert.Contains(bytes ? InFours : InPairs, note);
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
