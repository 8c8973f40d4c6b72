using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Functions over an axis: softmax[c](z[b, c]) hands over the index c; softmax[axis = -1](z) makes an index of the axis, and puts the axis
// back behind the call if the result still has it.
internal sealed partial class EntryBinder
{
    /// <summary>What stands for one index parameter: an index, or an axis of the first argument of which an index is made.</summary>
    private sealed class IndexArgument(OpenIndex? index, int? axis, SourceSpan span, bool isOwn)
    {
        public OpenIndex? Index { get; set; } = index;

        /// <summary>The written axis; negative from the end.</summary>
        public int? Axis { get; } = axis;

        public SourceSpan Span { get; } = span;

        /// <summary>The call itself binds the index: it may not be left over.</summary>
        public bool IsOwn { get; } = isOwn;

        /// <summary>Axis, non-negative, and the rank that it counts in.</summary>
        public (int Axis, int Rank) Place { get; set; }
    }

    private List<IndexArgument>? IndexArguments(FunctionSyntax function, CallSyntax call, Scope inner)
    {
        var wanted = function.IndexParameters.Count;
        var given = call.IndexArguments.SelectMany(a => a.Value is ListSyntax list ? list.Items.Select(i => (a.Name, Value: i)) : [(a.Name, a.Value)]).ToList();
        if (given.Count != wanted)
        {
            var what = wanted == 0 ? "no indices" : Count(wanted, "index").Replace("indexs", "indices", StringComparison.Ordinal);
            var place = given.Count == 0 ? call.Callee.Span : call.IndexArguments[0].Span;
            Error(
                FunctionDiagnostics.IndexArguments,
                place,
                [function.Name.Text, what, given.Count],
                [new DiagnosticLabel(function.Name.Span, "defined here")],
                wanted == 1 ? $"write {function.Name.Text}[c](z[b, c]), or {function.Name.Text}[axis = -1](z)" : null);
            return null;
        }

        var arguments = new IndexArgument[wanted];
        for (var i = 0; i < wanted; i++)
        {
            var at = given[i].Name is { } name && function.IndexParameters.ToList().FindIndex(p => p.Text == name.Text) is >= 0 and var named ? named : i;
            if (given[i].Name is { Text: not ("axis" or "axes") } unknown && function.IndexParameters.All(p => p.Text != unknown.Text))
            {
                Error(FunctionDiagnostics.UnknownArgument, unknown.Span, [function.Name.Text, unknown.Text], help: $"write axis = …, or {function.IndexParameters[i].Text} = …");
                return null;
            }

            arguments[at] = BindIndexArgument(given[i].Value, inner);
        }

        return [.. arguments];
    }

    private IndexArgument BindIndexArgument(ExpressionSyntax written, Scope inner)
    {
        if (written is NameExpressionSyntax { Prime: false } name)
        {
            var found = inner.Find(name.Name.Text);
            if (found is OpenIndex { Label.Step: null } known)
            {
                return new IndexArgument(known, null, written.Span, isOwn: false);
            }

            if (found is null && inner.Frame.File.FindValues(name.Name.Text).Count == 0)
            {
                var opened = OpenLabel(name.Name.Text, written.Span);
                inner.Set(name.Name.Text, opened);
                return new IndexArgument(opened, null, written.Span, isOwn: true);
            }
        }

        switch (BindExpression(written, inner))
        {
            case NumberValue number when number.Integer?.AsConstant is { } axis and > int.MinValue and < int.MaxValue:
                return new IndexArgument(null, (int)axis, written.Span, isOwn: false);
            case ErrorValue:
                return new IndexArgument(null, null, written.Span, isOwn: false);
            default:
                Error(TypeDiagnostics.NotAConstant, written.Span, ["an axis"]);
                return new IndexArgument(null, null, written.Span, isOwn: false);
        }
    }

    // z of shape [B, C] with axis 1 becomes the value z[:, c] with index c and shape [B]. Arguments of the same rank follow the first.
    private void OpenAxes(List<IndexArgument> indices, List<Operand?> arguments)
    {
        var byAxis = indices.Where(i => i.Axis is not null).ToList();
        if (byAxis.Count == 0 || arguments.Count == 0 || arguments[0] is not { Value: not ErrorValue } first)
        {
            return;
        }

        var shape = first.Value.Shape;
        foreach (var argument in byAxis)
        {
            var axis = argument.Axis!.Value < 0 ? argument.Axis.Value + shape.Count : argument.Axis.Value;
            if (axis < 0 || axis >= shape.Count || byAxis.Any(o => o.Index is not null && o.Place.Axis == axis))
            {
                Error(SizeDiagnostics.NoSuchAxis, argument.Span, [argument.Axis.Value, AxisCount(shape.Count)], [new DiagnosticLabel(first.Span, $"this is {Describe(first.Value)}")]);
                return;
            }

            var label = SolvedLabel($"axis{axis}", shape[axis], argument.Span);
            _indices[label].First = new PlainUse(shape[axis], argument.Span, $"{shape[axis]} here: axis {axis} of {Describe(first.Value)}", null);
            (argument.Index, argument.Place) = (_indices[label], (axis, shape.Count));
        }

        for (var i = 0; i < arguments.Count; i++)
        {
            if (arguments[i] is { Value: not ErrorValue } argument && argument.Value.Shape.Count == shape.Count)
            {
                arguments[i] = argument with { Value = WithoutAxes(argument, byAxis) };
            }
        }
    }

    private Value WithoutAxes(Operand argument, List<IndexArgument> byAxis)
    {
        var shape = argument.Value.Shape;
        var subscripts = new TypedSubscript[shape.Count];
        var labels = argument.Value.Labels;
        for (var axis = 0; axis < subscripts.Length; axis++)
        {
            if (byAxis.Find(a => a.Place.Axis == axis) is { Index.Label: { } label } over)
            {
                if (!_proof.Equal(shape[axis], label.Size))
                {
                    TwoRanges(over.Index, new PlainUse(shape[axis], argument.Span, $"{shape[axis]} here: axis {axis} of {Describe(argument.Value)}", null), null);
                    return ErrorValue.Instance;
                }

                subscripts[axis] = new AffineSubscript(SizeExpr.Zero, [(label, SizeExpr.One)], TypedOutside.Never);
                labels = Union(labels, [label]);
            }
            else
            {
                subscripts[axis] = new SliceSubscript(SizeExpr.Zero, 1, shape[axis]);
            }
        }

        var rest = shape.Where((_, i) => byAxis.All(a => a.Place.Axis != i)).ToValueList();
        return Lift(argument.Value, labels, rest, argument.Span, x =>
        {
            var result = Emit(new TypedAccess(NewId(), new ValueType(x.Type.Element, labels, rest), argument.Span, x.Id, subscripts, null));
            CopyRange(x, result);
            return result;
        });
    }

    /// <summary>Behind the call: indices that were made for it become axes again where they are left, and own ones must be gone.</summary>
    private Value CloseAxes(List<IndexArgument> indices, Value value, CallSyntax call)
    {
        foreach (var own in indices.Where(i => i.IsOwn))
        {
            if (!Close(own.Index!, null, value is not ErrorValue))
            {
                value = ErrorValue.Instance;
            }
            else if (value.Labels.Contains(own.Index!.Label))
            {
                value = Error(
                    SizeDiagnostics.IndexEscapes,
                    own.Span,
                    [own.Index.Label.Name],
                    help: $"put {own.Index.Label.Name} on the left, or reduce over it");
            }
        }

        if (value is ErrorValue)
        {
            return value;
        }

        var left = indices.Where(i => i.Axis is not null && value.Labels.Contains(i.Index!.Label)).OrderBy(i => i.Place.Axis).ToList();
        if (left.Count == 0)
        {
            return value;
        }

        var rank = value.Shape.Count + left.Count;
        var leading = Tabulate(value, left.Select(i => new LeftAxis([i.Index!], call.Span)).ToList(), call.Span);

        // Where an axis was, counted from the side that it was written from, if the rank is another now.
        var order = new int[rank];
        Array.Fill(order, -1);
        for (var i = 0; i < left.Count; i++)
        {
            var (axis, oldRank) = left[i].Place;
            var at = left[i].Axis < 0 ? axis - oldRank + rank : axis;
            at = Math.Clamp(at, 0, rank - 1);
            while (order[at] >= 0)
            {
                at = (at + 1) % rank;
            }

            order[at] = i;
        }

        for (int i = 0, next = left.Count; i < rank; i++)
        {
            order[i] = order[i] < 0 ? next++ : order[i];
        }

        return order.SequenceEqual(Enumerable.Range(0, rank)) ? leading : Permute(leading, order, call.Span);
    }
}
