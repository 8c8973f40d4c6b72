using System.Diagnostics;
using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;
using Lepton.Tests.CommandLine;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>The device <c>opencl</c> as an app and the command line choose it.</summary>
[Collection("opencl")]
public class OpenClDeviceTests
{
    private const string Wave = "fn wave(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)";

    [OpenClFact]
    public void An_app_gets_the_same_numbers_as_by_machine_code()
    {
        float[] Run(string device, int n)
        {
            using var engine = LeptonEngine.Compile(Wave, new LeptonOptions { Device = device, UseCache = false, MaxSpecializations = 1 });
            var y = new float[n];
            foreach (var size in new[] { 3, n }) // the second one is run by code for all sizes
            {
                var x = Enumerable.Range(0, size).Select(i => (i - 500) * 0.013f).ToArray();
                engine["wave"].Run<float, float>(x, [size], y.AsSpan(0, size));
            }

            return y;
        }

        var (device, machine) = (Run("opencl", 1_003), Run("cpu", 1_003));
        for (var i = 0; i < device.Length; i++)
        {
            Assert.Equal(machine[i], device[i], 1e-5f * (1 + MathF.Abs(machine[i])));
        }
    }

    [OpenClFact]
    public void What_a_device_keeps_for_the_next_run_can_be_given_back()
    {
        using var engine = LeptonEngine.Compile("fn f(x: f32[N, N]) -> (y: f32[N, N]) { y = x @ x @ x }", new LeptonOptions { Device = "opencl" });
        var (x, y) = (Enumerable.Repeat(1f, 400).ToArray(), new float[400]);
        var before = engine["f"].Module.ReservedBytes;
        engine["f"].Run<float, float>(x, [20, 20], y);
        Assert.Equal(400f, y[7]);
        Assert.Equal(0, before);
        Assert.InRange(engine["f"].Module.ReservedBytes, 1, 1 << 20);
        engine["f"].Module.Trim();
        Assert.Equal(0, engine["f"].Module.ReservedBytes);
        engine["f"].Run<float, float>(x, [20, 20], y);
    }

    [OpenClFact]
    public void Threads_of_PoCL_stay_each_on_a_core()
    {
        using var engine = LeptonEngine.Compile(Wave, new LeptonOptions { Device = "opencl" });
        var device = OpenClDevice.Get(0);
        if (!device.Platform.Contains("Portable", StringComparison.Ordinal) || device.ComputeUnits != Environment.ProcessorCount || device.ComputeUnits < 2)
        {
            return; // another driver, or a process that may not use all cores
        }

        var y = new float[1];
        engine["wave"].Run<float, float>([1], [1], y);
        var cores = Directory.GetDirectories("/proc/self/task").Select(CoresOf).Where(c => int.TryParse(c, out _)).ToHashSet();
        Assert.Equal(device.ComputeUnits, cores.Count);

        // Null of a thread that has just ended.
        static string? CoresOf(string thread)
        {
            try
            {
                return File.ReadLines(Path.Combine(thread, "status")).FirstOrDefault(l => l.StartsWith("Cpus_allowed_list", StringComparison.Ordinal))?.Split('\t')[^1];
            }
            catch (IOException)
            {
                return null;
            }
        }
    }

    [OpenClFact]
    public void A_device_by_number_is_one_that_there_is()
    {
        var e = Assert.Throws<OpenClMissingException>(() => LeptonEngine.Compile(Wave, new LeptonOptions { Device = "opencl:999" }));
        Assert.StartsWith("there is no device opencl:999; there ", e.Message);
        var (code, _, errors) = UsageTests.Run("run", "x.lep", "--device", "opencl:999");
        Assert.Equal(1, code);
        Assert.StartsWith("error: there is no device opencl:999", errors);
    }

    [Fact]
    public void A_target_that_is_no_width_of_vectors_is_refused()
    {
        var e = Assert.Throws<ArgumentException>(() => LeptonEngine.Compile(Wave, new LeptonOptions { Device = "opencl", Target = "znver3" }));
        Assert.StartsWith("'znver3' is not a target of device opencl; say native, avx512, avx2 or sse2", e.Message);
    }

    // A process of its own: a library that was loaded once stays.
    [Fact]
    public void Without_OpenCL_the_message_says_what_to_install()
    {
        using var folder = new TempFolder();
        var file = folder["wave.lep"];
        File.WriteAllText(file, Wave);
        var program = Path.Combine(AppContext.BaseDirectory, "leptonc.dll");
        var start = new ProcessStartInfo("dotnet", [program, "run", file, "--in", "x=iota", "--dim", "N=3", "--device", "opencl"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LEPTON_OPENCL"] = folder["none.so"];
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEnd(), process.StandardError.ReadToEnd());
        process.WaitForExit();
        Assert.Equal("", output);
        var words = string.Join(' ', errors.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal($"error: OpenCL was not found ({folder["none.so"]}); install it with a driver: {OpenClMissingException.InstallCommand}", words);
        Assert.Equal(1, process.ExitCode);
    }
}
