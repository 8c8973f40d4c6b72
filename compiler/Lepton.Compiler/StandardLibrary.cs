using Lepton.Language.Semantics;
using Lepton.Language.Text;

namespace Lepton.Compiler;

/// <summary>Finds imports: <c>import nn</c> in the library that comes with the compiler, <c>import "./x.lep"</c> beside the importing file.</summary>
public sealed class StandardLibrary : ISourceLoader
{
    private readonly FileSourceLoader _files = new();
    private readonly List<SourceText> _loaded = [];

    /// <summary>The names that can be imported.</summary>
    public static IEnumerable<string> Names => typeof(StandardLibrary).Assembly.GetManifestResourceNames()
        .Where(n => n.StartsWith("stdlib/", StringComparison.Ordinal))
        .Select(n => Path.GetFileNameWithoutExtension(n))
        .Order(StringComparer.Ordinal);

    /// <summary>The files that were imported by path.</summary>
    public IReadOnlyList<SourceText> Loaded => _loaded;

    public IEnumerable<string> Libraries => Names;

    public SourceText? Load(string target, bool isPath, SourceText importing)
    {
        if (isPath)
        {
            var file = _files.Load(target, isPath, importing);
            if (file is not null)
            {
                _loaded.Add(file);
            }

            return file;
        }

        // Not the name of a file: one of the user's may be called stdlib/core.lep.
        using var stream = typeof(StandardLibrary).Assembly.GetManifestResourceStream($"stdlib/{target}.lep");
        return stream is null ? null : new SourceText($"<stdlib>/{target}.lep", new StreamReader(stream).ReadToEnd());
    }
}
