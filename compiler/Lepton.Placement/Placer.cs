using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Placement.Heuristics;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement;

/// <summary>How far <see cref="Placer.Place"/> goes. All limits count steps, so a result repeats.</summary>
public sealed record PlacerOptions
{
    /// <summary>Plans that annealing looks at per goal, divided by the size of the problem.</summary>
    public int AnnealingWork { get; init; } = 20_000_000;

    /// <summary>Steps of the exact search of small problems, per goal.</summary>
    public long SearchSteps { get; init; } = 300_000;

    /// <summary>
    /// A solver: takes a problem with one absolute goal, the best plan known, if any, and the time that the goal has taken so far. Null: do without.
    /// </summary>
    public Func<PlacementProblem, Plan?, TimeSpan, SolverAnswer>? Solver { get; init; }

    /// <summary>
    /// Improves a plan of a problem with one absolute goal, which has taken some time so far, by large neighbourhoods. Null: do without.
    /// </summary>
    public Func<PlacementProblem, Plan, TimeSpan, Plan>? Improve { get; init; }

    /// <summary>Plans that are known already, of the same kernels and devices: where the search starts.</summary>
    public IReadOnlyList<Plan> Known { get; init; } = [];

    /// <summary>Hears of every step of a search: the best value so far (+∞: none) and what no plan is below, in the unit of the goal of that search.</summary>
    public Action<double, double>? Progress { get; init; }

    /// <summary>Asked between steps.</summary>
    public CancellationToken Cancel { get; init; }
}

/// <summary>
/// A device and a start for each kernel, in one call: references of relative goals, then goal after goal, each within what the earlier
/// ones have reached. The steps for one goal are in <see cref="GoalSearch"/>.
/// </summary>
public static class Placer
{
    // What a later goal may take from an earlier one: rounding only.
    private const double Slack = 1e-9;

    /// <exception cref="OperationCanceledException">As the options ask for.</exception>
    public static PlacementResult Place(PlacementProblem problem, PlacerOptions? options = null)
    {
        options ??= new PlacerOptions();
        if (ProblemCheck.Run(problem) is { Count: > 0 } wrong)
        {
            throw new CompilerBugException("placement", string.Join("; ", wrong));
        }

        var known = options.Known.ToList();
        var alternatives = Alternatives(problem);
        var (references, proven) = (References.None, true);
        var relative = problem.Objective.Goals.Where(g => g.Meaning == GoalMeaning.Relative).SelectMany(g => g.Terms).Select(t => t.Metric)
            .Distinct();
        foreach (var metric in relative.Order())
        {
            var alone = problem with { Objective = problem.Objective with { Goals = [Goal.Of(metric)] } };

            // The references are asked under the same rules: a pipeline stays a pipeline.
            var found = GoalSearch.Run(Pipelined(alone, problem), known, options);
            if (found.Run is null)
            {
                return Nothing(problem, found, alternatives, options);
            }

            known.Add(found.Run.Plan);
            proven &= found.Proven;
            references = With(references, metric, found.Run.Score.Of(metric));
        }

        var outcomes = new List<GoalOutcome>();
        var (objective, last) = (problem.Objective, default(GoalFound));
        while (objective.Goals.Count > 0)
        {
            var goal = objective.Goals[0].Resolve(references);
            var stage = problem with { Objective = objective with { Goals = [goal] } };
            var found = GoalSearch.Run(Pipelined(stage, problem), known, options);
            if (found.Run is null && last is null)
            {
                return Nothing(problem, found, alternatives, options);
            }

            // A later goal always has the earlier goal's plan to fall back on.
            last = found.Run is null ? last! with { Proven = false, Bound = found.Bound } : found;
            var value = goal.Value(last.Run!.Score);
            outcomes.Add(new GoalOutcome(goal, value, Math.Min(value, last.Bound), last.Proven, last.Method));
            known.Insert(0, last.Run.Plan);
            objective = (objective with { Goals = [goal, .. objective.Goals.Skip(1)] }).After(value, Slack);
        }

        var open = options.Solver is null ? PlacementStatus.Heuristic : PlacementStatus.Gap;
        var status = proven && outcomes.All(o => o.Proven) ? PlacementStatus.Optimal : open;
        var run = Simulator.Run(problem, last!.Run!.Plan);
        var final = outcomes.Select(o => o with { Value = o.Goal.Value(run.Score) });
        return new PlacementResult(status, run, [.. final], references, proven, alternatives, null);
    }

    // A stage may no longer mention the interval; the plan must be a pipeline all the same.
    private static PlacementProblem Pipelined(PlacementProblem stage, PlacementProblem problem) => stage.NeedsPipeline == problem.NeedsPipeline
        ? stage
        : stage with
        {
            Objective = stage.Objective with { Limits = [.. stage.Objective.Limits, new Limit(Metric.Interval, double.PositiveInfinity)] },
        };

    private static References With(References references, Metric metric, double value) => metric switch
    {
        Metric.Time => references with { Time = value },
        Metric.Money => references with { Money = value },
        _ => references with { Interval = value },
    };

    private static ValueList<Alternative> Alternatives(PlacementProblem problem)
    {
        var tables = new Tables(problem);
        var candidates = Starts.SingleDevices(tables);
        if (Heft.Run(tables, new Exact.Weights(1, 0, 0)) is { } heft)
        {
            candidates = candidates.Append(new Candidate("HEFT", heft));
        }

        return [.. candidates.Select(c => new Alternative(c.Name, Simulator.Run(problem, c.Plan)))];
    }

    private static PlacementResult Nothing(PlacementProblem problem, GoalFound found, ValueList<Alternative> others, PlacerOptions options) => new(
        found.Infeasible ? PlacementStatus.Infeasible : PlacementStatus.Unknown,
        null,
        [],
        References.None,
        false,
        others,
        found.Infeasible ? Conflicts.Find(problem, options) : null);
}
