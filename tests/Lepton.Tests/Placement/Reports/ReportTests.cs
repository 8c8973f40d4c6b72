using Lepton.Abi;
using Lepton.Placement;
using Lepton.Placement.Problem;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;
using Lepton.Placement.Solver;
using Lepton.Placement.Solver.Engines;
using Lepton.Placement.Solver.Scheduling;
using Lepton.Tests.Placement.Solver;

namespace Lepton.Tests.Placement.Reports;

/// <summary>What is asked about a plan, against enumerations.</summary>
public class ReportTests
{
    private static readonly Goal Balance = new([new Term(Metric.Time, 1), new Term(Metric.Money, 2000)]);

    [Fact]
    public void The_critical_path_leads_without_a_gap_from_the_start_of_the_run_to_its_end()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var problem = RandomProblems.Layered(seed, 20, 3, new RandomFeatures { Streams = seed % 2 == 0 }) with { ExclusiveLinks = seed % 3 == 0 };
            var run = Placer.Place(problem, new PlacerOptions { AnnealingWork = 100_000, SearchSteps = 1000 }).Run!;
            var path = CriticalPath.Of(problem, run);
            Assert.Equal(run.Score.Time, path[^1].End, 9);
            Assert.Equal((0.0, Wait.Nothing), (path[0].Start, path[0].Waited));
            for (var i = 1; i < path.Count; i++)
            {
                Assert.NotEqual(Wait.Plan, path[i].Waited);
                Assert.Equal(path[i - 1].End, path[i].Start, 9);
            }
        }
    }

    [Fact]
    public void What_forcing_a_kernel_elsewhere_costs_is_what_the_enumeration_finds()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var problem = Small(seed, seed % 2 == 0 ? Balance : Goal.Of(Metric.Time));
            var result = Placer.Place(problem);
            Assert.Equal(PlacementStatus.Optimal, result.Status);
            foreach (var forced in new Variations(problem, result, default).Elsewhere([.. Enumerable.Range(0, problem.Kernels.Count)]))
            {
                Assert.NotEqual(forced.Device, result.Run!.Devices[forced.Kernel]);
                var there = problem with { Kernels = [.. problem.Kernels.Select((k, v) => v == forced.Kernel ? k with { Pin = forced.Device } : k)] };
                var best = BruteForce.Best(BruteForce.Front(there), problem.Objective)![0];
                Assert.True(forced.IsExact);
                Assert.Equal((best - result.Goals[0].Value) / result.Goals[0].Value, forced.Change, 6);
            }
        }
    }

    [Fact]
    public void A_large_problem_moves_kernels_without_a_search_each_and_says_so()
    {
        var problem = RandomProblems.Layered(1, 140, 4);
        var result = Placer.Place(problem, new PlacerOptions { AnnealingWork = 100_000 });
        var forced = new Variations(problem, result, default).Elsewhere([.. Enumerable.Range(0, 140)]);
        Assert.Equal(420, forced.Count);
        Assert.All(forced, f => Assert.False(f.IsExact));
    }

    [Fact]
    public void Beyond_the_edge_of_a_price_another_plan_is_better_and_before_it_none()
    {
        var edges = 0;
        for (var seed = 0; seed < 8; seed++)
        {
            var problem = Small(seed, Balance);
            var result = Placer.Place(problem);
            foreach (var edge in new Variations(problem, result, default).Prices())
            {
                Assert.True(edge.IsExact);
                var price = edge.UsdPerHour ?? (edge.IsUp ? edge.Most : 0);
                var step = edge.IsUp ? 1e-3 : -1e-3;
                Assert.Equal(0, Lead(edge.Device, price * (edge.UsdPerHour is null ? 1 : 1 - step)), 6);
                if (edge.UsdPerHour is not null)
                {
                    edges++;
                    Assert.True(Lead(edge.Device, price * (1 + step)) > 0, $"seed {seed}: {edge}");
                }
            }

            // By how much, as a part, the best plan at a price is better than ours.
            double Lead(int device, double price)
            {
                var then = problem with { Devices = [.. problem.Devices.Select((d, i) => i == device ? d with { UsdPerHour = price } : d)] };
                var ours = Balance.Value(Simulator.Run(then, result.Run!.Plan).Score);
                return (ours - BruteForce.Best(BruteForce.Front(then), then.Objective)![0]) / ours;
            }
        }

        Assert.True(edges >= 8, $"{edges} edges");
    }

    [Fact]
    public void The_front_is_that_of_the_enumeration()
    {
        for (var seed = 0; seed < 12; seed++)
        {
            var problem = Small(seed, Goal.Of(Metric.Time));
            var front = ParetoFront.Of(problem, 50, new PlacerOptions(), []);
            var all = BruteForce.Front(problem);
            var expected = all.Where(a => !all.Any(b => b.Time <= a.Time && b.Money <= a.Money && (b.Time < a.Time || b.Money < a.Money)))
                .Select(s => (Math.Round(s.Time, 6), Math.Round(s.Money, 9))).Distinct().Order();
            Assert.Equal(expected, front.Select(p => (Math.Round(p.Seconds, 6), Math.Round(p.Usd, 9))));
            Assert.All(front, p => Assert.Equal(0, p.Gap));
            var few = ParetoFront.Of(problem, 3, new PlacerOptions(), []);
            Assert.InRange(few.Count, Math.Min(2, front.Count), 3);
            Assert.Equal((front[0].Seconds, front[^1].Usd), (few[0].Seconds, few[^1].Usd));
        }
    }

    [Fact]
    public void A_cancelled_search_ends_with_an_exception()
    {
        using var cancel = new CancellationTokenSource();
        var steps = 0;
        var options = new PlacerOptions
        {
            Cancel = cancel.Token,
            Progress = (value, bound) =>
            {
                Assert.True(bound <= value);
                if (++steps == 3)
                {
                    cancel.Cancel();
                }
            },
        };
        Assert.Throws<OperationCanceledException>(() => Placer.Place(RandomProblems.Layered(3, 30, 3), options));
        Assert.Equal(3, steps);
    }

    [Fact]
    public void A_solver_that_is_lost_is_told_of_and_the_plan_stays()
    {
        using var solver = new CpPlacement([new NodeEngine(new NodePackage("/nonexistent/node", "a.js", "a.wasm"))], new SolverOptions(), default);
        var result = Placer.Place(RandomProblems.Layered(3, 20, 3), solver.Options(new PlacerOptions { AnnealingWork = 100_000, SearchSteps = 1000 }));
        Assert.Equal(PlacementStatus.Gap, result.Status);
        Assert.StartsWith("/nonexistent/node does not start", Assert.Single(solver.Notes), StringComparison.Ordinal);
    }

    [SolverFact]
    public void A_cancelled_solver_ends_soon_and_the_gap_has_been_told_before()
    {
        using var cancel = new CancellationTokenSource();
        var gaps = new List<(double Value, double Bound)>();
        var since = new System.Diagnostics.Stopwatch();

        // As in a host whose pool is busy: neither the log nor a lane waits for a thread of it.
        var done = new ManualResetEventSlim();
        for (var i = 0; i < 60; i++)
        {
            _ = Task.Run(() => done.Wait(60_000));
        }

        void Hear(double value, double bound)
        {
            lock (gaps)
            {
                gaps.Add((value, bound));
                if (gaps.Count == 2)
                {
                    since.Start();
                    cancel.Cancel();
                }
            }
        }

        using var solver = CpPlacement.Create(out _, new SolverOptions { Seconds = 300, Progress = Hear }, cancel.Token)!;
        var options = solver.Options(new PlacerOptions { AnnealingWork = 100_000, SearchSteps = 1000, Cancel = cancel.Token });
        Assert.Throws<OperationCanceledException>(() => Placer.Place(RandomProblems.Layered(3, 60, 4), options));
        done.Set();
        Assert.True(since.Elapsed.TotalSeconds < 20, $"{since.Elapsed}");
        Assert.All(gaps, g => Assert.True(g.Bound <= g.Value));
        Assert.True(gaps[^1].Bound >= gaps[0].Bound && gaps[^1].Value <= gaps[0].Value);
    }

    [SolverFact]
    public void What_the_receiver_of_progress_throws_ends_the_search()
    {
        using var solver = CpPlacement.Create(out _, new SolverOptions { Seconds = 300, Progress = (_, _) => throw new FormatException() })!;
        var options = solver.Options(new PlacerOptions { AnnealingWork = 100_000, SearchSteps = 1000 });
        Assert.Throws<FormatException>(() => Placer.Place(RandomProblems.Layered(3, 60, 4), options));
    }

    private static PlacementProblem Small(int seed, Goal goal) =>
        RandomProblems.Layered(seed, 5, 3, new RandomFeatures { Money = seed % 3 == 0 ? MoneyModel.Rental : MoneyModel.Busy }, new Objective([goal]));
}
