using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Runtime.OpenCl;
using Lepton.Tests.CommandLine;
using Lepton.Tests.House;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>Which OpenCL device the kind and the name of a machine file's device stand for.</summary>
[Collection(nameof(ConsoleCollection))]
public class OpenClKindTests
{
    private static readonly string Program = Repository.PathOf("examples", "mlp.lep");

    [Theory]
    [InlineData("gpu", "opencl", 0)]
    [InlineData("gpu", "opencl:2", 2)]
    [InlineData("gpu:7", "opencl", 0)]
    [InlineData("opencl:1", "opencl", 1)]
    [InlineData("opencl:1", "opencl:0", 0)]
    [InlineData("opencl:1", "opencl:x", null)]
    [InlineData("opencl:1", "cpu", null)]
    [InlineData("opencl", "ilgpu:opencl:1", null)]
    public void The_number_is_that_of_the_kind_else_of_the_name(string name, string kind, int? number) => Assert.Equal(number, LeptonDevices.OpenClNumber(name, kind));

    [Fact]
    public void What_is_not_here_is_refused_with_the_reason()
    {
        Assert.True(LeptonDevices.CanOpen("opencl:1"));
        Assert.False(LeptonDevices.CanOpen("opencl:one"));
        Assert.Equal(DeviceChoice.HasIlgpu, LeptonDevices.CanOpen("ilgpu:cpu"));
        if (!DeviceChoice.HasIlgpu)
        {
            var e = Assert.Throws<ArgumentException>(() => LeptonDevices.Open("gpu", "ilgpu:cuda:0"));
            Assert.Equal("device gpu is of kind ilgpu:cuda:0: this build has no device ilgpu; one with -p:OfficialPackages=true has", e.Message);
        }
    }

    [OpenClFact]
    public void A_device_of_a_number_is_opened_by_it()
    {
        using var device = LeptonDevices.Open("gpu:7", "opencl:0");
        Assert.Equal(("gpu:7", "opencl:0"), (device.Name, device.Kind));
        Assert.Throws<OpenClMissingException>(() => LeptonDevices.Open("opencl:0", "opencl:999"));
        Assert.Throws<OpenClMissingException>(() => LeptonDevices.Open("opencl:999", "opencl"));
    }

    [OpenClFact]
    public void A_plan_for_a_device_with_a_number_runs_and_its_predictions_are_found()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["lab.yaml"], """
            devices:
              host: { kind: clr, threads: 1 }
              slow: { kind: opencl:999 }
              gpu: { kind: opencl:0 }
            links:
              - { from: host, to: gpu, latency: 1 us, bandwidth: 10 GB/s, both: true }
              - { from: host, to: slow, latency: 1 s, bandwidth: 10 MB/s, both: true }
            """);
        string[] run = ["run", Program, "--dim", "B=2", "--in", "x=uniform(7)"];
        Assert.Equal(0, UsageTests.Run([.. run, "--device", "clr", "--out", $"p={folder["p.npy"]}"]).Code);
        var (code, _, errors) = UsageTests.Run("place", Program, "--dim", "B=2", "--machine", folder["lab.yaml"], "--pin", "contract_add_1=gpu", "--seconds", "0.1", "--out", folder["mlp.plan"]);
        Assert.True(code == 0, errors);
        (code, var output, errors) = UsageTests.Run([.. run, "--plan", folder["mlp.plan"], "--expect", $"p={folder["p.npy"]}"]);
        Assert.True(code == 0 && output.StartsWith("p: as expected", StringComparison.Ordinal), output + errors);
        Assert.Contains("gpu 1 segment", errors);

        (code, output, errors) = UsageTests.Run("profile", Program, "--dim", "B=2", "--device", "opencl:0", "--seconds", "0.01", "--machine", folder["lab.yaml"], "--out", folder[""]);
        Assert.True(code == 0, errors);
        Assert.Contains("gpu", output);
    }
}
