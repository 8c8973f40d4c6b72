using Lepton.Abi;
using Lepton.Graphs;
using static Lepton.Tests.Language.SemanticsHarness;

namespace Lepton.Tests.Language;

/// <summary>Index notation, accesses and their proofs.</summary>
public sealed class SemanticsIndexTests
{
    [Fact]
    public void A_product_of_matrices() => Gives(
        "fn f(a: f32[N, K], b: f32[K, M]) -> (c: f32[N, M]) { c[i, j] = sum[k] a[i, k] * b[k, j] }",
        F32([2, 2], 22, 28, 49, 64), Count(2, 3), Count(3, 2));

    [Fact]
    public void A_reducer_takes_in_a_product_and_stops_at_a_sum() => Gives(
        "fn f(a: f32[N], c: f32) -> (y: f32) { y = sum[k] a[k] * 2 + c }",
        F32([], 112), Count(3), F32([], 100));

    [Fact]
    public void An_index_may_be_left_over_as_an_axis() => Gives(
        "fn f(a: f32[N, M]) -> (y: f32[N, M]) { y[i] = a[i] * 2 }", F32([2, 2], 2, 4, 6, 8), Count(2, 2));

    [Theory]
    [InlineData("else 0", new double[] { 0, 1, 2, 3 })]
    [InlineData("else 9", new double[] { 9, 1, 2, 3 })]
    [InlineData("else clamp", new double[] { 1, 1, 2, 3 })]
    [InlineData("else wrap", new double[] { 4, 1, 2, 3 })]
    [InlineData("else reflect", new double[] { 2, 1, 2, 3 })]
    public void What_lies_outside(string mode, double[] expected) => Gives(
        $"fn f(x: f32[N]) -> (y: f32[N]) {{ y[i] = x[i - 1 {mode}] }}", F32([4], expected), Count(4));

    [Fact]
    public void A_stencil_on_a_smaller_range_is_proved_and_asks_for_its_size()
    {
        const string Text = "fn f(x: f32[N]) -> (y: f32[N - 2]) { y[i: N - 2] = x[i] - 2 * x[i + 1] + x[i + 2] }";
        Gives(Text, F32([2], 2, 2), F32([4], 1, 4, 9, 16));
        Assert.Throws<GraphRunException>(() => Run(Text, Count(1)));
    }

    [Fact]
    public void Sizes_of_an_argument_need_no_condition() =>
        Assert.Empty(Good("fn f(x: f32[N - 2], y: f32[N]) -> (z: f32[N - 2]) { z[i] = x[i] + y[i + 2] }").Entries[0].Constraints);

    [Theory]
    [InlineData("y[i: N - K + 1] = sum[k: K] x[i + k]")]
    [InlineData("y[i: floordiv(N - K, 2) + 1] = sum[k: K] x[2 * i + k]")]
    [InlineData("y[i: floordiv(N, 3)] = sum[k: 3] x[3 * i + k]")]
    [InlineData("y[i: ceildiv(N, 2)] = x[2 * i]")]
    [InlineData("y[i: N] = x[N - 1 - i]")]
    [InlineData("y[i: 2 * N] = x[i / 2]")]
    [InlineData("y[i: K] = x[min(i, N - 1)] + sum[j] x[j]", false)]
    [InlineData("y[i: N * N] = x[i / N]", false)]
    [InlineData("y[i: N] = x[i * 0 + i % N]")]
    [InlineData("y[i: N] = x[i % K]", false)]
    [InlineData("y[i, j] = x[max(i, j)] + x[i] + x[j]", true)]
    [InlineData("y[i: min(N, K)] = x[i] + w[i]")]
    [InlineData("y[i: N] = x[max(min(i * i * i * i, N - 1), 0)]", false)]
    [InlineData("y[i: N] = x[i8(i)]", false)]
    [InlineData("y[i: 2 * N] = x[if i < N then i else i - N]", false)]
    [InlineData("y[i: 3] = w[min(i, 2)] + w[0] + w[1] + w[2]")]
    public void Accesses_are_proved_inside(string equation, bool proved = true)
    {
        var entry = Good($"fn f(x: f32[N], w: f32[K]) -> (y) {{ {equation} }}").Entries[0];
        Assert.Equal(proved ? 0 : 1, entry.Sites.Count);
    }

    [Theory]
    [InlineData("y[i] = x[i] + x[i + 1]")]
    [InlineData("y[i: K] = x[i]")]
    [InlineData("y[i: N] = x[2 * i]")]
    [InlineData("y[i: N - K] = sum[k: K] x[i + k + 2]")]
    [InlineData("y[i: N] = x[i - K]")]
    [InlineData("y[i: max(N, K)] = x[i]")]
    [InlineData("y[i: floordiv(N - K, 2) + 2] = sum[k: K] x[2 * i + k]")]
    public void Accesses_that_may_be_outside_are_refused(string equation) =>
        Assert.Equal("LEP2005", Assert.Single(Errors($"fn f(x: f32[N], w: f32[K]) -> (y) {{ {equation} }}")).Split(' ')[0]);

    [Fact]
    public void Groups_split_and_join_axes()
    {
        Gives("fn f(x: f32[S, 6]) -> (q: f32[2, S, 3]) { q[h, s, d] = x[s, (h: 2, d)] }",
            F32([2, 2, 3], 1, 2, 3, 7, 8, 9, 4, 5, 6, 10, 11, 12), Count(2, 6));
        Gives("fn f(x: f32[A, B, C]) -> (y: f32[C, A * B]) { y[c, (a, b)] = x[a, b, c] }",
            F32([2, 4], 1, 3, 5, 7, 2, 4, 6, 8), Count(2, 2, 2));
        Gives("fn f(x: f32[N]) -> (y: f32[N]) { q[h, d] = x[(h: 2, d)]  \n y[(h, d)] = q[h, d] }", Count(4), Count(4));
    }

    [Fact]
    public void A_split_of_a_symbolic_axis_asks_that_it_divides()
    {
        const string Text = "fn f(x: f32[N]) -> (y: f32[4, N / 4]) { y[h, d] = x[(h: 4, d)] }";
        Gives(Text, F32([4, 2], 1, 2, 3, 4, 5, 6, 7, 8), Count(8));
        Assert.Throws<GraphRunException>(() => Run(Text, Count(7)));
    }

    [Fact]
    public void Indices_are_values()
    {
        Gives("fn f() -> f32[2, 3] { y[i, j] = if i == j then 1 else 0 }", F32([2, 3], 1, 0, 0, 0, 1, 0));
        Gives("fn f() -> (y: i64[3]) { y[i: 3] = 2 * i + 1 }", TensorValue.OfIntegers(ElementType.I64, [3], [1, 3, 5]));
        Gives("fn f() -> (y: f32[3]) { y[i: 3] = f32(i * i) / 3 }", F32([3], 0, 1 / 3.0, 4 / 3.0));
    }

    [Fact]
    public void Data_is_an_index()
    {
        Gives("fn f(z: f32[B, C], y: i32[B]) -> (v: f32[B]) { v[b] = z[b, y[b]] }", F32([2], 3, 4), Count(2, 3), I32([2], 2, 0));
        Gives("fn f(w: f32[V, D], ids: i32[B, S]) -> (e: f32[B, S, D]) { e = w[ids] }", F32([1, 2, 2], 5, 6, 1, 2), Count(3, 2), I32([1, 2], 2, 0));
        Gives("fn f(w: f32[D, V], ids: i32[S]) -> (e: f32[D, S]) { e = w[:, ids] }", F32([2, 2], 3, 1, 6, 4), Count(2, 3), I32([2], 2, 0));
        Gives("fn f(x: f32[N]) -> (y: f32[N]) { p = argsort(x, descending = true) \n y[i] = x[p[i]] }", F32([3], 3, 2, 1), F32([3], 2, 3, 1));
        Assert.Empty(Good("fn f(x: f32[N]) -> (y: f32[N]) { p = argsort(x) \n y[i] = x[p[i]] }").Entries[0].Sites);
        Assert.Throws<GraphRunException>(() => Run("fn f(x: f32[N], i: i32) -> f32 = x[i]", Count(3), I32([], 3)));
    }

    [Fact]
    public void A_data_access_numbers_the_failing_element_over_its_indices()
    {
        var site = Assert.Single(Good("fn f(z: f32[B, C], y: i32[B, D]) -> (v: f32[B, D]) { v[b, d] = z[b, y[b, d]] }").Entries[0].Sites);
        Assert.Equal("z[b, y[b, d]]", site.Text);
        Assert.Equal("test.lep:1:64", site.Location);
        Assert.Equal("[B, D]", site.Shape.ToString());
    }

    [Theory]
    [InlineData("clam", "did you mean `clamp`?")]
    [InlineData("zero", "behind `else` stands a value, or how: clamp, wrap, reflect")]
    public void A_misspelt_mode_is_mended(string mode, string help)
    {
        var diagnostic = Assert.Single(Bind($"fn f(x: f32[N]) -> (y: f32[N]) {{ y[i] = x[i - 1 else {mode}] + x[i] }}").Report.Diagnostics);
        Assert.Equal(help, diagnostic.Help);
    }

    [Fact]
    public void Scatters_combine()
    {
        Gives("fn f(bin: i32[N]) -> (h: i64[3]) { h[bin[i]] += 1 }", TensorValue.OfIntegers(ElementType.I64, [3], [1, 0, 3]), I32([4], 2, 2, 0, 2));
        Gives("fn f(bin: i32[N], w: f32[N]) -> (h: f32[3]) { h[bin[i]] max= w[i] }",
            F32([3], 3, double.NegativeInfinity, 4), I32([4], 2, 2, 0, 2), F32([4], 1, 2, 3, 4));
        Gives("fn f(bin: i32[N], x: f32[N, D]) -> (s) { s[bin[i]: 2, d] += x[i, d] }", F32([2, 2], 4, 6, 3, 4), I32([3], 0, 1, 0), F32([3, 2], 1, 2, 3, 4, 3, 4));
        Gives("fn f(x: f32[N]) -> (h: f32[4]) { h[i % 4] += x[i] }", F32([4], 6, 2, 3, 4), Count(5));
    }

    [Fact]
    public void Slices()
    {
        Gives("fn f(x: f32[N]) -> f32[N] = x[::-1]", F32([3], 3, 2, 1), Count(3));
        Gives("fn f(x: f32[N]) -> f32[N - 1] = x[1:] - x[:-1]", F32([2], 1, 1), Count(3));
        Gives("fn f(x: f32[N, M]) -> (y) { y = x[1, ::2] }", F32([2], 4, 6), Count(2, 3));
        Gives("fn f(x: f32[N]) -> (y) { y = x[-2::-1] }", F32([3], 3, 2, 1), Count(4));
        Assert.Throws<GraphRunException>(() => Run("fn f(x: f32[N]) -> (y) { y = x[2:5] }", Count(4)));
    }
}
