using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>Finds the text of imports. The path of what it answers is the identity of the file: two imports of one path are one file.</summary>
public interface ISourceLoader
{
    /// <summary><c>import nn</c> (a library by its name) or, with <paramref name="isPath"/>, <c>import "./layers.lep"</c>; null: there is no such file.</summary>
    SourceText? Load(string target, bool isPath, SourceText importing);

    /// <summary>The names of the libraries, for the mends of messages.</summary>
    IEnumerable<string> Libraries { get; }
}

/// <summary>Imports from the file system: libraries from given folders, paths relative to the importing file.</summary>
public sealed class FileSourceLoader(params IReadOnlyList<string> libraryFolders) : ISourceLoader
{
    public IEnumerable<string> Libraries =>
        libraryFolders.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, "*.lep")).Select(f => Path.GetFileNameWithoutExtension(f)).Order(StringComparer.Ordinal);

    public SourceText? Load(string target, bool isPath, SourceText importing)
    {
        var candidates = isPath
            ? [Path.GetFullPath(target, Path.GetDirectoryName(Path.GetFullPath(importing.Path)) ?? ".")]
            : libraryFolders.Select(folder => Path.Combine(folder, target + ".lep"));
        foreach (var path in candidates)
        {
            try
            {
                if (File.Exists(path))
                {
                    return new SourceText(isPath && !Path.IsPathRooted(importing.Path) ? Path.GetRelativePath(".", path) : path, File.ReadAllText(path));
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Unreadable is, for the program, the same as absent: the import is refused with a message.
            }
        }

        return null;
    }
}

/// <summary>Imports from texts by name, for programs without files and for tests.</summary>
public sealed class TextSourceLoader(IReadOnlyDictionary<string, string> texts) : ISourceLoader
{
    public static readonly TextSourceLoader Empty = new(new Dictionary<string, string>());

    public IEnumerable<string> Libraries => [];

    public SourceText? Load(string target, bool isPath, SourceText importing) =>
        texts.TryGetValue(target, out var text) ? new SourceText(isPath ? target : target + ".lep", text) : null;
}
