using System.Diagnostics;
using Lepton.Placement;
using Lepton.Placement.Exact;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver;
using Lepton.Placement.Solver.Engines;
using Lepton.Placement.Solver.Scheduling;
using Xunit.Abstractions;

namespace Lepton.Tests.Placement.Solver;

/// <summary>The general model against the enumeration of everything, and what becomes of it without an engine.</summary>
[Collection("solver")] // One engine at a time works here: they would only slow each other down.
public class PlacementSolverTests(ITestOutputHelper output)
{
    private static readonly int Instances = Environment.GetEnvironmentVariable("LEPTON_PLACEMENT") == "all" ? 400 : 24;

    [SolverFact]
    public void Random_problems_with_every_goal_have_the_value_that_the_enumeration_finds()
    {
        using var first = CpEngines.Create(out _)!;
        using var second = CpEngines.Create(out _)!;
        var (optimal, infeasible) = (0, 0);
        // 122: rented, with a limit of money on the edge.
        foreach (var seed in Enumerable.Range(0, Instances).Append(122))
        {
            var (problem, best, known) = RandomGoals.Make(seed);
            var (answer, note) = PlacementSolver.Solve(problem, known, [first, second], new SolverOptions { Seconds = 30 });
            if (AsEnumerated(seed, problem, best, answer, note) is null)
            {
                infeasible++;
                continue;
            }

            optimal++;
        }

        output.WriteLine($"{optimal} optimal and {infeasible} infeasible of {Instances}, as enumerated");
        Assert.True(optimal >= Instances / 2 && infeasible >= Instances / 10, $"{optimal} {infeasible}");
    }

    [SolverFact]
    public void What_is_alive_in_memory_is_counted_as_the_enumeration_counts_it()
    {
        using var first = CpEngines.Create(out _)!;
        using var second = CpEngines.Create(out _)!;
        var (optimal, infeasible, waited) = (0, 0, 0);
        for (var seed = 0; seed < Instances; seed++)
        {
            var (problem, best, known) = RandomGoals.Make(seed, resident: true);
            var (answer, note) = PlacementSolver.Solve(problem, known, [first, second], new SolverOptions { Seconds = 60 });
            if (AsEnumerated(seed, problem, best, answer, note) is not { } plan)
            {
                infeasible++;
                continue;
            }

            optimal++;
            waited += Simulator.Run(problem, plan.Devices, plan.Starts).Score.Feasible ? 0 : 1;
        }

        output.WriteLine($"alive: {optimal} optimal, {waited} of them by waiting, and {infeasible} infeasible of {Instances}, as enumerated");
        Assert.True(optimal >= Instances / 3 && infeasible >= Instances / 10, $"{optimal} {infeasible}");
    }

    // Together the first lane is done with problems this small before the second one has started.
    [SolverFact]
    public void Each_lane_by_itself_proves_what_the_enumeration_finds()
    {
        using var engine = CpEngines.Create(out _)!;
        var timed = 0;
        for (var seed = 0; seed < Instances; seed++)
        {
            var (problem, best, _) = RandomGoals.Make(seed, resident: seed % 3 == 2);

            // Time alone, within the same limits, is what the second lane has steps upwards for.
            var goal = Weights.Of(seed % 2 == 0 ? problem.Objective.Goals[0] : Goal.Of(Metric.Time));
            if (seed % 2 == 1)
            {
                problem = problem with { Objective = problem.Objective with { Goals = [Goal.Of(Metric.Time)] } };
                var within = BruteForce.Front(problem).Where(s => problem.Objective.Ceilings.All(c => c.Goal.Value(s) <= c.Most));
                best = BruteForce.Best([.. within], problem.Objective)?[0];
                timed += best is null ? 0 : 1;
            }

            var tables = new Tables(problem);
            var horizon = PlacementSolver.Horizon(tables, goal, double.PositiveInfinity);
            var units = Units.Choose(tables, goal, best is > 0 ? best.Value * 2 : horizon, horizon);
            var lanes = PlacementSolver.Lanes(tables, units, goal, null, 0, double.PositiveInfinity, new CpParameters { MaxSeconds = 60 });
            foreach (var ((model, parameters), reader) in lanes)
            {
                var result = CpSolver.Solve(engine, model, parameters);
                var says = $"seed {seed}, {parameters.ToText()}: {result}";
                Assert.True(result.Outcome == (best is null ? CpOutcome.Infeasible : CpOutcome.Optimal), says);
                if (best is { } value)
                {
                    var score = Simulator.Run(problem, reader.Read(result.Solution)).Score;
                    Assert.True(score.Feasible && result.Bound * units.Goal <= value * (1 + 1e-9), $"{says}; best is {value}");
                    Assert.Equal(value, goal.Value(score), value * 4e-6);
                }
            }
        }

        Assert.True(timed >= Instances / 5, $"{timed}");
    }

    [SolverFact]
    public void A_kernel_waits_for_memory_where_nothing_else_makes_it_wait()
    {
        // Two at a time, but what a and c make has room once only; b, which reads a's, is slow.
        var problem = new PlacementProblem(
            [new Device("d", MemoryBytes: 10, Streams: 2)],
            [],
            [new Kernel("a", [1.0]), new Kernel("b", [3.0]), new Kernel("c", [1.0]), new Kernel("d", [1.0])],
            [new Tensor("ta", 0, 6, [1]), new Tensor("tb", 1, 1, []), new Tensor("tc", 2, 6, [3]), new Tensor("td", 3, 1, [])],
            Objective.Of(Metric.Time),
            Memory: MemoryModel.Residency);
        Assert.Equal(6, BruteForce.Front(problem).Min(s => s.Time));
        using var solver = CpPlacement.Create(out _, new SolverOptions { Seconds = 30 })!;
        var result = Placer.Place(problem, solver.Options(new PlacerOptions { AnnealingWork = 10_000 }));
        Assert.Equal((PlacementStatus.Optimal, 6), (result.Status, result.Run!.Score.Time));
        Assert.False(Simulator.Run(problem, result.Run.Devices, result.Run.Starts).Score.Feasible);
    }

    [SolverFact]
    public void Copies_that_share_a_link_are_timed_as_the_enumeration_of_orders_times_them()
    {
        using var engine = CpEngines.Create(out _)!;
        var waited = 0;
        for (var seed = 0; seed < 10; seed++)
        {
            var problem = RandomProblems.Layered(seed, 4, 2, new RandomFeatures { Whole = true }) with { ExclusiveLinks = true };

            // What is made on one device and read on the other one, so that copies meet.
            problem = problem with { Kernels = [.. problem.Kernels.Select((k, v) => v < 3 && seed % 3 > 0 ? k with { Pin = v / 2 } : k)] };
            var best = LinkOrders.ShortestTime(problem);
            var answer = PlacementSolver.Solve(problem, null, [engine]).Answer;
            Assert.True(answer.Status == SolverStatus.Optimal, $"seed {seed}: {best} is best, {answer}");
            Assert.Equal(best, Simulator.Run(problem, answer.Best!).Score.Time, 1e-6);
            waited += best > LinkOrders.ShortestTime(problem with { ExclusiveLinks = false }) ? 1 : 0;
        }

        Assert.True(waited > 0, "contention never mattered");
    }

    [SolverFact]
    public void The_placer_with_a_solver_proves_what_it_cannot_alone()
    {
        var problem = RandomProblems.Layered(5, 20, 8);
        var quick = new PlacerOptions { AnnealingWork = 500_000, SearchSteps = 0 };
        Assert.Equal(PlacementStatus.Heuristic, Placer.Place(problem, quick).Status);
        using var solver = CpPlacement.Create(out _, new SolverOptions { Seconds = 30 })!;
        var result = Placer.Place(problem, solver.Options(quick));
        Assert.Equal(PlacementStatus.Optimal, result.Status);
        Assert.True(result.Run!.Score.Feasible);
    }

    [SolverFact]
    public void Neighbourhoods_of_a_large_problem_never_make_a_plan_worse()
    {
        var problem = RandomProblems.Layered(1, 160, 4);
        var known = Lepton.Placement.Heuristics.Heft.Run(new Tables(problem), new Lepton.Placement.Exact.Weights(1, 0, 0))!;
        using var engine = CpEngines.Create(out _)!;
        var improved = Simulator.Run(problem, Windows.Improve(problem, known, [engine], 1));
        Assert.True(improved.Score.Feasible && improved.Score.Time <= Simulator.Run(problem, known).Score.Time);
    }

    [Fact]
    public void Without_an_engine_the_known_plan_and_the_bound_are_the_answer()
    {
        var problem = RandomProblems.Layered(3, 20, 3);
        var known = Lepton.Placement.Heuristics.Heft.Run(new Tables(problem), new Lepton.Placement.Exact.Weights(1, 0, 0))!;
        var answer = PlacementSolver.Solve(problem, known, []).Answer;
        Assert.Equal(SolverStatus.Feasible, answer.Status);
        Assert.InRange(answer.Bound, double.Epsilon, Simulator.Run(problem, answer.Best!).Score.Time);
    }

    [Fact]
    public void A_lost_engine_leaves_the_known_plan_and_says_why()
    {
        var problem = RandomProblems.Layered(3, 20, 3);
        var known = Lepton.Placement.Heuristics.Heft.Run(new Tables(problem), new Lepton.Placement.Exact.Weights(1, 0, 0))!;
        using var engine = new NodeEngine(new NodePackage("/nonexistent/node", "a.js", "a.wasm"));
        var (answer, note) = PlacementSolver.Solve(problem, known, [engine]);
        Assert.Equal(SolverStatus.Feasible, answer.Status);
        Assert.StartsWith("/nonexistent/node does not start", note, StringComparison.Ordinal);
    }

    [SolverFact]
    public void A_cancelled_solve_leaves_the_known_plan()
    {
        var problem = RandomProblems.Layered(3, 60, 4);
        var known = Lepton.Placement.Heuristics.Heft.Run(new Tables(problem), new Lepton.Placement.Exact.Weights(1, 0, 0))!;
        using var engine = CpEngines.Create(out _)!;
        using var cancel = new CancellationTokenSource(500);
        var watch = Stopwatch.StartNew();
        var answer = PlacementSolver.Solve(problem, known, [engine], new SolverOptions { Seconds = 60 }, cancel.Token).Answer;
        Assert.Equal(SolverStatus.Feasible, answer.Status);
        Assert.True(watch.Elapsed.TotalSeconds < 30, $"{watch.Elapsed}");
    }

    // The solver's plan, which is as good as the best; null where there is none, as it must say too.
    private static Plan? AsEnumerated(int seed, PlacementProblem problem, double? best, SolverAnswer answer, string note)
    {
        if (best is null)
        {
            Assert.True(answer.Status == SolverStatus.Infeasible, $"seed {seed}: there is no plan, {answer} {note}");
            return null;
        }

        Assert.True(answer.Status == SolverStatus.Optimal, $"seed {seed}: {best} is best, {answer} {note}");
        var score = Simulator.Run(problem, answer.Best!).Score;
        Assert.True(score.Feasible);
        Assert.Equal(best.Value, problem.Objective.Goals[0].Value(score), best.Value * 2e-6);
        return answer.Best;
    }
}
