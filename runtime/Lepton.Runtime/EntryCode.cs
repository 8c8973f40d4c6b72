using Lepton.Abi;

namespace Lepton.Runtime;

/// <summary>The two native functions of an entry, as <see cref="NativeContext"/> describes them.</summary>
/// <param name="Run">Address of <c>lep_ENTRY</c>.</param>
/// <param name="Arena">Address of <c>lep_ENTRY_arena</c>.</param>
public readonly record struct EntryCode(nint Run, nint Arena);

/// <summary>
/// Code that depends on the sizes of a call: a JIT that specialises on first use, and answers from its table afterwards. Called by every
/// run, from any thread; an answer stays valid as long as the module.
/// </summary>
public interface IEntryCodeSource
{
    /// <summary>The functions for these sizes; they may assume them.</summary>
    /// <param name="entry">The entry, as the module's manifest has it.</param>
    /// <param name="dims">The entry's size variables, in manifest order.</param>
    EntryCode Resolve(EntryManifest entry, ReadOnlySpan<long> dims);
}
