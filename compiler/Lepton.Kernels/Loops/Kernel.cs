using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Loops;

public enum BufferAccess
{
    Read,
    Write,
    ReadWrite,
}

/// <summary>A buffer that a launch hands to a kernel, in order; numbers 0 … in loads and stores. Buffers of one launch that are written overlap no other.</summary>
public sealed record KernelBuffer(string Name, ElementType Element, BufferAccess Access);

/// <summary>Memory of one running chunk, on its stack, 64-byte aligned, uninitialised. Buffer numbers go on behind the launch's buffers.</summary>
public sealed record LocalBuffer(string Name, ElementType Element, int Count)
{
    /// <summary>There is one for all chunks of a group.</summary>
    public bool IsShared { get; init; }
}

/// <summary>
/// One launch's work: Body runs for each chunk number 0 … Chunks-1 (variable <see cref="ChunkVariable"/>), in any order, on any threads.
/// How the work is cut depends on sizes alone. Size variables are the entry's dims and the counters of enclosing host loops.
/// </summary>
/// <param name="Variables">One past the largest variable number.</param>
/// <param name="Flops">Floating-point operations of a whole launch, for explain and bench (a transcendental counts 10, an fma 2).</param>
/// <param name="Bytes">Bytes that must be read and written at least.</param>
/// <param name="Note">How it was scheduled, in words, for explain.</param>
public sealed record Kernel(
    string Name,
    KernelStrategy Strategy,
    ValueList<KernelBuffer> Buffers,
    ValueList<LocalBuffer> Locals,
    SizeExpr Chunks,
    ValueList<LoopStatement> Body,
    int Variables,
    SizeExpr Flops,
    SizeExpr Bytes,
    string Note)
{
    public const int ChunkVariable = 0;

    /// <summary>
    /// So many chunks, one behind the other, run at once and have shared buffers and barriers; there are only whole groups. 1: chunks know nothing of each other.
    /// Only devices that are made so get others.
    /// </summary>
    public int Group { get; init; } = 1;

    /// <summary>What was asked about its schedule; null: nothing, the model decided.</summary>
    public ScheduleUse? Use { get; init; }

    /// <summary>What need not be computed or read, why, and what that saves: sentences for explain.</summary>
    public ValueList<string> Remarks { get; init; } = [];
}
