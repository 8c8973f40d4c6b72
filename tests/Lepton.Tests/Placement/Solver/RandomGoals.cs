using Lepton.Placement.Exact;
using Lepton.Placement.Heuristics;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement.Solver;

/// <summary>Random problems small enough to enumerate, with every goal and limits around what can be reached.</summary>
internal static class RandomGoals
{
    /// <param name="resident">Memory limits, and counts what is alive; some links carry one copy at a time.</param>
    /// <returns>The problem, its best value by enumeration (null: no plan), and for half of them a plan to start from.</returns>
    public static (PlacementProblem Problem, double? Best, Plan? Known) Make(int seed, bool resident = false)
    {
        var random = new Random(seed);
        var features = new RandomFeatures
        {
            Whole = random.Next(2) == 0,
            Ties = random.Next(2) == 0,
            Streams = random.Next(3) == 0,
            Memory = !resident && random.Next(2) == 0 ? 0 : (resident ? 0.4 : 0.3) + (random.NextDouble() * 0.5),
            CopiesOccupy = random.Next(2) == 0,
            Money = random.Next(2) == 0 ? MoneyModel.Busy : MoneyModel.Rental,
            MemoryModel = resident ? MemoryModel.Residency : random.Next(2) == 0 ? MemoryModel.Sum : MemoryModel.Weights,
        };
        var problem = RandomProblems.Layered(seed, random.Next(3, resident ? 7 : 6), random.Next(2, 4), features) with { ExclusiveLinks = resident && seed % 8 == 0 };
        var pipeline = random.Next(4) == 0;
        var any = new Limit(Metric.Interval, double.PositiveInfinity);
        var front = BruteForce.Front(pipeline ? problem with { Objective = Objective.Of(Metric.Time, any) } : problem);
        double Around(Metric metric, double from, double to)
        {
            var (least, most) = (front.Select(s => s.Of(metric)).DefaultIfEmpty(1).Min(), front.Select(s => s.Of(metric)).DefaultIfEmpty(1).Max());
            return least + ((most - least) * (from + ((to - from) * random.NextDouble())));
        }

        // An exchange rate that makes both terms matter.
        double Rate(Metric a, Metric b) => random.NextDouble() * Around(a, 0, 0) / Math.Max(Around(b, 0, 0), 1e-12);
        var (goal, limits) = random.Next(pipeline ? 6 : 4) switch
        {
            0 => (Goal.Of(Metric.Time), new List<Limit>()),
            1 => (Goal.Of(Metric.Money), []),
            2 => (new Goal([new Term(Metric.Time, 0.5), new Term(Metric.Money, Rate(Metric.Time, Metric.Money))]), []),
            3 => (Goal.Of(Metric.Money), [new Limit(Metric.Time, Around(Metric.Time, -0.1, 1))]),
            4 => (new Goal([new Term(Metric.Interval, 0.5), new Term(Metric.Money, Rate(Metric.Interval, Metric.Money))]), []),
            _ => (Goal.Of(Metric.Interval), [new Limit(Metric.Money, Around(Metric.Money, 0, 1))]),
        };
        if (random.Next(4) == 0)
        {
            limits.Add(new Limit(Metric.Money, Around(Metric.Money, 0, 1)));
        }

        if (pipeline)
        {
            limits.Add(any);
        }

        // A limit on a sum, as earlier goals leave one behind.
        var sum = new Goal([new Term(Metric.Time, 1), new Term(Metric.Money, Rate(Metric.Time, Metric.Money))]);
        Ceiling[] ceilings = random.Next(5) == 0 && front.Count > 0 ? [new Ceiling(sum, front.Min(sum.Value) * (1 + random.NextDouble()))] : [];
        problem = problem with { Objective = new Objective([goal], [.. limits], [.. ceilings]) };
        var within = front.Where(s => ceilings.All(c => c.Goal.Value(s) <= c.Most)).ToArray();
        var best = BruteForce.Best(within, problem.Objective);
        return (problem, best?[0], random.Next(2) == 0 ? Heft.Run(new Tables(problem), Weights.Of(goal)) : null);
    }
}
