namespace Lepton.Abi.Devices;

/// <summary>
/// A compiled module for a device that runs kernels from source text: what a compiler hands over in memory. The host's part of an entry is a list of
/// steps, which a runtime carries out; machine code has the same as instructions.
/// </summary>
/// <param name="Name">The module's name.</param>
/// <param name="Source">The kernels' text.</param>
/// <param name="Kernels">Launched by number.</param>
/// <param name="Constants">Numbers that come with the module, little-endian.</param>
public sealed record DeviceModule(string Name, string Source, ValueList<DeviceKernel> Kernels, ValueList<byte[]> Constants, ValueList<DeviceEntry> Entries);

/// <summary>
/// A kernel function. In this order it takes
/// <code>
/// for each buffer          global uchar* base, ulong offset       bytes from the start of a memory object; two may be in the same one
/// for each of Sizes        long
/// if ScratchBytes > 0      global uchar* scratch                   work-item i has the bytes from i * ScratchBytes on
///                          global struct lep_error* error          { int lock, error; long site, element, value, bound }: see NativeContext
///                          long first, long limit                  work-item i runs chunk first + i when that is below limit
/// </code>
/// </summary>
/// <param name="Function">Its name in the source.</param>
/// <param name="Buffers">How many buffers a launch hands over.</param>
/// <param name="Sizes">The size variables that it reads.</param>
/// <param name="Chunks">How many chunks there are, over the same variables.</param>
/// <param name="ScratchBytes">Memory of one work-item besides its buffers.</param>
/// <param name="CanFail">Whether it ever writes the error.</param>
public sealed record DeviceKernel(string Function, int Buffers, ValueList<string> Sizes, SizeExpr Chunks, long ScratchBytes, bool CanFail)
{
    /// <summary>Work-items of a work-group that share memory, which a launch must have; its chunks are whole groups. 1: any.</summary>
    public int Group { get; init; } = 1;
}

/// <summary>An entry as its host runs it.</summary>
/// <param name="Manifest">Its tensors and sizes; those sizes that the code assumes are not among its dims.</param>
/// <param name="Arena">Bytes of each buffer for intermediate results, over the dims.</param>
/// <param name="Pointers">How many pointer variables the steps use.</param>
/// <param name="Body">What a run does.</param>
public sealed record DeviceEntry(EntryManifest Manifest, ValueList<SizeExpr> Arena, int Pointers, ValueList<DeviceStep> Body)
{
    /// <summary>Bytes of each buffer that is prepared once for a set of parameters, and only read by <see cref="Body"/>.</summary>
    public ValueList<SizeExpr> Prepared { get; init; } = [];

    /// <summary>Writes them; reads parameters and constants.</summary>
    public ValueList<DeviceStep> Prepare { get; init; } = [];

    /// <summary>The arena of <see cref="Prepare"/>.</summary>
    public ValueList<SizeExpr> PrepareArena { get; init; } = [];

    /// <summary>Together with the values of <see cref="PreparedDims"/> it says what is in the prepared buffers: entries that agree share them.</summary>
    public long PreparedHash { get; init; }

    /// <summary>The sizes that decide what is prepared, among the dims.</summary>
    public ValueList<string> PreparedDims { get; init; } = [];
}
