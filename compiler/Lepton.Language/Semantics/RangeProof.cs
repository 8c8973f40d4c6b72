using Lepton.Abi;

namespace Lepton.Language.Semantics;

/// <summary>
/// What is known of the sizes of an entry: facts that were written (exact divisions, sizes that cannot be negative), and proofs from them.
/// A proof that is not found is not a refutation.
/// </summary>
public sealed class RangeProof
{
    private readonly List<(SizeExpr Dividend, SizeExpr Divisor)> _exact = [];
    private readonly List<SizeExpr> _nonNegative = [];

    /// <summary>Marks the facts so far; <see cref="Rewind"/> forgets the later ones.</summary>
    public (int Exact, int NonNegative) Mark => (_exact.Count, _nonNegative.Count);

    public void Rewind((int Exact, int NonNegative) mark)
    {
        _exact.RemoveRange(mark.Exact, _exact.Count - mark.Exact);
        _nonNegative.RemoveRange(mark.NonNegative, _nonNegative.Count - mark.NonNegative);
    }

    /// <summary>divisor · floordiv(dividend, divisor) = dividend.</summary>
    public void AddExact(SizeExpr dividend, SizeExpr divisor)
    {
        if (!_exact.Contains((dividend, divisor)))
        {
            _exact.Add((dividend, divisor));
        }
    }

    public void AddNonNegative(SizeExpr size)
    {
        if (!size.IsProvablyNonNegative() && !_nonNegative.Contains(size))
        {
            _nonNegative.Add(size);
        }
    }

    public bool Equal(SizeExpr a, SizeExpr b)
    {
        if (a == b)
        {
            return true;
        }

        var difference = a - b;
        return !difference.IsConstant && UseExact(difference).AsConstant == 0;
    }

    /// <summary>size ≥ 0, where each of <paramref name="assumptions"/> may be taken to be ≥ 0.</summary>
    public bool IsNonNegative(SizeExpr size, IEnumerable<SizeExpr> assumptions)
    {
        if (size.IsProvablyNonNegative())
        {
            return true;
        }

        if (size.IsConstant)
        {
            return false;
        }

        try
        {
            var known = _nonNegative.Concat(assumptions).SelectMany(Consequences).Where(a => !a.IsProvablyNonNegative()).Distinct().ToList();
            return Prove(UseExact(size), known, 6);
        }
        catch (OverflowException)
        {
            return false;
        }
    }

    // c·floordiv(X, c) -> X for the divisions known to be exact. The whole is multiplied by c first, which keeps its sign and its zeros.
    private SizeExpr UseExact(SizeExpr size)
    {
        foreach (var (dividend, divisor) in _exact)
        {
            var atom = SizeExpr.FloorDiv(dividend, divisor).Terms is { Count: 1 } t && t[0].Factors is { Count: 1 } f ? f[0] as SizeCall : null;
            if (atom is not null && Contains(size, atom) && Replace(size * divisor, atom, divisor, _ => dividend) is { } replaced)
            {
                size = replaced;
            }
        }

        return size;
    }

    private static bool Contains(SizeExpr size, SizeFactor factor) => size.Terms.Any(t => t.Factors.Contains(factor));

    /// <summary>Each term k·rest·atom, with scale dividing k·rest, becomes (k·rest / scale) · bound(k &gt; 0); null if one does not divide.</summary>
    private static SizeExpr? Replace(SizeExpr size, SizeFactor atom, SizeExpr scale, Func<bool, SizeExpr?> bound)
    {
        var sum = SizeExpr.Zero;
        foreach (var term in size.Terms)
        {
            var factors = term.Factors.ToList();
            var had = factors.Remove(atom);
            var rest = factors.Aggregate(SizeExpr.Constant(term.Coefficient), (p, f) => p * Of(f));
            if (!had)
            {
                sum += rest;
                continue;
            }

            // A bound is turned by a negative factor beside it; an equation is not.
            var isEquation = bound(true) == bound(false);
            if (factors.Contains(atom) || SizeExpr.TryDivideExactly(rest, scale) is not { } quotient || bound(term.Coefficient > 0) is not { } by
                || (!isEquation && factors.Exists(f => f.Range().Low < 0)))
            {
                return null;
            }

            sum += quotient * by;
        }

        return sum;
    }

    private static SizeExpr Of(SizeFactor factor) => factor.Substitute(_ => null);

    // floordiv(X, c) + k >= 0 says X + k·c >= 0.
    private static IEnumerable<SizeExpr> Consequences(SizeExpr assumption)
    {
        yield return assumption;
        foreach (var term in assumption.Terms)
        {
            if (term is { Coefficient: 1, Factors: { Count: 1 } f } && f[0] is SizeCall { Function: SizeFunction.FloorDiv } call
                && (assumption - Of(call)).AsConstant is { } k && call.Right.LowerBound() >= 1)
            {
                yield return call.Left + (k * call.Right);
            }
        }
    }

    private static bool Prove(SizeExpr goal, List<SizeExpr> known, int fuel)
    {
        (goal, known) = ShiftVariables(goal, known);
        if (goal.IsProvablyNonNegative())
        {
            return true;
        }

        return fuel > 0 && !goal.IsConstant && (ProveAtoms(goal, known, fuel - 1) || ProveBySubtraction(goal, known, fuel - 1));
    }

    // v - k >= 0 with a constant k: write v = v' + k, v' >= 0, everywhere.
    private static (SizeExpr Goal, List<SizeExpr> Known) ShiftVariables(SizeExpr goal, List<SizeExpr> known)
    {
        for (var i = 0; i < known.Count; i++)
        {
            if (known[i].Terms is { Count: 2 } terms && terms[0] is { Coefficient: 1, Factors: { Count: 1 } f } && f[0] is SizeVariable v
                && terms[1] is { Factors.Count: 0, Coefficient: < 0 } k)
            {
                var shifted = SizeExpr.Variable(v.Name) - SizeExpr.Constant(k.Coefficient);
                SizeExpr? By(string name) => name == v.Name ? shifted : null;
                goal = goal.Substitute(By);
                known = known.Where((_, j) => j != i).Select(a => a.Substitute(By)).Where(a => !a.IsProvablyNonNegative()).ToList();
                i = -1;
            }
        }

        return (goal, known);
    }

    // Bounds for the opaque functions:  (X - c + 1) <= c·floordiv(X, c) <= X,  0 <= X mod c <= c - 1,  and both cases of max and min.
    private static bool ProveAtoms(SizeExpr goal, List<SizeExpr> known, int fuel)
    {
        foreach (var call in goal.Terms.SelectMany(t => t.Factors).OfType<SizeCall>().Distinct())
        {
            var (x, c) = (call.Left, call.Right);
            switch (call.Function)
            {
                case SizeFunction.FloorDiv when c.LowerBound() >= 1:
                    // goal is an integer: goal >= 0 follows from c·goal + c - 1 >= 0.
                    if (Replace(goal * c, call, c, up => up ? x - c + SizeExpr.One : x) is { } divided
                        && Prove(divided + (c.IsConstant ? c - SizeExpr.One : SizeExpr.Zero), known, fuel))
                    {
                        return true;
                    }

                    break;
                case SizeFunction.Mod when c.LowerBound() >= 1:
                    if (Replace(goal, call, SizeExpr.One, up => up ? SizeExpr.Zero : c - SizeExpr.One) is { } reduced && Prove(reduced, known, fuel))
                    {
                        return true;
                    }

                    break;
                case SizeFunction.Max or SizeFunction.Min:
                    var leftWins = call.Function == SizeFunction.Max ? x - c : c - x;
                    return Replace(goal, call, SizeExpr.One, _ => x) is { } first && Prove(first, [.. known, leftWins], fuel)
                        && Replace(goal, call, SizeExpr.One, _ => c) is { } second && Prove(second, [.. known, -leftWins], fuel);
                default:
                    break;
            }
        }

        return false;
    }

    // goal = λ·a + rest with a >= 0 known, λ >= 0: it is enough that rest >= 0. λ is chosen so that a negative term of goal vanishes.
    private static bool ProveBySubtraction(SizeExpr goal, List<SizeExpr> known, int fuel)
    {
        foreach (var term in goal.Terms)
        {
            if (term.Coefficient > 0)
            {
                continue;
            }

            foreach (var a in known)
            {
                foreach (var other in a.Terms)
                {
                    if (other.Coefficient < 0 && Lambda(term, other) is { } lambda && lambda.IsProvablyNonNegative()
                        && Prove(goal - (lambda * a), known, fuel / 2))
                    {
                        return true;
                    }
                }
            }
        }

        return false;
    }

    private static SizeExpr? Lambda(SizeTerm term, SizeTerm by)
    {
        var factors = term.Factors.ToList();
        if (term.Coefficient % by.Coefficient != 0 || !by.Factors.All(factors.Remove))
        {
            return null;
        }

        return factors.Aggregate(SizeExpr.Constant(term.Coefficient / by.Coefficient), (p, f) => p * Of(f));
    }
}
