using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;
using Lepton.Tests.CommandLine;
using Lepton.Tests.House;
using Lepton.Tests.Runtime;
using Module = Lepton.Runtime.Module;

namespace Lepton.Tests.Compiler;

/// <summary>Modules built by a plan, loaded again without a compiler.</summary>
[Collection(nameof(ConsoleCollection))]
public class PlacedBuildTests
{
    private const string Machine = """
        devices:
          left: { kind: cpu, threads: 1, cores: [0] }
          right: { kind: cpu, threads: 2 }
          other: { kind: clr }
        links:
          - { from: left, to: right, latency: 1 us, bandwidth: unlimited, both: true }
          - { from: left, to: other, latency: 1 us, bandwidth: unlimited, both: true }
          - { from: right, to: other, latency: 1 us, bandwidth: unlimited, both: true }
        """;

    private static readonly string Program = Repository.PathOf("examples", "mlp.lep");

    [Fact]
    public void A_plan_is_built_and_gives_what_the_engine_gives()
    {
        using var folder = new TempFolder();
        Place(folder, "right", "left");
        var (code, output, errors) = UsageTests.Run("build", Program, "--plan", folder["mlp.plan"], "--out", folder["built"]);
        Assert.True(code == 0, errors);
        Assert.Contains("mlp.json", output);

        using var engine = LeptonEngine.Compile(Program);
        using var parameters = new ParameterSet();
        parameters.Initialize(engine["mlp"], 3);
        var x = Tensor.From([.. Enumerable.Range(0, 2 * 784).Select(i => (i * 7 % 11 - 5) * 0.1f)], 2, 784);
        using var expected = engine["mlp"].Evaluate([x], new RunOptions { Parameters = parameters });
        using var module = PlacedModule.Load(folder["built/mlp.json"]);
        Assert.Equal("mlp", module.Program.Manifest.Name);
        Assert.Equal(["left", "right", "left"], module.Program.Segments.Select(s => s.Device.Name));
        Assert.Equal([0], ((HostDevice)module.Program.Segments[0].Device).Cores!);
        for (var run = 0; run < 2; run++)
        {
            using var actual = module.Program.Evaluate([x], new PlacedRunOptions { Parameters = parameters });
            var (e, a) = (expected["p"].Dense.AsSpan<float>().ToArray(), actual["p"].Dense.AsSpan<float>().ToArray());
            Assert.All(e, (value, i) => Assert.Equal(value, a[i], 1e-6f));
        }
    }

    [Fact]
    public void What_is_no_such_plan_is_refused_and_nothing_is_written()
    {
        using var folder = new TempFolder();
        string[] build = ["build", Program, "--plan", folder["mlp.plan"], "--out", folder["built"]];
        Place(folder, "other", "left");
        Assert.Contains("device other of the plan is of kind clr, and a built module holds machine code alone", Refused(1, build));
        Place(folder, "right", "left");
        Assert.Contains("--dim B=3: the plan is for B=2", Refused(2, [.. build, "--dim", "B=3"]));
        Assert.Contains("--machine needs --plan FILE", Refused(2, ["build", Program, "--machine", folder["lab.yaml"], "--out", folder["built"]]));
        File.AppendAllText(folder["lab.yaml"], "# changed\n");
        Assert.Contains("LEP8105", Refused(1, build));
        Assert.False(Directory.Exists(folder["built"]));
    }

    [Fact]
    public void What_is_no_placed_module_is_refused()
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["wave.lep"], "fn wave(x: f32[N]) -> f32[N] = sin(x)");
        Assert.Equal(0, UsageTests.Run("build", folder["wave.lep"], "--out", folder[""]).Code);
        Assert.EndsWith("was not built by a plan: build it with leptonc build --plan FILE.plan, or load it with Module.Load", Assert.Throws<ModuleLoadException>(() => PlacedModule.Load(folder["wave.json"])).Message);
        Place(folder, "right", "left");
        Assert.Equal(0, UsageTests.Run("build", Program, "--plan", folder["mlp.plan"], "--out", folder[""]).Code);
        var manifest = File.ReadAllText(folder["mlp.json"]);
        foreach (var (wrong, right, expected) in new[]
        {
            ("\"device\": \"right\"", "\"device\": \"moon\"", "is placed on moon, which is no device of the module"),
            ("\"kind\": \"cpu\"", "\"kind\": \"gpu\"", "for which modules hold no code"),
            ("\"entry\": \"mlp_1\"", "\"entry\": \"soup\"", "has no entry soup"),
            ("\"entry\": \"mlp_1\",", "\"entry\": \"mlp_2\",", "segment mlp_2 reads"),
            ("\"results\": [\n      \"p\"", "\"results\": [\n      \"q\"", "no segment makes the result q"),
        })
        {
            Assert.Contains(wrong, manifest);
            File.WriteAllText(folder["mlp.json"], manifest.Replace(wrong, right, StringComparison.Ordinal));
            Assert.Contains(expected, Assert.Throws<ModuleLoadException>(() => PlacedModule.Load(folder["mlp.json"])).Message);
        }
    }

    [Fact]
    public void Sparse_tensors_are_handed_over()
    {
        const string Text = """
            fn f(a: f32[N, N] in csr, x: f32[N]) -> (s: f32[N, N] in csr, y: f32[N], z: f32[N]) {
              s = a * 2
              y[i] = sum[j] s[i, j] * x[j]
              z[i] = sum[j] a[i, j] * y[j]
            }
            """;
        using var folder = new TempFolder();
        var compilation = Compilation.Of(new SourceText("f.lep", Text), new CompileOptions { Target = HostCpu.Detect().Target });
        var fused = compilation.Fuse("f", new Dictionary<string, long> { ["N"] = 3 });
        var assignment = SegmentCut.Needed(fused).Select((k, i) => new PlacedGroup(k, i % 2 == 0 ? "one" : "two"));
        var module = PlacedCode.Compile(compilation, "f", fused, [.. assignment], [new DeviceManifest("one", "cpu", 1, []), new DeviceManifest("two", "cpu", 1, [])]);
        ModuleFiles.Write(folder[""], module, out _);
        using var placed = PlacedModule.Load(folder["f.json"]);
        Assert.True(placed.Program.Segments.Count > 1);
        var a = SparseTensor.Csr([0, 1, 2, 3], [1, 2, 0], new float[] { 1, 2, 3 }, [3, 3]);
        using var results = placed.Program.Evaluate([a, Tensor.From([1f, 10, 100], 3)]);
        Assert.Equal([2f, 4, 6], results["s"].Sparse.Values.AsSpan<float>().ToArray());
        Assert.Equal([20f, 400, 6], results["y"].Dense.AsSpan<float>().ToArray());
        Assert.Equal([400f, 12, 60], results["z"].Dense.AsSpan<float>().ToArray());
    }

    private static string Refused(int code, params string[] arguments)
    {
        var (found, _, errors) = UsageTests.Run(arguments);
        Assert.Equal(code, found);
        return string.Join(' ', errors.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }

    private static void Place(TempFolder folder, string second, string others)
    {
        File.WriteAllText(folder["lab.yaml"], Machine);
        var (code, _, errors) = UsageTests.Run(
            "place", Program, "--dim", "B=2", "--machine", folder["lab.yaml"], "--pin", $"contract_add_max_0={others}", "--pin", $"contract_add_1={second}", "--pin", $"softmax_2={others}",
            "--seconds", "0.1", "--out", folder["mlp.plan"]);
        Assert.True(code == 0, errors);
    }
}
