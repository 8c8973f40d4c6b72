using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver.Engines;
using Lepton.Placement.Solver.Pipelines;
using Xunit.Abstractions;

namespace Lepton.Tests.Placement.Solver;

/// <summary>Pipelines against the enumeration of everything, and the published ones against their known optima.</summary>
[Collection("solver")] // One engine at a time works here: they would only slow each other down.
public class PipelineSolverTests(ITestOutputHelper output)
{
    // The slowest stage in ms, from the authors' dynamic program where it ends, and from CP-SAT.
    public static TheoryData<string, double> Published()
    {
        var data = new TheoryData<string, double> { { "layer-bert24", 17.7899 }, { "layer-gnmt", 32.9107 }, { "op-bert_l-3", 27.9186 } };
        if (Environment.GetEnvironmentVariable("LEPTON_PLACEMENT") == "all")
        {
            data.Add("layer-resnet50", 33.7747);
            data.Add("layer-inceptionv3", 51.5519);
            data.Add("op-bert_l-6", 29.5795);
            data.Add("op-resnet50", 124.349);
            data.Add("op-bert_l-12", 147.478);
        }

        return data;
    }

    [SolverTheory]
    [MemberData(nameof(Published))]
    public void A_published_pipeline_is_proved_optimal_at_its_known_value(string name, double known)
    {
        var problem = PublishedPipeline.Read(name);
        Assert.Empty(Lepton.Placement.Problem.ProblemCheck.Run(problem));
        using var first = CpEngines.Create(out _)!;
        using var second = CpEngines.Create(out _)!;
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var answer = PipelineSolver.Solve(problem, [first, second], 60);
        var score = Simulator.Run(problem, answer.Answer.Best!).Score;
        output.WriteLine($"{name}: {answer.Answer.Status}, slowest stage {score.Interval:F4} ms, bound {answer.Answer.Bound:F4} ms, {watch.Elapsed.TotalSeconds:F1} s");
        Assert.True(answer.Answer.Status == SolverStatus.Optimal, $"{answer}");
        Assert.True(score.Feasible);
        Assert.InRange(score.Interval, known * (1 - 5e-6), known * (1 + 5e-6));
    }

    [SolverFact]
    public void Random_pipelines_have_the_interval_that_the_enumeration_finds()
    {
        using var engine = CpEngines.Create(out _)!;
        var solved = 0;
        for (var seed = 0; seed < 24; seed++)
        {
            var problem = Alike(RandomProblems.Layered(seed, 5, 3, new RandomFeatures { Ties = seed % 2 == 0, Streams = seed % 3 == 0 }), seed);
            Assert.True(PipelineSolver.Applies(problem));
            var best = BruteForce.Best(BruteForce.Front(problem), problem.Objective);
            var answer = PipelineSolver.Solve(problem, [engine], 20).Answer;
            if (best is null)
            {
                Assert.Null(answer.Best);
                continue;
            }

            solved++;
            Assert.True(answer.Status == SolverStatus.Optimal, $"seed {seed}: {answer}");
            Assert.Equal(best[0], Simulator.Run(problem, answer.Best!).Score.Interval, best[0] * 2e-6);
        }

        Assert.True(solved >= 20, $"{solved}");
    }

    [Fact]
    public void Without_a_solver_there_is_a_pipeline_and_a_bound()
    {
        var problem = PublishedPipeline.Read("layer-gnmt");
        var answer = PipelineSolver.Solve(problem, [], 1).Answer;
        Assert.Equal(SolverStatus.Feasible, answer.Status);
        var score = Simulator.Run(problem, answer.Best!).Score;
        Assert.True(score.Feasible && answer.Bound > 0 && answer.Bound <= score.Interval);
    }

    [Fact]
    public void Unequal_links_and_limits_are_left_to_others()
    {
        var problem = PublishedPipeline.Read("layer-gnmt");
        Assert.False(PipelineSolver.Applies(problem with { Links = [.. problem.Links.Skip(1)] }));
        Assert.False(PipelineSolver.Applies(problem with { Objective = Objective.Of(Metric.Interval, new Limit(Metric.Time, 1)) }));
        Assert.False(PipelineSolver.Applies(problem with { Objective = Objective.Of(Metric.Time) }));
    }

    // Equal links, two devices of one kind, at most one that copies do not occupy; memory for weights that binds now and then.
    private static PlacementProblem Alike(PlacementProblem problem, int seed)
    {
        var memory = seed % 4 == 1 ? problem.Kernels.Sum(k => k.WeightBytes) * 0.5 : double.PositiveInfinity;
        return problem with
        {
            Objective = Objective.Of(Metric.Interval),
            Memory = MemoryModel.Weights,
            Devices = [.. problem.Devices.Select((d, i) => d with { CopiesOccupy = i > 0, Streams = i == 0 ? d.Streams : 1, MemoryBytes = memory })],
            Kernels = [.. problem.Kernels.Select(k => k with { Seconds = [k.Seconds[0], k.Seconds[1], k.Seconds[1]], WeightBytes = k.WeightBytes })],
            Links = [.. from a in Enumerable.Range(0, 3) from b in Enumerable.Range(0, 3) where a != b select new Link(a, b, 1e-3, 4e9)],
        };
    }
}
