using Lepton.Compiler;
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

    private LeptonEngine(Compilation compilation, LeptonOptions options)
    {
        Compilation = compilation;

        // The signature is that of the unoptimized graphs: symbolic sizes, nothing removed.
        var entries = compilation.Entries.Select(e => Signature.Of(compilation.Graph(e)));
        var manifest = Signature.Module(compilation, entries);
        var specializer = new Specializer(compilation, options);
        _module = Module.FromSource(manifest, specializer, specializer);
    }

    /// <summary>The compilation behind it: diagnostics, graphs, kernels.</summary>
    public Compilation Compilation { get; }

    /// <summary>The entries: functions whose parameters are all typed.</summary>
    public IReadOnlyCollection<Entry> Entries => _module.Entries;

    /// <summary>The entry called <paramref name="name"/>.</summary>
    /// <exception cref="KeyNotFoundException">There is none; the message lists those there are.</exception>
    public Entry this[string name] => _module[name];

    /// <summary>Compiles a program: the path of a <c>.lep</c> file, or the text itself.</summary>
    /// <exception cref="LeptonCompileException">The program has errors.</exception>
    /// <exception cref="FileNotFoundException">A path that names no file.</exception>
    public static LeptonEngine Compile(string pathOrText, LeptonOptions? options = null)
    {
        options ??= LeptonOptions.Default;
        return Of(Compilation.Of(Read(pathOrText), options.ToCompileOptions()), options);
    }

    /// <summary>An engine over a compilation without errors, with its options.</summary>
    /// <exception cref="LeptonCompileException">The program has errors.</exception>
    public static LeptonEngine Of(Compilation compilation, LeptonOptions? options = null) => compilation.Report.HasErrors
        ? throw new LeptonCompileException(compilation.Report.Diagnostics)
        : new LeptonEngine(compilation, options ?? LeptonOptions.Default);

    /// <summary>Refuses new runs; code and memory are released when the last run in flight is over.</summary>
    public void Dispose() => _module.Dispose();

    // A path has an ending and no line ends, braces or equations; everything else is a program.
    private static SourceText Read(string pathOrText)
    {
        if (pathOrText.EndsWith(".lep", StringComparison.OrdinalIgnoreCase) && !pathOrText.AsSpan().ContainsAny("\n={"))
        {
            return File.Exists(pathOrText)
                ? new SourceText(pathOrText, File.ReadAllText(pathOrText))
                : throw new FileNotFoundException($"there is no file {pathOrText}", pathOrText);
        }

        return new SourceText("program.lep", pathOrText);
    }
}
