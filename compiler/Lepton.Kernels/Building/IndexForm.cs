using System.Text;
using Lepton.Abi;

namespace Lepton.Kernels.Building;

/// <summary>coefficient × symbol number <paramref name="Symbol"/> of the kernel's <see cref="IndexSpace"/>.</summary>
public readonly record struct IndexTerm(int Symbol, SizeExpr Coefficient);

/// <summary>
/// An index that is not code yet: offset + Σ coefficient·symbol + lane·l, where l is the number of the vector lane. Canonical (terms sorted by
/// symbol, no zeros), so that what cancels is gone: with q = x div w the form w·q + (x - w·q) is x again, and q is never computed.
/// </summary>
public sealed class IndexForm : IEquatable<IndexForm>
{
    public static readonly IndexForm Zero = new(SizeExpr.Zero, [], SizeExpr.Zero);

    private readonly int _hash;

    private IndexForm(SizeExpr offset, ValueList<IndexTerm> terms, SizeExpr lane)
    {
        Offset = offset;
        Terms = terms;
        Lane = lane;
        _hash = HashCode.Combine(offset, terms, lane);
    }

    public SizeExpr Offset { get; }

    public ValueList<IndexTerm> Terms { get; }

    /// <summary>What the index grows by from lane to lane, vector symbols aside; 0: the same in all lanes.</summary>
    public SizeExpr Lane { get; }

    /// <summary>The size if nothing else is in it, else null.</summary>
    public SizeExpr? AsSize => Terms.Count == 0 && Lane == SizeExpr.Zero ? Offset : null;

    public static IndexForm Of(SizeExpr size) => size == SizeExpr.Zero ? Zero : new(size, [], SizeExpr.Zero);

    public static IndexForm Of(int symbol) => new(SizeExpr.Zero, [new IndexTerm(symbol, SizeExpr.One)], SizeExpr.Zero);

    /// <summary>symbol + l: the counter of a vectorised loop.</summary>
    public static IndexForm Lanes(int symbol) => new(SizeExpr.Zero, [new IndexTerm(symbol, SizeExpr.One)], SizeExpr.One);

    /// <summary>l alone: 0, 1, 2, … over the lanes.</summary>
    public static IndexForm LaneNumber() => new(SizeExpr.Zero, [], SizeExpr.One);

    public static IndexForm operator +(IndexForm left, IndexForm right)
    {
        if (left.Equals(Zero))
        {
            return right;
        }

        if (right.Equals(Zero))
        {
            return left;
        }

        var terms = new List<IndexTerm>(left.Terms.Count + right.Terms.Count);
        int i = 0, j = 0;
        while (i < left.Terms.Count || j < right.Terms.Count)
        {
            if (j == right.Terms.Count || (i < left.Terms.Count && left.Terms[i].Symbol < right.Terms[j].Symbol))
            {
                terms.Add(left.Terms[i++]);
            }
            else if (i == left.Terms.Count || right.Terms[j].Symbol < left.Terms[i].Symbol)
            {
                terms.Add(right.Terms[j++]);
            }
            else
            {
                var sum = left.Terms[i].Coefficient + right.Terms[j++].Coefficient;
                if (sum != SizeExpr.Zero)
                {
                    terms.Add(new IndexTerm(left.Terms[i].Symbol, sum));
                }

                i++;
            }
        }

        return new(left.Offset + right.Offset, terms.ToValueList(), left.Lane + right.Lane);
    }

    public static IndexForm operator -(IndexForm left, IndexForm right) => left + (right * SizeExpr.Constant(-1));

    public static IndexForm operator *(IndexForm form, SizeExpr factor) =>
        factor == SizeExpr.Zero ? Zero
        : factor == SizeExpr.One ? form
        : new(
            form.Offset * factor,
            form.Terms.Select(t => t with { Coefficient = t.Coefficient * factor }).ToValueList(),
            form.Lane * factor);

    public static implicit operator IndexForm(SizeExpr size) => Of(size);

    /// <summary>The coefficient of a symbol, 0 when it does not occur.</summary>
    public SizeExpr Coefficient(int symbol)
    {
        foreach (var term in Terms)
        {
            if (term.Symbol == symbol)
            {
                return term.Coefficient;
            }
        }

        return SizeExpr.Zero;
    }

    internal static IndexForm From(SizeExpr offset, IEnumerable<IndexTerm> terms, SizeExpr lane) => new(offset, terms.ToValueList(), lane);

    public bool Equals(IndexForm? other) =>
        other is not null && (ReferenceEquals(this, other)
            || (_hash == other._hash && Terms == other.Terms && Offset == other.Offset && Lane == other.Lane));

    public override bool Equals(object? obj) => Equals(obj as IndexForm);

    public override int GetHashCode() => _hash;

    public override string ToString()
    {
        var text = new StringBuilder(Offset.ToString());
        foreach (var term in Terms)
        {
            text.Append($" + ({term.Coefficient})*s{term.Symbol}");
        }

        return Lane == SizeExpr.Zero ? text.ToString() : text.Append($" + ({Lane})*lane").ToString();
    }
}
