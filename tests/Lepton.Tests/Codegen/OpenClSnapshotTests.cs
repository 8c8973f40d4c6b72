using Lepton.Codegen.OpenCl;
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
}
