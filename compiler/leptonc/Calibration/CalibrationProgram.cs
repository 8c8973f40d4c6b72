using Lepton.Placement.Costs;

namespace Lepton.CommandLine.Calibration;

/// <summary>What a program is measured for.</summary>
internal enum Purpose
{
    /// <summary>How many operations of its class per second, at its size.</summary>
    Compute,

    /// <summary>How many bytes per second, at its working set.</summary>
    Move,

    /// <summary>How much longer a product takes when a run has pushed its weights out of the caches since it read them last.</summary>
    Cold,

    /// <summary>How long a kernel takes to start: many that have nothing to do.</summary>
    Launch,

    /// <summary>How long a run takes besides its kernels.</summary>
    Run,

    /// <summary>How long a kernel takes in the middle of a run, on one device and on several (<see cref="PlacedTimes"/>).</summary>
    Chain,
}

/// <summary>A small program of one class of kernels.</summary>
/// <param name="Sizes">Values of its size N (or T, H), one measurement each.</param>
/// <param name="Limit">Indices among its arguments are below this size; 0: it has none.</param>
internal sealed record CalibrationProgram(KernelClass Class, Purpose Purpose, string Text, string Size, long[] Sizes, long Limit = 0)
{
    // Weights of 2.4 MB each: alone they stay in a cache, twelve of them do not.
    private const int ColdColumns = 768;
    private const int ColdRows = 96;
    private static readonly int[] ColdChains = [1, 4, 12];

    /// <summary>
    /// What is measured, what later rates need first: elementwise work is part of most kernels. Working sets go from the nearest cache to
    /// memory; products from a few thousand operations to some hundred million.
    /// </summary>
    public static readonly IReadOnlyList<CalibrationProgram> All =
    [
        new(KernelClass.Elementwise, Purpose.Run, "fn f(x: f32[N]) -> (y: f32[N]) = x + 1.0", "N", [16]),
        new(KernelClass.Reduction, Purpose.Launch, """
            fn f(x: f32[N, 8]) -> (y: f32[N, 8]) {
              scan t in 400 {
                state s[i: N, j: 8] = x[i, j]
                s'[i, j] = s[i, j] - 0.01 * sum[k] s[i, k]
              }
              y = s
            }
            """, "N", [4]),
        new(KernelClass.Elementwise, Purpose.Move, "fn f(x: f32[N], y: f32[N]) -> (z: f32[N]) = x + y", "N",
            [1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22, 1 << 23]),
        new(KernelClass.Elementwise, Purpose.Compute, $"fn f(x: f32[N]) -> (y: f32[N]) = {Horner(1)} * {Horner(2)} + {Horner(3)} * {Horner(4)}", "N", [1 << 13]),
        new(KernelClass.Transcendental, Purpose.Compute, "fn f(x: f32[N]) -> (y: f32[N]) = exp(x) + tanh(x) + sin(x) + log(x * x + 1.0)", "N", [1 << 13, 1 << 16]),
        new(KernelClass.Random, Purpose.Compute, "fn f(seed: i64) -> (u: f32[N]) { u[i: N] = uniform(seed, i) }", "N", [1 << 14]),
        new(KernelClass.Reduction, Purpose.Move, "fn f(x: f32[N, 512]) -> (y: f32[N]) { y[i] = sum[j] x[i, j] }", "N", [8, 32, 128, 1 << 9, 1 << 11, 1 << 13, 1 << 14]),
        new(KernelClass.Reduction, Purpose.Compute, "fn f(x: f32[N, 128]) -> (y: f32[N, 128]) { y[i, j] = x[i, j] / (max[k] x[i, k]) + sum[k] x[i, k] }", "N", [4, 32, 512]),
        new(KernelClass.Window, Purpose.Compute, "import nn\nfn f(x: f32[1, 16, N, N]) -> (y) = max_pool2d(x)", "N", [14, 28, 112]),
        new(KernelClass.Stencil, Purpose.Compute, "import nn\nparam w: f32[16, 1, 3, 3] ~ he\nfn f(x: f32[1, 16, N, N]) -> (y) = conv2d(x, w, pad = 1, groups = 16)", "N", [14, 28, 112]),
        new(KernelClass.Contraction, Purpose.Compute, "dim N\nparam w: f32[N, N] ~ glorot\nfn f(x: f32[N, N]) -> (y: f32[N, N]) = x @ w", "N", [8, 16, 32, 64, 128, 256, 512]),
        new(KernelClass.Contraction, Purpose.Move, "dim N\nparam w: f32[N, N] ~ glorot\nfn f(x: f32[1, N]) -> (y: f32[1, N]) = x @ w", "N", [64, 128, 256, 512, 1 << 10, 1 << 11, 1 << 12]),
        .. ColdChains.Select(count => new CalibrationProgram(KernelClass.Contraction, Purpose.Cold, Products(count, ColdColumns), "N", [ColdRows])),
        new(KernelClass.Convolution, Purpose.Compute, "import nn\ndim N\nparam w: f32[N, N, 3, 3] ~ he\nfn f(x: f32[1, N, 28, 28]) -> (y) = conv2d(x, w, pad = 1)", "N", [4, 16, 64, 128]),
        new(KernelClass.Attention, Purpose.Compute, "import nn\nfn f(q: f32[1, 8, N, 64], k: f32[1, 8, N, 64], v: f32[1, 8, N, 64]) -> (y) = attention(q, k, v)", "N", [32, 64, 128, 256, 512]),
        new(KernelClass.Gather, Purpose.Compute, "fn f(table: f32[20000, 64], token: i32[N]) -> (y: f32[N, 64]) { y[i, j] = table[token[i], j] }", "N", [16, 256, 1 << 12], 20000),
        new(KernelClass.Scatter, Purpose.Compute, "fn f(bin: i32[N], w: f32[N]) -> (y: f32[1000]) { y[bin[i]] += w[i] }", "N", [1 << 8, 1 << 12, 1 << 16], 1000),
        new(KernelClass.Sort, Purpose.Compute, "fn f(x: f32[N]) -> (y: f32[N]) = sort(x)", "N", [1 << 8, 1 << 12, 1 << 16]),
        new(KernelClass.Sparse, Purpose.Compute, "fn f(a: f32[N, N] in csr, x: f32[N]) -> (y: f32[N]) = a @ x", "N", [1 << 9, 1 << 11, 1 << 13]),
    ];

    /// <summary>A chain of products, each with weights of its own.</summary>
    public static string Products(int count, int columns) =>
        $"dim N\n{string.Concat(Enumerable.Range(0, count).Select(i => $"param w{i}: f32[{columns}, {columns}] ~ glorot\n"))}"
        + $"fn f(x: f32[N, {columns}]) -> (y: f32[N, {columns}]) = {Enumerable.Range(0, count).Aggregate("x", (inner, i) => $"tanh({inner} @ w{i})")}";

    /// <summary>The longest chain of products whose weights are pushed out of the caches in each run.</summary>
    public static CalibrationProgram ColdChain => All.Last(p => p.Purpose == Purpose.Cold);

    // ((x · c + c) · x + c) …: two operations for each step. Four of them beside each other: one alone waits for itself, as few programs do.
    private static string Horner(int number) => Enumerable.Range(1, 7).Aggregate("x", (p, i) => $"({p} * x + 0.{number}{i})");
}
