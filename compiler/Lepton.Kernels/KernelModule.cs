using Lepton.Abi;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels;

/// <summary>What a backend translates: kernels, constants, and per entry a host program. Only Lepton.Kernels makes one.</summary>
public sealed record KernelModule(string Name, ValueList<Kernel> Kernels, ValueList<ConstantData> Constants, ValueList<EntryProgram> Entries)
{
    /// <summary>The kernels for which <see cref="KernelOptions.Schedules"/> was asked.</summary>
    public ValueList<ScheduleUse> Uses { get; init; } = [];
}

/// <summary>Numbers that come with the module; 64-byte aligned, little-endian. Compared by reference: it may be large.</summary>
public sealed class ConstantData(string name, ElementType element, byte[] bytes)
{
    public string Name { get; } = name;

    public ElementType Element { get; } = element;

    public byte[] Bytes { get; } = bytes;
}

/// <summary>
/// An entry as its host runs it. <paramref name="Arena"/>: bytes of each arena slot (over the dims); slot k starts at the sum of the sizes
/// before it, each rounded up to 64. Slots are shared by buffers whose lives do not overlap.
/// </summary>
public sealed record EntryProgram(EntryManifest Manifest, ValueList<SizeExpr> Arena, int Pointers, ValueList<HostStatement> Body)
{
    /// <summary>The buffers of the body's arena: where they lie in the slots, and when they live.</summary>
    public ValueList<ArenaBuffer> ArenaPlan { get; init; } = [];

    /// <summary>Sizes of axes: at least 0 in every run, though that does not follow from the dims alone, as N - 1.</summary>
    public ValueList<SizeExpr> NotNegative { get; init; } = [];

    /// <summary>Bytes that a run needs besides its tensors: the arena, and what is prepared and kept.</summary>
    public SizeExpr PlannedBytes => Arena.Concat(Prepared).Aggregate(SizeExpr.Zero, (sum, b) => sum + b);

    /// <summary>Of the native tensors, those that belong to parameters.</summary>
    public Range Parameters
    {
        get
        {
            var first = Manifest.Arguments.Sum(a => a.NativeArrays.Count);
            return first..(first + Manifest.Parameters.Sum(p => p.NativeArrays.Count));
        }
    }

    /// <summary>What native tensor number <paramref name="tensor"/> is called.</summary>
    public string NativeName(int tensor) =>
        Manifest.Arguments.Concat(Manifest.Parameters).Concat(Manifest.Results).SelectMany(t => t.NativeArrays).ElementAt(tensor).Name;

    /// <summary>What is done once for a set of parameters: it reads parameters and constants, and writes <see cref="Prepared"/>.</summary>
    public ValueList<HostStatement> Prepare { get; init; } = [];

    /// <summary>Its arena: the buffers of kind Arena that <see cref="Prepare"/> names are these.</summary>
    public ValueList<SizeExpr> PrepareArena { get; init; } = [];

    /// <summary>Bytes of each prepared buffer (over the dims), laid out like the arena in a block that outlives the runs.</summary>
    public ValueList<SizeExpr> Prepared { get; init; } = [];
}

public enum BufferKind
{
    /// <summary>Number in the order of <see cref="EntryManifest"/>: arguments, then parameters, then results.</summary>
    Tensor,
    Constant,
    Arena,

    /// <summary>Written by <see cref="EntryProgram.Prepare"/>, only read by the body.</summary>
    Prepared,

    /// <summary>A pointer variable of the entry, set by <see cref="SetPointer"/> and <see cref="SwapPointers"/>: the two halves of a double buffer.</summary>
    Pointer,
}

/// <summary>Memory: the start of a buffer plus an offset in bytes, over the dims and the counters of enclosing host loops.</summary>
public sealed record BufferRef(BufferKind Kind, int Number, SizeExpr Offset);

/// <summary>A step of an entry. A translation derives from <see cref="HostStatementVisitor"/>.</summary>
public abstract record HostStatement
{
    public abstract void Accept(HostStatementVisitor visitor);
}

/// <summary>Runs kernel number Kernel of the module over all its chunks; nothing when there are none. Cancellation is looked at before.</summary>
public sealed record Launch(int Kernel, ValueList<BufferRef> Buffers) : HostStatement
{
    /// <summary>The fusion group of the entry for which it is launched; "": none. Groups may share a kernel.</summary>
    public string Group { get; init; } = "";

    /// <summary>A size that is 1 or 0: where it is 0 the kernel has no chunks, because another one does the work.</summary>
    public SizeExpr Only { get; init; } = SizeExpr.One;

    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>Copies Bytes bytes between places that do not overlap.</summary>
public sealed record Copy(BufferRef From, BufferRef To, SizeExpr Bytes) : HostStatement
{
    /// <summary>A size that is 1 or 0: where it is 0, so are the bytes.</summary>
    public SizeExpr Only { get; init; } = SizeExpr.One;

    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>
/// for (Counter = 0; Counter &lt; Count; Counter++) Body, leaving after a step behind which the bool at Until (null: none) is 1, and on errors.
/// The counter is a size variable inside.
/// </summary>
public sealed record HostLoop(string Counter, SizeExpr Count, ValueList<HostStatement> Body, BufferRef? Until) : HostStatement
{
    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>pointer := place.</summary>
public sealed record SetPointer(int Pointer, BufferRef Place) : HostStatement
{
    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>Exchanges two pointers.</summary>
public sealed record SwapPointers(int First, int Second) : HostStatement
{
    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>pointer := Bytes bytes of memory from the host, for what has a size that only the run knows. Freed when the run ends, unless it was given away.</summary>
public sealed record AllocateLate(int Pointer, SizeExpr Bytes) : HostStatement
{
    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>A size variable becomes the number at a place (an element of type Element, i32 or i64): how many elements a kernel found.</summary>
public sealed record ReadSize(string Size, BufferRef Place, ElementType Element) : HostStatement
{
    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>Native tensor number Tensor, an array of a sparse result, is the memory at a pointer.</summary>
public sealed record GiveArray(int Tensor, int Pointer) : HostStatement
{
    public override void Accept(HostStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>A translation of every host statement.</summary>
public abstract class HostStatementVisitor
{
    public abstract void Visit(Launch statement);

    public abstract void Visit(Copy statement);

    public abstract void Visit(HostLoop statement);

    public abstract void Visit(SetPointer statement);

    public abstract void Visit(SwapPointers statement);

    public abstract void Visit(AllocateLate statement);

    public abstract void Visit(ReadSize statement);

    public abstract void Visit(GiveArray statement);
}
