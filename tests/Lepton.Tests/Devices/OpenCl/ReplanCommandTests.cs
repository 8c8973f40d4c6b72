using Lepton.Tests.CommandLine;
using Lepton.Tests.House;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary><c>leptonc run --plan … --on-failure replan</c> when the OpenCL device fails: in the middle, and before anything runs on it.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class ReplanCommandTests : IDisposable
{
    private const string Machine = """
        devices:
          host: { kind: clr, threads: 1, price: 0.01 usd/h, profile: { compute: 1 GFLOP/s, bandwidth: 1 GB/s, launch: 10 us } }
          gpu: { kind: opencl:0, price: 0.01 usd/h, memory: 8 GiB, profile: { compute: 90 GFLOP/s, bandwidth: 90 GB/s, launch: 1 us } }
          dear: { kind: clr, threads: 1, price: 90 usd/h, profile: { compute: 80 GFLOP/s, bandwidth: 80 GB/s, launch: 1 us } }
        links:
          - { from: host, to: gpu, latency: 1 us, bandwidth: 10 GB/s, both: true }
          - { from: host, to: dear, latency: 1 us, bandwidth: 10 GB/s, both: true }
          - { from: gpu, to: dear, latency: 1 us, bandwidth: 10 GB/s, both: true }
        """;

    private static readonly string Program = Repository.PathOf("examples", "mlp.lep");
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [OpenClTheory]
    [InlineData("clEnqueueNDRangeKernel 0 -2", false, "failed in segment mlp_0: .* CL_DEVICE_NOT_AVAILABLE from clEnqueueNDRangeKernel", 3)]
    [InlineData("clEnqueueNDRangeKernel 2 -2", false, "failed in segment mlp_2: .* CL_DEVICE_NOT_AVAILABLE from clEnqueueNDRangeKernel", 1)]
    [InlineData("clEnqueueNDRangeKernel 2 -2", true, "failed in segment mlp_2: .* CL_DEVICE_NOT_AVAILABLE from clEnqueueNDRangeKernel", 1)]
    [InlineData("clBuildProgram 1 -5", false, "failed in compiling segment mlp_2: .* CL_OUT_OF_RESOURCES from clBuildProgram", 3)]
    [InlineData("clBuildProgram 0 -11", false, "failed in compiling segment mlp_0: the compiler of device opencl:0", 3)]
    [InlineData("clCreateCommandQueue 0 -6", false, "failed in segment mlp_0: .* CL_OUT_OF_HOST_MEMORY from clCreateCommandQueue", 3)]
    [InlineData("clCreateCommandQueue 0 -6", true, "failed in the copy of x: .* CL_OUT_OF_HOST_MEMORY from clCreateCommandQueue", 3)]
    [InlineData("clCreateBuffer 0 -4", true, @"failed in allocating the tensors of its segments: .* has no memory for \d+ bytes of tensors: CL_MEM_OBJECT_ALLOCATION_FAILURE; the machine file says memory: 8.59 GB", 3)]
    public void The_run_goes_on_without_it_and_gives_the_same(string fails, bool ownMemory, string reason, int left)
    {
        Plan("time");
        using var driver = new FailingDriver();
        string[] run = ["run", Program, "--in", "x=uniform(7)", "--plan", _folder["mlp.plan"], "--expect", $"p={_folder["p.npy"]}"];
        var (output, errors) = driver.Run(fails, ownMemory, 0, [.. run, "--on-failure", "replan"]);
        Assert.StartsWith("p: as expected", output);
        Assert.Matches($"^device gpu {reason}", errors);
        Assert.Matches($"going on without gpu, minimize time: {string.Join(", ", Enumerable.Repeat(@"\w+", left))} on dear; planned .* us, .* usd", errors);
    }

    [OpenClTheory]
    [InlineData("clEnqueueNDRangeKernel 2 -2", 1, "error: device gpu failed in segment mlp_2: device opencl:0")]
    [InlineData("clCreateBuffer 0 -4", 1, "8.59 GB, which the plan is within: say there how much gpu really has, and place anew")]
    [InlineData("clBuildProgram 0 -11", 3, "internal error: bug in opencl: the compiler of device opencl:0")]
    public void Without_replanning_the_run_ends_with_the_reason(string fails, int code, string reason)
    {
        Plan("time");
        using var driver = new FailingDriver();
        var (output, errors) = driver.Run(fails, ownMemory: true, code, "run", Program, "--in", "x=uniform(7)", "--plan", _folder["mlp.plan"]);
        Assert.Equal("", output);
        Assert.Contains(reason, errors);
    }

    // On dear everything is faster, and dearer.
    [OpenClTheory]
    [InlineData("cost", "time <= 1 h", "minimize cost: softmax_2 on host; planned")]
    [InlineData("cost", "time <= 5 us", "minimize cost: softmax_2 on dear; planned")]
    [InlineData("cost", "time <= 2 ns", "no plan was found for what is left that keeps time <= 2 ns: going on without this limit going on without gpu, minimize cost: softmax_2 on host; planned")]
    public void What_is_left_is_placed_for_the_goals_and_limits_of_the_plan(string goal, string limit, string expected)
    {
        Plan(goal, limit);
        using var driver = new FailingDriver();
        var (output, errors) = driver.Run("clEnqueueNDRangeKernel 2 -2", false, 0, "run", Program, "--in", "x=uniform(7)", "--plan", _folder["mlp.plan"], "--on-failure", "replan", "--expect", $"p={_folder["p.npy"]}");
        Assert.StartsWith("p: as expected", output);
        Assert.Contains(expected, errors);
    }

    // dear would be faster for all of them.
    [OpenClFact]
    public void Pins_of_the_plan_block_are_kept()
    {
        File.WriteAllText(_folder["mlp.lep"], File.ReadAllText(Program) + "\nplan for mlp {\n  pin contract_add_1 to host\n  pin softmax_2 to gpu\n}\n");
        Plan("time");
        using var driver = new FailingDriver();
        var (_, errors) = driver.Run("clEnqueueNDRangeKernel 0 -2", false, 0, "run", _folder["mlp.lep"], "--in", "x=uniform(7)", "--plan", _folder["mlp.plan"], "--on-failure", "replan", "--expect", $"p={_folder["p.npy"]}");
        Assert.Contains("minimize time: contract_add_max_0, softmax_2 on dear; contract_add_1 on host; planned", errors);
    }

    [Fact]
    public void A_device_that_is_not_there_has_failed()
    {
        Plan("time");
        var text = File.ReadAllText(_folder["lab.yaml"]).Replace("opencl:0", "opencl:999", StringComparison.Ordinal);
        File.WriteAllText(_folder["lab.yaml"], text);
        Place("time");
        string[] run = ["run", Program, "--in", "x=uniform(7)", "--plan", _folder["mlp.plan"], "--expect", $"p={_folder["p.npy"]}"];
        var (code, output, errors) = UsageTests.Run([.. run, "--on-failure", "replan"]);
        Assert.True(code == 0 && output.StartsWith("p: as expected", StringComparison.Ordinal), output + errors);
        Assert.StartsWith("device gpu failed: ", errors);
        Assert.Matches(@"going on without gpu, minimize time: \w+, \w+, \w+ on dear", errors);
        Assert.Equal(1, UsageTests.Run(run).Code);
    }

    [Fact]
    public void An_objective_that_cannot_be_read_is_said_before_the_run()
    {
        Plan("time");
        var plan = File.ReadAllText(_folder["mlp.plan"]);
        foreach (var (wrong, expected) in new[] { ("maximize joy", "LEP8103"), ("minimize joy", "joy"), ("minimize time subject to time <= 1 kg", "kg") })
        {
            File.WriteAllText(_folder["mlp.plan"], plan.Replace("minimize time", wrong, StringComparison.Ordinal));
            var (code, _, errors) = UsageTests.Run("run", Program, "--in", "x=uniform(7)", "--plan", _folder["mlp.plan"]);
            Assert.Equal(1, code);
            Assert.Contains(expected, errors);
        }
    }

    // What the run must give, and a plan of three segments: gpu, host, gpu.
    private void Plan(string goal, params string[] limits)
    {
        File.WriteAllText(_folder["lab.yaml"], Machine);
        Assert.Equal(0, UsageTests.Run("run", Program, "--dim", "B=2", "--in", "x=uniform(7)", "--device", "clr", "--out", $"p={_folder["p.npy"]}").Code);
        Place(goal);
        if (limits is [var limit])
        {
            // A limit that the first plan need not keep: what is left is the question.
            var plan = File.ReadAllText(_folder["mlp.plan"]);
            File.WriteAllText(_folder["mlp.plan"], plan.Replace($"minimize {goal}", $"minimize {goal} subject to {limit}", StringComparison.Ordinal));
        }
    }

    private void Place(string goal)
    {
        var (code, _, errors) = UsageTests.Run(
            "place", Program, "--dim", "B=2", "--machine", _folder["lab.yaml"], "--minimize", goal, "--pin", "contract_add_max_0=gpu", "--pin", "contract_add_1=host", "--pin", "softmax_2=gpu",
            "--seconds", "0.1", "--out", _folder["mlp.plan"]);
        Assert.True(code == 0, errors);
    }
}
