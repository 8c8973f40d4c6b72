namespace Lepton.Benchmarks;

/// <summary>The same computation as a Lepton program and as an ONNX model: same inputs and weights, outputs compared.</summary>
/// <param name="Inputs">Arguments, then parameters, by name, with shapes.</param>
/// <param name="Arguments">How many of the inputs are arguments.</param>
internal sealed record Workload(string Name, string Program, (string Name, long[] Shape)[] Inputs, int Arguments, long[] Output, OnnxModel Model, double Tolerance);

/// <summary>What is measured.</summary>
internal static class Workloads
{
    public static IEnumerable<Workload> All()
    {
        yield return Wave(1 << 20);
        yield return MultiplyAdd(1 << 22);
        foreach (var n in new[] { 64, 256, 1024 })
        {
            yield return Matmul(n);
        }

        yield return Softmax(4096, 1024);
        yield return Mlp(1);
        yield return Mlp(32);
        yield return Cnn(32);
    }

    private static Workload Wave(long n) => new(
        "sin x + cos x² + exp x, 2^20",
        "fn f(x: f32[N]) -> (y: f32[N]) { y = sin(x) + cos(x^2) + exp(x) }",
        [("x", [n])],
        1,
        [n],
        new OnnxModel("wave").Input("x", n).Output("y", n).Node("Sin", ["x"], "s").Node("Mul", ["x", "x"], "q").Node("Cos", ["q"], "c")
            .Node("Exp", ["x"], "e").Node("Add", ["s", "c"], "sc").Node("Add", ["sc", "e"], "y"),
        1e-5);

    private static Workload MultiplyAdd(long n) => new(
        "a b + 1, 2^22",
        "fn f(a: f32[N], b: f32[N]) -> (y: f32[N]) { y = a * b + 1 }",
        [("a", [n]), ("b", [n])],
        2,
        [n],
        new OnnxModel("fma").Input("a", n).Input("b", n).Output("y", n).Weights("one", [1f]).Node("Mul", ["a", "b"], "ab").Node("Add", ["ab", "one"], "y"),
        1e-6);

    private static Workload Matmul(long n) => new(
        $"matmul {n}",
        "fn f(a: f32[N, N], b: f32[N, N]) -> (y: f32[N, N]) { y = a @ b }",
        [("a", [n, n]), ("b", [n, n])],
        2,
        [n, n],
        new OnnxModel("matmul").Input("a", n, n).Input("b", n, n).Output("y", n, n).Node("MatMul", ["a", "b"], "y"),
        1e-4);

    private static Workload Softmax(long rows, long columns) => new(
        $"row softmax {rows} × {columns}",
        "import nn\nfn f(x: f32[B, C]) -> (y: f32[B, C]) { y = softmax[axis = -1](x) }",
        [("x", [rows, columns])],
        1,
        [rows, columns],
        new OnnxModel("softmax").Input("x", rows, columns).Output("y", rows, columns).Node("Softmax", ["x"], "y", ("axis", [-1], false)),
        1e-6);

    private static Workload Mlp(long batch) => new(
        $"mlp 784-128-10, batch {batch}",
        """
        import nn
        param w1: f32[784, 128]
        param b1: f32[128]
        param w2: f32[128, 10]
        param b2: f32[10]
        fn f(x: f32[B, 784]) -> (y: f32[B, 10]) { y = softmax[axis = -1](relu(x @ w1 + b1) @ w2 + b2) }
        """,
        [("x", [batch, 784]), ("w1", [784, 128]), ("b1", [128]), ("w2", [128, 10]), ("b2", [10])],
        1,
        [batch, 10],
        new OnnxModel("mlp").Input("x", batch, 784).Output("y", batch, 10).Node("Gemm", ["x", "w1", "b1"], "h").Node("Relu", ["h"], "r")
            .Node("Gemm", ["r", "w2", "b2"], "z").Node("Softmax", ["z"], "y", ("axis", [-1], false)),
        1e-5);

    private static Workload Cnn(long batch) => new(
        $"cnn 28 × 28, batch {batch}",
        """
        import nn
        param k: f32[32, 1, 3, 3]
        param c: f32[32]
        param w1: f32[5408, 64]
        param b1: f32[64]
        param w2: f32[64, 10]
        param b2: f32[10]
        fn f(x: f32[B, 1, 28, 28]) -> (y: f32[B, 10]) {
          v             = conv2d(x, k)
          a[b, o, i, j] = relu(v[b, o, i, j] + c[o])
          m             = max_pool2d(a)
          g[b, (o, i, j)] = m[b, o, i, j]
          y             = softmax[axis = -1](relu(g @ w1 + b1) @ w2 + b2)
        }
        """,
        [("x", [batch, 1, 28, 28]), ("k", [32, 1, 3, 3]), ("c", [32]), ("w1", [5408, 64]), ("b1", [64]), ("w2", [64, 10]), ("b2", [10])],
        1,
        [batch, 10],
        new OnnxModel("cnn").Input("x", batch, 1, 28, 28).Output("y", batch, 10).Node("Conv", ["x", "k", "c"], "v", ("kernel_shape", [3, 3], true))
            .Node("Relu", ["v"], "a").Node("MaxPool", ["a"], "m", ("kernel_shape", [2, 2], true), ("strides", [2, 2], true)).Node("Flatten", ["m"], "g")
            .Node("Gemm", ["g", "w1", "b1"], "h").Node("Relu", ["h"], "r").Node("Gemm", ["r", "w2", "b2"], "z").Node("Softmax", ["z"], "y", ("axis", [-1], false)),
        1e-5);
}
