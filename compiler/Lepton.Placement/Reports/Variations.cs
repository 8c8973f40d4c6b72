using Lepton.Abi;
using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Placement.Reports;

/// <summary>
/// Asks a placed problem again with one thing changed, by short searches that start from its plan. Goals are absolute: what a relative goal was
/// divided by stays.
/// </summary>
internal sealed class Variations
{
    // Beyond it kernels are moved one by one, without a search each.
    private const int MostSearches = 400;

    // By how much a plan must be better to count as another one.
    private const double Better = 1e-6;

    private readonly PlacementProblem _problem;
    private readonly PlacementResult _result;
    private readonly Execution _run;
    private readonly PlacerOptions _options;

    /// <param name="result">With a plan.</param>
    public Variations(PlacementProblem problem, PlacementResult result, CancellationToken cancel)
    {
        (_result, _run) = (result, result.Run!);
        _problem = problem with { Objective = problem.Objective with { Goals = [.. result.Goals.Select(g => g.Goal)] } };
        _options = new PlacerOptions { AnnealingWork = 500_000, SearchSteps = 20_000, Known = [_run.Plan], Cancel = cancel };
    }

    /// <summary>Each kernel that takes time on each other device that can run it.</summary>
    public ValueList<ForcedKernel> Elsewhere(IReadOnlyList<int> kernels)
    {
        var searches = kernels.Count * (_problem.Devices.Count - 1) <= MostSearches;
        var list = new List<ForcedKernel>();
        foreach (var v in kernels)
        {
            for (var d = 0; d < _problem.Devices.Count; d++)
            {
                if (d != _run.Devices[v])
                {
                    list.Add(double.IsFinite(_problem.Kernels[v].Seconds[d]) && !_problem.Kernels[v].Forbidden.Contains(d)
                        ? Forced(v, d, searches)
                        : new ForcedKernel(v, d, null, double.PositiveInfinity, true));
                }
            }
        }

        return [.. list];
    }

    private ForcedKernel Forced(int kernel, int device, bool search)
    {
        bool Moves(int v) => v == kernel || (_problem.Kernels[v].Group != Kernel.NoGroup && _problem.Kernels[v].Group == _problem.Kernels[kernel].Group);
        var problem = _problem with { Kernels = [.. _problem.Kernels.Select((k, v) => Moves(v) ? k with { Pin = device } : k)] };
        var moved = new Plan([.. _run.Devices.Select((d, v) => Moves(v) ? device : d)], _run.Starts);
        if (!search)
        {
            _options.Cancel.ThrowIfCancellationRequested();
            var score = Simulator.Run(problem, moved).Score;
            return score.Feasible
                ? new ForcedKernel(kernel, device, score, Change(_problem.Objective.Goals.Select(g => g.Value(score))), false)
                : new ForcedKernel(kernel, device, null, double.PositiveInfinity, false);
        }

        var found = Placer.Place(problem, _options with { Known = [moved] });
        return found.Run is { } run
            ? new ForcedKernel(kernel, device, run.Score, Change(found.Goals.Select(g => g.Value)), found.Goals[0].Proven)
            : new ForcedKernel(kernel, device, null, double.PositiveInfinity, found.Status == PlacementStatus.Infeasible);
    }

    // Of the first goal that differs.
    private double Change(IEnumerable<double> values)
    {
        foreach (var (now, then) in _result.Goals.Select(g => g.Value).Zip(values))
        {
            if (Math.Abs(then - now) > Better * Math.Max(Math.Abs(now), Math.Abs(then)))
            {
                return now > 0 ? (then - now) / now : double.PositiveInfinity;
            }
        }

        return 0;
    }

    /// <summary>
    /// Of a device with a price the nearest price above and below at which another plan is better. What one plan costs is a line over the price,
    /// and what the best costs is concave; so the crossing with a better plan's line is either the edge, or a price where a still better one shows
    /// (Newton's method for the crossing; Eisner and Severance, J. ACM 23 (1976)).
    /// </summary>
    public ValueList<PriceEdge> Prices()
    {
        if (!_problem.Objective.Mentions(Metric.Money))
        {
            return [];
        }

        var list = new List<PriceEdge>();
        for (var d = 0; d < _problem.Devices.Count; d++)
        {
            var now = _problem.Devices[d].UsdPerHour;
            var top = 64 * (now > 0 ? now : _problem.Devices.Max(o => o.UsdPerHour));
            var isUsed = _problem.Kernels.Index().Any(k => _run.Devices[k.Index] == d && k.Item.Seconds[d] > 0);
            if (isUsed && top > 0)
            {
                list.Add(Edge(d, now, top, isUp: true));
            }

            if (now > 0)
            {
                list.Add(Edge(d, now, 0, isUp: false));
            }
        }

        return [.. list];
    }

    private PriceEdge Edge(int device, double same, double other, bool isUp)
    {
        const int MostSteps = 40;
        var most = isUp ? other : same;
        if (At(device, other) is not { } better)
        {
            return new PriceEdge(device, null, isUp, most, _exact);
        }

        for (var step = 0; step < MostSteps && Math.Abs(other - same) > 1e-4 * Math.Max(other, same); step++)
        {
            var crossing = Crossing(device, same, other, better);
            var price = crossing ?? (same + other) / 2;
            if (At(device, price) is { } still)
            {
                (other, better) = (price, still);
            }
            else if (crossing is not null)
            {
                return new PriceEdge(device, price, isUp, most, _exact);
            }
            else
            {
                same = price;
            }
        }

        return new PriceEdge(device, other, isUp, most, _exact);
    }

    private bool _exact;

    // A plan that is better than ours at the price, or null; then _exact says whether that is proven.
    private Plan? At(int device, double price)
    {
        var problem = WithPrice(device, price);
        var goal = problem.Objective.Goals[0];
        var ours = Simulator.Run(problem, _run.Plan).Score;
        var found = Placer.Place(problem with { Objective = problem.Objective with { Goals = [goal] } }, _options);
        _exact = found.Goals is [{ Proven: true }] || found.Status == PlacementStatus.Infeasible;
        return found.Run is { } run && (!ours.Feasible || goal.Value(run.Score) < goal.Value(ours) * (1 - Better)) ? run.Plan : null;
    }

    // Where the lines of our plan and of the better one meet; null where ours breaks a limit, which is no line.
    private double? Crossing(int device, double same, double other, Plan better)
    {
        double Lead(double price)
        {
            var problem = WithPrice(device, price);
            var (ours, theirs) = (Simulator.Run(problem, _run.Plan).Score, Simulator.Run(problem, better).Score);
            var goal = problem.Objective.Goals[0];
            return ours.Feasible && theirs.Feasible ? goal.Value(ours) - goal.Value(theirs) : double.NaN;
        }

        var (before, after) = (Lead(same), Lead(other));
        var price = same + ((other - same) * (-before / (after - before)));
        return double.IsFinite(price) && Math.Min(same, other) < price && price < Math.Max(same, other) ? price : null;
    }

    private PlacementProblem WithPrice(int device, double price) =>
        _problem with { Devices = [.. _problem.Devices.Select((d, i) => i == device ? d with { UsdPerHour = price } : d)] };
}
