using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Lepton.CommandLine.Placing;
using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Plans;
using Lepton.Placement.Reports;
using Lepton.Tests.House;

namespace Lepton.Tests.CommandLine;

/// <summary><c>leptonc place</c>: what it prints and writes, and what it says of everything that can be wrong.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class PlaceTests : IDisposable
{
    private const string Perceptron = """
        param w1: f32[784, 128] ~ glorot
        param w2: f32[128, 10]  ~ glorot

        fn mlp(x: f32[B, 784]) -> (p: f32[B, 10]) {
          h[b, j] = max(sum[k] x[b, k] * w1[k, j], 0)
          z       = h @ w2
          p[b, c] = exp(z[b, c]) / sum[c] exp(z[b, c])
        }

        plan for mlp {
          minimize cost + 1e-7 usd/ms * time when B = 64
          pin p to laptop
        }
        """;

    private const string Lab = """
        devices:
          laptop: { kind: cpu, price: 0.05 usd/h, profile: { compute: 20 GFLOP/s, bandwidth: 20 GB/s, launch: 1 us } }
          gpu0: { kind: gpu, price: 2 usd/h, memory: 8 GB, profile: { compute: 10 TFLOP/s, bandwidth: 500 GB/s, launch: 5 us } }
          "edge box": { kind: cpu, price: 0.2 usd/h, profile: { compute: 60 GFLOP/s, bandwidth: 30 GB/s, launch: 2 us } }
        links:
          - { from: laptop, to: gpu0, latency: 10 us, bandwidth: 12 GB/s }
          - { from: laptop, to: edge box, latency: 30 us, bandwidth: 1 GB/s }
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-test").FullName;

    public PlaceTests()
    {
        File.WriteAllText(At("mlp.lep"), Perceptron);
        File.WriteAllText(At("lab.yaml"), Lab);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_plan_is_printed_with_its_proof_and_reasons_in_100_columns()
    {
        var (code, text, errors) = Place("--pareto", "5");
        Assert.Equal((0, ""), (code, errors));
        Assert.True(text.Split('\n').MaxBy(l => l.Length)!.Length <= 100, text.Split('\n').MaxBy(l => l.Length));
        string[] parts =
        [
            "mlp B=64: 3 kernels on 3 devices of ", "status      OPTIMAL", "objective   minimize cost + 1e-7 usd/ms * time\n", "proven best; found by: ",
            "kernel  ", "device  ", "copy of ", "critical path", "all on gpu0 ", "HEFT ", "elsewhere: ", "gpu0 now", "changes above", "front", "by formula from the profile",
        ];
        Assert.All(parts, p => Assert.Matches(Regex.Escape(p).Replace("gpu0\\ now", "gpu0 +now", StringComparison.Ordinal), text));
        Assert.Matches(@"sum_2 +laptop ", text);
    }

    [Fact]
    public void The_same_as_json_as_a_page_and_as_a_plan_file()
    {
        var (code, json, errors) = Place("--pareto", "5", "--json", "--html", At("p.html"), "--out", At("mlp.plan"));
        Assert.Equal((0, $"{At("p.html")}\n{At("mlp.plan")}\n"), (code, errors));
        var root = JsonDocument.Parse(json).RootElement;
        Assert.Equal("optimal", root.GetProperty("status").GetString());
        var plan = root.GetProperty("plan");
        Assert.Equal(3, plan.GetProperty("kernels").GetArrayLength());
        Assert.Equal(6, root.GetProperty("elsewhere").GetArrayLength());
        Assert.True(root.GetProperty("front").GetArrayLength() > 1);

        var page = File.ReadAllText(At("p.html"));
        var pictures = Regex.Matches(page, "<svg.*?</svg>", RegexOptions.Singleline).Select(m => XDocument.Parse(m.Value)).ToList();
        Assert.Equal(2, pictures.Count);
        var bars = pictures[0].Descendants().Count(e => e.Name.LocalName == "rect");
        Assert.Equal(3 + plan.GetProperty("copies").GetArrayLength(), bars);
        Assert.Equal(root.GetProperty("front").GetArrayLength() + 1, pictures[1].Descendants().Count(e => e.Name.LocalName == "circle"));
        Assert.DoesNotContain("http", page.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal));

        var lines = File.ReadAllLines(At("mlp.plan"));
        Assert.Equal("entry mlp B=64", lines[2]);
        Assert.Equal("objective minimize cost + 1e-7 usd/ms * time", lines[4]);
        Assert.Matches(@"^sum_2 #[0-9a-f]{8} on laptop at ", lines[^1]);
        Assert.Empty(Directory.GetFiles(_folder, "*.tmp"));
    }

    [Fact]
    public void The_transformer_block_on_four_devices_has_a_front_of_twelve_points()
    {
        var (code, json, _) = UsageTests.Run(
            "place", Repository.PathOf("tests", "Lepton.Benchmarks", "models", "transformer.lep"), "--machine", Repository.PathOf("tests", "data", "lab.yaml"),
            "--dim", "B=4", "--dim", "S=128", "--pareto", "12", "--json");
        Assert.Equal(0, code);
        var front = JsonDocument.Parse(json).RootElement.GetProperty("front").EnumerateArray().Select(p => (p.GetProperty("time").GetDouble(), p.GetProperty("cost").GetDouble())).ToList();
        Assert.Equal(12, front.Count);
        Assert.All(front.Zip(front.Skip(1)), p => Assert.True(p.First.Item1 < p.Second.Item1 && p.First.Item2 > p.Second.Item2));
    }

    [Fact]
    public void A_plan_that_is_stale_says_why_and_fails()
    {
        Assert.Equal(0, Place("--out", At("mlp.plan")).Code);
        Assert.Equal((0, $"{At("mlp.plan")} is up to date\n"), Checked());
        Assert.Contains("for mlp B=64, not for mlp B=32", Place("--check", At("mlp.plan"), "--dim", "B=32").Errors);
        Assert.Contains("what is wanted now is: minimize time", Place("--check", At("mlp.plan"), "--minimize", "time").Errors);
        File.WriteAllText(At("lab.yaml"), Lab.Replace("0.05", "0.06", StringComparison.Ordinal));
        Assert.Contains("the machine file has changed", Place("--check", At("mlp.plan")).Errors);
        File.WriteAllText(At("mlp.lep"), Perceptron.Replace("max(", "min(", StringComparison.Ordinal));
        var (code, _, errors) = Place("--check", At("mlp.plan"));
        Assert.Equal(1, code);
        Assert.Contains("error LEP8105: the plan is stale: the program has no kernel `contract_max_0` any more", errors);

        (int, string) Checked()
        {
            var (found, output, _) = Place("--check", At("mlp.plan"));
            return (found, output);
        }
    }

    // One device is a hundred times better at products, the other one at what follows; the link is cheap.
    [Fact]
    public void Kernels_that_fusion_would_join_stay_apart_where_that_pays()
    {
        File.WriteAllText(At("two.lep"), """
            param w: f32[256, 256] ~ glorot
            fn f(x: f32[64, 256]) -> (y: f32[64, 256]) = tanh(sin(x @ w) + exp(x @ w))
            """);
        const string Machine = """
            devices:
              products: { kind: clr, threads: 1, profile: { compute: 1 GFLOP/s, bandwidth: 100 GB/s, classes: { contraction: { compute: 100 GFLOP/s } } } }
              functions: { kind: clr, threads: 1, profile: { compute: 100 GFLOP/s, bandwidth: 100 GB/s, classes: { contraction: { compute: 1 GFLOP/s } } } }
            links:
              - { from: products, to: functions, latency: 10 us, bandwidth: 100 GB/s }
            """;
        File.WriteAllText(At("box.yaml"), Machine);
        string[] place = ["place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.5"];
        var (code, text, errors) = UsageTests.Run([.. place, "--out", At("two.plan")]);
        Assert.True(code == 0, errors);
        var words = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Contains("fusion contractions stand alone, without the elementwise work behind them: in one kernel with it the best plan has ", words);
        var plan = File.ReadAllLines(At("two.plan"));
        Assert.Equal("fusion contractions alone", plan[4]);
        Assert.Matches("^contract_0 #[0-9a-f]{8} on products at 0 us$", plan[^2]);
        Assert.Matches("^sin_exp_tanh_1 #[0-9a-f]{8} on functions at ", plan[^1]);
        var json = JsonDocument.Parse(UsageTests.Run([.. place, "--json"]).Output).RootElement;
        var fused = JsonDocument.Parse(UsageTests.Run([.. place, "--json", "--pin", "y=products", "--pin", "w=products"]).Output).RootElement;
        Assert.True(json.GetProperty("contractions_alone").GetBoolean() && !fused.GetProperty("contractions_alone").GetBoolean());
        Assert.True(5 * json.GetProperty("plan").GetProperty("time").GetDouble() < fused.GetProperty("plan").GetProperty("time").GetDouble());

        // It is checked and run as the program that it is for, and gives what one device gives.
        Assert.Equal((0, $"{At("two.plan")} is up to date\n"), UsageTests.Run([.. place, "--check", At("two.plan")]) is var asked ? (asked.Code, asked.Output) : default);
        var alone = UsageTests.Run("run", At("two.lep"), "--in", "x=uniform(7)", "--device", "clr").Output;
        var (ran, output, told) = UsageTests.Run("run", At("two.lep"), "--in", "x=uniform(7)", "--plan", At("two.plan"));
        Assert.Equal((0, alone), (ran, output));
        Assert.Contains("products 1 segment, functions 1 segment", told);

        // What was measured is not held against what is calculated.
        var whole = Compilation.Of(new SourceText("two.lep", File.ReadAllText(At("two.lep")))).Fuse("f");
        File.WriteAllText(At("box.costs"), LearnedCosts.Empty.With("products", GroupKey.Of(whole, whole.Groups[^1]), 9e-3, "").Print());
        Assert.False(JsonDocument.Parse(UsageTests.Run([.. place, "--json"]).Output).RootElement.GetProperty("contractions_alone").GetBoolean());
        File.Delete(At("box.costs"));

        // Devices that are alike: it does not pay.
        File.WriteAllText(At("box.yaml"), Machine.Replace("compute: 1 GFLOP/s", "compute: 100 GFLOP/s", StringComparison.Ordinal));
        Assert.Equal(0, UsageTests.Run([.. place, "--out", At("two.plan")]).Code);
        Assert.DoesNotContain(File.ReadAllLines(At("two.plan")), l => l.StartsWith("fusion", StringComparison.Ordinal));
    }

    [Fact]
    public void Devices_that_share_cores_are_told_with_what_that_may_add()
    {
        File.WriteAllText(At("two.lep"), "fn f(x: f32[4096, 64], y: f32[4096, 64]) -> (a: f32[4096], b: f32[4096]) {\n a = sum(exp(x), axis = 1)\n b = sum(exp(y), axis = 1)\n }");
        const string Machine = """
            devices:
              cpu: { kind: cpu, threads: 1, profile: { compute: 10 GFLOP/s, bandwidth: 10 GB/s } }
              opencl: { kind: opencl, cores: [0, 1], profile: { compute: 10 GFLOP/s, bandwidth: 10 GB/s } }
            links:
              - { from: cpu, to: opencl, latency: 0, bandwidth: unlimited }
            """;
        File.WriteAllText(At("box.yaml"), Machine);
        var (code, text, errors) = UsageTests.Run("place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.1");
        Assert.True(code == 0, errors);
        var words = string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches("cores cpu and opencl share cores 0, 1, and both have work for [0-9.]+ us: planned as if each had them alone; that may add ", words);
        var json = JsonDocument.Parse(UsageTests.Run("place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.1", "--json").Output).RootElement;
        var shared = json.GetProperty("shared_cores")[0];
        Assert.Equal(shared.GetProperty("seconds").GetDouble() / 2, shared.GetProperty("may_add").GetDouble(), 12);
        Assert.Equal(json.GetProperty("plan").GetProperty("time").GetDouble(), shared.GetProperty("seconds").GetDouble(), 9);

        // What is compared with a measured run has it.
        Assert.Equal(0, UsageTests.Run("place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.1", "--out", At("two.plan")).Code);
        var planned = PlanFile.Read(new SourceText("two.plan", File.ReadAllText(At("two.plan"))), new DiagnosticReport())!.Seconds;
        Assert.Equal(1.5 * json.GetProperty("plan").GetProperty("time").GetDouble(), planned, 7);

        // The faster device alone would be done sooner than both on two cores.
        Assert.DoesNotContain("with that the plan may take", words);
        File.WriteAllText(At("box.yaml"), Machine.Replace("cores: [0, 1], profile: { compute: 10", "cores: [0, 1], profile: { compute: 18", StringComparison.Ordinal));
        words = string.Join(' ', UsageTests.Run("place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.1").Output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches("with that the plan may take [0-9.]+ us, and all on opencl [0-9.]+ us: pin kernels", words);

        // Each with a core of its own; and one of them with nothing to do.
        File.WriteAllText(At("box.yaml"), Machine.Replace("[0, 1]", "[1]", StringComparison.Ordinal).Replace("threads: 1", "threads: 1, cores: [0]", StringComparison.Ordinal));
        Assert.DoesNotContain("share core", UsageTests.Run("place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.1").Output);
        File.WriteAllText(At("box.yaml"), Machine.Replace("latency: 0", "latency: 1 s", StringComparison.Ordinal));
        Assert.DoesNotContain("share core", UsageTests.Run("place", At("two.lep"), "--machine", At("box.yaml"), "--seconds", "0.1").Output);
    }

    [Fact]
    public void A_plan_says_which_measured_times_it_was_made_from_and_asks_for_another_when_they_change()
    {
        var fused = Compilation.Of(new SourceText("mlp.lep", Perceptron)).Fuse("mlp", new Dictionary<string, long> { ["B"] = 64 });
        var costs = LearnedCosts.Empty.With("laptop", GroupKey.Of(fused, fused.Groups[^1]), 12e-6, "");
        File.WriteAllText(At("lab.costs"), costs.Print());
        Assert.Equal(0, Place("--out", At("mlp.plan")).Code);
        var line = File.ReadAllLines(At("mlp.plan"))[4];
        Assert.Matches("^times lab.costs #[0-9a-f]{8}$", line);

        // Times of other kernels, or of other devices, make no difference.
        File.WriteAllText(At("lab.costs"), costs.With("laptop", "sort #00000000", 1, "").With("moon", GroupKey.Of(fused, fused.Groups[^1]), 1, "").Print());
        Assert.Equal((0, $"{At("mlp.plan")} is up to date\n"), Checked().Asked);
        File.WriteAllText(At("lab.costs"), costs.With("laptop", GroupKey.Of(fused, fused.Groups[^1]), 13e-6, "").Print());
        var (asked, errors) = Checked();
        Assert.Equal((1, $"{At("mlp.plan")} is not up to date\n"), asked);
        Assert.Contains("warning LEP8106: the plan was made from other times: lab.costs has other times of its kernels", errors);

        // The file that was named counts.
        File.WriteAllText(At("other.costs"), costs.Print());
        Assert.Equal(0, Place("--check", At("mlp.plan"), "--costs", At("other.costs")).Code);

        ((int, string) Asked, string Errors) Checked()
        {
            var (found, output, told) = Place("--check", At("mlp.plan"));
            return ((found, output), told);
        }
    }

    [Theory]
    [InlineData("LEP8201: nothing that is placed is called `sum_3`", "did you mean `sum_2`?", "--pin", "sum_3=gpu0")]
    [InlineData("LEP8202: the machine has no device `gpu1`", "did you mean `gpu0`?", "--pin", "w1=gpu1")]
    [InlineData("LEP8203: kernel `contract_exp_1` is pinned to `gpu0` and to `laptop`", "", "--pin", "w2=gpu0", "--pin", "contract_exp_1=laptop")]
    [InlineData("LEP8001: there is no goal `speed`", "the faster a run", "--minimize", "speed")]
    [InlineData("LEP8006: a limit is written with `<=`", "", "--subject-to", "time < 3 ms")]
    [InlineData("LEP1001: expected a name or a number", "", "--minimize", "0.6 *")]
    [InlineData("--pin gpu0: expected NAME=DEVICE", "", "--pin", "gpu0")]
    [InlineData("on the command line sizes stand in --dim B=3", "", "--minimize", "time when B = 3")]
    [InlineData("--dim C=…: there is no such size", "", "--dim", "C=3")]
    [InlineData("--pareto -1: expected a number of at least 0", "", "--pareto", "-1")]
    [InlineData("there is no file nowhere.plan", "", "--check", "nowhere.plan")]
    public void What_is_wrong_with_a_command_line_has_a_message(string message, string help, params string[] arguments)
    {
        var (code, _, errors) = Place(arguments);
        Assert.NotEqual(0, code);
        Assert.Contains(message, errors);
        Assert.Contains(help, errors);
    }

    [Fact]
    public void A_parameter_an_argument_and_a_result_name_the_kernels_around_them()
    {
        var (_, text, _) = Place("--pin", "w1=gpu0", "--pin", "w2=laptop");
        Assert.Matches(@"contract_max_0 +gpu0 ", text);
        Assert.Matches(@"contract_exp_1 +laptop ", text);
        Assert.Matches(@"contract_exp_1 +edge box ", Place("--pin", "w2=edge box").Output);
        Assert.Matches(@"contract_max_0 +laptop ", Place("--pin", "x=laptop").Output);
        Assert.Matches(@"sum_2 +gpu0 ", Place("--pin", "p=gpu0").Output);
    }

    [Fact]
    public void Limits_that_cannot_be_kept_are_named_and_a_broken_machine_file_is_shown()
    {
        var (code, text, _) = Place("--subject-to", "time <= 1 us, cost <= 100 usd", "--out", At("mlp.plan"));
        Assert.Equal(1, code);
        Assert.Contains("status      INFEASIBLE: no plan keeps `time <= 1 us`\n", text);
        Assert.Contains("breaks time <= 1 us", text);
        Assert.DoesNotContain(text.Split('\n'), l => l.Length > 100);
        Assert.False(File.Exists(At("mlp.plan")));
        var json = JsonDocument.Parse(Place("--subject-to", "time <= 1 us", "--json").Output).RootElement;
        Assert.Equal(1e-6, json.GetProperty("conflict").GetProperty("limits")[0].GetProperty("most").GetDouble());
        File.WriteAllText(At("lab.yaml"), "devices: { a: { kind: cpu, memroy: 3 GB } }");
        var (broken, _, errors) = Place();
        Assert.Equal(1, broken);
        Assert.Contains("error LEP7003: device `a` has no `memroy`", errors);
        Assert.Contains("lab.yaml:1:28", errors);
    }

    [Fact]
    public void Without_a_proof_the_bound_is_said_and_how_to_get_one()
    {
        var compilation = Compilation.Of(new SourceText("resnet18.lep", File.ReadAllText(Repository.PathOf("tests", "Lepton.Benchmarks", "models", "resnet18.lep"))));
        var request = PlaceRequest.Make(compilation, new PlaceArguments(Repository.PathOf("tests", "data", "lab.yaml"), null, ["B=1"], "0.5*time + 0.5*cost", [], []));
        var weak = new PlacerOptions { AnnealingWork = 0, SearchSteps = 0 };
        var report = ReportMaker.Make(request.Problem, 3, weak, weak);
        Assert.Equal(PlacementStatus.Heuristic, report.Result.Status);
        var text = PlaceText.Of(request, report, "To get a proof: install it", ["it was killed"]);
        Assert.Contains("status      HEURISTIC: not proven best. To get a proof: install it\n", text);
        Assert.Contains("solver      it was killed\n", text);
        Assert.Matches(@"value       [\d.]+, at least [\d.]+, a gap of [\d.]+ %; found by: ", text);
        Assert.Contains("references  each term is divided by the best it can be alone: time ", text);
        Assert.Equal("install it", JsonDocument.Parse(PlaceJson.Of(request, report, "install it", [])).RootElement.GetProperty("solver_missing").GetString());
    }

    private string At(string file) => Path.Combine(_folder, file);

    private (int Code, string Output, string Errors) Place(params string[] arguments) =>
        UsageTests.Run(["place", At("mlp.lep"), "--machine", At("lab.yaml"), .. arguments]);
}
