using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Embedding;

/// <summary>A program that was compiled before is not compiled again, unless anything that it was made of has changed.</summary>
public class ProgramCacheTests
{
    private const string Text = "import \"./part.lep\"\nfn f(x: f32[N]) -> f32[N] = part.scaled(x) + 1.0\n";

    [Fact]
    public void An_engine_opens_without_compiling_until_a_file_or_an_option_changes()
    {
        using var folder = new TempFolder();
        var options = new CompileOptions { Cache = new ObjectCache(folder["cache"]) };
        File.WriteAllText(folder["part.lep"], "fn scaled(x) = x * 2.0\n");
        var source = new SourceText(folder["main.lep"], Text);

        Assert.Equal((true, 7f), Run(source, options));
        Assert.Equal((false, 7f), Run(source, options));
        File.WriteAllText(folder["part.lep"], "fn scaled(x) = x * 3.0\n");
        Assert.Equal((true, 10f), Run(source, options));
        Assert.Equal((false, 10f), Run(source, options));
        Assert.Equal((true, 10f), Run(source, options with { FastMath = true }));
        Assert.Equal((true, 11f), Run(new SourceText(source.Path, Text.Replace("1.0", "2.0", StringComparison.Ordinal)), options));
        Assert.Equal((true, 10f), Run(source, options with { Cache = null }));

        // Damage is noticed, and mended by compiling.
        foreach (var file in Directory.GetFiles(folder["cache"]))
        {
            File.WriteAllBytes(file, [1, 2, 3]);
        }

        Assert.Equal((true, 10f), Run(source, options));
        File.Delete(folder["part.lep"]);
        Assert.Throws<LeptonCompileException>(() => Run(source, options));
    }

    private static (bool Compiled, float Result) Run(SourceText source, CompileOptions options)
    {
        var compiled = false;
        using var engine = LeptonEngine.Open(source, options, compiled: _ => compiled = true);
        var y = new float[1];
        engine["f"].Run<float, float>([3f], [1], y);
        return (compiled, y[0]);
    }
}
