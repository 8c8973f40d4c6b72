namespace Lepton.Benchmarks.Workloads;

/// <summary>Sparse matrices times vectors, dense and sparse matrices; sampled products, sums, attention over the edges of a graph.</summary>
internal static class SparseWorkloads
{
    public static IEnumerable<Workload> List() =>
        from make in new Func<PatternKind, Workload>[] { TimesDense, TimesVector, TimesSparse, Sampled, Plus, Attention }
        from pattern in new[] { PatternKind.Uniform, PatternKind.Banded, PatternKind.PowerLaw }
        select make(pattern);

    private static Workload TimesDense(PatternKind kind) => Make(
        "sparse_dense",
        "sparse·dense 4096²",
        0.5,
        "fn f(a: f32[N, M] in csr, b: f32[M, K]) -> (y: f32[N, K]) { y[i, k] = sum[j] a[i, j] * b[j, k] }",
        new(kind, 0.01),
        [Matrix("a", 4096), new("b", [4096, 128])],
        [4096, 128]);

    private static Workload TimesVector(PatternKind kind) => Make(
        "sparse_vector",
        "sparse·vector 16384²",
        0.9,
        "fn f(a: f32[N, M] in csr, x: f32[M]) -> (y: f32[N]) { y[i] = sum[j] a[i, j] * x[j] }",
        new(kind, 0.01),
        [Matrix("a", 16384), new("x", [16384])],
        [16384]);

    private static Workload TimesSparse(PatternKind kind) => Make(
        "sparse_sparse",
        "sparse·sparse 8192²",
        0.9,
        "fn f(a: f32[N, M] in csr, b: f32[M, K] in csr) -> (y: f32[N, K] in csr) { y[i, k] = sum[j] a[i, j] * b[j, k] }",
        new(kind, 0.001),
        [Matrix("a", 8192), Matrix("b", 8192)],
        []);

    private static Workload Sampled(PatternKind kind) => Make(
        "sparse_sampled",
        "sparse .* qkᵀ 4096²",
        0.5,
        "fn f(s: f32[N, M] in csr, q: f32[N, D], k: f32[M, D]) -> (y: f32[N, M] in csr) { y[i, j] = s[i, j] * (sum[d] q[i, d] * k[j, d]) }",
        new(kind, 0.01),
        [Matrix("s", 4096), new("q", [4096, 64]), new("k", [4096, 64])],
        []);

    private static Workload Plus(PatternKind kind) => Make(
        "sparse_plus",
        "sparse+sparse 8192²",
        0.9,
        "fn f(a: f32[N, M] in csr, b: f32[N, M] in csr) -> (y: f32[N, M] in csr) { y = a + b }",
        new(kind, 0.01),
        [Matrix("a", 8192), Matrix("b", 8192)],
        []);

    // Softmax over the edges of each node, of scores that the edges weigh.
    private static Workload Attention(PatternKind kind) => Make(
        "sparse_attention",
        "sparse attn 4096²",
        0.5,
        """
        import nn
        fn f(s: f32[N, N] in csr, q: f32[N, D], k: f32[N, D], v: f32[N, D]) -> (y: f32[N, D]) {
          e[i, j] on s fill -inf = s[i, j] * (sum[d] q[i, d] * k[j, d])
          p[i, j] = softmax[j](e[i, j])
          y[i, d] = sum[j] p[i, j] * v[j, d]
        }
        """,
        new(kind, 0.01),
        [Matrix("s", 4096), new("q", [4096, 64]), new("k", [4096, 64]), new("v", [4096, 64])],
        [4096, 64]);

    // Around 1, so that sums of products do not cancel.
    private static Input Matrix(string name, long n) => new(name, [n, n], 0.5f, 1.5f);

    private static Workload Make(string key, string name, double goal, string program, Pattern pattern, Input[] inputs, long[] output)
    {
        // The first is sparse, and whoever has its shape and limits.
        Input[] stored = [.. inputs.Select(i => i.Low == inputs[0].Low && i.Shape.SequenceEqual(inputs[0].Shape) ? i with { Stored = pattern } : i)];
        return new(key, $"{name} {pattern.Name}", goal, 1e-4, program, stored, stored.Length, output, null);
    }
}
