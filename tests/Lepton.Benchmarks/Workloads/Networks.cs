using Lepton.Benchmarks.Contenders;

namespace Lepton.Benchmarks.Workloads;

/// <summary>Small networks; their weights are parameters.</summary>
internal static class Networks
{
    public static Workload Mlp(long batch) => Make(
        "mlp",
        $"MLP 784-128-10, batch {batch}",
        0.7,
        """
        import nn
        param w1: f32[784, 128]
        param b1: f32[128]
        param w2: f32[128, 10]
        param b2: f32[10]
        fn f(x: f32[B, 784]) -> (y: f32[B, 10]) { y = softmax[axis = -1](relu(x @ w1 + b1) @ w2 + b2) }
        """,
        [new("x", [batch, 784]), Weights("w1", 784, 128), Weights("b1", 128), Weights("w2", 128, 10), Weights("b2", 10)],
        [batch, 10],
        m => m.Node("Gemm", ["x", "w1", "b1"], "h").Node("Relu", ["h"], "r").Node("Gemm", ["r", "w2", "b2"], "z").Node("Softmax", ["z"], "y", ("axis", [-1], false)));

    /// <summary>Activations from 0 to 255 and weights within ±127, sums in i32, scaled per column.</summary>
    public static Workload Quantised(long batch, long size) => Make(
        "quantised",
        $"u8 × i8 layer {batch}×{size}→{size}",
        0.9,
        $$"""
        import nn
        param w: f32[{{size}}, {{size}}]
        param s: f32[{{size}}]
        fn f(x: f32[B, {{size}}]) -> (y: f32[B, {{size}}]) {
          y[b, n] = relu(f32(sum[k] i32(u8(x[b, k])) * i32(i8(w[k, n]))) * s[n])
        }
        """,
        [new("x", [batch, size], 0, 255), new("w", [size, size], -127, 127), new("s", [size], 0.5f, 1.5f)],
        [batch, size],
        m => m.Node("Cast", ["x"], "xi", ("to", [2], false)).Node("Cast", ["w"], "wi", ("to", [3], false)).Node("MatMulInteger", ["xi", "wi"], "v")
            .Node("Cast", ["v"], "z", ("to", [1], false)).Node("Mul", ["z", "s"], "zs").Node("Relu", ["zs"], "y"));

    public static Workload Convolution(long channels, long size) => Make(
        "convolution",
        $"conv {channels}→{channels} 3×3 {size}², relu",
        0.9,
        $$"""
        import nn
        param w: f32[{{channels}}, {{channels}}, 3, 3]
        param c: f32[{{channels}}]
        fn f(x: f32[1, {{channels}}, H, W]) -> (y: f32[1, {{channels}}, H, W]) {
          v             = conv2d(x, w, pad = 1)
          y[b, o, i, j] = relu(v[b, o, i, j] + c[o])
        }
        """,
        [new("x", [1, channels, size, size]), Weights("w", channels, channels, 3, 3), Weights("c", channels)],
        [1, channels, size, size],
        m => m.Node("Conv", ["x", "w", "c"], "v", ("pads", [1, 1, 1, 1], true)).Node("Relu", ["v"], "y"),
        tolerance: 1e-4); // Winograd's rounding

    public static Workload Cnn(long batch) => Make(
        "cnn",
        $"CNN 28×28, batch {batch}",
        0.8,
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
        [new("x", [batch, 1, 28, 28]), Weights("k", 32, 1, 3, 3), Weights("c", 32), Weights("w1", 5408, 64), Weights("b1", 64), Weights("w2", 64, 10), Weights("b2", 10)],
        [batch, 10],
        m => m.Node("Conv", ["x", "k", "c"], "v").Node("Relu", ["v"], "a").Node("MaxPool", ["a"], "m", ("kernel_shape", [2, 2], true), ("strides", [2, 2], true))
            .Node("Flatten", ["m"], "g").Node("Gemm", ["g", "w1", "b1"], "h").Node("Relu", ["h"], "r").Node("Gemm", ["r", "w2", "b2"], "z")
            .Node("Softmax", ["z"], "y", ("axis", [-1], false)));

    /// <summary>Each channel by itself.</summary>
    public static Workload Depthwise(long channels, long size, long stride) => Grouped($"depthwise 3×3 {channels}×{size}², stride {stride}", channels, channels, size, stride);

    /// <summary>Groups of channels, each by itself.</summary>
    public static Workload Groups(long channels, long groups, long size) => Grouped($"conv {channels}→{channels} 3×3 {size}², {groups} groups", channels, groups, size, 1);

    private static Workload Grouped(string name, long channels, long groups, long size, long stride) => Make(
        $"grouped{stride}",
        name,
        0.9,
        $$"""
        import nn
        param w: f32[{{channels}}, {{channels / groups}}, 3, 3]
        param c: f32[{{channels}}]
        fn f(x: f32[1, {{channels}}, H, W]) -> (y) {
          v             = conv2d(x, w, stride = {{stride}}, pad = 1, groups = {{groups}})
          y[b, o, i, j] = relu(v[b, o, i, j] + c[o])
        }
        """,
        [new("x", [1, channels, size, size]), Weights("w", channels, channels / groups, 3, 3), Weights("c", channels)],
        [1, channels, ((size - 1) / stride) + 1, ((size - 1) / stride) + 1],
        m => m.Node("Conv", ["x", "w", "c"], "v", ("pads", [1, 1, 1, 1], true), ("strides", [stride, stride], true), ("group", [groups], false)).Node("Relu", ["v"], "y"));

    private static Input Weights(string name, params long[] shape) => new(name, shape, -0.1f, 0.1f);

    private static Workload Make(string key, string name, double goal, string program, Input[] inputs, long[] output, Func<OnnxModel, OnnxModel> graph, double tolerance = 1e-5) =>
        new(key, name, goal, tolerance, program, inputs, 1, output, data => graph(Workload.Onnx(inputs, 1, output, data)));
}
