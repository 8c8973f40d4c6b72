using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Placement.Segments;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Devices;

/// <summary>Runs that go on when devices fail before they begin, or one after the other.</summary>
public class ReplacedDeviceTests
{
    private const string Chain = """
        fn chain(x: f32[N, N]) -> (a: f32[N, N], c: f32[N, N], y: f32[N, N]) {
          a = x @ x
          b = a @ x
          c = b @ x
          d = c @ x
          y = d @ b
        }
        """;

    // A matrix with x³ = 1.
    private static readonly float[] Cycle = [0, 1, 0, 0, 0, 1, 1, 0, 0];

    [Fact]
    public void A_device_without_memory_is_named_with_the_bytes_and_replaced()
    {
        using Device host = new HostDevice("host", "clr", 1), full = new FullDevice("full");
        using (var placed = Open([host, full], "host", "full", "host", "full", "host"))
        {
            var e = Assert.Throws<DeviceFailedException>(() => Check(placed, PlacedOptions.Default));
            Assert.Matches(@"^device full failed in allocating the tensors of its segments: no memory for \d+ bytes$", e.Message);
            Assert.True(e.BytesAsked >= 36);
        }

        using var helped = Open([host, full], "host", "full", "host", "full", "host");
        var seen = new List<string>();
        var options = Everything(seen, "host");
        Check(helped, options);
        Check(helped, options);
        Assert.Equal(["full: 0 done, 5 left", "full: 0 done, 5 left"], seen);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Two_devices_fail_one_after_the_other(bool ownMemory)
    {
        using Device host = new HostDevice("host", "clr", 1), first = new FailingDevice("first", 1, ownMemory: ownMemory), second = new FailingDevice("second", 0, ownMemory: ownMemory);
        using var placed = Open([host, first, second], "host", "first", "host", "first", "host");
        var seen = new List<string>();
        Check(placed, new PlacedOptions
        {
            OnFailure = f =>
            {
                seen.Add(f.Device);
                var on = f.Devices.Contains("second") ? "second" : "host";
                return [.. f.Needed.Select(k => new PlacedGroup(k, on))];
            },
        });
        Assert.Equal(["first", "second"], seen);
    }

    // Results that are one tensor are two results all the same.
    [Fact]
    public void A_result_that_stands_twice_is_there_twice()
    {
        using Device host = new HostDevice("host", "clr", 1), other = new FailingDevice("other", 0);
        using var placed = Of("fn f(x: f32[N, N]) -> (y: f32[N, N], z: f32[N, N]) {\n  y = x @ x\n  z = y\n}", "f", [host, other], "other");
        using var results = placed.Evaluate([Tensor.From(Cycle, 3, 3)], Everything([], "host"));
        Assert.Equal([0, 0, 1, 1, 0, 0, 0, 1, 0], results["y"].Dense.AsSpan<float>().ToArray());
        Assert.Equal([0, 0, 1, 1, 0, 0, 0, 1, 0], results["z"].Dense.AsSpan<float>().ToArray());
    }

    private static PlacedOptions Everything(List<string> seen, string device) => new()
    {
        OnFailure = f =>
        {
            seen.Add($"{f.Device}: {f.Finished.Count} done, {f.Needed.Count} left");
            return [.. f.Needed.Select(k => new PlacedGroup(k, device))];
        },
    };

    private static PlacedEngine Open(IReadOnlyList<Device> devices, params string[] on) => Of(Chain, "chain", devices, on);

    private static PlacedEngine Of(string program, string entry, IReadOnlyList<Device> devices, params string[] on) => PlacedEngine.Of(
        _ => Compilation.Of(new SourceText("test.lep", program), new CompileOptions { Device = CodeDevice.Clr }), entry, new Dictionary<string, long> { ["N"] = 3 }, devices,
        fused => [.. SegmentCut.Needed(fused).Zip(on, (g, d) => new PlacedGroup(g, d))]);

    private static void Check(PlacedEngine chain, PlacedOptions options)
    {
        using var results = chain.Evaluate([Tensor.From(Cycle, 3, 3)], options);
        Assert.Equal([0, 0, 1, 1, 0, 0, 0, 1, 0], results["a"].Dense.AsSpan<float>().ToArray());
        Assert.Equal(Cycle, results["c"].Dense.AsSpan<float>().ToArray()); // x⁴
        Assert.Equal([0, 0, 1, 1, 0, 0, 0, 1, 0], results["y"].Dense.AsSpan<float>().ToArray()); // x⁸
    }
}
