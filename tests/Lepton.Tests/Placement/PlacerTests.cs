using Lepton.Placement;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Tests.Placement;

/// <summary>The whole order of work in one call, without a solver.</summary>
public class PlacerTests
{
    private static readonly Goal Balance = new([new Term(Metric.Time, 0.6), new Term(Metric.Money, 0.4)], GoalMeaning.Relative);

    private static readonly Goal[][] Objectives =
    [
        [Goal.Of(Metric.Time)],
        [Goal.Of(Metric.Money)],
        [Goal.Of(Metric.Interval)],
        [Balance],
        [Goal.Of(Metric.Money), Goal.Of(Metric.Time)],
        [new([new Term(Metric.Time, 1), new Term(Metric.Money, 250)])],
        [Goal.Of(Metric.Interval), Balance with { Meaning = GoalMeaning.Absolute }, Goal.Of(Metric.Money)],
        [new([new Term(Metric.Time, 1), new Term(Metric.Interval, 2), new Term(Metric.Money, 3)], GoalMeaning.Relative)],
    ];

    [Fact]
    public void Small_problems_are_solved_and_proven_for_every_objective_with_and_without_limits()
    {
        // By hand (tests/placement.sh): more of them, up to 6 kernels on 3 devices.
        var byHand = Environment.GetEnvironmentVariable("LEPTON_PLACEMENT") == "all";
        var counts = new Dictionary<PlacementStatus, int>();
        for (var seed = 0; seed < (byHand ? 400 : 64); seed++)
        {
            var features = new RandomFeatures
            {
                Ties = seed % 3 == 1, Streams = seed % 4 == 1, CopiesOccupy = true, Memory = seed % 5 == 3 ? 0.7 : 0,
                Money = (MoneyModel)(seed / 16 % 2), MemoryModel = (MemoryModel)(seed / 3 % 2),
            };
            var problem = RandomProblems.Layered(seed, 3 + (seed % (byHand ? 4 : 3)), 2 + (seed / 8 % 2), features,
                new Objective([.. Objectives[seed % 8]]));
            var front = BruteForce.Front(problem);
            if (seed % 2 == 1 && front.Count > 0)
            {
                var some = front[new Random(seed).Next(front.Count)];
                Limit[] limits = [new Limit(Metric.Time, some.Time * 1.02), new Limit(Metric.Money, some.Money * (seed % 4 == 1 ? 0.8 : 1.02))];
                problem = problem with { Objective = problem.Objective with { Limits = [.. limits] } };
            }

            var result = Placer.Place(problem);
            var best = BruteForce.Best(front, problem.Objective);
            counts[result.Status] = counts.GetValueOrDefault(result.Status) + 1;
            Assert.Equal(best is null ? PlacementStatus.Infeasible : PlacementStatus.Optimal, result.Status);
            if (best is not null)
            {
                Assert.True(result.Run!.Score.Feasible);
                Assert.Equal(best.Length, result.Goals.Count);
                for (var i = 0; i < best.Length; i++)
                {
                    Assert.True(Math.Abs(best[i] - result.Goals[i].Value) <= 5e-9 * best[i],
                        $"seed {seed} goal {i}: {best[i]} expected, {result.Goals[i]}");
                }
            }
            else
            {
                CheckConflict(problem, result.Conflict!, seed);
            }
        }

        Assert.InRange(counts[PlacementStatus.Infeasible], counts[PlacementStatus.Optimal] / 10, counts[PlacementStatus.Optimal]);
    }

    [Fact]
    public void The_conflict_names_the_fewest_limits_that_contradict_each_other()
    {
        var problem = RandomProblems.Chain(3, 5, 2, objective: Objective.Of(Metric.Time)) with { };
        var fast = Placer.Place(problem).Run!.Score;
        var cheap = Placer.Place(problem with { Objective = Objective.Of(Metric.Money) }).Run!.Score;
        Assert.True(fast.Money > cheap.Money * 1.01);

        var conflict = Placer.Place(problem with
        {
            Objective = Objective.Of(Metric.Time, new Limit(Metric.Time, fast.Time * 1.001), new Limit(Metric.Interval, 1e6),
                new Limit(Metric.Money, cheap.Money * 1.001)),
        });
        Assert.Equal(PlacementStatus.Infeasible, conflict.Status);
        Assert.Equal([Metric.Time, Metric.Money], conflict.Conflict!.Limits.Select(l => l.Metric));
        Assert.Matches("^no plan keeps time <= [0-9.e-]+ s and money <= [0-9.e-]+ usd together$", conflict.Conflict.Message);

        var small = problem with { Devices = [problem.Devices[0] with { MemoryBytes = 5e5 }, problem.Devices[1] with { MemoryBytes = 6e5 }] };
        var memory = Placer.Place(small).Conflict!;
        Assert.Equal([0, 1], memory.Memories);
        Assert.Contains("memory of 'd0' <= 500000 bytes and memory of 'd1' <= 600000 bytes", memory.Message);

        var homeless = problem with { Kernels = [.. problem.Kernels.Select((k, v) => v == 2 ? k with { Forbidden = [0, 1] } : k)] };
        Assert.Equal("no device can run 'k2'", Placer.Place(homeless).Conflict!.Message);
        var torn = problem with { Kernels = [.. problem.Kernels.Select((k, v) => k with { Pin = v % 2 })], Links = [] };
        Assert.Contains("no", Placer.Place(torn).Conflict!.Message);
    }

    [Fact]
    public void Larger_problems_have_a_bound_below_and_nothing_simple_is_better()
    {
        for (var seed = 0; seed < 24; seed++)
        {
            var features = new RandomFeatures { Ties = seed % 3 == 1, Memory = seed % 4 == 2 ? 0.6 : 0, CopiesOccupy = seed % 2 == 0 };
            var goal = Objectives[seed % 8];
            var problem = RandomProblems.Layered(seed, 30, 4, features, new Objective([.. goal])) with { ExclusiveLinks = seed % 5 == 0 };
            var result = Placer.Place(problem, new PlacerOptions { AnnealingWork = 200_000 });
            if (result.Run is null)
            {
                continue;
            }

            var score = Simulator.RunAsPlanned(problem, result.Run.Plan);
            Assert.Empty(score.Violations);
            Assert.True(result.Goals[0].Bound <= result.Goals[0].Value);
            foreach (var other in result.Alternatives.Where(a => a.Run.Score.Feasible))
            {
                Assert.True(result.Goals[0].Value <= result.Goals[0].Goal.Value(other.Run.Score) * (1 + 1e-9), $"seed {seed}: {other.Name}");
            }
        }
    }

    [Fact]
    public void The_same_problem_has_the_same_answer()
    {
        var problem = RandomProblems.Layered(5, 25, 3, objective: new Objective([Balance]));
        Assert.Equal(Placer.Place(problem), Placer.Place(problem));
    }

    [Fact]
    public void Packed_timelines_without_idle_time_are_found_and_proven()
    {
        var proven = 0;
        for (var seed = 0; seed < 12; seed++)
        {
            var (problem, time) = Planted(seed, 3, 4);
            var result = Placer.Place(problem);
            Assert.True(result.Run!.Score.Time >= time * (1 - 1e-9), $"seed {seed}: faster than possible");
            Assert.True(result.Goals[0].Bound <= time * (1 + 1e-9), $"seed {seed}: the bound is above the planted optimum");
            proven += result.Status == PlacementStatus.Optimal ? 1 : 0;
        }

        Assert.InRange(proven, 6, 12);
    }

    [Fact]
    public void What_is_proven_follows_when_the_problem_changes()
    {
        for (var seed = 0; seed < 24; seed++)
        {
            var goal = Objectives[seed % 3];
            var problem = RandomProblems.Layered(seed, 6, 2, new RandomFeatures { CopiesOccupy = true }, new Objective([.. goal]));
            var value = Value(problem);

            // A device more is never worse.
            var twin = problem.Devices[0] with { Name = "more" };
            var more = problem with
            {
                Devices = [.. problem.Devices, twin],
                Kernels = [.. problem.Kernels.Select(k => k with { Seconds = [.. k.Seconds, k.Seconds[0] * 1.1] })],
                Links = [.. problem.Links, .. problem.Links.Where(l => l.From == 0).Select(l => l with { From = 2 }),
                    .. problem.Links.Where(l => l.To == 0).Select(l => l with { To = 2 })],
            };
            Assert.True(Value(more) <= value * (1 + 1e-9));

            // A higher price is never cheaper; without money in the goal it changes nothing.
            var dear = problem with { Devices = [problem.Devices[0] with { UsdPerHour = problem.Devices[0].UsdPerHour * 1.5 }, problem.Devices[1]] };
            Assert.True(Value(dear) >= value * (1 - 1e-9));

            // Everything k times as long, for k times the value.
            var slow = problem with
            {
                Kernels = [.. problem.Kernels.Select(k => k with { Seconds = [.. k.Seconds.Select(s => s * 4)] })],
                Links = [.. problem.Links.Select(l => new Link(l.From, l.To, l.LatencySeconds * 4, l.BytesPerSecond / 4, l.UsdPerGigabyte * 4))],
            };
            Near(value * 4, Value(slow));

            // Devices may be listed in another order, kernels too.
            var swapped = problem with
            {
                Devices = [problem.Devices[1], problem.Devices[0]],
                Links = [.. problem.Links.Select(l => l with { From = 1 - l.From, To = 1 - l.To })],
                Kernels = [.. problem.Kernels.Select(k => k with { Seconds = [k.Seconds[1], k.Seconds[0]] })],
            };
            Near(value, Value(swapped));
            var reversed = problem with
            {
                Kernels = [.. problem.Kernels.Reverse()],
                Tensors = [.. problem.Tensors.Select(t => t with { Producer = 5 - t.Producer, Consumers = [.. t.Consumers.Select(c => 5 - c)] })],
            };
            Near(value, Value(reversed));
        }
    }

    [Fact]
    public void Between_the_fastest_and_the_cheapest_a_looser_limit_never_costs_more_and_the_weighted_optimum_is_on_the_front()
    {
        for (var seed = 0; seed < 6; seed++)
        {
            var problem = RandomProblems.Layered(seed, 6, 3, objective: Objective.Of(Metric.Time));
            var fastest = Placer.Place(problem).Run!.Score;
            var cheapest = Placer.Place(problem with { Objective = Objective.Of(Metric.Money) }).Run!.Score;
            var front = new List<double>();
            for (var i = 0; i <= 4; i++)
            {
                var limit = new Limit(Metric.Time, fastest.Time + ((cheapest.Time - fastest.Time) * i / 4));
                front.Add(Value(problem with { Objective = Objective.Of(Metric.Money, limit) }));
            }

            Assert.All(front.Zip(front.Skip(1)), p => Assert.True(p.Second <= p.First * (1 + 1e-9)));
            var weighted = Placer.Place(problem with { Objective = new Objective([Balance]) });
            Assert.Equal((fastest.Time, cheapest.Money), (weighted.References.Time, weighted.References.Money));
            var score = weighted.Run!.Score;
            Near(score.Money, Value(problem with { Objective = Objective.Of(Metric.Money, new Limit(Metric.Time, score.Time)) }));
        }
    }

    // Three devices whose timelines are cut into kernels without a gap; tensors only from what ended to what starts later, and copies are free.
    private static (PlacementProblem Problem, double Time) Planted(int seed, int devices, int each)
    {
        var random = new Random(seed);
        var planned = new List<(double Start, double End, int Device)>();
        for (var d = 0; d < devices; d++)
        {
            double[] cuts = [0, .. Enumerable.Range(0, each - 1).Select(_ => (double)random.Next(1, 1000)).Order(), 1000];
            planned.AddRange(cuts.Zip(cuts.Skip(1)).Select(c => (c.First, c.Second, d)));
        }

        var kernels = planned.Select((p, v) => new Kernel($"k{v}", [.. Enumerable.Range(0, devices).Select(_ => p.End - p.Start)]));
        var tensors = planned.Select((p, v) =>
            new Tensor($"t{v}", v, 1,
                [.. Enumerable.Range(0, planned.Count).Where(w => planned[w].Start >= p.End && w != v && random.Next(3) == 0)]));
        var links = from a in Enumerable.Range(0, devices) from b in Enumerable.Range(0, devices) where a != b select new Link(a, b, 0,
            double.PositiveInfinity);
        return (new PlacementProblem([.. Enumerable.Range(0, devices).Select(d => new Device($"d{d}"))], [.. links], [.. kernels], [.. tensors],
            Objective.Of(Metric.Time)), 1000);
    }

    private static void CheckConflict(PlacementProblem problem, Conflict conflict, int seed)
    {
        bool Possible(Func<Limit, bool> limits, Func<int, bool> memories) => BruteForce.Best(
            BruteForce.Front(problem with { Devices = [.. problem.Devices.Select((d, i) => memories(i) ? d
                : d with { MemoryBytes = double.PositiveInfinity })] }),
            problem.Objective with { Limits = [.. problem.Objective.Limits.Where(limits)] }) is not null;
        Assert.False(Possible(conflict.Limits.Contains, conflict.Memories.Contains), $"seed {seed}: {conflict.Message}");
        foreach (var limit in conflict.Limits)
        {
            Assert.True(Possible(l => conflict.Limits.Contains(l) && l != limit, conflict.Memories.Contains),
                $"seed {seed}: without {limit} {conflict.Message}");
        }

        foreach (var memory in conflict.Memories)
        {
            Assert.True(Possible(conflict.Limits.Contains, d => conflict.Memories.Contains(d) && d != memory),
                $"seed {seed}: without {memory} {conflict.Message}");
        }
    }

    private static double Value(PlacementProblem problem)
    {
        var result = Placer.Place(problem);
        Assert.Equal(PlacementStatus.Optimal, result.Status);
        return result.Goals[0].Value;
    }

    private static void Near(double expected, double actual) =>
        Assert.True(Math.Abs(expected - actual) <= 5e-9 * expected, $"{expected} expected, {actual} found");
}
