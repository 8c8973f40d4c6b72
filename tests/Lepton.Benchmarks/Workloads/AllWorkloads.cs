namespace Lepton.Benchmarks.Workloads;

/// <summary>What is measured, in the order of the table.</summary>
internal static class AllWorkloads
{
    public static IEnumerable<Workload> List() =>
    [
        Kernels.Wave(1 << 20),
        Kernels.MultiplyAdd("2^22", 1 << 22),
        Kernels.MultiplyAdd("2^24", 1 << 24),
        Kernels.Matmul(64, 0.7),
        Kernels.Matmul(256, 0.7),
        Kernels.Matmul(1024, 1.0),
        Kernels.Matmul(2048, 1.0),
        Kernels.ByteMatmul(1024),
        Kernels.Softmax(4096, 1024),
        Kernels.LayerNorm(4096, 1024),
        Kernels.RowSum(4096),
        Kernels.ColumnSum(4096),
        Kernels.Transpose(4096),
        Kernels.Blur(2048),
        Kernels.Sort("2^20", 1, 1 << 20),
        Kernels.Sort("4096×1024", 4096, 1024),
        Kernels.PrefixSum("2^20", 1 << 20),
        Networks.Mlp(1),
        Networks.Mlp(32),
        Networks.Quantised(128, 1024),
        Networks.Convolution(64, 56),
        Networks.Depthwise(32, 112, 1),
        Networks.Depthwise(128, 56, 2),
        Networks.Depthwise(512, 14, 1),
        Networks.Groups(128, 32, 56),
        Networks.Cnn(32),
        Models.ResNet18(),
        Models.Transformer(128),
        Models.Lstm(64, 16),
        .. SparseWorkloads.List(),
    ];
}
