#if ILGPU
using Lepton.Compiler;
using Lepton.Tests.Cases;

namespace Lepton.Tests.Devices.Ilgpu;

/// <summary>The right programs of tests/cases on ILGPU's device for the processor, which simulates a graphics processor, slowly.</summary>
[Collection("ilgpu")]
public class IlgpuCases
{
    public static TheoryData<string> Files() => RunCases.Files();

    [Theory]
    [MemberData(nameof(Files))]
    public void Gives_its_results_on_ilgpu(string file) => RunCases.Check(file, CodeDevice.Ilgpu);
}
#endif
