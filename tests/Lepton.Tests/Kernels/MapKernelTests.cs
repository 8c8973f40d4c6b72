using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Element-by-element kernels against the interpreter of graphs.</summary>
public sealed class MapKernelTests
{
    private static readonly TensorValue X = Random(ElementType.F32, 1, 5, 7);
    private static readonly TensorValue Line = Random(ElementType.F32, 2, 37);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(17)]
    [InlineData(33)]
    [InlineData(40000)]
    public void Chains(int n) =>
        Check($"mul %0, %0 : f32[{n}]; cos %1 : f32[{n}]; exp %0 : f32[{n}]; add %2, %3 : f32[{n}]", Random(ElementType.F32, 3, n));

    [Fact]
    public void Chains_of_any_rank_are_one_flat_loop()
    {
        var x = Random(ElementType.F32, 4, 2, 3, 4, 5);
        var graph = Parse("exp %0 : f32[2, 3, 4, 5]; reshape %1 : f32[6, 20]; neg %2 : f32[6, 20]", x);
        var module = Check(TrivialFusion.Run(graph, inline: true), [x]);
        Assert.Equal("flat loop over 120, 16 lanes", Assert.Single(module.Kernels).Note);
    }

    [Fact]
    public void Broadcasts()
    {
        Check("view %0 [i1] : f32[3, 37]; exp %1 : f32[3, 37]", Line);
        Check("view %0 [i0] : f32[37, 20]; exp %1 : f32[37, 20]", Line);
        Check("view %0 [] : f32[40]; exp %1 : f32[40]", F32([], 1.5));
        Check("view %1 [i1] : f32[5, 7]; add %0, %2 : f32[5, 7]", X, Random(ElementType.F32, 5, 7));
    }

    [Fact]
    public void Transposes_slices_diagonals()
    {
        Check("view %0 [i1, i0] : f32[7, 5]", X);
        Check("view %0 [-1*i0 + 4, i1] : f32[5, 7]", X);
        Check("view %0 [i0, -2*i1 + 6] : f32[5, 4]", X);
        Check("view %0 [i0, i0] : f32[5]", X);
        Check("view %0 [2, i0] : f32[7]", X);
        Check("view %0 [i0 + i1] : f32[30, 8]", Line);
        Check("view %0 [i2, i0, i1] : f64[4, 5, 3]", Random(ElementType.F64, 6, 3, 4, 5));
    }

    [Theory]
    [InlineData("fill")]
    [InlineData("clamp")]
    [InlineData("wrap")]
    [InlineData("reflect")]
    public void What_lies_outside(string mode)
    {
        var fill = mode == "fill" ? " fill 9" : "";
        foreach (var n in (int[])[1, 2, 3, 20])
        {
            var x = Random(ElementType.F32, 7, n);
            Check($"view %0 [i0 - 3 else {mode}]{fill} : f32[{n + 6}]", x);
            Check($"exp %0 : f32[{n}]; view %1 [2*i0 - 5 else {mode}]{fill} : f32[{n + 9}]; neg %2 : f32[{n + 9}]", x);
            Check($"view %0 [i0 + i1 - 1 else {mode}]{fill} : f32[{n}, 3]; reduce sum %1 [1] : f32[{n}]", x);
        }

        Check($"view %0 [i0 - 1 else {mode}, i1 + 1 else {mode}]{fill} : f32[7, 9]", X);
        Check($"view %0 [i0 else {mode}]{fill} : f32[0]", F32([0]));
    }

    [Theory]
    [InlineData("fill")]
    [InlineData("clamp")]
    [InlineData("wrap")]
    [InlineData("reflect")]
    public void Stencils(string mode)
    {
        var fill = mode == "fill" ? " fill 9" : "";
        foreach (var (h, w) in ((int, int)[])[(4, 50), (1, 20), (3, 2), (20, 1), (2, 33)])
        {
            var x = Random(ElementType.F32, 7, h, w);
            Check($"view %0 [i0 + i2 - 1 else {mode}, i1 + i3 - 1 else {mode}]{fill} : f32[{h}, {w}, 3, 3]; reduce sum %1 [2, 3] : f32[{h}, {w}]", x);
            Check($"view %0 [i0 - 1 else {mode}, -1*i1 + {w + 1} else {mode}]{fill} : f32[{h}, {w + 3}]; exp %1 : f32[{h}, {w + 3}]", x);
            Check($"view %0 [i0 + 1 else {mode}, 3*i1 - 4 else {mode}]{fill} : f32[{h}, {w}]; view %0 [i0, i1 - 1 else {mode}]{fill} : f32[{h}, {w}]; mul %1, %2 : f32[{h}, {w}]", x);
            Check($"iota 1 : i64[{h}, {w}]; cast %1 : f32[{h}, {w}]; view %2 [i1 - 1 else {mode}, i0 + 2 else {mode}]{fill} : f32[{w}, {h}]; exp %3 : f32[{w}, {h}]", x);
        }

        Check($"view %0 [2 else {mode}]{fill} : f32", F32([2], 5, 6));
    }

    [Fact]
    public void Large_transposes_run_in_blocks()
    {
        var x = Random(ElementType.F32, 7, 70, 150);
        var graph = Parse("view %0 [i1, i0] : f32[150, 70]; exp %1 : f32[150, 70]", x);
        var module = Check(TrivialFusion.Run(graph, inline: true), [x]);
        Assert.Equal("2 loops over 150 x 70, 16 lanes, loops 0 and 1 in square blocks, 8 x 8 in registers", Assert.Single(module.Kernels).Note);
        var y = Random(ElementType.F64, 8, 3, 70, 20, 2);
        Check("view %0 [i1, i2, i0, i3] : f64[20, 3, 70, 2]", y);
        Check("view %0 [i0, i2, i1, i3] : f64[3, 20, 70, 2]", y);
        Check("view %0 [i3, i2, i1, i0] : f64[2, 20, 70, 3]", y);
    }

    [Fact]
    public void Fill_of_an_empty_tensor() => Check("view %0 [i0 - 1 else fill] fill 4 : f32[2]; exp %1 : f32[2]", F32([0]));

    [Fact]
    public void Reshapes()
    {
        Check("reshape %0 : f32[35]", X);
        Check("reshape %0 : f32[7, 5]; view %1 [i1, i0] : f32[5, 7]", X);
        Check("view %0 [i1, i0] : f32[7, 5]; reshape %1 : f32[35]", X);
        Check("view %0 [i1, i0] : f32[7, 5]; reshape %1 : f32[5, 7]; view %2 [i1, i0] : f32[7, 5]; reshape %3 : f32[1, 35, 1]", X);
        Check("reshape %0 : f32[4, 3, 10]; view %1 [i0, i2, i1] : f32[4, 10, 3]; reshape %2 : f32[8, 15]", Random(ElementType.F32, 8, 6, 20));
        Check("reshape %0 : f32[0, 5]", F32([3, 0]));
        Check("reshape %0 : f32[1, 1]; exp %1 : f32[1, 1]", F32([], 1));
    }

    [Fact]
    public void Leaves()
    {
        Check("iota 1 : i64[3, 20]; cast %0 : f32[3, 20]");
        Check("iota 0 : i64[20]; splat 3 : i64[20]; rem %0, %1 : i64[20]");
        Check("constant [1, -2, 0.5] : f32[3]; exp %0 : f32[3]");
        Check("size 7 : i64");
        Check("splat 1.5 : f16[20]");
        Check("iota 0 : i64[9, 9]; iota 1 : i64[9, 9]; eq %0, %1 : bool[9, 9]".Replace(" eq ", " equal "));
        Check("iota 0 : i64[50]; splat 5 : i64[50]; uniform %1, %0 : f32[50]");
    }

    [Fact]
    public void Every_element_type()
    {
        foreach (var element in ElementTypes.All.Where(e => e != ElementType.Bool))
        {
            var t = element.Name();
            Check($"mul %0, %0 : {t}[70]; add %1, %0 : {t}[70]; neg %2 : {t}[70]", Random(element, 9, 70));
            Check($"cast %0 : f32[70]; cast %1 : f16[70]; cast %2 : f64[70]", Random(element, 10, 70));
            Check($"splat 3 : {t}[70]; less %0, %1 : bool[70]; select %2, %0, %1 : {t}[70]", Random(element, 11, 70));
        }
    }

    [Fact]
    public void Gathers()
    {
        var rows = I64([4], 3, 0, 3, 1);
        Check("view %1 [i0] : i64[4, 7]; gather %0 [data0 check 0, i1] with %2 : f32[4, 7]; site 0 \"x[y]\" at \"f:1:1\" over [4, 7]", X, rows);
        Check("view %1 [i0] : i64[4, 7]; gather %0 [data0, i1] with %2 : f32[4, 7]; exp %3 : f32[4, 7]", X, rows);
        Check("gather %0 [data0 else clamp] with %1 : f32[5]", Line, I64([5], -3, 36, 37, 0, 100));
        Check("gather %0 [data0 else fill] with %1 fill 2 : f32[20]", Line, Random(ElementType.I64, 12, 20));
        Check("exp %0 : f32[37]; gather %2 [data0 else reflect] with %1 : f32[5]", Line, I64([5], -3, 36, 37, 0, 100));
        Check("cast %1 : i32[5]; gather %0 [data0 else wrap] with %2 : f32[5]", Line, I64([5], -3, 36, 37, 0, 100));
    }

    [Fact]
    public void Gathers_out_of_range_name_the_first_element()
    {
        const string Site = "; site 0 \"x[y]\" at \"f:1:1\" over [40]";
        var indices = Enumerable.Range(0, 40).Select(i => i is 20 or 33 ? 37 + i : i % 37.0).ToArray();
        Check("gather %0 [data0 check 0] with %1 : f32[40]" + Site, Line, I64([40], indices));
        Check("gather %0 [data0 check 0] with %1 : f32[40]; exp %2 : f32[40]" + Site, Line, I64([40], [.. indices[..39], -1]));
        Check("view %1 [] : i64[3, 7]; gather %0 [data0 check 0, i1] with %2 : f32[3, 7]; site 0 \"x[y]\" at \"f:1:1\" over [3, 7]", X, I64([], 5));
        Check("gather %0 [data0 check 0] with %1 : f32[0]; site 0 \"x[y]\" at \"f:1:1\" over [0]", Line, I64([0]));
    }

    [Fact]
    public void Small_reductions_and_contractions_inside()
    {
        foreach (var kind in (string[])["sum", "prod", "max", "min"])
        {
            Check($"reduce {kind} %0 [1] : f32[5]", X);
            Check($"reduce {kind} %0 [0] : f32[7]; exp %1 : f32[7]", X);
            Check($"reduce {kind} %0 [0, 1] : f32", X);
            Check($"reduce {kind} %0 [0] : f32[3]", F32([0, 3]));
        }

        var ties = F32([2, 5], 1, 3, 3, double.NaN, 9, 2, 2, 1, 0, 2);
        Check("reduce argmax %0 [1] : i64[2]", ties);
        Check("reduce argmin %0 [1] : i64[2]", ties);
        Check("reduce argmax %0 [0, 1] : i64", X);
        Check("reduce argmax %0 [1] : i64[3]", F32([3, 0]));
        Check("contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[5, 20]", X, Random(ElementType.F32, 13, 7, 20));
        Check("contract %0[0, 1], %1[1] -> [0] : f32[5]; relu %2 : f32[5]".Replace("relu", "abs"), X, Random(ElementType.F32, 14, 7));
        Check("contract %0[0, 1], %0[0, 1], %0[0, 1] -> [] : f32", X);
    }

    [Fact]
    public void Concats()
    {
        var y = Random(ElementType.F32, 15, 2, 7);
        Check("concat %0, %1 axis 0 : f32[7, 7]; exp %2 : f32[7, 7]", X, y);
        Check("exp %0 : f32[5, 7]; concat %2, %1, %0 axis 0 : f32[12, 7]", X, y);
        Check("concat %0, %0 axis 1 : f32[5, 14]", X);
        Check("concat %0, %1 axis 0 : f32[5]; neg %2 : f32[5]", F32([0]), F32([5], 1, 2, 3, 4, 5));
    }

    [Fact]
    public void Symbolic_sizes()
    {
        var graph = GraphText.Parse("""
            graph g(B, H, W) {
              %0 = input argument x : f32[B, H, W]
              %1 = input argument y : f32[W]
              %2 = reshape %0 : f32[B, H*W]
              %3 = exp %2 : f32[B, H*W]
              %4 = reshape %3 : f32[B*H, W]
              %5 = view %1 [i1] : f32[B*H, W]
              %6 = add %4, %5 : f32[B*H, W]
              %7 = reshape %6 : f32[B, H, W]
              %8 = view %7 [i0, i1 - 1 else fill, i2 + 1 else clamp] fill 0.5 : f32[B, H, W]
              output a = %7
              output b = %8
              output c = %0
              output d = %7
            }
            """);
        foreach (var (b, h, w) in ((long, long, long)[])[(2, 3, 17), (1, 1, 1), (0, 3, 2), (2, 0, 3), (3, 2, 0)])
        {
            Check(graph, [Random(ElementType.F32, 16, b, h, w), Random(ElementType.F32, 17, w)]);
        }
    }
}
