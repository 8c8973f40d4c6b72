using Lepton.Compiler;
using Lepton.Language.Text;

namespace Lepton.Tests.Compiler;

/// <summary>The library's sources have names that no file has.</summary>
public class StandardLibraryTests
{
    [Fact]
    public void A_file_may_be_called_as_a_file_of_the_library()
    {
        var compilation = Compilation.Of(new SourceText("stdlib/core.lep", "import core\nfn f(x: f32[N]) -> f32[N] = square(x)"));
        Assert.Empty(compilation.Report.Diagnostics);
        Assert.Equal(["f"], compilation.Entries);
    }
}
