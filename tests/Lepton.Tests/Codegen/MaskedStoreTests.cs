using System.Text.RegularExpressions;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Tests.House;

namespace Lepton.Tests.Codegen;

/// <summary>What LLVM must not find in code for AVX-512, which it miscompiles; seen in the text, so on any machine.</summary>
public sealed partial class MaskedStoreTests
{
    [Theory]
    [InlineData("cut", 25)]
    [InlineData("brains", 25)]
    [InlineData("products", 17)]
    [InlineData("columns", 17)]
    public void No_narrow_store_has_a_constant_mask(string entry, long n)
    {
        var compilation = Compilation.Of(new SourceText("narrow.lep", File.ReadAllText(Repository.PathOf("tests", "cases", "types", "narrow.lep"))));
        var sizes = compilation.Graph(entry).Dims.ToDictionary(d => d, d => d == "N" ? n : 5);
        var kernels = KernelLowering.Run("case", [compilation.Fuse(entry, sizes)], Compilation.OptionsFor(CpuTarget.Avx512));
        var text = ObjectCode.OptimizedIr(LlvmBackend.Emit(kernels, CpuTarget.Avx512), CpuTarget.Avx512);
        Assert.Empty(ConstantMask().Matches(text).Select(m => m.Value));
    }

    [GeneratedRegex(@"call void @llvm\.masked\.store\.v\d+i(8|16|32)\.p0\(.*<i1 (true|false).*")]
    private static partial Regex ConstantMask();
}
