namespace Lepton.Placement.Solver;

/// <summary>
/// Says whether numbers are a solution of a model, from what the constraints mean: no answer of a solver is believed without it.
/// </summary>
public static class CpChecker
{
    /// <summary>The first thing that does not hold, in words, or null if the solution is one.</summary>
    public static string? FirstViolation(CpModel model, IReadOnlyList<long> solution)
    {
        if (solution.Count != model.Variables.Length)
        {
            return $"{solution.Count} values for {model.Variables.Length} variables";
        }

        for (var x = 0; x < solution.Count; x++)
        {
            if (!model.Variables[x].Contains(solution[x]))
            {
                return $"variable {x} = {solution[x]} is outside its domain";
            }
        }

        for (var i = 0; i < model.Constraints.Length; i++)
        {
            var constraint = model.Constraints[i];
            if (constraint.If.All(l => IsTrue(l, solution)) && !Holds(model, constraint, solution))
            {
                return $"constraint {i} ({constraint.GetType().Name}) does not hold";
            }
        }

        return null;
    }

    private static bool Holds(CpModel model, CpConstraint constraint, IReadOnlyList<long> s) => constraint switch
    {
        BoolOr c => c.Literals.Any(l => IsTrue(l, s)),
        BoolAnd c => c.Literals.All(l => IsTrue(l, s)),
        AtMostOne c => c.Literals.Count(l => IsTrue(l, s)) <= 1,
        ExactlyOne c => c.Literals.Count(l => IsTrue(l, s)) == 1,
        Linear c => c.Domain.Contains(c.Sum.Value(s)),
        Interval c => c.Size.Value(s) >= 0 && c.Start.Value(s) + c.Size.Value(s) == c.End.Value(s),
        NoOverlap c => DoNotOverlap([.. c.Intervals.Select(i => Find(model, i)).Where(i => Present(i, s)).Select(i => (i.Start.Value(s), i.End.Value(s)))]),
        Cumulative c => FitsUnder(model, c, s),
        LinearMax c => c.Target.Value(s) == c.Values.Max(v => v.Value(s)),
        _ => throw new ArgumentException($"no meaning for {constraint.GetType().Name}"),
    };

    // An interval of size 0 may touch the ends of others, not lie strictly inside one: sorted by start and end, each begins after all before it.
    private static bool DoNotOverlap((long Start, long End)[] intervals)
    {
        Array.Sort(intervals);
        for (var i = 1; i < intervals.Length; i++)
        {
            if (intervals[i].Start < intervals[i - 1].End)
            {
                return false;
            }
        }

        return true;
    }

    // The load only grows where an interval starts, so it is looked at there alone. The capacity may not be negative even where nothing runs.
    private static bool FitsUnder(CpModel model, Cumulative c, IReadOnlyList<long> s)
    {
        var capacity = c.Capacity.Value(s);
        var users = new List<(long Start, long End, long Demand)>();
        for (var i = 0; i < c.Intervals.Length; i++)
        {
            var interval = Find(model, c.Intervals[i]);
            if (Present(interval, s))
            {
                users.Add((interval.Start.Value(s), interval.End.Value(s), c.Demands[i].Value(s)));
            }
        }

        return capacity >= 0
            && users.All(u => u.Demand >= 0 && users.Where(o => o.Start <= u.Start && u.Start < o.End).Sum(o => o.Demand) <= capacity);
    }

    private static Interval Find(CpModel model, IntervalVariable interval) => (Interval)model.Constraints[interval.Index];

    private static bool Present(Interval interval, IReadOnlyList<long> s) => interval.If.All(l => IsTrue(l, s));

    private static bool IsTrue(Literal l, IReadOnlyList<long> s) => s[l.Variable] != 0 != l.IsNegated;
}
