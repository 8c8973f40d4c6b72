using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>
/// Sums of products against the interpreter of graphs. Constant sizes take the direct path where they are small; sizes that are variables take
/// the blocked and packed one.
/// </summary>
public sealed class ContractionTests
{
    private static string Check(string inputs, string lines, string outputs, params TensorValue[] values) =>
        RowwiseTests.CheckSizes(KernelStrategy.Contraction, inputs, lines, outputs, values, 1e-4);

    private static string Matmul(int m, int n, int k, ElementType element = ElementType.F32)
    {
        var t = element.Name();
        return Check($"{t}[{{M={m}}}, {{K={k}}}]; {t}[{{K={k}}}, {{N={n}}}]", $"contract %0[0, 1], %1[1, 2] -> [0, 2] : {t}[{{M={m}}}, {{N={n}}}]", "%2",
            Random(element, m + k, m, k), Random(element, n, k, n));
    }

    [Fact]
    public void Matrices_of_every_size_around_the_tile()
    {
        foreach (var m in (int[])[1, 2, 5, 6, 7, 13])
        {
            foreach (var n in (int[])[1, 7, 8, 15, 16, 17, 33])
            {
                foreach (var k in (int[])[1, 4, 9])
                {
                    Matmul(m, n, k);
                }
            }
        }
    }

    [Fact]
    public void Nothing_to_sum_and_nothing_to_store()
    {
        Matmul(5, 7, 0);
        Matmul(0, 7, 5);
        Matmul(5, 0, 7);
        Matmul(0, 0, 0);
    }

    [Fact]
    public void Paths_are_named()
    {
        var note = Matmul(20, 33, 18);
        Assert.Contains("direct: 20 x 33 x 18 in register tiles of", note);
        Assert.Contains("blocked: M x N x K", note);
        Assert.Contains("packs K x N in panels of 16 columns", note);
        Assert.Contains("lanes along the row", Check("f32[{M=9}, {K=40}]; f32[{K=40}]", "contract %0[0, 1], %1[1] -> [0] : f32[{M=9}]", "%2",
            Random(ElementType.F32, 1, 9, 40), Random(ElementType.F32, 2, 40)));
        Assert.Contains("rows at a time", Check("f32[{K=40}]; f32[{K=40}, {N=50}]", "contract %0[1], %1[1, 2] -> [2] : f32[{N=50}]", "%2",
            Random(ElementType.F32, 1, 40), Random(ElementType.F32, 2, 40, 50)));
    }

    [Fact]
    public void Every_element_type()
    {
        foreach (var element in ElementTypes.All.Where(e => e != ElementType.Bool))
        {
            Matmul(7, 19, 21, element);
            Check($"{element.Name()}[{{K=70}}]; {element.Name()}[{{K=70}}]", $"contract %0[0], %1[0] -> [] : {element.Name()}", "%2",
                Random(element, 1, 70), Random(element, 2, 70));
        }
    }

    [Fact]
    public void Several_blocks()
    {
        Assert.Contains("blocked", Matmul(67, 20, 330));
        Matmul(8, 530, 4);
        Matmul(97, 97, 97);
        Assert.Contains("blocked: 97 x 128 x 97", Matmul(97, 128, 97));
    }

    // Lowering alone, which ends with the verifier: what chunks pack by themselves must fit on their stacks.
    [Fact]
    public void Few_rows_and_many_columns_fit_on_the_stack()
    {
        foreach (var m in (string[])["1", "4", "7", "40", "M"])
        {
            foreach (var n in (string[])["20", "600", "5000", "N"])
            {
                foreach (var k in (string[])["9", "330", "3000", "K"])
                {
                    foreach (var t in (string[])["f32", "f64"])
                    {
                        var graph = GraphText.Parse($$"""
                            graph g(M, N, K) {
                              %0 = input argument a : {{t}}[{{m}}, {{k}}]
                              %1 = input argument b : {{t}}[{{k}}, {{n}}]
                              %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : {{t}}[{{m}}, {{n}}]
                              output y = %2
                            }
                            """);
                        Assert.NotEmpty(KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction)).Kernels);
                    }
                }
            }
        }
    }

    [Theory]
    [InlineData("%0[0, 1], %1[2, 1] -> [0, 2]", "6, 10", "7, 10", "6, 7")]
    [InlineData("%0[1, 0], %1[1, 2] -> [0, 2]", "10, 6", "10, 7", "6, 7")]
    [InlineData("%0[1, 0], %1[2, 1] -> [2, 0]", "10, 6", "7, 10", "7, 6")]
    [InlineData("%0[0, 1, 2], %1[0, 2, 3] -> [0, 1, 3]", "3, 6, 10", "3, 10, 7", "3, 6, 7")]
    [InlineData("%0[0, 1, 2], %1[2, 3] -> [0, 1, 3]", "3, 6, 10", "10, 7", "3, 6, 7")]
    [InlineData("%0[1, 2], %1[0, 2, 3] -> [0, 1, 3]", "6, 10", "3, 10, 7", "3, 6, 7")]
    [InlineData("%0[0, 1, 2], %1[2, 1, 3] -> [0, 3]", "6, 3, 10", "10, 3, 7", "6, 7")]
    [InlineData("%0[0, 1], %1[1, 2, 3] -> [0, 2, 3]", "6, 10", "10, 2, 7", "6, 2, 7")]
    [InlineData("%0[0, 1, 2], %1[2, 3] -> [3, 1, 0]", "2, 6, 10", "10, 7", "7, 6, 2")]
    [InlineData("%0[0, 1, 3], %1[0, 2, 3] -> [1, 2, 0]", "3, 6, 10", "3, 7, 10", "6, 7, 3")]
    [InlineData("%0[0, 1], %1[0, 1] -> [0, 1]", "6, 10", "6, 10", "6, 10")]
    [InlineData("%0[0, 1], %1[0, 1] -> [0]", "6, 10", "6, 10", "6")]
    [InlineData("%0[0, 1], %1[0, 1] -> [1]", "6, 10", "6, 10", "10")]
    [InlineData("%0[0], %1[1] -> [0, 1]", "6", "10", "6, 10")]
    [InlineData("%0[0, 1], %1[2, 3] -> [0, 2]", "6, 2", "7, 3", "6, 7")]
    [InlineData("%0[], %1[0, 1] -> [0]", "", "7, 30", "7")]
    [InlineData("%0[1, 0], %1[] -> [0]", "7, 30", "", "30")]
    [InlineData("%0[0, 1], %1[0, 1] -> []", "6, 10", "6, 10", "")]
    public void Labels(string labels, string left, string right, string result)
    {
        foreach (var symbolic in (bool[])[false, true])
        {
            string Shape(string sizes) => sizes.Length == 0 ? "" : $"[{string.Join(", ", sizes.Split(", ").Select(s => symbolic ? $"{{S{s}={s}}}" : s))}]";
            long[] Dims(string sizes) => sizes.Length == 0 ? [] : sizes.Split(", ").Select(long.Parse).ToArray();
            Check($"f32{Shape(left)}; f32{Shape(right)}", $"contract {labels} : f32{Shape(result)}", "%2",
                Random(ElementType.F32, 3, Dims(left)), Random(ElementType.F32, 4, Dims(right)));
        }
    }

    [Fact]
    public void One_and_three_factors()
    {
        var (a, b, c) = (Random(ElementType.F32, 1, 6, 10), Random(ElementType.F32, 2, 10, 7), Random(ElementType.F32, 3, 10));
        Check("f32[{M=6}, {K=10}]", "contract %0[0, 1] -> [0] : f32[{M=6}]", "%1", a);
        Check("f32[{M=6}, {K=10}]", "contract %0[0, 1] -> [1] : f32[{K=10}]", "%1", a);
        Check("f32[{M=6}, {K=10}]; f32[{K=10}, {N=7}]; f32[{K=10}]", "contract %0[0, 1], %1[1, 2], %2[1] -> [0, 2] : f32[{M=6}, {N=7}]", "%3", a, b, c);
        Check("f32[{M=6}, {K=10}]; f32[{K=10}, {N=7}]; f32[]".Replace("[]", ""), "contract %0[0, 1], %1[1, 2], %2[] -> [0, 2] : f32[{M=6}, {N=7}]", "%3", a, b, F32([], 0.5));
        Check("f32[{M=6}, {K=10}]; f32[{M=6}, {K=10}]; f32[{M=6}, {K=10}]", "contract %0[0, 3], %1[1, 3], %2[2, 3] -> [0, 1, 2] : f32[{M=6}, {M=6}, {M=6}]", "%3", a, a, a);
    }

    [Fact]
    public void Prologue_and_epilogue()
    {
        // h = relu(exp(x) w + b) with the residual r, the sums too.
        var lines = "exp %0 : f32[{M=7}, {K=12}]; contract %4[0, 1], %1[1, 2] -> [0, 2] : f32[{M=7}, {N=21}]; view %2 [i1] : f32[{M=7}, {N=21}]; "
            + "add %5, %6 : f32[{M=7}, {N=21}]; splat 0 : f32[{M=7}, {N=21}]; max %7, %8 : f32[{M=7}, {N=21}]; add %9, %3 : f32[{M=7}, {N=21}]; cast %10 : f16[{M=7}, {N=21}]";
        Check("f32[{M=7}, {K=12}]; f32[{K=12}, {N=21}]; f32[{N=21}]; f32[{M=7}, {N=21}]", lines, "%11 %5",
            Random(ElementType.F32, 1, 7, 12), Random(ElementType.F32, 2, 12, 21), Random(ElementType.F32, 3, 21), Random(ElementType.F32, 4, 7, 21));

        // The result is wanted transposed.
        Check("f32[{M=7}, {K=12}]; f32[{K=12}, {N=21}]", "contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[{M=7}, {N=21}]; view %2 [i1, i0] : f32[{N=21}, {M=7}]; neg %3 : f32[{N=21}, {M=7}]",
            "%4", Random(ElementType.F32, 1, 7, 12), Random(ElementType.F32, 2, 12, 21));
        Check("f16[{M=7}, {K=12}]; f16[{K=12}, {N=21}]", "cast %0 : f32[{M=7}, {K=12}]; cast %1 : f32[{K=12}, {N=21}]; contract %2[0, 1], %3[1, 2] -> [0, 2] : f32[{M=7}, {N=21}]",
            "%4", Random(ElementType.F16, 1, 7, 12), Random(ElementType.F16, 2, 12, 21));
    }

    [Theory]
    [InlineData(2, 3, 5, 6, 9, 3)]
    [InlineData(1, 2, 8, 4, 18, 2)]
    [InlineData(2, 1, 3, 5, 5, 1)]
    [InlineData(1, 40, 20, 5, 14, 3)]
    [InlineData(1, 37, 33, 7, 7, 3)]
    [InlineData(3, 2, 32, 12, 28, 3)]
    [InlineData(1, 3, 1100, 3, 9, 3)]
    [InlineData(1, 3, 13, 3, 56, 5)]
    public void Convolutions(int batch, int channels, int filters, int height, int width, int size)
    {
        string B = $"{{B={batch}}}", C = $"{{C={channels}}}", O = $"{{O={filters}}}", H = $"{{H={height}}}", W = $"{{W={width}}}";
        var x = Random(ElementType.F32, 1, batch, channels, height, width);
        var w = Random(ElementType.F32, 2, filters, channels, size, size);
        Check($"f32[{B}, {C}, {H}, {W}]; f32[{O}, {C}, {size}, {size}]",
            $"view %0 [i0, i1, i2 + i4 - 1 else fill, i3 + i5 - 1 else fill] fill 0 : f32[{B}, {C}, {H}, {W}, {size}, {size}]; "
            + $"contract %1[1, 4, 5, 6], %2[0, 4, 2, 3, 5, 6] -> [0, 1, 2, 3] : f32[{B}, {O}, {H}, {W}]; splat 0 : f32[{B}, {O}, {H}, {W}]; max %3, %4 : f32[{B}, {O}, {H}, {W}]",
            "%5", x, w);
    }

    /// <summary>Every way to lie outside, strides, and an epilogue that loops over the tile's rows.</summary>
    [Theory]
    [InlineData("fill", 2, 11, 19)]
    [InlineData("clamp", 1, 9, 21)]
    [InlineData("wrap", 2, 6, 33)]
    [InlineData("reflect", 1, 17, 8)]
    public void Convolutions_that_stride(string mode, int stride, int height, int width)
    {
        string H = $"{{H={height}}}", W = $"{{W={width}}}", shape = $"f32[2, 14, {H}, {W}]";
        var fill = mode == "fill" ? " fill 1" : "";
        Check($"f32[2, 5, {H}, {W}]; f32[14, 5, 3, 3]",
            $"view %0 [i0, i1, {stride}*i2 + i4 - 1 else {mode}, {stride}*i3 + i5 - 2 else {mode}]{fill} : f32[2, 5, {H}, {W}, 3, 3]; "
            + $"contract %2[0, 4, 2, 3, 5, 6], %1[1, 4, 5, 6] -> [0, 1, 2, 3] : {shape}; exp %3 : {shape}",
            "%4 %3", Random(ElementType.F32, 1, 2, 5, height, width), Random(ElementType.F32, 2, 14, 5, 3, 3));
    }

    [Fact]
    public void Other_registers_give_the_same_bits()
    {
        var graph = Parse("contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[101, 100]", Random(ElementType.F32, 1, 101, 90), Random(ElementType.F32, 2, 90, 100));
        TensorValue[] inputs = [Random(ElementType.F32, 1, 101, 90), Random(ElementType.F32, 2, 90, 100)];
        var results = ((int, int)[])[(16, 32), (32, 64), (16, 16)];
        var bytes = results.Select(r => Run(
            KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), new KernelOptions { Registers = r.Item1, RegisterBytes = r.Item2 }),
            graph, inputs).Results[0].ToBytes()).ToArray();
        Assert.Equal(bytes[0], bytes[1]);
        Assert.Equal(bytes[0], bytes[2]);
    }

    /// <summary>
    /// A tile has no more rows than lines of the left side, one of each row, stay in the first-level cache: 8 where rows are a multiple of 4096 bytes
    /// apart. Blocks of columns that are enough for the threads are not cut into blocks of rows too.
    /// </summary>
    [Theory]
    [InlineData(1024, 256, 1024, "register tiles of 8 x 32")]
    [InlineData(1024, 256, 512, "register tiles of 14 x 32")]
    [InlineData(1024, 256, 1040, "register tiles of 14 x 32")]
    [InlineData(256, 256, 256, "blocks of 256 x 32 x 256, register tiles of 14 x 32")]
    public void Tiles_and_blocks_that_the_caches_hold(int m, int n, int k, string note)
    {
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument a : f32[{{m}}, {{k}}]
              %1 = input argument b : f32[{{k}}, {{n}}]
              %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[{{m}}, {{n}}]
              output c = %2
            }
            """);
        var module = KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), new KernelOptions { Registers = 32, RegisterBytes = 64 });
        Assert.Contains(note, module.Kernels[^1].Note);
    }
}
