using System.Diagnostics;
using Lepton.Placement.Exact;
using Lepton.Placement.Heuristics;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement;

/// <summary>What the search for one goal has found.</summary>
internal sealed record GoalFound(Execution? Run, double Bound, bool Proven, bool Infeasible, string Method);

/// <summary>
/// The order of work for one absolute goal; it ends as soon as a plan's value, as the simulator sees it, meets the bound:
/// <code>
///   reduce → bounds → exact special cases → HEFT and other rules → search of small problems → annealing → neighbourhoods → solver
/// </code>
/// A solver proves small problems sooner than annealing ends: there it is asked after a short walk, and the long one follows only what it leaves open.
/// </summary>
internal sealed class GoalSearch
{
    // Kernels up to which the solver comes first, and the part of annealing that comes before it.
    private const int SolverFirst = 30, ShortWalk = 4;

    // Where annealing ends differs much from walk to walk: several short ones find more than a long one does, while they are short enough.
    private const int Threads = 2, MostWalks = 6, WalkKernels = 300;

    private readonly PlacementProblem _problem;
    private readonly PlacerOptions _options;
    private readonly Goal _goal;
    private readonly Weights _weights;
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private Tables _tables;
    private Execution? _best;
    private Plan? _start;
    private double _startEnergy = double.PositiveInfinity;
    private double _bound;
    private string _method = "";

    private GoalSearch(PlacementProblem problem, PlacerOptions options)
    {
        (_problem, _options, _goal, _tables) = (problem, options, problem.Objective.Goals[0], new Tables(problem));
        _weights = Weights.Of(_goal);
    }

    public static GoalFound Run(PlacementProblem problem, IEnumerable<Plan> known, PlacerOptions options) =>
        new GoalSearch(problem, options).Run(known);

    private double Value => _best is null ? double.PositiveInfinity : _goal.Value(_best.Score);

    private bool Proven => _best is not null && Value <= (_bound * (1 + Simulator.Tolerance)) + double.Epsilon;

    private GoalFound Run(IEnumerable<Plan> known)
    {
        Reductions.Run(_tables, _weights);
        _bound = Bounds.Of(_tables, _weights);
        if (Infeasibility.Proven(_problem, _tables))
        {
            return new GoalFound(null, double.PositiveInfinity, false, true, "");
        }

        foreach (var plan in known)
        {
            Try("earlier search", plan);
        }

        SpecialCases();
        foreach (var candidate in Starts.Rules(_tables, _weights).Concat(Starts.SingleDevices(_tables)).TakeWhile(_ => !Proven))
        {
            Try(candidate.Name, candidate.Plan);
        }

        Tighten();
        var complete = SearchSmall();
        var solverFirst = _options.Solver is not null && _tables.Kernels <= SolverFirst;
        if (!complete)
        {
            Anneal(solverFirst ? ShortWalk : 1);
            Tighten();
        }

        if (complete && _best is null)
        {
            return new GoalFound(null, double.PositiveInfinity, false, true, "");
        }

        var answer = AskSolver();
        if (answer is null && solverFirst)
        {
            Anneal(1);
        }

        return answer ?? Found();
    }

    private GoalFound Found() => new(_best, Proven ? Value : _bound, Proven, false, _method);

    private void Try(string method, Plan plan)
    {
        _options.Cancel.ThrowIfCancellationRequested();
        var run = Simulator.Run(_problem, plan);
        if (run.Score.Feasible && _goal.Value(run.Score) is var value && value < Value)
        {
            (_best, _method) = (run, method);
        }

        var energy = Evaluator.Energy(new Evaluator(_tables, _weights).Value([.. plan.Devices], [.. plan.Starts]), Unit);
        if (energy < _startEnergy)
        {
            (_startEnergy, _start) = (energy, plan);
        }

        _options.Progress?.Invoke(Value, Math.Min(Value, _bound));
    }

    private double Unit => _bound > 0 && double.IsFinite(_bound) ? _bound : 1;

    // Each solves the problem without memory and limits: a bound, and a plan that may keep them all the same.
    private void SpecialCases()
    {
        var priorities = Starts.Falling(_tables);
        (string Name, (int[] Devices, double Value)? Answer)[] cases =
        [
            ("dynamic program on the tree", AdditiveTree.Solve(_tables, _weights)),
            ("minimum cut", MinCut.Solve(_tables, _weights)),
            ("best cut of the chain", _weights is { Time: 0, Money: 0 } && AdditiveTree.IsChain(_tables) ? Cut() : null),
        ];
        foreach (var (name, answer) in cases)
        {
            if (answer is { Devices.Length: > 0 } found && double.IsFinite(found.Value))
            {
                _bound = Math.Max(_bound, found.Value);
                Try(name, new Plan([.. found.Devices], [.. priorities]));
            }
        }
    }

    private (int[] Devices, double Value)? Cut() =>
        LinearOrder.Solve(_tables, _tables.Order) is { } cut ? (cut.Devices, _weights.Interval * cut.Value) : null;

    private void Anneal(int divisor)
    {
        var steps = _options.AnnealingWork / divisor / (10 + (2 * _tables.Kernels) + _tables.Consumers.Sum(c => c.Length));
        if (!Proven && _best is not null && steps > 0 && OrderAnnealing.Applies(_tables, _weights))
        {
            // A step of it costs a tenth, and what a solver cannot take is worth more; two threads, each with walks that know nothing of each other.
            var plans = new Plan[Threads * (divisor > 1 ? 1 : Math.Clamp(WalkKernels / _tables.Kernels, 1, MostWalks))];
            var walk = (long)steps * Math.Clamp(_tables.Kernels / 4, 2, 50) / (plans.Length > Threads ? 2 : 1);
            Parallel.For(0, Threads, i =>
            {
                for (var k = i; k < plans.Length; k += Threads)
                {
                    plans[k] = OrderAnnealing.Run(_tables, _weights, _best.Plan, walk, seed: k + 1);
                }
            });
            Array.ForEach(plans, p => Try("annealing", p));
        }
        else if (!Proven && _start is not null && steps > 0)
        {
            Try("annealing", Annealing.Run(_tables, _weights, _start, steps));
        }
    }

    // What cannot be as good as the best plan is taken out; bounds of what is left hold for everything that is as good.
    private void Tighten()
    {
        if (!Proven && _best is not null)
        {
            Reductions.Run(_tables, _weights, Value);
            _bound = Math.Max(_bound, Math.Min(Value, Bounds.Of(_tables, _weights)));
        }
    }

    // True when everything was searched: then the best plan is optimal, or there is none.
    private bool SearchSmall()
    {
        if (Proven || !BranchAndBound.Applies(_tables, _weights))
        {
            return false;
        }

        var (plan, complete) = BranchAndBound.Solve(_tables, _weights, Value, _options.SearchSteps);
        if (plan is not null)
        {
            Try("search", plan);
        }

        _bound = complete && _best is not null ? Math.Max(_bound, Value) : _bound;
        return complete;
    }

    private GoalFound? AskSolver()
    {
        if (!Proven && _best is { } before && _options.Improve is { } improve)
        {
            Try("large neighbourhoods", improve(_problem, before.Plan, _watch.Elapsed));
        }

        if (Proven || _options.Solver is not { } solve)
        {
            return null;
        }

        var answer = solve(_problem, _best?.Plan, _watch.Elapsed);
        _options.Cancel.ThrowIfCancellationRequested();
        if (answer.Best is { } plan)
        {
            Try("solver", plan);
        }

        // A solver that counts in ticks may call a tight limit impossible: a plan in the hand is the better proof.
        if (answer.Status == SolverStatus.Infeasible && _best is null)
        {
            return new GoalFound(null, double.PositiveInfinity, false, true, "");
        }

        if (_best is not null && answer.Status is SolverStatus.Optimal or SolverStatus.Feasible)
        {
            _bound = Math.Max(_bound, Math.Min(answer.Bound, Value));
        }

        return null;
    }
}
