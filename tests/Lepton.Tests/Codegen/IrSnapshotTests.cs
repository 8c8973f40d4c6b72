using Lepton.Codegen.Llvm;
using Lepton.Kernels;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Codegen;

/// <summary>The text of tiny kernels, without the helpers that stand in every module.</summary>
public class IrSnapshotTests
{
    [Fact]
    public Task Square_plus_one() => Verifier.Verify(Text(TinyKernels.SquarePlusOne));

    [Fact]
    public Task Masked_halves() => Verifier.Verify(Text(TinyKernels.MaskedHalves));

    private static string Text(KernelModule module)
    {
        var text = LlvmBackend.Emit(module, CpuTarget.Avx2);
        return text[text.IndexOf("define internal void @lep.tiny", StringComparison.Ordinal)..text.IndexOf("define i32 @lep_tiny", StringComparison.Ordinal)];
    }
}
