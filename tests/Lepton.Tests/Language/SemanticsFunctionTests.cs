using Lepton.Abi;
using Lepton.Graphs;
using static Lepton.Tests.Language.SemanticsHarness;

namespace Lepton.Tests.Language;

/// <summary>Functions, types, whole tensors, imports.</summary>
public sealed class SemanticsFunctionTests
{
    private const string Softmax = "fn softmax[k](z) = e / sum[k] e where e = exp(z - max[k] z)\n";

    [Fact]
    public void A_function_over_an_index_and_over_an_axis()
    {
        var rows = F32([2, 2], 0.5, 0.5, 1 / (1 + Math.E), Math.E / (1 + Math.E));
        var z = F32([2, 2], 3, 3, 1, 2);
        Gives(Softmax + "fn f(z: f32[B, C]) -> (p: f32[B, C]) { p[b, c] = softmax[c](z[b, c]) }", rows, z);
        Gives(Softmax + "fn f(z: f32[B, C]) -> f32[B, C] = softmax[axis = -1](z)", rows, z);
        Gives(Softmax + "fn f(z: f32[B, C]) -> f32[B, C] = softmax[1](z)", rows, z);
        Gives(Softmax + "fn f(z: f32[B, C]) -> f32[B, C] = transpose(softmax[axis = 0](transpose(z)))", rows, z);
    }

    [Fact]
    public void An_axis_that_the_function_reduces_is_gone()
    {
        Gives("fn norm[k](x) = sqrt(sum[k] x^2)\nfn f(x: f32[N, 2]) -> f32[N] = norm[axis = 1](x)", F32([1], 5), F32([1, 2], 3, 4));
        Gives("fn norm[k](x) = sqrt(sum[k] x^2)\nfn f(x: f32[N, 2]) -> (y: f32[N]) { y[i] = norm[j](x[i, j]) }", F32([1], 5), F32([1, 2], 3, 4));
        Gives("fn total[i, j](x) = sum[i, j] x\nfn f(x: f32[2, N, 2]) -> f32[N] = total[axes = [0, -1]](x)", F32([1], 10), Count(2, 1, 2));
    }

    [Fact]
    public void Layer_norm_with_weights_along_the_axis() => Gives(
        """
        fn layer_norm[k](x, g, b, eps = 0) = (x - m) / sqrt(v + eps) * g[k] + b[k] where m = mean[k] x, v = mean[k] (x - m)^2
        fn f(x: f32[B, D], g: f32[D], b: f32[D]) -> f32[B, D] = layer_norm[axis = -1](x, g, b)
        """,
        F32([1, 2], -10, 21), F32([1, 2], 1, 3), F32([2], 10, 20), F32([2], 0, 1));

    [Fact]
    public void Whole_functions_work_below_indices() => Gives(
        "fn center(x) = x - mean(x)\nfn f(x: f32[N, M]) -> (y: f32[N, M]) { y[i] = center(x[i]) }", F32([2, 2], -1, 1, -2, 2), F32([2, 2], 1, 3, 1, 5));

    [Fact]
    public void Integer_arguments_are_sizes_inside() => Gives(
        """
        fn conv2d(x, w, stride = 1, pad = 0, dilation = 1) -> (y) {
          R = size(w, 2)
          y[b, o, i: floordiv(size(x, 2) + 2 * pad - dilation * (R - 1) - 1, stride) + 1, j: floordiv(size(x, 3) + 2 * pad - dilation * (R - 1) - 1, stride) + 1]
            = sum[c, r, s] x[b, c, stride * i + dilation * r - pad else 0, stride * j + dilation * s - pad else 0] * w[o, c, r, s]
        }
        fn f(x: f32[1, 1, 4, 4], w: f32[1, 1, 2, 2]) -> (y) { y = conv2d(x, w, stride = 2, pad = 1, dilation = 2) }
        """,
        F32([1, 1, 2, 2], 6, 14, 20, 44), Count(1, 1, 4, 4), F32([1, 1, 2, 2], 1, 1, 1, 1));

    [Fact]
    public void Literals_take_the_type_of_their_use()
    {
        Assert.Equal(ElementType.F16, Run("fn f(x: f16[N]) -> (y) { y = x * 0.5 + 1 }", TensorValue.OfFloats(ElementType.F16, [1], [2]))[0].Element);
        Gives("fn f(x: f32[N]) -> (y) { half = 1 / 2 \n y = x * half }", F32([2], 0.5, 1), Count(2));
        Gives("fn f(x: f32[N]) -> (y) { y = sum(x) / N }", F32([], 2), Count(3));
        Gives("fn f(x: f32[N]) -> (y) { y = x / sqrt(N) }", F32([4], 0.5, 1, 1.5, 2), Count(4));
        Gives("fn f(x: u8[N]) -> (y: u8[N]) { y = x + 255 }", TensorValue.OfIntegers(ElementType.U8, [1], [1]), TensorValue.OfIntegers(ElementType.U8, [1], [2]));
        Gives("fn f(x: f32[N]) -> (y: f32[N]) { w = [1, 2, 1] \n y[i] = sum[k] x[i + k - 1 else 0] * w[k] / 4 }", F32([3], 1, 2, 2), Count(3));
        Gives("const eps = 1e-3\nconst two: i64 = 2\nfn f(x: f32[N]) -> (y: f32[2]) { y[i: two] = f32(i) + eps }", F32([2], 0.001, 1.001), Count(1));
    }

    [Fact]
    public void Integers_widen_and_never_become_floats_by_themselves()
    {
        Assert.Equal(ElementType.I64, Run("fn f(a: i32[N], b: i64[N]) -> (y) { y = a + b }", I32([1], 2), TensorValue.OfIntegers(ElementType.I64, [1], [3]))[0].Element);
        Assert.Equal(["LEP3004 1:45"], Errors("fn f(a: i32[N], b: f32[N]) -> (y) { y = a + b }"));
        Assert.Equal("LEP3010", Assert.Single(Errors("fn f(a: i64[N]) -> (y: i32[N]) { y = a }")).Split(' ')[0]);
    }

    [Fact]
    public void Sizes_are_solved_from_arguments()
    {
        const string G = "fn g(x: f32[2 * M + 1]) -> (y: f32[M]) { y[i: M] = x[2 * i + 1] }\n";
        Gives(G + "fn f(x: f32[7]) -> (y: f32[3]) { y = g(x) }", F32([3], 2, 4, 6), Count(7));
        Gives(G + "fn f(x: f32[N]) -> (y) { y = g(x) }", F32([3], 2, 4, 6), Count(7));
        Assert.Throws<GraphRunException>(() => Run(G + "fn f(x: f32[N]) -> (y) { y = g(x) }", Count(6)));
        Assert.Equal("LEP2009", Assert.Single(Errors(G + "fn f(x: f32[6]) -> (y) { y = g(x) }"), e => !e.StartsWith("LEP2010", StringComparison.Ordinal)).Split(' ')[0]);
    }

    [Fact]
    public void Element_variables_and_any_rank() => Gives(
        "fn last(x: T[...S, K]) -> T[...S] = sum(x, axis = -1) + T(1)\nfn f(x: f32[2, 2]) -> f32[2] = last(x)", F32([2], 4, 8), Count(2, 2));

    [Fact]
    public void Several_results()
    {
        const string Text = "fn two(x) -> (a, b) { a = x + 1 \n b = x * 2 }\nfn f(x: f32[N]) -> (y: f32[N], z: f32[N]) { (y, z) = two(x) }";
        Gives(Text, F32([2], 2, 3), Count(2));
        Gives(Text.Replace("(y, z) = two(x)", "(y[i], z[i]) = two(x[i])", StringComparison.Ordinal), F32([2], 2, 3), Count(2));
    }

    [Fact]
    public void Equations_stand_in_any_order_and_where_is_local() => Gives(
        "fn f(x: f32[N]) -> (y: f32[N]) { y = b + a \n a = b * 2 where c = 1 \n b[i] = d * x[i] where d = x[i] }", F32([2], 3, 12), Count(2));

    [Fact]
    public void Whole_tensor_functions()
    {
        Gives("fn f(x: f32[N, M]) -> (y) { y = sum(x, axis = 0, keepdims = true) }", F32([1, 2], 4, 6), Count(2, 2));
        Gives("fn f(x: f32[N, M]) -> (y) { y = max(x) }", F32([], 4), Count(2, 2));
        Gives("fn f(x: f32[N, M]) -> (y) { y = max(x, 2, min(x, 3)) }", F32([2, 2], 2, 2, 3, 4), Count(2, 2));
        Gives("fn f(x: f32[N, M]) -> (y) { y = concat(x, x, axis = 1) }", F32([1, 4], 1, 2, 1, 2), Count(1, 2));
        Gives("fn f(x: f32[N]) -> (y) { y[i] = concat(x, 2 * x)[i] }", F32([4], 1, 2, 2, 4), Count(2));
        Gives("fn f(x: f32[N, M]) -> (y) { y = reshape(x, [M, -1]) }", F32([3, 2], 1, 2, 3, 4, 5, 6), Count(2, 3));
        Gives("fn f(x: f32[N]) -> (y) { y = [x, x + 1] }", F32([2, 2], 1, 2, 2, 3), Count(2));
        Gives("fn f(x: f32[N]) -> (y) { y = select(x > 1, x, -inf) }", F32([2], double.NegativeInfinity, 2), Count(2));
        Gives("fn f(x: f32[N]) -> (y) { y = f32(iota(N)) * x }", F32([3], 0, 2, 6), Count(3));
        Gives("fn f(a: f32[B, N, K], b: f32[K]) -> (y) { y = a @ b }", F32([1, 2], 5, 11), Count(1, 2, 2), Count(2));
        Gives("fn f(x: f32[N]) -> (y) { y = argmax(x) }", TensorValue.OfIntegers(ElementType.I64, [], [2]), Count(3));
        Gives("fn f(x: f32[N]) -> (y: bool) { y = all(x > 0) and not any(isnan(x)) }", TensorValue.OfIntegers(ElementType.Bool, [], [1]), Count(3));
    }

    [Fact]
    public void Imports_are_found_plainly_and_with_their_name()
    {
        var imports = new Dictionary<string, string> { ["nn"] = "const one = 1\nfn relu(x) = max(x, 0) + helper(x)\nfn helper(x) = one * x", ["./own.lep"] = "fn helper(x) = x - 1" };
        var program = Good("import nn\nimport \"./own.lep\"\nfn f(x: f32[N]) -> f32[N] = nn.relu(x) + relu(own.helper(x))", imports);
        Assert.Equal([6.0], RunEntry(program.Entries[0], F32([1], 2))[0].AsFloats.ToArray());
    }

    [Fact]
    public void Parameters_stand_behind_the_arguments_in_the_order_of_their_declarations()
    {
        var entry = Good("param b: f32[2] ~ zeros\nparam a: f32[2] ~ normal\nparam unused: f32[9]\nfn f(x: f32[2]) -> f32[2] = a + x + b").Entries[0];
        Assert.Equal(["x", "b", "a"], entry.Body.OfType<Lepton.Language.Semantics.TypedInput>().Select(i => i.Name));
    }
}
