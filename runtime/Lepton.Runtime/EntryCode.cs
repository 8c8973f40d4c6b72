using Lepton.Abi;

namespace Lepton.Runtime;

/// <summary>The native functions of an entry, as <see cref="NativeContext"/> describes them.</summary>
/// <param name="Run">Address of <c>lep_ENTRY</c>.</param>
/// <param name="Arena">Address of <c>lep_ENTRY_arena</c>.</param>
/// <param name="Prepare">Address of <c>lep_ENTRY_prepare</c>.</param>
/// <param name="Prepared">Address of <c>lep_ENTRY_prepared</c>.</param>
/// <param name="FirstDim">How many sizes at the start of the entry's dims are fixed in this code, so that it does not take them.</param>
public readonly record struct EntryCode(nint Run, nint Arena, nint Prepare, nint Prepared, int FirstDim = 0)
{
    /// <summary>Runs the entry in place of native functions; null: they do.</summary>
    public IEntryProgram? Program { get; init; }

    /// <summary>An entry that a program runs.</summary>
    /// <param name="program">Runs it.</param>
    /// <param name="firstDim">How many sizes at the start of the entry's dims it does not take.</param>
    public static EntryCode Of(IEntryProgram program, int firstDim) => new(0, 0, 0, 0, firstDim) { Program = program };

    /// <summary>The functions of a module, by name.</summary>
    /// <param name="symbol">The entry's <see cref="Abi.EntryManifest.Symbol"/>.</param>
    /// <param name="find">The address of a function.</param>
    public static EntryCode Of(string symbol, Func<string, nint> find) =>
        new(find(symbol), find(symbol + "_arena"), find(symbol + "_prepare"), find(symbol + "_prepared"));
}

/// <summary>
/// Code that depends on the sizes of a call: a JIT that specialises on first use, and answers from its table afterwards. Called by every
/// run, from any thread; an answer stays valid as long as the module.
/// </summary>
public interface IEntryCodeSource
{
    /// <summary>The functions for these sizes; they may assume them.</summary>
    /// <param name="entry">The entry, as the module's manifest has it.</param>
    /// <param name="dims">The entry's size variables, in manifest order, but for the counts of sparse tensors: code is for any counts.</param>
    EntryCode Resolve(EntryManifest entry, ReadOnlySpan<long> dims);
}
