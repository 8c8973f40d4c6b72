using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// start:stop:step as in NumPy, negative bounds from the end. Unlike NumPy, a slice must lie inside: x[:10] of five elements is an error.
internal sealed partial class EntryBinder
{
    private SliceSubscript? BindSlice(SliceSyntax slice, SizeExpr size, SourceSpan span, Scope scope)
    {
        long step = 1;
        if (slice.Step is not null)
        {
            if (BindSize(slice.Step, scope) is not { } written)
            {
                return null;
            }

            if (written.AsConstant is null or 0 or long.MinValue)
            {
                Error(SizeDiagnostics.BadSlice, slice.Step.Span, ["the step of a slice is a constant and not 0"]);
                return null;
            }

            step = written.AsConstant.Value;
        }

        var (first, end) = step > 0 ? (SizeExpr.Zero, size) : (size - SizeExpr.One, SizeExpr.Constant(-1));
        if (Bound(slice.Start, first) is not { } start || Bound(slice.Stop, end) is not { } stop)
        {
            return null;
        }

        // Upwards: 0 <= start <= stop <= size. Downwards: -1 <= stop <= start <= size - 1.
        var length = step > 0 ? stop - start : start - stop;
        SizeExpr[] demands = step > 0
            ? [slice.Start is null ? SizeExpr.Zero : start, slice.Stop is null ? SizeExpr.Zero : size - stop, length]
            : [slice.Stop is null ? SizeExpr.Zero : stop + SizeExpr.One, slice.Start is null ? SizeExpr.Zero : size - SizeExpr.One - start, length];
        foreach (var demand in demands)
        {
            if (demand.UpperBound() < 0)
            {
                Error(SizeDiagnostics.BadSlice, span, [$"this slice goes from {start} to {stop}, but the axis has size {size}"], help: "a slice counts from 0 and ends before its second number");
                return null;
            }

            if (!_proof.IsNonNegative(demand, []))
            {
                AddConstraint(demand, SizeExpr.Zero, atLeast: true, $"the slice {span.Text} at {span.Location} must be inside");
                _proof.AddNonNegative(demand);
            }
        }

        return new SliceSubscript(start, step, SizeExpr.CeilDiv(length, Math.Abs(step)));

        SizeExpr? Bound(ExpressionSyntax? written, SizeExpr otherwise)
        {
            if (written is null)
            {
                return otherwise;
            }

            var bound = BindSize(written, scope);
            return bound?.AsConstant < 0 ? size + bound : bound;
        }
    }
}
