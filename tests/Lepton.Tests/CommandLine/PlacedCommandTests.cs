using System.Text.Json;
using Lepton.Tests.Devices.OpenCl;
using Lepton.Tests.House;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.CommandLine;

/// <summary><c>run</c>, <c>bench</c> and <c>profile</c> on several devices: kernel by kernel, and by a plan.</summary>
[Collection(nameof(ConsoleCollection))]
public class PlacedCommandTests
{
    private const string Machine = """
        devices:
          left: { kind: clr, threads: 1 }
          right: { kind: clr, threads: 1 }
          far: { kind: moon }
        links:
          - { from: left, to: right, latency: 1 us, bandwidth: 10 GB/s, both: true }
          - { from: left, to: far, latency: 1 s, bandwidth: 10 MB/s, both: true }
          - { from: right, to: far, latency: 1 s, bandwidth: 10 MB/s, both: true }
        """;

    private static readonly string Program = Repository.PathOf("examples", "mlp.lep");

    [Fact]
    public void A_plan_and_a_list_of_kernels_give_what_one_device_gives()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["lab.yaml"], Machine);
        var (_, alone, _) = UsageTests.Run("run", Program, "--dim", "B=2", "--in", "x=uniform(7)", "--device", "clr");
        var (code, listed, errors) = UsageTests.Run("run", Program, "--dim", "B=2", "--in", "x=uniform(7)", "--place", "*=clr:0", "mlp_softmax_2=clr:1");
        Assert.Equal((0, alone), (code, listed));
        Assert.Equal("clr:0 1 segment, clr:1 1 segment; 0 copies; between segments: host 0.000128 MB (0.000128 without reuse)\n", errors);

        (code, _, errors) = UsageTests.Run("place", Program, "--dim", "B=2", "--machine", folder["lab.yaml"], "--pin", "contract_add_1=right", "--pin", "softmax_2=left", "--seconds", "0.1", "--out", folder["mlp.plan"]);
        Assert.True(code == 0, errors);
        (code, var planned, errors) = UsageTests.Run("run", Program, "--in", "x=uniform(7)", "--plan", folder["mlp.plan"], "--on-failure", "replan");
        Assert.Equal((0, alone), (code, planned));
        Assert.Contains("right 1 segment", errors);

        (code, var profile, _) = UsageTests.Run("profile", Program, "--plan", folder["mlp.plan"], "--seconds", "0.01", "--out", folder[""]);
        Assert.Equal(0, code);
        Assert.Matches(@"mlp: median .* runs; planned .* ms, measured / planned ", profile);
        using var trace = JsonDocument.Parse(File.ReadAllText(folder["mlp.trace.json"]));
        var names = trace.RootElement.GetProperty("traceEvents").EnumerateArray().Where(e => e.GetProperty("ph").GetString() == "X")
            .ToLookup(e => e.GetProperty("pid").GetInt32(), e => e.GetProperty("name").GetString());
        Assert.Contains("mlp_1", names[1]);
        Assert.Contains(names[1], n => n!.StartsWith("mlp_1_", StringComparison.Ordinal));
        Assert.Equal(["contract_add_1", "contract_add_max_0", "softmax_2"], names[2].Order());

        (code, var json, _) = UsageTests.Run("bench", Program, "--plan", folder["mlp.plan"], "--seconds", "0.01", "--json");
        Assert.Equal(0, code);
        Assert.True(JsonDocument.Parse(json).RootElement.GetProperty("planned_ms").GetDouble() > 0);
    }

    [OpenClFact]
    public void An_OpenCL_device_beside_another_gives_the_same()
    {
        using var folder = new TempFolder();
        string[] run = ["run", Program, "--dim", "B=2", "--in", "x=uniform(7)"];
        Assert.Equal(0, UsageTests.Run([.. run, "--device", "clr", "--out", $"p={folder["p.npy"]}"]).Code);
        var (code, output, errors) = UsageTests.Run([.. run, "--place", "*=clr", "contract_add_1=opencl:0", "--expect", $"p={folder["p.npy"]}"]);
        Assert.True(code == 0 && output.StartsWith("p: as expected", StringComparison.Ordinal), output + errors);
    }

    [Fact]
    public void A_plan_that_does_not_fit_is_refused_with_the_reason()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["lab.yaml"], Machine);
        File.WriteAllText(folder["one.yaml"], "devices: { left: { kind: clr } }\n");
        Assert.Equal(0, UsageTests.Run("place", Program, "--dim", "B=2", "--machine", folder["lab.yaml"], "--pin", "softmax_2=far", "--seconds", "0.1", "--out", folder["mlp.plan"]).Code);
        var (code, _, errors) = UsageTests.Run("run", Program, "--in", "x=uniform(7)", "--plan", folder["mlp.plan"]);
        Assert.Equal(2, code);
        Assert.Contains("device far is of kind moon, which can be planned for but does not run here", errors.ReplaceLineEndings(" "));

        Assert.Equal(0, UsageTests.Run("place", Program, "--dim", "B=2", "--machine", folder["lab.yaml"], "--seconds", "0.1", "--out", folder["mlp.plan"]).Code);

        // Other times make it no worse than it was: it runs, with a word.
        Assert.Equal(0, UsageTests.Run("profile", Program, "--dim", "B=2", "--device", "clr", "--seconds", "0.01", "--out", folder[""], "--learn", folder["lab.costs"], "--machine", folder["one.yaml"]).Code);
        (code, _, errors) = UsageTests.Run("run", Program, "--in", "x=uniform(7)", "--plan", folder["mlp.plan"]);
        Assert.Equal(0, code);
        Assert.Contains("warning LEP8106: the plan was made from other times: kernels were measured since", errors);
        File.AppendAllText(folder["lab.yaml"], "# changed\n");
        (code, _, errors) = UsageTests.Run("run", Program, "--in", "x=uniform(7)", "--plan", folder["mlp.plan"]);
        Assert.Equal(1, code);
        Assert.Contains("LEP8105", errors);

        (code, _, errors) = UsageTests.Run("run", Program, "--in", "x=uniform(7)", "--plan", folder["mlp.plan"], "--dim", "B=3");
        Assert.Equal(2, code);
        Assert.Contains("--dim B=3: the plan is for B=2", errors);
    }

    [Theory]
    [InlineData("--place mlp_softmax_2", "--place mlp_softmax_2: expected KERNEL=DEVICE")]
    [InlineData("--place soup=clr *=clr", "there is no kernel soup; there are contract_add_max_0, contract_add_1, softmax_2")]
    [InlineData("--place softmax_2=gpu *=clr", "device gpu is of kind gpu, which can be planned for but does not run here")]
    [InlineData("--on-failure replan", "--on-failure needs --plan FILE")]
    [InlineData("--plan no.plan", "there is no file no.plan")]
    public void Mistakes_are_said(string options, string expected)
    {
        var (code, _, errors) = UsageTests.Run(["run", Program, "--dim", "B=2", "--in", "x=uniform(7)", .. options.Split(' ')]);
        Assert.NotEqual(0, code);
        Assert.Contains(expected, errors.ReplaceLineEndings(" "));
    }
}
