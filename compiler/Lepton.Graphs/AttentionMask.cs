using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// What indices alone say about the keys that a row of an attention sees: keys k with every <c>±k + rest ≥ 0</c>. All others have one and the same
/// logit, -inf or a number so small that its exponential is 0 beside any usual one:
/// <code>
/// j ≤ i            [i - j]                 a causal mask
/// i - w &lt; j ≤ i     [i - j, j - i + w - 1]  a band
/// </code>
/// </summary>
/// <param name="Seen">A key is seen where all of these are ≥ 0; in the axes of the logits, the key's coefficient is 1 or -1.</param>
/// <param name="Decided">What some comparisons are wherever all of these are ≥ 0.</param>
/// <param name="Fill">The logit of a key that is not seen: -inf, or the largest finite number among several.</param>
public sealed record AttentionMask(int Key, ValueList<AffineIndex> Seen, ValueList<(NodeId Node, bool Value)> Decided, double Fill)
{
    // A finite fill has to be checked against every row's maximum; for one that rows may reach, that would be in vain.
    private const double LargestFill = -1000;
    private const long MostRows = 1 << 20;

    /// <summary>Keys that are not seen weigh 0 for whatever a row sees, and not only where its maximum lies far above the fill.</summary>
    public bool IsInfinite => double.IsNegativeInfinity(Fill);

    /// <summary>The mask of an attention; null when every key may count.</summary>
    /// <param name="members">What is computed together with it.</param>
    public static AttentionMask? Of(Graph graph, AttentionForm form, IEnumerable<NodeId>? members = null)
    {
        if (form.Keys.Count != 1)
        {
            return null;
        }

        var (key, element) = (form.Keys[0], graph[form.Logits].Type.Element);
        var predicates = new IndexPredicates(id => graph[id], form.Logits);
        var seen = new List<AffineIndex>();
        var fill = double.NegativeInfinity;
        foreach (var bound in predicates.Inequalities)
        {
            // Half floats are rounded at other places than here.
            if (bound.Coefficient(key).AsConstant is 1 or -1 && predicates.Value(form.Logits, [bound.Complement()]) is { } value
                && (double.IsNegativeInfinity(value.AsDouble) || (value.AsDouble <= LargestFill && element == element.ComputeType())))
            {
                seen.Add(bound);
                fill = Math.Max(fill, value.AsDouble);
            }
        }

        return seen.Count == 0 ? null : new AttentionMask(key, seen.ToValueList(), predicates.Decided(seen, members ?? form.Inside).ToValueList(), fill);
    }

    /// <summary>How many scores are seen, and of how many; null when sizes, or what stands outside the rows, must be known for that.</summary>
    public (long Seen, long All)? Count(Graph graph, AttentionForm form)
    {
        var shape = graph[form.Logits].Type.Shape;
        var rows = form.Rows.Select(a => shape[a].AsConstant ?? -1).ToArray();
        var count = rows.Aggregate(1.0, (a, b) => a * b);
        if (shape[Key].AsConstant is not { } keys || rows.Contains(-1) || count > MostRows
            || Seen.Any(s => !s.Offset.IsConstant || s.Terms.Any(t => t.Axis != Key && !form.Rows.Contains(t.Axis))))
        {
            return null;
        }

        var seen = 0L;
        for (var number = 0L; number < (long)count; number++)
        {
            var (low, high) = (0L, keys);
            foreach (var bound in Seen)
            {
                var (rest, left) = (bound.Offset.AsConstant!.Value, number);
                for (var i = rows.Length - 1; i >= 0; left /= rows[i--])
                {
                    rest += bound.Coefficient(form.Rows[i]).AsConstant!.Value * (left % rows[i]);
                }

                (low, high) = bound.Coefficient(Key).AsConstant == 1 ? (Math.Max(low, -rest), high) : (low, Math.Min(high, rest + 1));
            }

            seen += Math.Max(0, high - low);
        }

        return (seen, (long)count * keys);
    }
}
