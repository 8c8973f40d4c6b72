using Lepton.Embedding;
#if ILGPU
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Ilgpu;
#endif

namespace Lepton.Tests.Devices.Ilgpu;

/// <summary>The device <c>ilgpu</c> as an app chooses it.</summary>
[Collection("ilgpu")]
public class IlgpuDeviceTests
{
#if ILGPU
    private static float[] Run(string program, float[] x, string device = "ilgpu:cpu")
    {
        using var engine = LeptonEngine.Compile(program, new LeptonOptions { Device = device, UseCache = false });
        var y = new float[x.Length];
        engine["f"].Run<float, float>(x, [x.Length], y);
        return y;
    }

    [Fact]
    public void An_app_gets_the_same_numbers_as_by_machine_code()
    {
        const string Wave = "fn f(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)";
        float[] x = [.. Enumerable.Range(0, 203).Select(i => (i - 100) * 0.063f)];
        var (found, machine) = (Run(Wave, x), Run(Wave, x, "cpu"));
        for (var i = 0; i < x.Length; i++)
        {
            Assert.Equal(machine[i], found[i], 1e-5f * (1 + MathF.Abs(machine[i])));
        }
    }

    [Fact]
    public void It_is_one_of_several_devices_of_a_placed_program()
    {
        const string Text = """
            dim N
            param w: f32[N, N] ~ glorot

            fn f(x: f32[N, N]) -> (y: f32[N, N], s: f32[N, N] in csr) {
              h = tanh(x @ w)
              y = h @ w + x
              s = y
            }
            """;
        float[] values = [.. Enumerable.Range(0, 64).Select(i => (i % 13 - 6) * 0.1f)];
        var x = Lepton.Runtime.Tensors.Tensor.From(values, 8, 8);
        using var engine = LeptonEngine.Compile(Text, new LeptonOptions { Device = "clr" });
        using var parameters = new ParameterSet();
        var dims = new Dictionary<string, long> { ["N"] = 8 };
        parameters.Initialize(engine["f"], 3, dims);
        using var expected = engine["f"].Evaluate([x], new RunOptions { Parameters = parameters });
        using Device host = LeptonDevices.Open("host", "clr", threads: 1), gpu = LeptonDevices.Open("gpu", "ilgpu:cpu");
        Assert.Equal("ilgpu:cpu", gpu.Kind);
        using var placed = PlacedEngine.Compile(Text, "f", dims, [host, gpu], fused => [.. SegmentCut.Needed(fused).Select((k, i) => new PlacedGroup(k, i % 2 == 0 ? "gpu" : "host"))]);
        for (var run = 0; run < 2; run++)
        {
            using var actual = placed.Evaluate([x], new PlacedOptions { Parameters = parameters });
            Assert.All(expected["y"].Dense.AsSpan<float>().ToArray(), (v, i) => Assert.Equal(v, actual["y"].Dense.AsSpan<float>()[i], 1e-5f));
            Assert.Equal(expected["s"].Sparse.StoredCount, actual["s"].Sparse.StoredCount);
        }

        Assert.Contains(IlgpuDevice.All(), d => d.Name == "ilgpu:cpu");
        Assert.Throws<IlgpuMissingException>(() => LeptonDevices.Open("gpu", "ilgpu:soup"));
        Assert.Throws<IlgpuMissingException>(() => LeptonDevices.Open("gpu", "ilgpu:cuda:99"));
    }

    // Payne and Hanek's reduction, whose words of 2/π are a switch here.
    [Fact]
    public void Huge_angles_are_reduced_exactly()
    {
        float[] x = [65536, -1e6f, 1e10f, 3.4e38f, -2.7e20f, 1e30f, float.PositiveInfinity, float.NaN];
        var (sine, cosine) = (Run("fn f(x: f32[N]) -> f32[N] = sin(x)", x), Run("fn f(x: f32[N]) -> f32[N] = cos(x)", x));
        for (var i = 0; i < x.Length; i++)
        {
            Assert.Equal((float)Math.Sin(x[i]), sine[i], 2e-7f);
            Assert.Equal((float)Math.Cos(x[i]), cosine[i], 2e-7f);
        }
    }

    // ILGPU divides constants when it compiles.
    [Theory]
    [InlineData("x / (x - x)", 0, 0)]
    [InlineData("x % (x - x)", 0, 0)]
    [InlineData("x / (x - x - 1)", -7, int.MinValue)]
    [InlineData("x % (x - x - 1)", 0, 0)]
    public void Divisors_that_are_known_to_be_0_or_minus_1_do_no_harm(string formula, int first, int second)
    {
        using var engine = LeptonEngine.Compile($"fn f(x: i32[N]) -> i32[N] = {formula}", new LeptonOptions { Device = "ilgpu", UseCache = false });
        var y = new int[2];
        engine["f"].Run<int, int>([7, int.MinValue], [2], y);
        Assert.Equal([first, second], y);
    }

    [Fact]
    public void Memory_of_the_device_goes_with_the_runs_and_the_module()
    {
        _ = Run("fn f(x: f32[N]) -> (y: f32[N]) {\n  y = x * 3\n}", [1, 2, 3]);
        var alive = DeviceBuffer.Alive;
        for (var i = 0; i < 3; i++)
        {
            _ = Run("fn f(x: f32[N]) -> (y: f32[N]) {\n  y = x * 2\n}", [1, 2, 3]);
        }

        Assert.Equal(alive, DeviceBuffer.Alive);
    }

    [Fact]
    public void Runs_of_several_threads_follow_each_other()
    {
        using var engine = LeptonEngine.Compile("fn f(x: f32[N]) -> (y: f32[N]) {\n  y = x * 2 + 1\n}", new LeptonOptions { Device = "ilgpu", UseCache = false });
        Parallel.For(0, 8, i =>
        {
            var y = new float[2];
            engine["f"].Run<float, float>(new float[] { i, -i }, [2], y);
            Assert.Equal([(2 * i) + 1, 1 - (2 * i)], y);
        });
    }

    [Theory]
    [InlineData("ilgpu", true)]
    [InlineData("ilgpu:cpu", true)]
    [InlineData("ilgpu:cuda:1", true)]
    [InlineData("ilgpu:opencl", true)]
    [InlineData("ilgpu:cpu:1", false)]
    [InlineData("ilgpu:tpu", false)]
    [InlineData("ilgpu:cuda:x", false)]
    public void Names_are_those_of_its_devices(string name, bool isName) => Assert.Equal(isName, IlgpuDevice.IsName(name));

    [Fact]
    public void A_device_that_is_not_there_is_named()
    {
        var e = Assert.Throws<IlgpuMissingException>(() => IlgpuDevice.Get("ilgpu:cuda:77"));
        Assert.Contains("ilgpu:cuda:77", e.Message);
        Assert.Throws<IlgpuMissingException>(() => IlgpuDevice.Get("ilgpu:tpu"));
    }
#else
    [Fact]
    public void A_build_without_it_says_so()
    {
        var e = Assert.Throws<ArgumentException>(() => LeptonEngine.Compile("fn f(x: f32[N]) -> f32[N] = x", new LeptonOptions { Device = "ilgpu:cpu" }));
        Assert.StartsWith("this build has no device ilgpu; one with -p:OfficialPackages=true has", e.Message);
    }
#endif
}
