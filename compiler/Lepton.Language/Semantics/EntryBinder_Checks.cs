using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Proofs that accesses are inside. They wait until the indices have their ranges, that is for the end of the equation.
internal sealed partial class EntryBinder
{
    private readonly List<AccessCheck> _checks = [];
    private readonly List<AccessSite> _sites = [];
    private readonly Dictionary<ValueId, IndexRange> _ranges = [];

    /// <summary>One axis of an access that must be inside.</summary>
    /// <param name="Assume">Indices that are not empty where the access happens.</param>
    /// <param name="IsData">A data subscript: it is checked at run time if there is no proof.</param>
    private sealed record AccessCheck(
        IndexRange Range,
        SizeExpr Size,
        SourceSpan Span,
        string Fact,
        IReadOnlyList<IndexLabel> Assume,
        CheckedSubscript Place,
        bool IsData);

    /// <summary>The subscript that a check is of; Labels: the indices that its access runs over.</summary>
    private sealed record CheckedSubscript(TypedSubscript[] Subscripts, int At, SourceSpan Access, ValueList<IndexLabel> Labels);

    private sealed record AccessSite(string Text, string Location, ValueList<IndexLabel> Labels)
    {
        public SiteManifest ToManifest() => new(Text, Location, Labels.Select(l => l.Size).ToValueList());
    }

    private TensorValue WithRange(TensorValue value, IndexRange range)
    {
        _ranges.TryAdd(value.Id, range);
        return value;
    }

    private void CopyRange(TensorValue from, TensorValue to)
    {
        if (_ranges.TryGetValue(from.Id, out var range))
        {
            _ranges.TryAdd(to.Id, range);
        }
    }

    private void TrackRange(string op, TensorValue result, ReadOnlySpan<TensorValue> arguments)
    {
        var ranges = new IndexRange[arguments.Length];
        for (var i = 0; i < ranges.Length; i++)
        {
            if (op == "select" && i == 0)
            {
                ranges[i] = new FixedRange(SizeExpr.Zero, SizeExpr.One);
            }
            else if (_ranges.TryGetValue(arguments[i].Id, out var range) && range.Depth < IndexRange.MaxDepth)
            {
                ranges[i] = range;
            }
            else if (op == "rem" && i == 0)
            {
                ranges[i] = new UnknownRange();
            }
            else
            {
                return;
            }
        }

        _ranges.TryAdd(result.Id, new OperationRange(op, ranges.ToValueList()));
    }

    private void RequireInside(IndexRange range, SizeExpr size, SourceSpan span, string fact, CheckedSubscript place, bool isData)
    {
        var assume = _open.Select(o => o.Label).Concat(range.Labels).Distinct().ToList();
        _checks.Add(new AccessCheck(range, size, span, fact, assume, place, isData));
    }

    /// <summary>Does the proofs since <paramref name="first"/> whose indices have ranges; the others wait for an outer equation.</summary>
    private void FinishChecks(int first)
    {
        SolveGroups();
        var waiting = first;
        List<AccessCheck>? withIndices = null;
        for (var i = first; i < _checks.Count; i++)
        {
            var check = _checks[i];
            if (!check.Assume.All(l => l.IsSolved))
            {
                _checks[waiting++] = check;
            }
            else if (!check.IsData && !check.Range.Labels.Any())
            {
                // First what asks for a size: that may prove the others.
                Prove(check);
            }
            else
            {
                (withIndices ??= []).Add(check);
            }
        }

        _checks.RemoveRange(waiting, _checks.Count - waiting);
        foreach (var check in withIndices ?? [])
        {
            Prove(check);
        }
    }

    private void Prove(AccessCheck check)
    {
        if (check.Assume.Any(l => _indices[l].IsBroken))
        {
            return;
        }

        (SizeExpr Low, SizeExpr High)? bounds;
        try
        {
            bounds = check.Range.Bounds();
        }
        catch (OverflowException)
        {
            OverflowError(check.Span);
            return;
        }

        if (bounds is { } b)
        {
            var space = check.Size - SizeExpr.One - b.High;
            var own = check.Place.Labels.Select(l => l.Size - SizeExpr.One).ToList();
            if (_proof.IsNonNegative(b.Low, own) && _proof.IsNonNegative(space, own))
            {
                return;
            }

            // The access may stand outside of a loop that is empty: in y[i] = x[i] - x[0] it does not run over i.
            var assume = check.Assume.Select(l => l.Size - SizeExpr.One).ToList();
            var (lowIn, highIn) = (_proof.IsNonNegative(b.Low, assume), _proof.IsNonNegative(space, assume));
            if (lowIn && highIn)
            {
                ref var subscript = ref check.Place.Subscripts[check.Place.At];
                subscript = subscript is DataSubscript data ? data with { Outside = TypedOutside.Unneeded } : (AffineSubscript)subscript with { Outside = TypedOutside.Unneeded };
                return;
            }

            // x[0] of an x: f32[N] is a demand on the size alone: the entry makes it.
            if (!check.Range.Labels.Any() && !check.IsData && !(b.Low.UpperBound() < 0) && !(space.UpperBound() < 0))
            {
                foreach (var demand in new[] { lowIn ? null : b.Low, highIn ? null : space }.OfType<SizeExpr>())
                {
                    AddConstraint(demand, SizeExpr.Zero, atLeast: true, $"{check.Span.Text} at {check.Span.Location} must be inside");
                    _proof.AddNonNegative(demand);
                }

                return;
            }
        }

        if (check.IsData)
        {
            var place = check.Place;
            place.Subscripts[place.At] = (DataSubscript)place.Subscripts[place.At] with { Site = AddSite(place.Access, place.Labels) };
            return;
        }

        ReportOutside(check, bounds);
    }

    private int AddSite(SourceSpan access, ValueList<IndexLabel> labels)
    {
        _sites.Add(new AccessSite(access.Text, access.Location, labels));
        return _sites.Count - 1;
    }

    private void ReportOutside(AccessCheck check, (SizeExpr Low, SizeExpr High)? bounds)
    {
        var labels = new List<DiagnosticLabel> { new(check.Span, check.Fact) };
        foreach (var label in check.Range.Labels.Take(4))
        {
            var index = _indices[label];
            var (size, place) = (label.Size, index.First?.Span ?? index.Span);
            if (place != check.Span)
            {
                labels.Add(new DiagnosticLabel(place, $"{label.Name} runs from 0 to {size - SizeExpr.One}"));
            }
        }

        var text = check.Span.Length <= 30 ? check.Span.Text : "…";
        var fromEnd = !check.Range.Labels.Any() && bounds?.High.UpperBound() < 0 ? $"counted from the end it is [{check.Size + bounds.Value.Low}]" : null;
        Error(
            SizeDiagnostics.Outside,
            check.Span,
            [bounds?.Low.ToString() ?? "?", bounds?.High.ToString() ?? "?", check.Size],
            labels,
            fromEnd ?? $"say what lies outside, as in [{text} else 0], or give the index a smaller range");
    }
}
