using Lepton.Abi;
using Lepton.Compiler;

namespace Lepton.Embedding;

/// <summary>What callers see of an entry, before any code exists: from its unoptimized graph.</summary>
internal static class Signature
{
    public static ModuleManifest Module(Compilation compilation, IEnumerable<EntryManifest> entries) =>
        new(ModuleManifest.CurrentFormat, Path.GetFileNameWithoutExtension(compilation.Source.Path), "jit", entries.ToValueList());
}
