using Lepton.Placement;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement;

/// <summary>What the placer makes of a solver's answers: a plan counts for what the simulator says, a proof only when nothing contradicts
/// it.</summary>
public class PlacerSolverTests
{
    // Too large to be searched: without a solver it stays open.
    private static readonly PlacementProblem Open = RandomProblems.Layered(7, 20, 3);

    [Fact]
    public void The_answer_of_a_solver_is_judged_before_it_is_believed()
    {
        var alone = Run(null);
        Assert.Equal(PlacementStatus.Heuristic, alone.Status);

        // Nothing found, and a plan that breaks a limit: the own plan stays.
        static SolverAnswer Nothing(PlacementProblem problem, Plan? known) => new(null, double.NegativeInfinity, SolverStatus.Unknown);
        var silent = Run(Nothing);
        var (value, bound) = (silent.Goals[0].Value, silent.Goals[0].Bound);
        Assert.Equal(PlacementStatus.Gap, silent.Status);
        Assert.InRange(value, bound, alone.Goals[0].Value * 1.1);
        var broken = new Plan([.. new int[20]], [.. new double[20]]);
        var limited = Open with { Objective = Objective.Of(Metric.Time, new Limit(Metric.Time, value * 1.1)) };
        var own = Placer.Place(limited, Options(Nothing)).Goals[0].Value;
        Assert.Equal(own, Placer.Place(limited, Options((_, _) => new SolverAnswer(broken, bound, SolverStatus.Feasible))).Goals[0].Value, 12);

        // "Impossible" is not believed with a plan in the hand.
        var denied = Run((_, _) => new SolverAnswer(null, double.PositiveInfinity, SolverStatus.Infeasible));
        Assert.Equal((PlacementStatus.Gap, value, bound), (denied.Status, denied.Goals[0].Value, denied.Goals[0].Bound));

        // A better bound, and one that meets the plan.
        var nearer = Run((_, known) => new SolverAnswer(known, (value + bound) / 2, SolverStatus.Feasible));
        Assert.Equal((PlacementStatus.Gap, (value + bound) / 2), (nearer.Status, nearer.Goals[0].Bound));
        var proven = Run((_, known) => new SolverAnswer(known, value, SolverStatus.Optimal));
        Assert.Equal((PlacementStatus.Optimal, 0), (proven.Status, proven.Goals[0].Gap));
    }

    [Fact]
    public void A_solver_is_asked_one_absolute_goal_at_a_time_with_the_best_plan_known()
    {
        var asked = new List<PlacementProblem>();
        var balance = new Goal([new Term(Metric.Time, 0.6), new Term(Metric.Money, 0.4)], GoalMeaning.Relative);
        var problem = Open with { Objective = new Objective([balance, Goal.Of(Metric.Time)]) };
        Placer.Place(problem, Options((p, known) =>
        {
            asked.Add(p);
            Assert.NotNull(known);
            return new SolverAnswer(null, double.NegativeInfinity, SolverStatus.Unknown);
        }));
        Assert.InRange(asked.Count, 2, 4);
        Assert.All(asked, p => Assert.Equal(GoalMeaning.Absolute, Assert.Single(p.Objective.Goals).Meaning));
        Assert.Single(asked[^1].Objective.Ceilings);
    }

    private static PlacerOptions Options(Func<PlacementProblem, Plan?, SolverAnswer>? solver) =>
        new() { AnnealingWork = 100_000, SearchSteps = 1_000, Solver = solver is null ? null : (p, known, _) => solver(p, known) };

    private static PlacementResult Run(Func<PlacementProblem, Plan?, SolverAnswer>? solver) => Placer.Place(Open, Options(solver));
}
