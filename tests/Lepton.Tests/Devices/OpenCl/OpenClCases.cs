using Lepton.Compiler;
using Lepton.Tests.Cases;
using Lepton.Tests.Fuzz;
using Lepton.Tests.Support;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>Some of tests/cases and of the random graphs on device opencl; its drivers take their time to compile. All by hand: LEPTON_TEST_DEVICE=opencl, tests/fuzz.sh COUNT SEED opencl.</summary>
[Collection("opencl")]
public class OpenClCases
{
    private const int First = 910_000;

    [OpenClTheory]
    [InlineData("functions/sizes.lep")]
    [InlineData("loops/prefix.lep")]
    [InlineData("reduce/positions.lep")]
    [InlineData("sparse/results.lep")]
    [InlineData("types/integers.lep")]
    [InlineData("whole/stack.lep")]
    public void Gives_its_results(string file) => RunCases.Check(file, CodeDevice.OpenCl);

    [OpenClFact]
    public void Interpreter_and_device_opencl_agree_on_random_programs()
    {
        for (var seed = First; seed < First + 4; seed++)
        {
            Assert.Null(DifferentialCheck.Run(RandomGraphs.Make(seed, DifferentialFuzz.Options(seed)), device: CodeDevice.OpenCl));
        }
    }
}
