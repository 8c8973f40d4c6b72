using Lepton.Tests.House;

namespace Lepton.Tests.CommandLine;

/// <summary>What explain says of sparse kernels and of the rules that made them: the equation, the reason, the saving in operations and bytes.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class SparseExplainTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-test").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]

    // A zero annihilates.
    [InlineData(
        "fn f(a: f32[N, M] in csr, x: f32[M, K]) -> (y: f32[N, K]) { y = a @ x }",
        "0 * x = 0: only what a stores counts: 2*K*a.1 of 2*K*M*N operations, 4*K*M + 4*K*N + 4*N + 8*a.1 + 4 of 4*K*M + 4*K*N + 4*M*N bytes")]
    [InlineData(
        "fn f(a: f32[N, M] in csr, b: f32[M, K] in csr) -> (y: f32[N, K] in csr) { y = a @ b }",
        "0 * x = 0: only what a and b store counts: 2*floordiv(K*a.1*b.1, max(1, K*M)) of 2*K*M*N operations")]

    // Neutral elements.
    [InlineData(
        "fn f(a: f32[N, M] in csr) -> (y: f32[N]) { y[i] = sum[j] (exp(a[i, j]) - 1) }",
        "x + 0 = x: only what a stores counts")]
    [InlineData(
        "fn f(a: f32[N, M] in csr fill -inf) -> (y: f32[N]) { y[i] = max[j] a[i, j] }",
        "max(x, -inf) = x: only what a stores counts: a.1 of M*N operations, 8*N + 8*a.1 + 4 of 4*M*N + 4*N bytes")]

    // Elementwise, from fill values alone.
    [InlineData(
        "fn f(a: f32[N, M] in csr, b: f32[N, M] in csr) -> (y: f32[N, M] in csr) { y = a + b }",
        "what is not stored gives 0: only what a or b store counts: a.1 + b.1 of M*N operations")]

    // Sampling, in a kernel and before it.
    [InlineData(
        "fn f(s: f32[N, M] in csr, q: f32[N, K], k: f32[M, K]) -> (y) { y[i, j] = s[i, j] * sum[d] q[i, d] * k[j, d] }",
        "%3 contract is sampled: 2*K*s.1 of 2*K*M*N operations")]
    [InlineData(
        "fn f(s: f32[N, M] in csr, q: f32[N, K], k: f32[M, K]) -> (y: f32[N]) { t[i, j] = s[i, j] * sum[d] q[i, d] * k[j, d]\n y[i] = max[j] t[i, j] }",
        "store-sparse: mul = (if s stores there then mul else 0)\n    it is read more than once, or summed: s.1 of M*N elements are computed and kept, 4*s.1 of 4*M*N bytes")]

    // Operands that fit no order of loops, and readers of dense tensors.
    [InlineData(
        "fn f(a: f32[N, N] in csr) -> (y: f32[N]) { y[i] = a[i, i] }",
        "a is made dense: two of its axes are read at one index, and no order of its levels meets a diagonal; that writes 4*N*N bytes for 4*N + 8*a.1 + 4 that are stored")]
    [InlineData(
        "fn f(a: f32[N, N, N] in csf, b: f32[N, N, N] in csf) -> (y: f32[N]) { y[i] = sum[j, k] a[i, j, k] * b[k, j, i] }",
        "is made dense: no order of loops meets its levels and those of the others, each in their order; that writes 4*N*N*N bytes for ")]
    [InlineData(
        "fn f(a: f32[N, N] in csr, b: f32[N, N] in csc) -> (y: f32[N, N]) { y[i, j] = a[i, j] * b[i, j] }",
        "choose-formats: b in csc = (b in csr)\n    it meets another order in %")]
    [InlineData(
        "fn f(a: f32[N, N] in csr) -> (y: f32[N, N] in csr) { y[i, j] = a[i, j] + a[j, i] }",
        "choose-formats: a in csr transposed = (a in csr)\n    it meets another order in %")]
    [InlineData(
        "fn f(a: f32[N, M] in csr) -> (y: f32[N, M]) { y = sort(a, 1) }",
        "a is made dense: a sort reads dense tensors alone; that writes 4*M*N bytes for 4*N + 8*a.1 + 4 that are stored")]

    // Indices that an equality leaves alone.
    [InlineData(
        "fn f(x: f32[N, N]) -> (y: f32[N]) { y[i] = sum[j] (if i == j then x[i, j] else 0) }",
        "pin-indices: sum[i1] (if i1 = i0 then x else 0) = x at i1 = i0\n    all others are neutral: N of N*N elements are computed, 4*N of 4*N*N bytes of them")]
    [InlineData(
        "fn f(y: i64[B], w: f32[K, D]) -> (e: f32[B, D]) { e[b, d] = sum[k] (if y[b] == k then w[k, d] else 0) }",
        "pin-indices: sum[i2] (if i2 = y then x else 0) = x at i2 = y\n    all others are neutral: B*D of B*D*K elements are computed, 4*B*D of 4*B*D*K bytes of them")]

    // The order of products, and sums of products with one sparse matrix.
    [InlineData(
        "fn f(a: f32[1000, 4000] in csr, b: f32[4000, 100], c: f32[100, 60]) -> (y) { y = a @ (b @ c) }",
        "order-products: a * b * c = (a * b) * c\n    products are associative: about 2.01E+07 of 5.286E+07 operations, a taken to store 1 %")]
    [InlineData(
        "fn f(a: f32[N, N] in csr, x: f32[N, K], y: f32[N, K]) -> (z: f32[N, K]) { z = a @ x - a @ y }",
        "factor-sums: a @ x - a @ y = a @ (x - y)\n    one pass over a for two: K*N + 2*K*a.1 of K*N + 4*K*a.1 operations, 4*N + 8*a.1 + 4 of 8*N + 16*a.1 + 8 bytes of a")]

    // Masks.
    [InlineData(
        "import nn\nfn f(q: f32[256, 32], k: f32[256, 32], v: f32[256, 32]) -> (y: f32[256, 32]) {\n s[i, j] = if i >= j then sum[d] q[i, d] * k[j, d] else -inf\n"
            + " p[i, j] = softmax[j](s[i, j])\n y = p @ v }",
        "exp(-inf - max) = 0: only what the mask leaves counts: 32896 of 65536 scores, and so many of the operations")]
    public void Each_rule_is_told_with_its_equation_and_saving(string program, string expected)
    {
        var path = Path.Combine(_folder, "p.lep");
        File.WriteAllText(path, program + "\n");
        var (code, output, errors) = UsageTests.Run("explain", path);
        Assert.True(code == 0, errors);
        Assert.Contains(expected, output);
    }
}
