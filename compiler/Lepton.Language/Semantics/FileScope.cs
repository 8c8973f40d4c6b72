using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>The names of one file: its own, and those of the files that it imports.</summary>
/// <param name="libraryHelp">For a function that is not there: the library to import, if one has it.</param>
/// <param name="libraryFormats">The file whose formats are visible everywhere, if the library has it.</param>
internal sealed class FileScope(SourceText source, string alias, Func<string, string?> libraryHelp, Func<FileScope?> libraryFormats)
{
    public SourceText Source { get; } = source;

    /// <summary>The name in front of the dot of <c>nn.relu</c>.</summary>
    public string Alias { get; } = alias;

    public Dictionary<string, FunctionSyntax> Functions { get; } = [];

    /// <summary>Dims, constants and parameters.</summary>
    public Dictionary<string, DeclarationSyntax> Values { get; } = [];

    /// <summary>Formats by name and number of axes: coo is one for each.</summary>
    public Dictionary<(string Name, int Rank), FormatDefinition> Formats { get; } = [];

    public List<FileScope> Imports { get; } = [];

    /// <summary>A part of it could not be read, or an import was not found: what is not there may have been meant to be.</summary>
    public bool IsIncomplete { get; set; }

    /// <summary><c>write `import nn`</c>, or null.</summary>
    public string? LibraryHelp(string function) => libraryHelp(function);

    public IEnumerable<string> FunctionNames => Functions.Keys.Concat(Imports.SelectMany(i => i.Functions.Keys));

    public IEnumerable<string> FormatNames => FormatFiles.SelectMany(f => f.Formats.Keys).Select(k => k.Name).Distinct();

    public IEnumerable<string> ValueNames => Values.Keys.Concat(Imports.SelectMany(i => i.Values.Keys));

    /// <summary>The functions that a name may mean: none, one, or several of different imports.</summary>
    public List<(FunctionSyntax Item, FileScope File)> FindFunctions(string name) => Find(name, (f, n) => f.Functions.GetValueOrDefault(n));

    public List<(DeclarationSyntax Item, FileScope File)> FindValues(string name) => Find(name, (f, n) => f.Values.GetValueOrDefault(n));

    /// <summary>The formats that a name may mean for tensors of a rank: the file's own, else those of imports, else the library's.</summary>
    public List<(FormatDefinition Item, FileScope File)> FindFormats(string name, int rank)
    {
        var found = Find(name, (f, n) => f.Formats.GetValueOrDefault((n, rank)));
        return found.Count == 0 && libraryFormats() is { } library && library.Formats.TryGetValue((name, rank), out var format) ? [(format, library)] : found;
    }

    /// <summary>For how many axes there are formats of a name, ascending.</summary>
    public List<int> RanksOf(string format)
    {
        var name = format[(format.LastIndexOf('.') + 1)..];
        return [.. FormatFiles.SelectMany(f => f.Formats.Keys).Where(k => k.Name == name && FindFormats(format, k.Rank).Count > 0).Select(k => k.Rank).Distinct().Order()];
    }

    private IEnumerable<FileScope> FormatFiles => Imports.Prepend(this).Concat(libraryFormats() is { } library ? [library] : []);

    private List<(T Item, FileScope File)> Find<T>(string name, Func<FileScope, string, T?> lookUp)
        where T : class
    {
        if (lookUp(this, name) is { } own)
        {
            return [(own, this)];
        }

        var found = new List<(T, FileScope)>();
        var dot = name.LastIndexOf('.');
        foreach (var import in Imports)
        {
            if (dot < 0 || import.Alias == name[..dot])
            {
                if (lookUp(import, name[(dot + 1)..]) is { } item)
                {
                    found.Add((item, import));
                }
            }
        }

        return found;
    }
}

/// <summary>Reads a file and, transitively, what it imports. Each file is parsed once.</summary>
internal sealed class FileScopes(ISourceLoader loader, DiagnosticReport report)
{
    private readonly Dictionary<string, FileScope> _byPath = [];
    private readonly List<FileScope> _loading = [];
    private Dictionary<string, string>? _libraries;
    private FileScope? _formats;
    private bool _readsFormats;

    public FileScope Make(FileSyntax file, string alias)
    {
        var scope = new FileScope(file.Span.Source, alias, LibraryHelp, LibraryFormats) { IsIncomplete = file.IsIncomplete };
        _byPath[scope.Source.Path] = scope;
        _loading.Add(scope);
        foreach (var declaration in file.Declarations)
        {
            switch (declaration)
            {
                case ImportSyntax import:
                    Import(scope, import);
                    break;
                case FunctionSyntax function:
                    Declare(scope.Functions, function.Name, function, f => f.Name);
                    RefuseDoubles(function.Parameters.Select(p => p.Name).Concat(function.IndexParameters));
                    RefuseDoubles(function.Results.Select(r => r.Name).OfType<NameSyntax>());
                    break;
                case DimSyntax dim:
                    Declare(scope.Values, dim.Name, declaration, NameOf);
                    break;
                case ConstSyntax constant:
                    Declare(scope.Values, constant.Name, declaration, NameOf);
                    break;
                case ParamSyntax parameter:
                    Declare(scope.Values, parameter.Name, declaration, NameOf);
                    break;
                case FormatSyntax format:
                    RefuseDoubles(format.Axes.Concat(format.Blocks));
                    var definition = new FormatDefinition(format, report);
                    if (!scope.Formats.TryAdd((format.Name.Text, definition.Rank), definition))
                    {
                        var first = scope.Formats[(format.Name.Text, definition.Rank)].Name.Span;
                        report.Add(TypeDiagnostics.DefinedTwice, format.Name.Span, [format.Name.Text], [new DiagnosticLabel(first, "first here")]);
                    }

                    break;
                case LaterDeclarationSyntax later:
                    report.Add(TypeDiagnostics.LaterLearning, later.Span, [$"'{later.Keyword}'"]);
                    break;
                default:
                    break;
            }
        }

        _loading.RemoveAt(_loading.Count - 1);
        return scope;
    }

    public static NameSyntax NameOf(DeclarationSyntax declaration) => declaration switch
    {
        DimSyntax d => d.Name,
        ConstSyntax c => c.Name,
        ParamSyntax p => p.Name,
        FunctionSyntax f => f.Name,
        _ => throw new ArgumentException("has no name", nameof(declaration)),
    };

    private void Declare<T>(Dictionary<string, T> names, NameSyntax name, T item, Func<T, NameSyntax> nameOf)
    {
        if (!names.TryAdd(name.Text, item))
        {
            report.Add(TypeDiagnostics.DefinedTwice, name.Span, [name.Text], [new DiagnosticLabel(nameOf(names[name.Text]).Span, "first here")]);
        }
    }

    private void RefuseDoubles(IEnumerable<NameSyntax> names)
    {
        var seen = new Dictionary<string, NameSyntax>();
        foreach (var name in names)
        {
            if (!seen.TryAdd(name.Text, name))
            {
                report.Add(TypeDiagnostics.DefinedTwice, name.Span, [name.Text], [new DiagnosticLabel(seen[name.Text].Span, "first here")]);
            }
        }
    }

    private void Import(FileScope scope, ImportSyntax import)
    {
        var target = import.Target.Text;
        if (loader.Load(target, import.IsPath, scope.Source) is not { } text)
        {
            report.Add(
                TypeDiagnostics.ImportNotFound,
                import.Target.Span,
                [import.IsPath ? $"file \"{target}\"" : $"library {target}"],
                help: import.IsPath ? "the path is relative to this file" : NameSuggestion.Help(target, loader.Libraries) ?? Known());
            scope.IsIncomplete = true;
            return;
        }

        if (_loading.FindIndex(s => s.Source.Path == text.Path) is >= 0 and var at)
        {
            var chain = string.Join(" -> ", _loading.Skip(at).Select(s => s.Source.Path).Append(text.Path).Select(Path.GetFileName));
            report.Add(TypeDiagnostics.ImportCycle, import.Target.Span, [chain]);
            scope.IsIncomplete = true;
            return;
        }

        if (!_byPath.TryGetValue(text.Path, out var imported))
        {
            imported = Make(Parser.Parse(text, report), import.IsPath ? Path.GetFileNameWithoutExtension(target) : target);
        }

        scope.IsIncomplete |= imported.IsIncomplete;
        if (!scope.Imports.Contains(imported))
        {
            scope.Imports.Add(imported);
        }

        string? Known() => loader.Libraries.Any() ? "the libraries are " + string.Join(", ", loader.Libraries) : null;
    }

    // Read when a format is first looked for.
    private FileScope? LibraryFormats()
    {
        if (!_readsFormats)
        {
            _readsFormats = true;
            _formats = loader.Load("formats", isPath: false, new SourceText("", "")) is { } text
                ? _byPath.GetValueOrDefault(text.Path) ?? Make(Parser.Parse(text, report), "formats")
                : null;
        }

        return _formats;
    }

    // All libraries are read, once, when a function is looked for that no import has.
    private string? LibraryHelp(string function)
    {
        if (_libraries is null)
        {
            _libraries = [];
            var nobody = new SourceText("", "");
            foreach (var library in loader.Libraries)
            {
                var declarations = loader.Load(library, isPath: false, nobody) is { } text ? Parser.Parse(text, new DiagnosticReport()).Declarations : [];
                foreach (var known in declarations.OfType<FunctionSyntax>())
                {
                    _libraries.TryAdd(known.Name.Text, library);
                }
            }
        }

        return _libraries.TryGetValue(function, out var found) ? $"write `import {found}`" : null;
    }
}
