using Lepton.Placement.Exact;
using Lepton.Placement.Heuristics;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Tests.Placement;

/// <summary>Whatever claims to be exact, or a bound, against the enumeration of everything.</summary>
public class ExactTests
{
    private static readonly Goal[] Goals =
    [
        Goal.Of(Metric.Time), Goal.Of(Metric.Money), Goal.Of(Metric.Interval), new([new Term(Metric.Time, 1), new Term(Metric.Money, 300)]),
        new([new Term(Metric.Interval, 2), new Term(Metric.Money, 100), new Term(Metric.Time, 0.1)]),
    ];

    private static RandomFeatures Features(int seed) => new()
    {
        Ties = seed % 3 == 1,
        Streams = seed % 4 == 2,
        CopiesOccupy = seed % 2 == 0,
        Memory = seed % 5 == 3 ? 0.7 : 0,
        Money = (MoneyModel)(seed / 2 % 2),
        MemoryModel = (MemoryModel)(seed / 3 % 2),
    };

    [Fact]
    public void The_search_of_small_problems_finds_what_the_enumeration_finds_for_every_goal_and_limit()
    {
        var infeasible = 0;
        for (var seed = 0; seed < 100; seed++)
        {
            var (problem, front) = Enumerated(seed, 3 + (seed % 3), 2 + (seed % 2), Goals[seed % 5]);
            foreach (var limits in Limits(front, seed))
            {
                var limited = problem with { Objective = problem.Objective with { Limits = [.. limits] } };
                var tables = new Tables(limited);
                var goal = Weights.Of(limited.Objective.Goals[0]);
                Assert.True(BranchAndBound.Applies(tables, goal));
                var (plan, complete) = BranchAndBound.Solve(tables, goal, double.PositiveInfinity, 10_000_000);
                Assert.True(complete);
                var best = BruteForce.Best(front, limited.Objective);
                Assert.Equal(best is null, plan is null);
                infeasible += best is null ? 1 : 0;
                if (best is not null)
                {
                    var run = Simulator.Run(limited, plan!);
                    Assert.True(run.Score.Feasible, $"seed {seed}: {string.Join("; ", run.Violations)}");
                    Near(best[0], limited.Objective.Goals[0].Value(run.Score), seed);
                }
            }
        }

        Assert.InRange(infeasible, 10, 300);
    }

    [Fact]
    public void No_bound_is_above_the_best_and_no_reduction_loses_it()
    {
        var reduced = 0;
        for (var seed = 0; seed < 100; seed++)
        {
            var (problem, front) = Enumerated(seed, 3 + (seed % 3), 2 + (seed % 2), Goals[seed / 3 % 5]);
            var best = BruteForce.Best(front, problem.Objective);
            var goal = Weights.Of(problem.Objective.Goals[0]);
            var tables = new Tables(problem);
            var value = best?[0] ?? double.PositiveInfinity;
            Assert.True(Bounds.Of(tables, goal) <= value * (1 + 1e-9), $"seed {seed}: bound {Bounds.Of(tables, goal)} of {value}");
            reduced += Reductions.Run(tables, goal, value);
            Assert.True(Bounds.Of(tables, goal) <= value * (1 + 1e-9), $"seed {seed}: bound after reduction");
            var (plan, _) = BranchAndBound.Solve(tables, goal, double.PositiveInfinity, 10_000_000);
            Assert.Equal(best is null, plan is null);
            if (plan is not null)
            {
                Near(value, problem.Objective.Goals[0].Value(Simulator.Run(problem, plan).Score), seed);
            }
        }

        Assert.InRange(reduced, 50, 1500);
    }

    [Fact]
    public void The_shares_of_devices_are_a_bound_of_the_load_that_is_as_good_as_the_best_one_found()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var tables = new Tables(RandomProblems.Layered(seed, 3 + (seed % 20), 2 + (seed % 4), Features(seed)));
            var (share, bound) = (LoadBounds.Shares(tables), LoadBounds.Of(tables, 1, 0));
            if (double.IsInfinity(bound))
            {
                Assert.All(share, s => Assert.Equal(0, s));
                continue;
            }

            Assert.Equal(1, share.Sum(), 1e-9);
            var sum = tables.Order.Sum(v => Enumerable.Range(0, tables.Devices).Where(d => tables.Allowed(v, d))
                .Min(d => share[d] * tables.Seconds[v, d] / tables.Problem.Devices[d].Streams));
            Assert.Equal(bound, sum, 1e-9 * bound);
        }
    }

    [Fact]
    public void On_a_chain_time_money_and_their_sum_are_exact()
    {
        for (var seed = 0; seed < 90; seed++)
        {
            var goal = Goals[seed % 3 == 2 ? 3 : seed % 3];
            var problem = RandomProblems.Chain(seed, 5, 3, new RandomFeatures { Ties = seed % 2 == 0 }, new Objective([goal]));
            CheckTree(problem, seed);
        }
    }

    [Fact]
    public void On_a_tree_money_is_exact()
    {
        for (var seed = 0; seed < 90; seed++)
        {
            var problem = Dear(RandomProblems.Tree(seed, 6, 3, new RandomFeatures { Ties = seed % 2 == 0 }, Objective.Of(Metric.Money)));
            CheckTree(problem, seed);
        }
    }

    // A group may join kernels to a circle; then it is no tree any more.
    private static void CheckTree(PlacementProblem problem, int seed)
    {
        var answer = AdditiveTree.Solve(new Tables(problem), Weights.Of(problem.Objective.Goals[0]));
        if (answer is not null || problem.Kernels.All(k => k.Group == Kernel.NoGroup))
        {
            Check(problem, answer, seed);
        }
    }

    [Fact]
    public void On_two_devices_money_is_a_minimum_cut()
    {
        for (var seed = 0; seed < 120; seed++)
        {
            var problem = Dear(RandomProblems.Layered(seed, 6, 2, new RandomFeatures { Ties = seed % 2 == 0 }, Objective.Of(Metric.Money)));
            Check(problem, MinCut.Solve(new Tables(problem), Weights.Of(Metric.Money)), seed);
        }
    }

    [Fact]
    public void On_a_chain_the_best_pipeline_is_exact()
    {
        for (var seed = 0; seed < 90; seed++)
        {
            var problem = RandomProblems.Chain(seed, 6, 3, new RandomFeatures { CopiesOccupy = seed % 3 > 0, Streams = seed % 4 == 0 },
                Objective.Of(Metric.Interval));
            var tables = new Tables(problem);
            Check(problem, LinearOrder.Solve(tables, tables.Order), seed);
        }
    }

    [Fact]
    public void Special_cases_know_when_they_do_not_apply()
    {
        var time = new Tables(RandomProblems.Layered(1, 9, 3));
        Assert.Null(AdditiveTree.Solve(time, Weights.Of(Metric.Time)));
        Assert.Null(AdditiveTree.Solve(time, Weights.Of(Metric.Money)));
        Assert.Null(MinCut.Solve(time, Weights.Of(Metric.Money)));
        Assert.Null(MinCut.Solve(new Tables(RandomProblems.Layered(1, 9, 2)), Weights.Of(Metric.Time)));
        Assert.False(BranchAndBound.Applies(new Tables(time.Problem with { Memory = MemoryModel.Residency }), Weights.Of(Metric.Time)));
        Assert.False(BranchAndBound.Applies(new Tables(time.Problem with { ExclusiveLinks = true }), Weights.Of(Metric.Time)));
    }

    private static (PlacementProblem Problem, IReadOnlyList<PlanScore> Front) Enumerated(int seed, int kernels, int devices, Goal goal)
    {
        var problem = Dear(RandomProblems.Layered(seed, kernels, devices, Features(seed), new Objective([goal])));
        Assert.Empty(ProblemCheck.Run(problem));
        return (problem, BruteForce.Front(problem));
    }

    // Copies that cost about as much as kernels, so that money does not fall apart into kernels.
    private static PlacementProblem Dear(PlacementProblem problem) =>
        problem with { Links = [.. problem.Links.Select(l => l with { UsdPerGigabyte = l.UsdPerGigabyte * 2 })] };

    // No limit; limits between the best and the worst of the front; limits that nothing keeps.
    private static IEnumerable<Limit[]> Limits(IReadOnlyList<PlanScore> front, int seed)
    {
        yield return [];
        if (front.Count > 0)
        {
            var random = new Random(seed);
            double Between(Metric m) => front.Min(s => s.Of(m)) + (random.NextDouble() * (front.Max(s => s.Of(m)) - front.Min(s => s.Of(m))));
            yield return [new Limit(Metric.Time, Between(Metric.Time))];
            yield return [new Limit(Metric.Money, Between(Metric.Money)), new Limit(Metric.Time, Between(Metric.Time))];
            yield return [new Limit(Metric.Money, front.Min(s => s.Money) * 0.999)];
        }
    }

    private static void Check(PlacementProblem problem, (int[] Devices, double Value)? answer, int seed)
    {
        var best = BruteForce.Best(BruteForce.Front(problem), problem.Objective);
        Assert.NotNull(answer);
        Assert.Equal(best is null, double.IsInfinity(answer.Value.Value));
        if (best is not null)
        {
            Near(best[0], answer.Value.Value, seed);
            var run = Simulator.Run(problem, answer.Value.Devices, new double[problem.Kernels.Count]);
            Assert.True(run.Score.Feasible);
            Near(best[0], problem.Objective.Goals[0].Value(run.Score), seed);
        }
    }

    private static void Near(double expected, double actual, int seed) =>
        Assert.True(Math.Abs(expected - actual) <= 1e-9 * Math.Abs(expected), $"seed {seed}: {expected} expected, {actual} found");
}
