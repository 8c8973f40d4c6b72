using Lepton.Kernels;

namespace Lepton.Codegen.OpenCl;

/// <summary>What OpenCL code is made for.</summary>
/// <param name="HasFma">fma() is one instruction; else a·b + c is rounded twice where both are good.</param>
/// <param name="Shape">How kernels are made for it; null: as for a processor.</param>
/// <param name="PrivateBytes">Bytes of local buffers that a work-item keeps in private memory; larger ones lie in the scratch buffer.</param>
public sealed record OpenClTarget(bool HasFma = true, int PrivateBytes = OpenClTarget.StackBytes, KernelOptions? Shape = null)
{
    // All that a chunk may have (KernelVerifier.MaxLocalBytes).
    private const int StackBytes = 256 * 1024;

    /// <summary>A processor: private memory is its stack.</summary>
    public static readonly OpenClTarget Cpu = new();

    /// <summary>
    /// A graphics processor: what does not fit into registers is slow, and there is little of it. A work-item makes one vector; work-groups make products of matrices.
    /// </summary>
    public static readonly OpenClTarget Gpu = new(PrivateBytes: 1024, Shape: new KernelOptions(VectorBytes: 16, ChunkElements: 4, RegisterBytes: 16, GroupChunks: 64));
}
