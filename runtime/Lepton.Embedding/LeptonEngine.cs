using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Runtime;

namespace Lepton.Embedding;

/// <summary>
/// A Lepton program inside an app: compiled when made, run through its entries. Machine code is made on first use for the sizes of the call
/// and kept; object code is also kept on disk, so the next process starts fast. Thread-safe. Dispose it when done.
/// </summary>
/// <example>
/// <code>
/// using var engine = LeptonEngine.Compile("fn wave(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)");
/// var x = new float[] { 1, 2, 3 };
/// var y = new float[3];
/// engine["wave"].Run&lt;float, float&gt;(x, [3], y);
/// </code>
/// </example>
public sealed class LeptonEngine : IDisposable
{
    private readonly Module _module;

    private readonly Lazy<Compilation> _compilation;

    private LeptonEngine(Lazy<Compilation> compilation, ModuleManifest signature, ProgramCache? cache, LeptonOptions options, CodeDevice device)
    {
        _compilation = compilation;
        var specializer = new Specializer(compilation, cache, options, device);
        _module = Module.FromSource(signature, specializer, specializer);
    }

    /// <summary>The compilation behind it: diagnostics, graphs, kernels. Made on demand when the program was found in the cache.</summary>
    public Compilation Compilation => _compilation.Value;

    /// <summary>The entries: functions whose parameters are all typed.</summary>
    public IReadOnlyCollection<Entry> Entries => _module.Entries;

    /// <summary>The entry called <paramref name="name"/>.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message lists those there are.</exception>
    public Entry this[string name] => _module[name];

    /// <summary>Compiles a program: the path of a <c>.lep</c> file, or the text itself.</summary>
    /// <exception cref="LeptonCompileException">The program, or its file of schedules, has errors.</exception>
    /// <exception cref="FileNotFoundException">A path that names no file.</exception>
    public static LeptonEngine Compile(string pathOrText, LeptonOptions? options = null)
    {
        options ??= LeptonOptions.Default;
        var (source, path) = Read(pathOrText);
        return Open(source, options.ToCompileOptions(path), options);
    }

    /// <summary>An engine over a source text. A program that the cache knows, with all files that it imports, is not compiled again.</summary>
    /// <param name="source">The program.</param>
    /// <param name="compile">How to compile it.</param>
    /// <param name="options">How to run it; the rest of it is not looked at.</param>
    /// <param name="compiled">Sees the compilation, when there is one, before its errors are thrown.</param>
    /// <exception cref="LeptonCompileException">The program has errors.</exception>
    public static LeptonEngine Open(SourceText source, CompileOptions compile, LeptonOptions? options = null, Action<Compilation>? compiled = null)
    {
        options ??= LeptonOptions.Default;
        var cache = ProgramCache.For(source, compile);
        if (cache?.FindSignature() is { } known)
        {
            return new LeptonEngine(new Lazy<Compilation>(() => Compilation.Of(source, compile)), known, cache, options, compile.Device);
        }

        var compilation = Compilation.Of(source, compile);
        compiled?.Invoke(compilation);
        var signature = SignatureOf(compilation);
        var isKept = cache?.AddSignature(compilation, signature) ?? false;
        return new LeptonEngine(new Lazy<Compilation>(compilation), signature, isKept ? cache : null, options, compile.Device);
    }

    /// <summary>An engine over a compilation without errors, with its options.</summary>
    /// <exception cref="LeptonCompileException">The program has errors.</exception>
    public static LeptonEngine Of(Compilation compilation, LeptonOptions? options = null) =>
        new(new Lazy<Compilation>(compilation), SignatureOf(compilation), cache: null, options ?? LeptonOptions.Default, compilation.Device);

    /// <summary>Refuses new runs; code and memory are released when the last run in flight is over.</summary>
    public void Dispose() => _module.Dispose();

    // The signature is that of the unoptimized graphs: symbolic sizes, nothing removed.
    private static ModuleManifest SignatureOf(Compilation compilation) => compilation.Report.HasErrors
        ? throw new LeptonCompileException(compilation.Report.Diagnostics)
        : Signature.Module(compilation, compilation.Entries.Select(e => EntrySignature.Of(compilation.Graph(e))));

    // A path has an ending and no line ends, braces or equations; everything else is a program.
    private static bool IsPath(string pathOrText) =>
        pathOrText.EndsWith(".lep", StringComparison.OrdinalIgnoreCase) && !pathOrText.AsSpan().ContainsAny("\n={");

    /// <summary>The program, and its path if it has one.</summary>
    internal static (SourceText Source, string? Path) Read(string pathOrText)
    {
        if (IsPath(pathOrText))
        {
            return File.Exists(pathOrText)
                ? (new SourceText(pathOrText, File.ReadAllText(pathOrText)), pathOrText)
                : throw new FileNotFoundException($"there is no file {pathOrText}", pathOrText);
        }

        return (new SourceText("program.lep", pathOrText), null);
    }
}
