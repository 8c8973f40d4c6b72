using Lepton.Placement.Exact;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>How the model says that a reader waits for a copy.</summary>
internal enum EdgeForm
{
    /// <summary>s[w] ≥ s[u] + p[u,a] + τ(a,b)  where u is on a and w on b: few variables, finds plans fast.</summary>
    Pair,

    /// <summary>s[w] ≥ e[u] + Σ τ(a,b) z(a,b)  with z a flow between the places of u and w: a strong relaxation, proves.</summary>
    Flow,
}

/// <summary>
/// A placement problem with one absolute goal for CP-SAT, in whole <see cref="Units"/>:
/// <code>
///   x[v,d]    exactly one device                                   s[v] start, e[v] = s[v] + Σ p[v,d] x[v,d]
///   no two kernels at a time on a stream                           optional intervals [s, s + p) per device
///   s[w] ≥ e[u] + τ                                                by <see cref="EdgeForm"/>
///   T ≥ e[v],  T · streams(d) ≥ Σ p[v,d] x[v,d],  head x ≤ s,  s + (p + tail) x ≤ T
///   copy[t,a,b] ⇐ x[u,a] ∧ x[w,b]                                  one per tensor and destination: money, memory, links, stages
/// </code>
/// Variables and constraints of metrics that neither goal nor limits speak of are left out.
/// </summary>
internal sealed class PlacementModel
{
    private readonly Weights _goal;
    private readonly bool _timed;
    private readonly TickSchedule? _hint;
    private readonly double _most;

    private PlacementModel(Tables tables, Units units, Weights goal, TickSchedule? hint, double most)
    {
        (Tables, Units, _goal, _hint, _most) = (tables, units, goal, hint, most);
        _timed = NeedsTimes(tables.Problem, goal);
        X = [.. tables.Members.Select((m, x) => Enumerable.Range(0, tables.Devices).Select(d =>
            m.All(v => tables.Allowed(v, d)) ? Bool(hint is not null && hint.Device[m[0]] == d) : (Literal?)null).ToArray())];
        Start = _timed ? [.. Enumerable.Range(0, tables.Kernels).Select(v => Int(0, units.Horizon, hint?.Start[v]))] : [];
        Copies = new CopyVariables(this);
    }

    public Tables Tables { get; }

    public Units Units { get; }

    public CpModelBuilder Builder { get; } = new();

    /// <summary>By variable and device; null where it may not stand.</summary>
    public Literal?[][] X { get; }

    public IntVariable[] Start { get; }

    public CopyVariables Copies { get; }

    /// <summary>Ends of the run, in ticks.</summary>
    public IntVariable Time { get; private set; }

    public TickSchedule? Hinted => _hint;

    public static bool NeedsTimes(PlacementProblem problem, Weights goal) =>
        goal.NeedsTimes(problem.Money) || Weights.Limits(problem.Objective).Any(l => double.IsFinite(l.Most) && l.Sum.NeedsTimes(problem.Money))
        || (problem.Memory == MemoryModel.Residency && MemoryTerms.Binds(problem));

    /// <param name="most">Plans of a greater value are not looked for.</param>
    /// <param name="bound">No plan has a smaller value.</param>
    /// <param name="inOrder">Kernels that keep their order on their device: for neighbourhoods; null for all free.</param>
    public static (CpModel Model, PlacementModel Reader) Make(
        Tables tables, Units units, Weights goal, EdgeForm form, TickSchedule? hint, double bound, double most, IReadOnlyList<FixedOrder>? inOrder = null)
    {
        var maker = new PlacementModel(tables, units, goal, hint, most);
        maker.Write(form, bound, inOrder ?? []);
        return (maker.Builder.Build(), maker);
    }

    /// <summary>The plan of a solution; without times its kernels start in topological order.</summary>
    public Plan Read(IReadOnlyList<long> solution)
    {
        var chosen = X.Select(x => Array.FindIndex(x, l => l is { } literal && solution[literal.Variable] != 0)).ToArray();
        int[] device = [.. Tables.VariableOf.Select(x => chosen[x])];
        if (_timed && Tables.Problem.Memory == MemoryModel.Residency)
        {
            long[] start = [.. Start.Select(s => solution[s.Index])];
            long End(int v) => start[v] + Ticks(v, device[v]);
            return SettledTimes.Of(Tables, Units, device, start, (t, to) => Copies.ReadLeaves(solution, t, to, End(Tables.Producer[t])));
        }

        var place = new double[Tables.Kernels];
        for (var i = 0; i < place.Length; i++)
        {
            place[Tables.Order[i]] = i;
        }

        var starts = _timed ? Start.Select(s => solution[s.Index] * Units.Seconds) : place;
        return new Plan([.. device], [.. starts], [.. Copies.ReadStarts(solution, v => device[v])]);
    }

    public Literal? At(int kernel, int device) => X[Tables.VariableOf[kernel]][device];

    public long Ticks(int kernel, int device) => Units.Ticks(Tables.Seconds[kernel, device]);

    /// <summary>e[v] = s[v] + Σ p[v,d] x[v,d].</summary>
    public LinearExpression End(int kernel) => (LinearExpression)Start[kernel] + Sum(kernel, d => Ticks(kernel, d));

    /// <summary>Σ amount(d) x[v,d].</summary>
    public LinearExpression Sum(int kernel, Func<int, long> amount) => LinearExpression.Sum(
        Enumerable.Range(0, Tables.Devices).Where(d => At(kernel, d) is not null).Select(d => amount(d) * (LinearExpression)At(kernel, d)!.Value));

    public Literal Bool(bool hint)
    {
        var literal = Builder.Bool();
        if (_hint is not null)
        {
            Builder.Hint(literal, hint);
        }

        return literal;
    }

    public IntVariable Int(long low, long high, long? hint)
    {
        var variable = Builder.Int(low, high);
        if (_hint is not null && hint is { } value)
        {
            Builder.Hint(variable, Math.Clamp(value, low, high));
        }

        return variable;
    }

    private void Write(EdgeForm form, double bound, IReadOnlyList<FixedOrder> inOrder)
    {
        foreach (var x in X)
        {
            Builder.ExactlyOne(x.Where(l => l is not null).Select(l => l!.Value));
        }

        if (_timed)
        {
            Times.Write(this, form, inOrder);
            Time = Times.Makespan(this);
        }
        else
        {
            Times.WriteLinks(this);
        }

        MemoryTerms.Write(this);
        var money = new Lazy<IntVariable>(() => MoneyTerms.Write(this));
        var interval = new Lazy<IntVariable>(() => StageTerms.Write(this));
        if (Tables.Problem.NeedsPipeline)
        {
            _ = interval.Value;
        }

        LinearExpression Scaled(Weights sum, double unit) => LinearExpression.Sum(
        [
            sum.Time > 0 ? Units.Down(sum.Time * Units.Seconds, unit) * (LinearExpression)Time : 0,
            sum.Money > 0 ? Units.Down(sum.Money * Units.Usd, unit) * (LinearExpression)money.Value : 0,
            sum.Interval > 0 ? Units.Down(sum.Interval * Units.Interval, unit) * (LinearExpression)interval.Value : 0,
        ]);
        foreach (var (sum, limit) in Weights.Limits(Tables.Problem.Objective).Where(l => double.IsFinite(l.Most)))
        {
            Limit(sum, limit, sum switch
            {
                { Money: 0, Interval: 0 } => Units.Seconds * sum.Time,
                { Time: 0, Interval: 0 } => Units.Usd * sum.Money,
                { Time: 0, Money: 0 } => Units.Interval * sum.Interval,
                _ => Math.Max(limit, double.Epsilon * (1L << 60)) / (1L << 44),
            });
        }

        void Limit(Weights sum, double limit, double unit) => Builder.Between(Scaled(sum, unit), long.MinValue, Units.Down(limit, unit));

        var objective = Scaled(_goal, Units.Goal);

        // The same plan has fewer ticks than its value by one for each rounding: the bound stays below that, or it would forbid the best plan.
        var roundings = 16 * (Tables.Kernels + (Tables.Tensors * Tables.Devices) + 4);
        Builder.Between(objective, Math.Max(0, Units.Down(bound, Units.Goal) - roundings), double.IsFinite(_most) ? Units.Down(_most, Units.Goal) + 1 : long.MaxValue);
        Builder.Minimize(objective);
    }

    /// <summary>An integer variable that is no less than an expression of terms without signs, and need not be greater.</summary>
    public IntVariable AtLeast(IReadOnlyList<LinearExpression> parts, bool sum)
    {
        var most = parts.Select(p => p.Offset + p.Terms.Sum(t => t.Coefficient * Builder.Highest(t.Variable))).DefaultIfEmpty(0).ToArray();
        var hinted = parts.Select(HintValue).DefaultIfEmpty(0).ToArray();
        var variable = Int(0, sum ? most.Sum() : most.Max(), sum ? hinted.Sum() : hinted.Max());
        foreach (var part in sum ? [LinearExpression.Sum(parts)] : parts)
        {
            Builder.LessOrEqual(part, variable);
        }

        return variable;
    }

    /// <summary>The value of an expression under the hint.</summary>
    public long HintValue(LinearExpression expression) => expression.Offset + expression.Terms.Sum(t => t.Coefficient * Builder.HintOf(t.Variable));
}
