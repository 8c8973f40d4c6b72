using Lepton.Placement.Exact;
using Lepton.Placement.Heuristics;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Tests.Placement;

/// <summary>The walk over devices and orders: what it says of its plans, what the simulator says, and what the enumeration finds.</summary>
public class OrderAnnealingTests
{
    private static readonly Goal[] Goals =
        [Goal.Of(Metric.Time), new([new Term(Metric.Time, 1), new Term(Metric.Money, 2000)])];

    [Fact]
    public void Plans_are_never_worse_than_the_start_and_the_same_each_time()
    {
        for (var seed = 1; seed <= 12; seed++)
        {
            var goal = Goals[seed % Goals.Length];
            var problem = RandomProblems.Layered(seed, 30, 3, objective: new Objective([goal]));
            var tables = new Tables(problem);
            var start = Simulator.Run(problem, Heft.Run(tables, new Weights(1, 0, 0))!);
            Assert.True(OrderAnnealing.Applies(tables, Weights.Of(goal)));
            var plan = OrderAnnealing.Run(tables, Weights.Of(goal), start.Plan, 20_000);
            var run = Simulator.Run(problem, plan);
            Assert.True(run.Score.Feasible && goal.Value(run.Score) < goal.Value(start.Score), $"seed {seed}: {goal.Value(run.Score)}");

            // Its own count of time is the simulator's.
            Assert.Equal(run.Score.Time, plan.Starts.Select((s, v) => s + problem.Kernels[v].Seconds[plan.Devices[v]]).Max(), 1e-9);
            Assert.Equal(plan, OrderAnnealing.Run(tables, Weights.Of(goal), start.Plan, 20_000));
        }
    }

    [Fact]
    public void Small_problems_are_solved_but_for_a_few()
    {
        var (asked, solved) = (0, 0);
        for (var seed = 1; seed <= 20; seed++)
        {
            var goal = Goals[seed % Goals.Length];
            var problem = RandomProblems.Layered(seed, 5, 3, new RandomFeatures { Ties = seed % 3 == 0 }, new Objective([goal]));
            var tables = new Tables(problem);
            var best = BruteForce.Best(BruteForce.Front(problem), problem.Objective);
            if (best is not [var known] || Heft.Run(tables, new Weights(1, 0, 0)) is not { } start)
            {
                continue;
            }

            var run = Simulator.Run(problem, OrderAnnealing.Run(tables, Weights.Of(goal), Simulator.Run(problem, start).Plan, 20_000));
            Assert.InRange(goal.Value(run.Score), known * (1 - 1e-9), known * 1.1);
            asked++;
            solved += goal.Value(run.Score) <= known * (1 + 1e-6) ? 1 : 0;
        }

        Assert.True(asked > 15 && solved >= asked * 0.8, $"{solved} of {asked}");
    }

    [Fact]
    public void Limits_memory_and_streams_are_left_to_the_other_walk()
    {
        var goal = new Weights(1, 0, 0);
        Assert.False(OrderAnnealing.Applies(new Tables(RandomProblems.Layered(1, 9, 2, new RandomFeatures { Memory = 1 })), goal));
        Assert.False(OrderAnnealing.Applies(new Tables(RandomProblems.Layered(1, 9, 2, new RandomFeatures { Streams = true })), goal));
        Assert.False(OrderAnnealing.Applies(
            new Tables(RandomProblems.Layered(1, 9, 2, objective: Objective.Of(Metric.Time, new Limit(Metric.Money, 1)))), goal));
    }
}
