using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement.Costs;

public class ProgramProblemTests
{
    private const string Mlp = """
        import nn
        dim B, D = 784, H = 128, C = 10
        param w1: f32[D, H] ~ glorot
        param b1: f32[H]    ~ zeros
        param w2: f32[H, C] ~ glorot
        fn mlp(x: f32[B, D]) -> (p: f32[B, C]) {
          h[b, j] = relu(sum[k] x[b, k] * w1[k, j] + b1[j])
          z = h @ w2
          p[b, c] = softmax[c](z[b, c])
        }
        """;

    private const string Two = """
        devices:
          near: { kind: cpu, profile: { compute: 10 GFLOP/s, bandwidth: 10 GB/s, launch: 1 us } }
          far: { kind: gpu, price: 3600 usd/h, profile: { compute: 1 TFLOP/s, bandwidth: 500 GB/s, launch: 5 us } }
        links:
          - { from: near, to: far, bandwidth: 10 GB/s, latency: 10 us }
        """;

    [Fact]
    public void A_perceptron_is_arguments_groups_and_results_with_the_work_of_its_equations()
    {
        var fused = Fuse(Mlp, ("B", 64));
        var program = ProgramProblem.Of(fused, new CostModel(Machine(Two)), Objective.Of(Metric.Time));
        Assert.Empty(ProblemCheck.Run(program.Problem));
        Assert.Equal(
            ["Argument x", .. fused.Groups.Select(g => $"Group {g.Name}"), "Result p"], program.Kernels.Select(k => $"{k.Role} {k.Name}"));
        Assert.Equal([64.0 * 784 * 4, 64.0 * 128 * 4, 64.0 * 10 * 4, 64.0 * 10 * 4], program.Problem.Tensors.Select(t => t.Bytes));
        Assert.Equal([0, 1, 2, 3], program.Problem.Tensors.Select(t => t.Producer));
        Assert.All(program.Problem.Tensors, (t, i) => Assert.Equal([i + 1], t.Consumers));

        // relu(x @ w1 + b1): a product, an addition and a maximum.
        var first = program.Kernels[1].Work!;
        Assert.Equal((2.0 * 64 * 784 * 128) + (2 * 64 * 128), first.Flops);
        Assert.Equal(((784 * 128) + 128) * 4.0, first.WeightBytes);
        Assert.Equal(KernelClass.Contraction, first.Class);
        Assert.Equal((64 * 784 * 4) + first.WeightBytes, first.BytesRead);
        Assert.Equal(64 * 128 * 4, first.BytesWritten);
        Assert.Equal(KernelClass.Reduction, program.Kernels[3].Work!.Class);

        // launch + the slower of arithmetic and memory; tiles of 128 columns and a depth of 784 are loaded and stored once.
        var product = 2.0 * 64 * 784 * 128 * (784 + 8) / 784;
        Assert.Equal(1e-6 + ((product + (2 * 64 * 128)) / 10e9), program.Problem.Kernels[1].Seconds[0], 12);
        Assert.Equal(TimeSource.Profile, program.Kernels[1].Times[0].Source);
        Assert.Contains("arithmetic", program.Kernels[1].Times[0].Reason);
    }

    [Fact]
    public void Flops_and_bytes_are_those_that_explain_prints()
    {
        var fused = Fuse(Mlp, ("B", 64));
        var module = KernelLowering.Run(fused);
        var work = fused.Groups.Select(g => WorkCounter.Of(fused, g)).ToArray();
        Assert.Equal(module.Kernels.Sum(k => k.Flops.AsConstant!.Value), work.Sum(w => w.Flops));
        Assert.Equal(module.Kernels.Sum(k => k.Bytes.AsConstant!.Value), work.Sum(w => w.BytesRead + w.BytesWritten));
    }

    [Fact]
    public void The_plan_goes_where_the_work_is_done_sooner_and_pins_hold()
    {
        var fused = Fuse(Mlp, ("B", 4096));
        var costs = new CostModel(Machine(Two));
        var free = ProgramProblem.Of(fused, costs, Objective.Of(Metric.Time));
        var plan = Placer.Place(free.Problem).Run!.Plan;
        Assert.Equal("far", free.DevicesOf(plan)[fused.Groups[0].Name]);
        Assert.Equal((0, 0), (plan.Devices[0], plan.Devices[^1]));

        var pinned = ProgramProblem.Of(fused, costs, Objective.Of(Metric.Time), new ProgramOptions
        {
            Pins = new Dictionary<string, string> { [fused.Groups[0].Name] = "near" },
        });
        Assert.Equal("near", pinned.DevicesOf(Placer.Place(pinned.Problem).Run!.Plan)[fused.Groups[0].Name]);
        var cheap = ProgramProblem.Of(fused, costs, Objective.Of(Metric.Money));
        Assert.All(cheap.DevicesOf(Placer.Place(cheap.Problem).Run!.Plan).Values, d => Assert.Equal("near", d));
        var unknown = new ProgramOptions { Pins = new Dictionary<string, string> { ["nobody"] = "near" } };
        Assert.Contains(fused.Groups[0].Name, Assert.Throws<ArgumentException>(() => ProgramProblem.Of(fused, costs, Objective.Of(Metric.Time), unknown)).Message);
        Assert.Throws<ArgumentException>(() => ProgramProblem.Of(Fuse(Mlp), costs, Objective.Of(Metric.Time)));
    }

    [Fact]
    public void What_a_run_takes_at_home_is_shared_by_the_kernels_that_read_arguments_alone()
    {
        var fused = Fuse("""
            fn f(x: f32[64, 64], y: f32[64, 64]) -> (z: f32[64]) {
              a = sum(exp(x), axis = 1)
              b = sum(exp(y), axis = 1)
              z = sort(a) + sort(b)
            }
            """);
        var plain = ProgramProblem.Of(fused, new CostModel(Machine(Two)), Objective.Of(Metric.Time)).Problem.Kernels;
        var program = ProgramProblem.Of(fused, new CostModel(Machine(Two.Replace("launch: 1 us", "launch: 1 us, run: 30 us", StringComparison.Ordinal))), Objective.Of(Metric.Time));
        var more = program.Problem.Kernels.Zip(plain, (k, p) => (k.Name, Home: Math.Round((k.Seconds[0] - p.Seconds[0]) * 1e6, 6), Away: k.Seconds[1] - p.Seconds[1])).ToArray();
        Assert.Equal(2, more.Count(k => k.Home == 15));
        Assert.All(more, k => Assert.True(k is { Home: 15 or 0, Away: 0 }, $"{k}"));

        // What a kernel itself takes is what it was.
        Assert.All(program.Kernels.Zip(plain), k => Assert.Equal(k.Second.Seconds[0], k.First.Times[0].Seconds));
    }

    [Fact]
    public void Windows_of_few_products_are_stencils_and_others_are_convolutions()
    {
        KernelClass Of(int channels)
        {
            var fused = Fuse($"import nn\nparam w: f32[32, {channels}, 3, 3] ~ he\nfn f(x: f32[2, {channels}, 28, 28]) -> (y) = conv2d(x, w)");
            return WorkCounter.Of(fused, fused.Groups[^1]).Kernels[^1].Operations.MaxBy(o => o.Operations)!.Class;
        }

        Assert.Equal(KernelClass.Stencil, Of(1));
        Assert.Equal(KernelClass.Convolution, Of(2));
    }

    [Fact]
    public void What_is_made_of_parameters_alone_is_a_weight()
    {
        var fused = Fuse("""
            param w: f32[300, 300] ~ glorot
            param v: f32[300, 300] ~ glorot
            fn f(x: f32[8, 300]) -> (y: f32[8, 300]) {
              n = w @ v
              y = x @ exp(n) + sum(exp(n))
            }
            """);
        var program = ProgramProblem.Of(fused, new CostModel(Machine(Two)), Objective.Of(Metric.Time));
        var groups = program.Kernels.Where(k => k.Role == KernelRole.Group).ToArray();
        Assert.True(groups.Length < fused.Groups.Count);
        Assert.Equal(300 * 300 * 4.0, groups.Sum(g => g.Work!.WeightBytes), 300 * 300 * 4 * 0.1);
        Assert.All(program.Problem.Tensors, t => Assert.True(t.Bytes == 8 * 300 * 4));
    }

    [Fact]
    public void A_loop_is_its_steps_and_a_gather_reads_what_it_takes()
    {
        var fused = Fuse("""
            param w: f32[64, 64] ~ glorot
            fn f(h0: f32[8, 64], table: f32[100000, 64], token: i32[8]) -> (h: f32[8, 64], e: f32[8, 64]) {
              scan t in 50 {
                state s: f32[8, 64] = h0
                s' = tanh(s @ w)
              }
              h = s
              e[i, j] = table[token[i], j]
            }
            """);
        var work = fused.Groups.ToDictionary(g => g.Strategy, g => WorkCounter.Of(fused, g));
        var loop = work[KernelStrategy.Loop];
        Assert.Equal(50 * ((2.0 * 8 * 64 * 64) + (10 * 8 * 64)), loop.Flops);
        Assert.Equal(50, Assert.Single(loop.Kernels).Times);
        Assert.Equal(KernelClass.Contraction, loop.Class);
        var gather = work[KernelStrategy.Map];
        Assert.Equal(KernelClass.Gather, gather.Class);
        Assert.Equal((8 * 64 * 4) + (8 * 4), gather.BytesRead);
    }

    [Fact]
    public void Sparse_tensors_count_what_they_store_and_stay_where_they_are_made()
    {
        var fused = Fuse("""
            fn f(a: f32[1000, 1000] in csr, b: f32[1000, 1000] in csr, x: f32[1000]) -> (y: f32[1000], c: f32[1000, 1000] in csr) {
              y = a @ x
              c = a @ b
            }
            """);
        var told = new WorkAssumptions { Stored = new Dictionary<string, long> { ["a.1"] = 5000 } };
        var options = new ProgramOptions { Assumptions = told };
        var program = ProgramProblem.Of(fused, new CostModel(Machine(Two.Replace("kind: gpu", "kind: opencl:0, lacks: [sparse]"))), Objective.Of(Metric.Time), options);
        var bytes = program.Problem.Tensors.ToDictionary(t => t.Name, t => t.Bytes);
        Assert.Equal((1001 * 4) + (5000 * 8), bytes["a"]);
        Assert.Equal((1001 * 4) + (10_000 * 8), bytes["b"]);
        var product = program.Kernels.First(k => k.Group is { } g && fused.Graph[g.Outputs[0]] is FormatNode);
        Assert.Equal(double.PositiveInfinity, product.Times[1].Seconds);
        Assert.Contains("sparse", product.Times[1].Reason);
        var able = ProgramProblem.Of(fused, new CostModel(Machine(Two.Replace("kind: gpu", "kind: opencl:0"))), Objective.Of(Metric.Time), options);
        Assert.All(able.Kernels, k => Assert.True(double.IsFinite(k.Times[1].Seconds)));
        var vector = program.Kernels.First(k => k.Group is { } g && fused.Graph[g.Outputs[0]].Type.Rank == 1);
        Assert.Equal(2 * 5000, vector.Work!.Flops);
        Assert.Equal(KernelClass.Sparse, vector.Work.Class);
    }

    private static Machine Machine(string text)
    {
        var report = new DiagnosticReport();
        var machine = MachineFile.Read(new SourceText("machine.yaml", text), report);
        Assert.Empty(report.Diagnostics);
        return machine!;
    }

    private static FusedGraph Fuse(string text, params (string Name, long Size)[] dims)
    {
        var compilation = Compilation.Of(new SourceText("test.lep", text));
        Assert.False(compilation.Report.HasErrors, string.Join("\n", compilation.Report.Diagnostics));
        return compilation.Fuse(compilation.Entries[0], dims.ToDictionary(d => d.Name, d => d.Size));
    }
}
