using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// What can be said of symbolic sizes. Equal polynomials are equal; where polynomials differ, they are compared at sample sizes that meet the
/// graph's constraints (<c>N == 2*M</c> makes <c>N</c> and <c>M + M</c> equal there). Without a sample nothing is refused.
/// </summary>
public sealed class SizeFacts
{
    /// <summary>Refuses only what differs by a constant; used while a graph is still being listed.</summary>
    public static readonly SizeFacts Lenient = new([]);

    private static readonly long[] Uniform = [0, 1, 2, 3, 4, 7, 8, 12, 60, 840];
    private static readonly long[] Primes = [5, 11, 3, 17, 2, 13, 7, 23, 19, 29];

    private readonly Func<string, long>[] _samples;

    private SizeFacts(Func<string, long>[] samples)
    {
        _samples = samples;
    }

    /// <summary>Facts for an outermost graph; its bodies share them.</summary>
    public static SizeFacts Of(Graph graph)
    {
        if (graph.Dims.Count == 0)
        {
            return Lenient;
        }

        var sizes = AxisSizes(graph);
        var samples = new List<Func<string, long>>();
        foreach (var values in Assignments(graph.Dims))
        {
            // A name that is not a size variable is reported by the verifier; here it only must not throw.
            long ValueOf(string name) => values.GetValueOrDefault(name, 1);
            Repair(graph.Constraints, values);
            if (Holds(graph.Constraints, ValueOf) && sizes.All(s => Evaluate(s, ValueOf) >= 0))
            {
                samples.Add(ValueOf);
            }
        }

        return new SizeFacts([.. samples]);
    }

    /// <summary>The sizes of all axes that are no constants, those of the bodies of loops too: in every run they are at least 0.</summary>
    public static HashSet<SizeExpr> AxisSizes(Graph graph)
    {
        var sizes = new HashSet<SizeExpr>();
        CollectSizes(graph, sizes);
        return sizes;
    }

    /// <summary>False when the two are known to differ for some allowed sizes.</summary>
    public bool MayEqual(SizeExpr left, SizeExpr right)
    {
        if (left == right)
        {
            return true;
        }

        return !(left - right).IsConstant && _samples.All(s => Evaluate(left, s) == Evaluate(right, s));
    }

    public bool MayEqual(ValueList<SizeExpr> left, ValueList<SizeExpr> right)
    {
        var equal = left.Count == right.Count;
        for (var i = 0; equal && i < left.Count; i++)
        {
            equal = MayEqual(left[i], right[i]);
        }

        return equal;
    }

    /// <summary>False when the size is known to be 0 for some allowed sizes while <paramref name="shape"/> has elements.</summary>
    public bool MayBeRead(SizeExpr size, ValueList<SizeExpr> shape)
    {
        if (size.AsConstant is { } n)
        {
            return n > 0 || shape.Any(s => !s.IsConstant || s.AsConstant == 0);
        }

        return _samples.All(s => Evaluate(size, s) > 0 || shape.Any(e => Evaluate(e, s) == 0));
    }

    /// <summary>
    /// The first counter-example to 0 ≤ offset + Σ coefficient·i_axis &lt; size for all i inside <paramref name="shape"/>, or null.
    /// </summary>
    public string? OutsideAt(AxisAccess access, SizeExpr size, ValueList<SizeExpr> shape)
    {
        if (size.IsConstant && access.Offset.IsConstant && shape.All(s => s.IsConstant) && access.Terms.All(t => t.Coefficient.IsConstant))
        {
            return Outside(access, size, shape, _ => 0) is { } range ? $"{range}" : null;
        }

        foreach (var sample in _samples)
        {
            if (Outside(access, size, shape, sample) is { } range)
            {
                var names = shape.Append(size).Append(access.Offset).SelectMany(s => s.Variables()).Distinct();
                return $"{range} for {string.Join(", ", names.Select(n => $"{n} = {sample(n)}"))}";
            }
        }

        return null;
    }

    private static string? Outside(AxisAccess access, SizeExpr size, ValueList<SizeExpr> shape, Func<string, long> valueOf)
    {
        try
        {
            if (shape.Any(s => s.Evaluate(valueOf) <= 0))
            {
                return null;
            }

            var low = access.Offset.Evaluate(valueOf);
            var high = low;
            foreach (var term in access.Terms)
            {
                var end = checked(term.Coefficient.Evaluate(valueOf) * (shape[term.Axis].Evaluate(valueOf) - 1));
                low = checked(low + Math.Min(end, 0));
                high = checked(high + Math.Max(end, 0));
            }

            var bound = size.Evaluate(valueOf);
            return low < 0 || high >= bound ? $"{low}..{high} in an axis of {bound}" : null;
        }
        catch (OverflowException)
        {
            return null;
        }
    }

    private static void CollectSizes(Graph graph, HashSet<SizeExpr> sizes)
    {
        foreach (var node in graph.Nodes)
        {
            sizes.UnionWith(node.Type.Shape.Where(s => !s.IsConstant));
            switch (node)
            {
                case ScanNode scan:
                    sizes.Add(scan.Count);
                    CollectSizes(scan.Body, sizes);
                    break;
                case IterateNode iterate:
                    CollectSizes(iterate.Body, sizes);
                    break;
            }
        }
    }

    private static IEnumerable<Dictionary<string, long>> Assignments(ValueList<string> dims)
    {
        foreach (var value in Uniform)
        {
            yield return dims.ToDictionary(d => d, _ => value);
        }

        long[] steps = [1, 12, 120];
        foreach (var step in steps)
        {
            yield return dims.Select((d, i) => (d, i)).ToDictionary(p => p.d, p => step * Primes[p.i % Primes.Length]);
            yield return dims.Select((d, i) => (d, i)).ToDictionary(p => p.d, p => step * Primes[(dims.Count - 1 - p.i) % Primes.Length]);
        }
    }

    // N == e: a sample gets N from e. Three rounds serve constraints that hang on one another.
    private static void Repair(ValueList<SizeConstraint> constraints, Dictionary<string, long> values)
    {
        for (var round = 0; round < 3; round++)
        {
            foreach (var constraint in constraints.Where(c => !c.AtLeast))
            {
                var (name, source) = constraint.Left.AsVariable is { } left ? (left, constraint.Right) : (constraint.Right.AsVariable, constraint.Left);
                if (name is not null && !source.Variables().Contains(name) && Evaluate(source, n => values.GetValueOrDefault(n, 1)) is { } value)
                {
                    values[name] = value;
                }
            }
        }
    }

    private static bool Holds(ValueList<SizeConstraint> constraints, Func<string, long> valueOf) => constraints.All(c =>
        (Evaluate(c.Left, valueOf), Evaluate(c.Right, valueOf)) is ({ } left, { } right) && (c.AtLeast ? left >= right : left == right));

    private static long? Evaluate(SizeExpr size, Func<string, long> valueOf)
    {
        try
        {
            return size.Evaluate(valueOf);
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            return null;
        }
    }
}
