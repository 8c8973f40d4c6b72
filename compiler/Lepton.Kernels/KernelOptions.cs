using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels;

/// <summary>What schedules depend on besides sizes. The same options give the same kernels, whatever machine compiles.</summary>
/// <param name="VectorBytes">Bytes that one vector of the widest element takes; lanes follow from it. Targets split wider vectors.</param>
/// <param name="Registers">Vector registers of the target, of <paramref name="RegisterBytes"/> bytes each: the register tile of products of matrices.</param>
/// <param name="Exact">No algorithm that rounds more than the sums as written do.</param>
/// <param name="Eager">An algorithm that suits is taken also where it does not pay: how tests reach it with small sizes.</param>
/// <param name="Schedules">Choices that stand above the model's; null: nobody asks.</param>
/// <param name="ChunkElements">About how many elements one chunk of an elementwise kernel handles.</param>
/// <param name="Miniature">Caches, and what is worth a chunk or a kernel, are taken to be so many times smaller: how tests reach with small sizes what large ones are cut into.</param>
/// <param name="SparseShare">Weights of any size are stored sparse up to this share (percent) that is not 0; null: as it pays.</param>
/// <param name="Apart">Every intermediate result keeps memory of its own through the whole run: how tests put it between pages that may not be touched.</param>
/// <param name="GroupChunks">Products of matrices are made by groups of so many chunks that share memory (<see cref="Loops.Kernel.Group"/>); a power of two. 1: by chunks alone.</param>
/// <param name="ByteDots">The target has an instruction for sums of four products of bytes (<see cref="Loops.DotExpr"/>).</param>
/// <param name="Pipelines">Several passes over neighbouring rows may share a loop: for compilers that keep what all of them need in registers.</param>
public sealed record KernelOptions(
    int VectorBytes = 64,
    int ChunkElements = 32768,
    int Registers = 16,
    int RegisterBytes = 32,
    bool Exact = false,
    bool Eager = false,
    Schedules? Schedules = null,
    int Miniature = 1,
    int? SparseShare = null,
    bool Apart = false,
    int GroupChunks = 1,
    bool Pipelines = true,
    bool ByteDots = false)
{
    public static KernelOptions Default { get; } = new();

    /// <summary>Masks have registers of their own, as with AVX-512: a masked store costs what another does.</summary>
    internal bool HasMaskRegisters => RegisterBytes == 64;

    /// <summary>A size above or below which another schedule pays, never less than <paramref name="least"/>.</summary>
    internal long Limit(long size, long least = 1) => Math.Max(least, size / Miniature);
}
