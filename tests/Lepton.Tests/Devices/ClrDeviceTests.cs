using System.Diagnostics;
using Lepton.Abi;
using Lepton.Codegen.Clr;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Tests.CommandLine;
using Lepton.Tests.Runtime;
using Lepton.Tests.Support.Guard;

namespace Lepton.Tests.Devices;

/// <summary>The device <c>clr</c> as an app and the command line choose it.</summary>
public class ClrDeviceTests
{
    private const string Wave = "fn wave(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)";

    [Fact]
    public void An_app_gets_the_same_numbers_as_by_machine_code()
    {
        var x = Enumerable.Range(0, 1_003).Select(i => (i - 500) * 0.013f).ToArray();
        float[] Run(string device, int threads)
        {
            using var engine = LeptonEngine.Compile(Wave, new LeptonOptions { Device = device, UseCache = false });
            var y = new float[x.Length];
            engine["wave"].Run<float, float>(x, [x.Length], y, new() { Threads = threads });
            return y;
        }

        var (one, two, machine) = (Run("clr", 1), Run("clr", 2), Run("cpu", 1));
        Assert.Equal(one, two);
        for (var i = 0; i < x.Length; i++)
        {
            Assert.Equal(machine[i], one[i], 1e-5f * (1 + MathF.Abs(machine[i])));
        }
    }

    // The JIT makes the load of a few bytes part of an instruction that reads more: see ConstantPool.Opaque.
    [Theory]
    [InlineData("u8", 9)]
    [InlineData("i8", 8)]
    [InlineData("u8", 5)]
    public void A_few_bytes_are_read_as_a_few(string type, int n)
    {
        if (!GuardedPages.IsSupported)
        {
            return;
        }

        var compilation = Compilation.Of(new SourceText("bytes.lep", $"fn f(c: {type}[N]) -> (x: {type}[N]) {{ x = c * 3 }}"));
        var sizes = new Dictionary<string, long> { ["N"] = n };
        var kernels = KernelLowering.Run(compilation.Fuse("f", sizes), Compilation.OptionsFor(ClrModule.Target) with { Apart = true });
        using var run = new GuardedRun(kernels, ClrModule.Target, device: CodeDevice.Clr);
        var x = TensorValue.OfIntegers(ElementTypes.Parse(type)!.Value, [n], [.. Enumerable.Range(0, n).Select(i => (long)i)]);
        var (results, error) = run.Run([x], sizes, atEnd: true, threads: 1);
        Assert.Equal(NativeError.None, error);
        Assert.Equal(Enumerable.Range(0, n).Select(i => 3L * i), Enumerable.Range(0, n).Select(i => results[0][i].AsInteger));
    }

    [Fact]
    public void A_device_that_does_not_exist_is_named_with_those_that_do()
    {
        var e = Assert.Throws<ArgumentException>(() => LeptonEngine.Compile(Wave, new LeptonOptions { Device = "gpu" }));
        Assert.StartsWith("'gpu' is not a device; say cpu or clr or opencl", e.Message);
        var (code, _, errors) = UsageTests.Run("run", "x.lep", "--device", "gpu");
        Assert.Equal(2, code);
        Assert.Contains($"expected a device, one of {string.Join(", ", DeviceChoice.Names)}, interpreter", errors);
    }

    [Fact]
    public void A_target_that_is_no_width_of_vectors_is_refused()
    {
        var e = Assert.Throws<ArgumentException>(() => LeptonEngine.Compile(Wave, new LeptonOptions { Device = "clr", Target = "znver3" }));
        Assert.StartsWith("'znver3' is not a target of device clr; say native, avx512, avx2 or sse2", e.Message);
    }

    // A process of its own: a library that was loaded once stays.
    [Fact]
    public void Without_LLVM_it_runs_all_the_same_and_says_so_on_one_line()
    {
        using var folder = new TempFolder();
        var file = folder["wave.lep"];
        File.WriteAllText(file, Wave);
        var program = Path.Combine(AppContext.BaseDirectory, "leptonc.dll");
        var start = new ProcessStartInfo("dotnet", [program, "run", file, "--in", "x=iota", "--dim", "N=3"]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["LEPTON_LLVM"] = folder["none.so"];
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEnd(), process.StandardError.ReadToEnd());
        process.WaitForExit();
        Assert.Equal("[2.        4.1000547 7.64471  ]\n", output);
        Assert.StartsWith("LLVM was not found: running on device clr", errors);
        Assert.Single(errors.TrimEnd().Split('\n'));
    }
}
