using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// The range of an index, in this order: the size written at it, its plain uses (which must agree), the declared type of the left side,
// an access with an `else`.
internal sealed partial class EntryBinder
{
    private readonly Dictionary<IndexLabel, OpenIndex> _indices = [];

    // The indices whose ranges are being walked where we are. An access happens only when none of them is empty.
    private readonly List<OpenIndex> _open = [];

    private readonly List<OpenGroup> _groups = [];

    private void Declare(OpenIndex index, ExpressionSyntax? written, Scope scope)
    {
        if (written is null)
        {
            return;
        }

        if (BindExtent(written, scope) is not { } size)
        {
            index.IsBroken = true;
            return;
        }

        if (index.Label.IsSolved && !_proof.Equal(index.Label.Size, size))
        {
            TwoRanges(index, new PlainUse(size, written.Span, $"{size} is written here", null), null);
            return;
        }

        index.Declared = size;
        index.Label.Solve(size);
    }

    /// <summary>The index is left: now its range must be known. False after an error.</summary>
    private bool Close(OpenIndex index, SizeExpr? fromType, bool report = true)
    {
        if (!index.Label.IsSolved)
        {
            SolveGroups();
        }

        if (index.Label.IsSolved)
        {
            if (fromType is not null && index is { Declared: null, First: not null, IsBroken: false } && !_proof.Equal(index.Label.Size, fromType))
            {
                TwoRanges(index, new PlainUse(fromType, index.Span, $"{fromType} here, by the declared type", null), null);
            }

            return !index.IsBroken;
        }

        if ((fromType ?? index.Fallback) is { } size)
        {
            index.Label.Solve(size);
            return true;
        }

        if (!index.IsBroken && report)
        {
            Error(
                SizeDiagnostics.NoRange,
                index.Span,
                [index.Label.Name],
                help: $"write its size: {index.Label.Name}: N");
        }

        index.IsBroken = true;
        index.Label.Solve(SizeExpr.One);
        return false;
    }

    private void TwoRanges(OpenIndex index, PlainUse second, string? help)
    {
        var labels = new List<DiagnosticLabel>();
        if (index.First is { } first)
        {
            labels.Add(new DiagnosticLabel(first.Span, first.Fact));
        }
        else if (index.Declared is { } declared)
        {
            labels.Add(new DiagnosticLabel(index.Span, $"{declared} is written here"));
        }
        else if (index.Label.IsSolved)
        {
            labels.Add(new DiagnosticLabel(index.Span, $"{index.Label.Size} here"));
        }

        labels.Add(new DiagnosticLabel(second.Span, second.Fact));
        Error(SizeDiagnostics.TwoRanges, second.Span, [index.Label.Name], labels, help);
        index.IsBroken = true;
    }

    /// <summary>A subscript that is one index alone and has no <c>else</c>.</summary>
    private sealed record PlainSubscript(int Axis, OpenIndex Index, SourceSpan Span);

    /// <summary>Plain uses give indices their ranges. Uses that disagree are reported once, with the swap of axes that mends them.</summary>
    private void UsePlain(List<PlainSubscript> uses, ValueList<SizeExpr> shape, AccessSyntax access, Value tensor)
    {
        foreach (var use in uses)
        {
            var index = use.Index;
            if (!index.Label.IsSolved || _proof.Equal(index.Label.Size, shape[use.Axis]))
            {
                continue;
            }

            var swap = FindSwap(uses, use, shape);
            if (!index.IsBroken)
            {
                var help = swap is null ? SwapOfFirst(index, shape[use.Axis]) : $"did you mean {Swapped(access, use.Axis, swap.Axis)}?";
                TwoRanges(index, MakeUse(shape[use.Axis], use.Span, access, tensor), help);
            }

            // What the others would have learnt here is taken as if the swap were made, or is left unsaid.
            foreach (var other in uses.Where(o => !o.Index.Label.IsSolved))
            {
                if (swap is not null && (other == swap || other == use))
                {
                    var axis = other == swap ? use.Axis : swap.Axis;
                    other.Index.First = MakeUse(shape[axis], other.Span, access, tensor);
                    other.Index.Label.Solve(shape[axis]);
                }
                else
                {
                    other.Index.IsBroken = true;
                }
            }

            return;
        }

        foreach (var use in uses)
        {
            if (!use.Index.Label.IsSolved)
            {
                use.Index.First = MakeUse(shape[use.Axis], use.Span, access, tensor);
                use.Index.Label.Solve(shape[use.Axis]);
            }
            else if (!_proof.Equal(use.Index.Label.Size, shape[use.Axis]) && !use.Index.IsBroken)
            {
                TwoRanges(use.Index, MakeUse(shape[use.Axis], use.Span, access, tensor), null);
            }
        }
    }

    private static PlainUse MakeUse(SizeExpr size, SourceSpan span, AccessSyntax access, Value tensor)
    {
        var name = access.Tensor.Span.Length <= 30 ? access.Tensor.Span.Text : "it";
        return new PlainUse(size, span, $"{size} here: {name} is {Describe(tensor)}", access);
    }

    private PlainSubscript? FindSwap(List<PlainSubscript> uses, PlainSubscript use, ValueList<SizeExpr> shape) => uses.FirstOrDefault(other =>
        other != use && Fits(use.Index.Label, shape[other.Axis]) && Fits(other.Index.Label, shape[use.Axis]));

    private bool Fits(IndexLabel label, SizeExpr size) => !label.IsSolved || _proof.Equal(label.Size, size);

    private static string Swapped(AccessSyntax access, int first, int second)
    {
        var texts = access.Subscripts.Select(s => s.Span.Text).ToArray();
        (texts[first], texts[second]) = (texts[second], texts[first]);
        return $"{access.Tensor.Span.Text}[{string.Join(", ", texts)}]";
    }

    // The second use may be the right one: would another order of the first access give the size that the second has?
    private static string? SwapOfFirst(OpenIndex index, SizeExpr wanted)
    {
        if (index.First is not { Access: { Subscripts.Count: 2 } access } first || access.Subscripts.Any(s => s.Index is not NameExpressionSyntax))
        {
            return null;
        }

        return first.Fact.EndsWith($"[{wanted}, {first.Size}]", StringComparison.Ordinal) || first.Fact.EndsWith($"[{first.Size}, {wanted}]", StringComparison.Ordinal)
            ? $"did you mean {Swapped(access, 0, 1)}?"
            : null;
    }

    // ---- Groups: (h: 8, d) over an axis of size n is D·h + d with 8·D = n ------------------------------------------------------

    private sealed record OpenGroup(IReadOnlyList<OpenIndex> Members, SizeExpr Size, TypedSubscript[] Into, int At, SourceSpan Span);

    private void SolveGroups()
    {
        for (var progress = true; progress;)
        {
            progress = false;
            foreach (var group in _groups.ToList())
            {
                if (group.Members.Count(m => !m.Label.IsSolved) <= 1)
                {
                    _groups.Remove(group);
                    FinishGroup(group);
                    progress = true;
                }
            }
        }
    }

    private void FinishGroup(OpenGroup group)
    {
        if (group.Members.Any(m => m.IsBroken && !m.Label.IsSolved))
        {
            return;
        }

        var known = SizeExpr.Product(group.Members.Where(m => m.Label.IsSolved).Select(m => m.Label.Size));
        var unknown = group.Members.FirstOrDefault(m => !m.Label.IsSolved);
        if (unknown is null)
        {
            if (!_proof.Equal(known, group.Size))
            {
                Error(SizeDiagnostics.GroupSize, group.Span, [string.Join(", ", group.Members.Select(m => m.Label.Name)), known, group.Size]);
                return;
            }
        }
        else if (DivideExactly(group.Size, known, group.Span) is { } size)
        {
            unknown.First = new PlainUse(size, group.Span, $"{size} here: what the group leaves of {group.Size}", null);
            unknown.Label.Solve(size);
        }
        else
        {
            unknown.IsBroken = true;
            return;
        }

        var stride = SizeExpr.One;
        var terms = new List<(IndexLabel, SizeExpr)>();
        foreach (var member in group.Members.Reverse())
        {
            terms.Add((member.Label, stride));
            stride *= member.Label.Size;
        }

        group.Into[group.At] = new AffineSubscript(SizeExpr.Zero, terms.OrderBy(t => t.Item1.Id).ToValueList(), TypedOutside.Never);
    }
}
