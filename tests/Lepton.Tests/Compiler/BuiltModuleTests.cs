using System.Diagnostics;
using System.Globalization;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Runtime;
using Module = Lepton.Runtime.Module;

namespace Lepton.Tests.Compiler;

/// <summary>Modules built ahead of time: from C through header and shared library, and loaded again by the runtime.</summary>
public class BuiltModuleTests
{
    private const string Wave = "fn wave(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)";

    private const string Network = """
        dim B, D = 5, H = 7, C = 3
        param w1: f32[D, H] ~ glorot
        param b1: f32[H] ~ uniform(-0.1, 0.1)
        param w2: f32[H, C] ~ glorot
        fn network(x: f32[B, D]) -> (z: f32[B, C]) {
          h[b, j] = max(sum[k] x[b, k] * w1[k, j] + b1[j], 0.0)
          z = h @ w2
        }
        """;

    [Theory]
    [InlineData("sse2")]
    [InlineData("avx2")]
    public void Wave_gives_in_C_and_loaded_again_the_bits_of_the_engine(string level)
    {
        if (HostTarget(level) is not { } target)
        {
            return; // This machine cannot run code for the level.
        }

        using var folder = new TempFolder();
        Build(folder, "wave.lep", Wave, target);
        float[] x = [1, 2, 3, -0.5f, 100, 0.25f, 7, 8, 9, 1e-3f, 11, 12, 13];
        var expected = new float[x.Length];
        using (var engine = LeptonEngine.Compile(Wave, new LeptonOptions { Target = level, UseCache = false }))
        {
            engine["wave"].Run<float, float>(x, [x.Length], expected);
        }

        var loaded = new float[x.Length];
        using (var module = Module.Load(folder["wave.json"]))
        {
            module["wave"].Run<float, float>(x, [x.Length], loaded);
        }

        Assert.Equal(Bits(expected), Bits(loaded));
        var (status, output) = RunC(folder, "wave", $$"""
            float x[] = {{{string.Join(", ", x.Select(v => v.ToString("R", CultureInfo.InvariantCulture)))}}}, y[{{x.Length}}];
            int status = wave(x, y, {{x.Length}});
            print(y, {{x.Length}});
            return status;
            """);
        Assert.Equal(0, status);
        Assert.Equal(Bits(expected), output);
    }

    [Fact]
    public void Parameters_are_arguments_in_C()
    {
        using var folder = new TempFolder();
        Build(folder, "network.lep", Network, HostTarget("sse2")!);
        using var module = Module.Load(folder["network.json"]);
        using var parameters = new ParameterSet();
        parameters.Initialize(module["network"], seed: 5);
        using var x = Tensor.Allocate(Abi.ElementType.F32, [2, 5]);
        for (var i = 0; i < 10; i++)
        {
            x.AsSpan<float>()[i] = i - 4.5f;
        }

        using var z = module["network"].Run([x], new RunOptions { Parameters = parameters })[0];
        var (status, output) = RunC(folder, "network", $$"""
            {{Array("x", x)}}{{Array("w1", parameters["w1"])}}{{Array("b1", parameters["b1"])}}{{Array("w2", parameters["w2"])}}
            float z[6];
            int status = network(x, {{string.Join(", ", module["network"].Manifest.Parameters.Select(p => p.Name))}}, z, 2);
            print(z, 6);
            return status;
            """);
        Assert.Equal(0, status);
        Assert.Equal(Bits(z.AsSpan<float>()), output);
    }

    [Fact]
    public void A_gather_out_of_range_is_status_1_in_C_and_an_exception_that_names_the_place_in_the_runtime()
    {
        using var folder = new TempFolder();
        Build(folder, "pick.lep", "fn pick(x: f32[N], at: i64[M]) -> (y: f32[M]) {\n  y[i] = x[at[i]]\n}", HostTarget("sse2")!);
        var body = """
            float x[] = {10, 20, 30}, y[2] = {0};
            int64_t at[] = {2, INDEX};
            int status = pick(x, at, y, SIZES);
            print(y, 2);
            return status;
            """;
        using var module = Module.Load(folder["pick.json"]);
        var sizes = string.Join(", ", module["pick"].Manifest.Dims.Select(d => d == "N" ? "3" : "2"));
        Assert.Equal(1, RunC(folder, "pick", body.Replace("INDEX", "3", StringComparison.Ordinal).Replace("SIZES", sizes, StringComparison.Ordinal)).Status);
        var (status, output) = RunC(folder, "pick", body.Replace("INDEX", "1", StringComparison.Ordinal).Replace("SIZES", sizes, StringComparison.Ordinal));
        Assert.Equal(0, status);
        Assert.Equal(Bits([30, 20]), output);

        using var x = Tensor.Allocate(Abi.ElementType.F32, [3]);
        using var at = Tensor.Allocate(Abi.ElementType.I64, [2]);
        at.AsSpan<long>()[1] = 3;
        var failure = Assert.Throws<LeptonRunException>(() => module["pick"].Run([x, at]));
        Assert.Contains("x[at[i]]", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Sparse_tensors_are_their_arrays_in_C()
    {
        using var folder = new TempFolder();
        Build(folder, "twice.lep", "fn twice(a: f32[N, M] in csr, b: f32[N, M]) -> (y: f32[N, M] in csc, s: f32[N]) {\n  y = 2.0 * a\n  s = sum(a * b, axis = 1)\n}", HostTarget("sse2")!);
        using var module = Module.Load(folder["twice.json"]);
        var a = SparseTensor.Csr([0, 1, 1, 3], [1, 0, 2], new float[] { 5, 7, 9 }, [3, 4]);
        using var b = Tensor.Allocate(Abi.ElementType.F32, 3, 4);
        TensorFill.Iota(b);
        using var results = module["twice"].Evaluate([a, b]);
        Assert.Equal([14, 10, 18], results["y"].Sparse.Values.AsSpan<float>().ToArray());
        var (status, output) = RunC(folder, "twice", $$"""
            int32_t rows[] = {0, 1, 1, 3}, columns[] = {1, 0, 2}, *p, *c;
            float values[] = {5, 7, 9}, *y, s[3];
            {{Array("b", b)}}
            int64_t count;
            int status = twice(rows, columns, values, b, &p, &c, &y, s, 3, 4, 3, &count);
            if (count != 3 || p[4] != 3 || p[1] != 1 || c[0] != 2 || c[1] != 0) return 9;
            print(y, 3);
            print(s, 3);
            free(p), free(c), free(y);
            return status;
            """);
        Assert.Equal(0, status);
        Assert.Equal(Bits([14, 10, 18, 5, 0, 56 + 90]), output);
    }

    [Fact]
    public void Names_may_be_words_of_C_and_two_headers_go_into_one_program()
    {
        using var folder = new TempFolder();
        var target = HostTarget("sse2")!;
        Build(folder, "double.lep", "fn double(int: f32[N]) -> (register: f32[N]) {\n  register = int * 2.0\n}\nfn static(x: f32[N]) -> f32[N] = x + 1.0", target);
        Build(folder, "my-own.lep", Wave, target);
        var (status, output) = RunC(folder, "double", """
            float x[] = {1, 2}, y[2];
            int status = double_(x, y, 2) + static_(y, y, 2);
            print(y, 2);
            float z[2];
            return status + wave(x, z, 2);
            """, "my-own");
        Assert.Equal(0, status);
        Assert.Equal(Bits([3, 5]), output);
    }

    private static CpuTarget? HostTarget(string level) => CpuTarget.Parse(level, out _)!.ForThisHost(out _);

    private static void Build(TempFolder folder, string file, string text, CpuTarget target)
    {
        var compilation = Compilation.Of(new SourceText(file, text), new CompileOptions { Target = target });
        Assert.False(compilation.Report.HasErrors, string.Join('\n', compilation.Report.Diagnostics));
        var written = ModuleFiles.Write(Path.GetDirectoryName(folder["x"])!, compilation.Compile(compilation.Entries), out var warning);
        Assert.Null(warning);
        Assert.Equal(4, written.Count);
    }

    /// <summary>Compiles a main function with all warnings as errors, runs it; its status and the bits it printed.</summary>
    private static (int Status, string[] Output) RunC(TempFolder folder, string module, string body, params string[] others)
    {
        string[] modules = [module, .. others];
        File.WriteAllText(folder["main.c"], $$"""
            #include <stdio.h>
            #include <string.h>
            {{string.Join('\n', modules.Select(m => $"#include \"{m}.h\""))}}
            static void print(const float* y, int count) {
              for (int i = 0; i < count; i++) {
                uint32_t bits;
                memcpy(&bits, y + i, 4);
                printf("%08X\n", (unsigned)bits);
              }
            }
            int main(void) {
            {{body}}
            }
            """);
        var libraries = modules.Select(m => folder[$"lib{m}.so"]);
        var (status, output) = Start("cc", ["-std=c99", "-Wall", "-Wextra", "-Werror", "-o", folder["main"], folder["main.c"], .. libraries]);
        Assert.True(status == 0, output);
        (status, output) = Start(folder["main"], []);
        return (status, output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    private static (int Status, string Output) Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output + errors.Result);
    }

    private static string[] Bits(ReadOnlySpan<float> values)
    {
        var bits = new string[values.Length];
        for (var i = 0; i < bits.Length; i++)
        {
            bits[i] = BitConverter.SingleToUInt32Bits(values[i]).ToString("X8", CultureInfo.InvariantCulture);
        }

        return bits;
    }

    private static string Array(string name, Tensor tensor)
    {
        var values = tensor.AsSpan<float>().ToArray().Select(v => v.ToString("R", CultureInfo.InvariantCulture));
        return $"float {name}[] = {{{string.Join(", ", values)}}};\n";
    }
}
