using Lepton.Embedding;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.OpenCl;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>A program on the processor and an OpenCL device together.</summary>
[Collection("opencl")]
public class OpenClPlacedTests
{
    private const string Network = """
        dim H
        param w: f32[H, H] ~ glorot
        param v: f32[H, H] ~ glorot

        fn net(x: f32[B, H]) -> (y: f32[B, H], s: f32[B]) {
          left[b, j]  = tanh(sum[k] x[b, k] * w[k, j])
          right[b, j] = exp(sum[k] x[b, k] * v[k, j] * 0.1)
          y[b, j] = sum[k] left[b, k] * right[b, j] * w[k, j]
          s[b] = sum[j] y[b, j]
        }
        """;

    private static readonly Dictionary<string, long> Dims = new() { ["B"] = 5, ["H"] = 16 };

    [OpenClTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void Two_devices_give_what_one_gives(bool sharesMemory)
    {
        using Device host = new HostDevice("host", "clr", 1), other = Open(sharesMemory, long.MaxValue);
        Check(host, other, new PlacedOptions());
    }

    [OpenClTheory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(false, 3)]
    public void A_run_goes_on_without_the_device_that_was_lost(bool sharesMemory, long launch)
    {
        var failures = new List<string>();
        using Device host = new HostDevice("host", "clr", 1), other = Open(sharesMemory, launch);
        Check(host, other, new PlacedOptions
        {
            OnFailure = f =>
            {
                failures.Add(f.Error.Message);
                return [.. f.Needed.Select(k => new PlacedGroup(k, "host"))];
            },
        });
        Assert.StartsWith("device other failed in segment net_", failures[0]);
        Assert.Contains("CL_DEVICE_NOT_AVAILABLE from clEnqueueNDRangeKernel", failures[0]);
    }

    // How much is stored, the run alone knows: its arrays come to the host, and go from there.
    [OpenClTheory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    public void Sparse_results_come_back_and_are_handed_on(bool sharesMemory, int first)
    {
        const string Text = """
            fn f(a: f32[N, N] in csr, x: f32[N]) -> (s: f32[N, N] in csr, t: f32[N, N] in coo, y: f32[N]) {
              s = a * 2
              t = a @ s
              y[i] = sum[j] t[i, j] * x[j]
            }
            """;
        var a = SparseTensor.Csr([0, 2, 3, 3, 5], [0, 3, 1, 0, 2], new float[] { 1, 2, 3, 4, 5 }, [4, 4]);
        var x = Tensor.From([1f, 10, 100, 1000], 4);
        using var engine = LeptonEngine.Compile(Text, new LeptonOptions { Device = "clr" });
        using var expected = engine["f"].Evaluate([a, x]);
        using Device host = new HostDevice("host", "clr", 1), other = Open(sharesMemory, long.MaxValue);
        using var placed = PlacedEngine.Compile(Text, "f", new Dictionary<string, long> { ["N"] = 4 }, [host, other], fused => [.. SegmentCut.Needed(fused).Select((k, i) => new PlacedGroup(k, i % 2 == first ? "other" : "host"))]);
        Assert.True(placed.Program.Segments.Count > 1);
        for (var run = 0; run < 2; run++)
        {
            using var actual = placed.Evaluate([a, x]);
            foreach (var name in (string[])["s", "t"])
            {
                Assert.Equal(expected[name].Sparse.Arrays.Select(array => array.AsBytes().ToArray()), actual[name].Sparse.Arrays.Select(array => array.AsBytes().ToArray()));
            }

            Assert.Equal(expected["y"].Dense.AsSpan<float>().ToArray(), actual["y"].Dense.AsSpan<float>().ToArray());
        }
    }

    private static Device Open(bool sharesMemory, long failsAtLaunch) =>
        new OpenClExecutor("other", new OpenClSession(OpenClDevice.Get(0)) { IsInPlace = sharesMemory, FailsAtLaunch = failsAtLaunch, IsQuick = true });

    // Two runs; every second kernel on the other device.
    private static void Check(Device host, Device other, PlacedOptions options)
    {
        var x = Tensor.From([.. Enumerable.Range(0, 80).Select(i => (i % 13 - 6) * 0.1f)], 5, 16);
        using var engine = LeptonEngine.Compile(Network, new LeptonOptions { Device = "clr" });
        using var parameters = new ParameterSet();
        parameters.Initialize(engine["net"], 3, Dims);
        using var expected = engine["net"].Evaluate([x], new RunOptions { Parameters = parameters });
        using var placed = PlacedEngine.Compile(Network, "net", Dims, [host, other], fused => [.. SegmentCut.Needed(fused).Select((k, i) => new PlacedGroup(k, i % 2 == 0 ? "other" : "host"))]);
        for (var run = 0; run < 2; run++)
        {
            using var actual = placed.Evaluate([x], options with { Parameters = parameters });
            foreach (var name in (string[])["y", "s"])
            {
                var (e, a) = (expected[name].Dense.AsSpan<float>().ToArray(), actual[name].Dense.AsSpan<float>().ToArray());
                Assert.All(e, (value, i) => Assert.Equal(value, a[i], 1e-4f));
            }
        }
    }
}
