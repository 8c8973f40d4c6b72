using Lepton.Benchmarks.Contenders;

namespace Lepton.Benchmarks.Workloads;

/// <summary>One operation each, or one chain of them.</summary>
internal static class Kernels
{
    public static Workload Wave(long n) => Make(
        "wave",
        "sin x + cos x² + exp x, 2^20",
        0.12,
        1e-5,
        "fn f(x: f32[N]) -> (y: f32[N]) { y = sin(x) + cos(x^2) + exp(x) }",
        [new("x", [n], -2, 2)],
        [n],
        m => m.Node("Sin", ["x"], "s").Node("Mul", ["x", "x"], "q").Node("Cos", ["q"], "c").Node("Exp", ["x"], "e")
            .Node("Add", ["s", "c"], "sc").Node("Add", ["sc", "e"], "y"));

    public static Workload MultiplyAdd(string size, long n) => Make(
        "multiply_add",
        $"a·b + 1, {size}",
        0.35,
        1e-6,
        "fn f(a: f32[N], b: f32[N]) -> (y: f32[N]) { y = a * b + 1 }",
        [new("a", [n]), new("b", [n])],
        [n],
        m => m.Weights("one", [1f]).Node("Mul", ["a", "b"], "ab").Node("Add", ["ab", "one"], "y"));

    public static Workload Matmul(long n, double goal) => Make(
        "matmul",
        $"matmul {n}",
        goal,
        1e-4,
        "fn f(a: f32[N, N], b: f32[N, N]) -> (y: f32[N, N]) { y = a @ b }",
        [new("a", [n, n]), new("b", [n, n])],
        [n, n],
        m => m.Node("MatMul", ["a", "b"], "y"));

    // Integers from 0 to 255 times integers within ±127, sums in i32; casts on both sides, for everybody.
    public static Workload ByteMatmul(long n) => Make(
        "byte_matmul",
        $"u8 × i8 matmul {n}",
        1.0,
        0,
        "fn f(a: f32[M, K], b: f32[K, N]) -> (y: f32[M, N]) { y[m, n] = f32(sum[k] i32(u8(a[m, k])) * i32(i8(b[k, n]))) }",
        [new("a", [n, n], 0, 255), new("b", [n, n], -127, 127)],
        [n, n],
        m => m.Node("Cast", ["a"], "ai", ("to", [2], false)).Node("Cast", ["b"], "bi", ("to", [3], false))
            .Node("MatMulInteger", ["ai", "bi"], "yi").Node("Cast", ["yi"], "y", ("to", [1], false)));

    public static Workload Softmax(long rows, long columns) => Make(
        "softmax",
        $"row softmax {rows}×{columns}",
        0.9,
        1e-6,
        "import nn\nfn f(x: f32[B, C]) -> (y: f32[B, C]) { y = softmax[axis = -1](x) }",
        [new("x", [rows, columns], -4, 4)],
        [rows, columns],
        m => m.Node("Softmax", ["x"], "y", ("axis", [-1], false)));

    public static Workload LayerNorm(long rows, long columns) => Make(
        "layer_norm",
        $"layer norm {rows}×{columns}",
        0.9,
        1e-5,
        """
        import nn
        fn f(x: f32[B, C], gain: f32[C], bias: f32[C]) -> (y: f32[B, C]) { y[b, c] = layer_norm[c](x[b, c], gain[c], bias[c]) }
        """,
        [new("x", [rows, columns], -2, 3), new("gain", [columns], 0.5f, 1.5f), new("bias", [columns])],
        [rows, columns],
        m => m.Node("LayerNormalization", ["x", "gain", "bias"], "y", ("axis", [-1], false)));

    // Sums of numbers around 1, so that a lost one is seen.
    public static Workload RowSum(long n) => Make(
        "row_sum",
        $"row sum {n}²",
        0.9,
        1e-5,
        "fn f(x: f32[N, M]) -> (y: f32[N]) { y = sum(x, axis = 1) }",
        [new("x", [n, n], 0.5f, 1.5f)],
        [n],
        m => m.Integers("axes", 1).Node("ReduceSum", ["x", "axes"], "y", ("keepdims", [0], false)));

    public static Workload ColumnSum(long n) => Make(
        "column_sum",
        $"column sum {n}²",
        0.9,
        1e-5,
        "fn f(x: f32[N, M]) -> (y: f32[M]) { y = sum(x, axis = 0) }",
        [new("x", [n, n], 0.5f, 1.5f)],
        [n],
        m => m.Integers("axes", 0).Node("ReduceSum", ["x", "axes"], "y", ("keepdims", [0], false)));

    public static Workload Transpose(long n) => Make(
        "transpose",
        $"transpose {n}²",
        0.3,
        0,
        "fn f(x: f32[N, M]) -> (y: f32[M, N]) { y = transpose(x, [1, 0]) }",
        [new("x", [n, n])],
        [n, n],
        m => m.Node("Transpose", ["x"], "y", ("perm", [1, 0], true)));

    // Binomial weights, zeros outside.
    public static Workload Blur(long n) => Make(
        "blur",
        $"3×3 blur {n}²",
        0.9,
        1e-6,
        """
        fn f(x: f32[N, M], w: f32[3, 3]) -> (y: f32[N, M]) {
          y[i: N, j: M] = sum[r: 3, s: 3] x[i + r - 1 else 0, j + s - 1 else 0] * w[r, s]
        }
        """,
        [new("x", [n, n]), new("w", [3, 3], 0.05f, 0.2f)],
        [n, n],
        m => m.Integers("image", 1, 1, n, n).Integers("kernel", 1, 1, 3, 3).Integers("flat", n, n).Node("Reshape", ["x", "image"], "xi")
            .Node("Reshape", ["w", "kernel"], "wi").Node("Conv", ["xi", "wi"], "yi", ("pads", [1, 1, 1, 1], true)).Node("Reshape", ["yi", "flat"], "y"));

    public static Workload Sort(string name, long rows, long columns) => new(
        "sort",
        $"sort {name}",
        0.9,
        0,
        "fn f(x: f32[N, M]) -> (y: f32[N, M]) { y = sort(x, 1) }",
        [new("x", [rows, columns])],
        1,
        [rows, columns],
        null);

    // Sums of numbers around 1: each is more than the one before.
    public static Workload PrefixSum(string name, long n) => Make(
        "prefix_sum",
        $"prefix sum {name}",
        0.9,
        1e-4,
        "import core\nfn f(x: f32[N]) -> (y: f32[N]) { y = cumsum(x) }",
        [new("x", [n], 0.5f, 1.5f)],
        [n],
        m => m.Integers("axis", 0).Node("CumSum", ["x", "axis"], "y"));

    private static Workload Make(string key, string name, double goal, double tolerance, string program, Input[] inputs, long[] output, Func<OnnxModel, OnnxModel> graph) =>
        new(key, name, goal, tolerance, program, inputs, inputs.Length, output, data => graph(Workload.Onnx(inputs, inputs.Length, output, data)));
}
