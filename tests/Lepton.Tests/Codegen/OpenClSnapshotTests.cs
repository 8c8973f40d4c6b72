using Lepton.Codegen.OpenCl;
using Lepton.Compiler;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Codegen;

/// <summary>OpenCL programs of tiny kernels, with what they use.</summary>
public class OpenClSnapshotTests
{
    [Fact]
    public Task Square_plus_one() => Verifier.Verify(OpenClSource.Emit(TinyKernels.SquarePlusOne, OpenClTarget.Cpu).Text);

    [Fact]
    public Task Masked_halves() => Verifier.Verify(OpenClSource.Emit(TinyKernels.MaskedHalves, OpenClTarget.Cpu).Text);

    /// <summary>A product of matrices by work-groups, and what follows it.</summary>
    [Fact]
    public Task Grouped_product()
    {
        var compilation = Compilation.Of(new SourceText("product.lep", "fn product(a: f32[64, 64], b: f32[64, 64], c: f32[64]) -> (r: f32[64, 64]) { r = max(a @ b + c, 0) }"));
        var module = KernelLowering.Run(compilation.Fuse("product"), OpenClTarget.Gpu.Shape);
        return Verifier.Verify(OpenClSource.Emit(module, OpenClTarget.Gpu).Text);
    }
}
