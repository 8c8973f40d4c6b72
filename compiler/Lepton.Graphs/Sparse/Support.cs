using Lepton.Abi;

namespace Lepton.Graphs.Sparse;

/// <summary>
/// Where a value may differ from its fill value, over iteration variables: a condition made of what sparse operands store. It may say too
/// much, never too little.
/// </summary>
public abstract record Support
{
    /// <summary>Anywhere: the value is dense.</summary>
    public static readonly Support Everywhere = new AllOf([]);

    /// <summary>Nowhere: the value is one number.</summary>
    public static readonly Support Nowhere = new AnyOf([]);

    /// <summary>Both hold.</summary>
    public static Support And(Support a, Support b) => Combine(a, b, isAnd: true);

    /// <summary>One of them holds.</summary>
    public static Support Or(Support a, Support b) => Combine(a, b, isAnd: false);

    /// <summary>The stored tensors that it speaks of, each way of reading one once.</summary>
    public IEnumerable<StoredAt> Stored() => this switch
    {
        StoredAt stored => [stored],
        AllOf all => all.Parts.SelectMany(p => p.Stored()).Distinct(),
        AnyOf any => any.Parts.SelectMany(p => p.Stored()).Distinct(),
        _ => [],
    };

    /// <summary>What is left when some parts are known to hold (true) or not to hold (false).</summary>
    public Support Given(Func<StoredAt, bool?> known) => this switch
    {
        StoredAt stored => known(stored) switch { true => Everywhere, false => Nowhere, _ => this },
        AllOf all => all.Parts.Aggregate(Everywhere, (sum, p) => And(sum, p.Given(known))),
        AnyOf any => any.Parts.Aggregate(Nowhere, (sum, p) => Or(sum, p.Given(known))),
        _ => this,
    };

    // Flat, without repetitions; a ∧ (a ∨ b) is a, a ∨ (a ∧ b) is a.
    private static Support Combine(Support a, Support b, bool isAnd)
    {
        var (unit, zero) = isAnd ? (Everywhere, Nowhere) : (Nowhere, Everywhere);
        if (a == unit || a == b)
        {
            return b;
        }

        if (b == unit)
        {
            return a;
        }

        if (a == zero || b == zero)
        {
            return zero;
        }

        var parts = Parts(a, isAnd).Concat(Parts(b, isAnd)).Distinct().ToList();
        parts.RemoveAll(p => Parts(p, !isAnd) is var inner && inner.Count > 1 && parts.Any(q => q != p && inner.Contains(q)));
        return parts.Count == 1 ? parts[0] : isAnd ? new AllOf(parts.ToValueList()) : new AnyOf(parts.ToValueList());
    }

    private static ValueList<Support> Parts(Support support, bool ofAnd) => support switch
    {
        AllOf all when ofAnd => all.Parts,
        AnyOf any when !ofAnd => any.Parts,
        _ => [support],
    };
}

/// <summary>A stored tensor has an entry at Variables, one for each of its axes.</summary>
public sealed record StoredAt(NodeId Tensor, ValueList<int> Variables) : Support
{
    public override string ToString() => $"{Tensor}[{string.Join(", ", Variables)}]";
}

/// <summary>All parts hold; with none: always.</summary>
public sealed record AllOf(ValueList<Support> Parts) : Support;

/// <summary>One part holds; with none: never.</summary>
public sealed record AnyOf(ValueList<Support> Parts) : Support;

/// <summary>Outside of Where the value is Fill; without a fill value Where is <see cref="Support.Everywhere"/>.</summary>
public readonly record struct Filled(Scalar? Fill, Support Where)
{
    public static readonly Filled Dense = new(null, Support.Everywhere);
}
