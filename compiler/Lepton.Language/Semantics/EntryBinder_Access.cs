using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// x[b, 2 * i + r else 0, y[b], 1:n, (h: 8, d)]: each subscript is an affine function of indices, data, a slice, or a group.
internal sealed partial class EntryBinder
{
    private Value BindAccess(AccessSyntax access, Scope scope)
    {
        var outerDepth = _subscriptDepth;
        _subscriptDepth = 0;
        var tensor = BindExpression(access.Tensor, scope);
        _subscriptDepth = outerDepth;
        if (tensor is TupleValue)
        {
            NotOneValue(tensor, access.Tensor.Span);
            tensor = ErrorValue.Instance;
        }

        var shape = tensor.Shape;
        if (tensor is not ErrorValue && access.Subscripts.Count > shape.Count)
        {
            tensor = Error(
                SizeDiagnostics.TooManySubscripts,
                access.Subscripts[shape.Count].Span,
                [Count(access.Subscripts.Count, "subscript"), AxisCount(shape.Count)],
                [new DiagnosticLabel(access.Tensor.Span, $"this is {Describe(tensor)}")]);
        }

        if (tensor is ErrorValue)
        {
            BindSubscriptsOfError(access, scope);
            return tensor;
        }

        return new AccessBuilder(this, access, scope, tensor).Build();
    }

    // Nothing is known of the axes, so the indices learn nothing: no further messages about their ranges. Names are still checked.
    private void BindSubscriptsOfError(AccessSyntax access, Scope scope)
    {
        foreach (var subscript in access.Subscripts)
        {
            var value = subscript.Index is null ? null : BindIndexExpression(subscript.Index, scope);
            foreach (var label in (value as IndexValue)?.Terms.Select(t => t.Label) ?? [])
            {
                _indices[label].IsBroken |= !label.IsSolved;
            }

            foreach (var member in subscript.Group)
            {
                if (scope.Find(member.Name.Text) is OpenIndex index)
                {
                    index.IsBroken |= !index.Label.IsSolved;
                }
            }
        }
    }

    private static string? SubscriptHelp(Value value) => value.Element == ElementType.Bool
        ? "how many are chosen is known only at run time: keep the shape with `if c then a else b`"
        : value.Element?.IsFloat() == true ? "convert it: i64(…)" : null;

    // The optimizer multiplies these numbers by each other and by strides, in 64 bits.
    private bool IsInReach(SizeExpr offset, ValueList<(IndexLabel Label, SizeExpr Coefficient)> terms, SourceSpan span)
    {
        var isNear = terms.Select(t => t.Coefficient).Prepend(offset).All(s => s.Terms.All(t => t.Coefficient is > -SizeExpr.MaxIndexNumber and < SizeExpr.MaxIndexNumber));
        if (!isNear)
        {
            Error(SizeDiagnostics.TooFar, span, [], help: "an index that is computed at run time may be any number: x[d[i] else 0]");
        }

        return isNear;
    }

    private Value BindIndexExpression(ExpressionSyntax index, Scope scope)
    {
        _subscriptDepth++;
        var value = BindExpression(index, scope);
        _subscriptDepth--;
        return value;
    }

    /// <summary>Collects the subscripts of one access.</summary>
    private sealed class AccessBuilder(EntryBinder binder, AccessSyntax access, Scope scope, Value tensor)
    {
        private readonly TypedSubscript[] _subscripts = new TypedSubscript[access.Subscripts.Count];
        private readonly List<PlainSubscript> _plain = [];
        private readonly List<SizeExpr> _kept = [];
        private readonly HashSet<IndexLabel> _labels = [.. tensor.Labels];
        private readonly List<(int At, IndexRange Range, bool IsData)> _checks = [];

        // x[idx] with a whole tensor of positions: its axes stand where the axis was.
        private readonly List<IndexLabel> _fancy = [];
        private int _fancyAt = -1;
        private (Value Value, SourceSpan Span)? _fill;
        private bool _failed;

        public Value Build()
        {
            for (var axis = 0; axis < access.Subscripts.Count; axis++)
            {
                Subscript(access.Subscripts[axis], axis);
            }

            binder.UsePlain(_plain, tensor.Shape, access, tensor);
            if (_failed)
            {
                return ErrorValue.Instance;
            }

            foreach (var plain in _plain)
            {
                // An index with a written size need not fill the axis, but it must stay inside.
                if (plain.Index is { Declared: not null, IsBroken: false } && !binder._proof.Equal(plain.Index.Declared, tensor.Shape[plain.Axis]))
                {
                    _checks.Add((plain.Axis, new AffineRange(SizeExpr.Zero, [(plain.Index.Label, SizeExpr.One)]), false));
                }
            }

            return Result();
        }

        private Value Result()
        {
            var labels = _labels.OrderBy(l => l.Id).ToValueList();
            ValueList<SizeExpr> shape = [.. _kept, .. tensor.Shape.Skip(_subscripts.Length)];
            foreach (var (at, range, isData) in _checks)
            {
                var size = tensor.Shape[at];
                var fact = $"axis {at} of {(access.Tensor.Span.Length <= 30 ? access.Tensor.Span.Text : "it")} has size {size}";
                binder.RequireInside(range, size, access.Subscripts[at].Span, fact, new CheckedSubscript(_subscripts, at, access.Span, labels), isData);
            }

            var span = access.Span;
            var value = binder.Lift(tensor, labels, shape, span, source =>
            {
                // A fill that does not fit has been reported; what stands for it here is never run.
                var fill = _fill is { } f && binder.Coerce(f.Value, source.Type.Element, f.Span) is { } made ? made : null;
                var result = binder.Emit(new TypedAccess(
                    binder.NewId(), new ValueType(source.Type.Element, labels, shape), span, source.Id, _subscripts, fill?.Id));
                if (fill is null)
                {
                    binder.CopyRange(source, result);
                }

                return result;
            });
            return _fancyAt < 0 ? value : WithFancyAxes(value, labels, shape);
        }

        // The labels of the positions become leading axes, which then move behind the slices in front of them.
        private Value WithFancyAxes(Value value, ValueList<IndexLabel> labels, ValueList<SizeExpr> shape)
        {
            var rest = labels.Where(l => !_fancy.Contains(l)).ToValueList();
            ValueList<SizeExpr> leading = [.. _fancy.Select(l => l.Size), .. shape];
            var before = access.Subscripts.Take(_fancyAt).Count(s => s.Slice is not null);
            int[] order = [.. Enumerable.Range(_fancy.Count, before), .. Enumerable.Range(0, _fancy.Count), .. Enumerable.Range(_fancy.Count + before, shape.Count - before)];
            var final = order.Select(i => leading[i]).ToValueList();
            return binder.Lift(value, rest, final, access.Span, source =>
            {
                var element = source.Type.Element;
                var tabulated = binder.Emit(new TypedTabulate(
                    binder.NewId(), new ValueType(element, rest, leading), access.Span, source.Id, _fancy.ToValueList()));
                return before == 0 ? tabulated : binder.Emit(new TypedTranspose(
                    binder.NewId(), new ValueType(element, rest, final), access.Span, tabulated.Id, order.ToValueList()));
            });
        }

        private void Subscript(SubscriptSyntax subscript, int axis)
        {
            var size = tensor.Shape[axis];
            if (subscript.Slice is { } slice)
            {
                if (binder.BindSlice(slice, size, subscript.Span, scope) is { } bound)
                {
                    _subscripts[axis] = bound;
                    _kept.Add(bound.Count);
                }
                else
                {
                    _failed = true;
                }
            }
            else if (subscript.Group.Count > 0)
            {
                Group(subscript, axis, size);
            }
            else if (subscript.Index is not null)
            {
                Index(subscript, axis, size);
            }
            else
            {
                _failed = true;
            }
        }

        private void Group(SubscriptSyntax subscript, int axis, SizeExpr size)
        {
            var members = new List<OpenIndex>();
            foreach (var member in subscript.Group)
            {
                var name = new NameExpressionSyntax(member.Name.Span, member.Name, prime: false);
                var value = binder.BindIndexExpression(name, scope);
                if ((value as IndexValue)?.Plain is not { Step: null } label)
                {
                    if (value is not ErrorValue)
                    {
                        binder.Error(SizeDiagnostics.UnboundIndex, member.Name.Span, [member.Name.Text], help: "a group is made of plain indices");
                    }

                    _failed = true;
                    continue;
                }

                var index = binder._indices[label];
                if (member.Size is not null && !label.IsSolved && binder.BindExtent(member.Size, scope) is { } written)
                {
                    index.First = new PlainUse(written, member.Span, $"{written} is written here", null);
                    label.Solve(written);
                }
                else if (member.Size is not null)
                {
                    binder.Declare(index, member.Size, scope);
                }

                members.Add(index);
                _labels.Add(label);
            }

            if (!_failed)
            {
                binder._groups.Add(new OpenGroup(members, size, _subscripts, axis, subscript.Span));
                binder.SolveGroups();
            }
        }

        private void Index(SubscriptSyntax subscript, int axis, SizeExpr size)
        {
            var outside = (TypedOutside)subscript.Outside;
            if (subscript.Outside == OutsideMode.Fill && subscript.Fill is { } fill)
            {
                Fill(fill);
            }

            var value = binder.BindIndexExpression(subscript.Index!, scope);
            switch (value)
            {
                case NumberValue { Integer: { } far } when !binder.IsInReach(far, [], subscript.Span):
                case IndexValue distant when !binder.IsInReach(distant.Offset, distant.Terms, subscript.Span):
                    _failed = true;
                    break;
                case NumberValue { Integer: { } constant }:
                    _subscripts[axis] = new AffineSubscript(constant, [], outside);
                    Check(axis, new AffineRange(constant, []), outside, isData: false);
                    break;
                case IndexValue index:
                    Affine(subscript, index, axis, size, outside);
                    break;
                case ErrorValue:
                    _failed = true;
                    break;
                default:
                    Data(subscript, value, axis, outside);
                    break;
            }
        }

        private void Fill(ExpressionSyntax fill)
        {
            binder._bindsFill = fill is NameExpressionSyntax;
            var value = binder.BindExpression(fill, scope);
            binder._bindsFill = false;
            if (value is not ErrorValue && value.Shape.Count > 0)
            {
                value = binder.Error(SizeDiagnostics.ScalarNeeded, fill.Span, ["what lies outside", Shown(value.Shape)]);
            }
            else if (value is not (ErrorValue or UntypedValue) && tensor.Element is { } element && !Widens(value.Element!.Value, element))
            {
                value = binder.Error(TypeDiagnostics.TypesDiffer, fill.Span, [element.Name(), Describe(value)], help: $"convert it: {element.Name()}(…)");
            }

            if (_fill is { } first && value is not ErrorValue && !IsSame(first.Value, value))
            {
                value = binder.Error(
                    SizeDiagnostics.TwoFills, fill.Span, [], [new DiagnosticLabel(first.Span, "the first")], "choose between them with if … then … else");
            }

            _failed |= value is ErrorValue;
            _labels.UnionWith(value.Labels);
            _fill ??= (value, fill.Span);
        }

        private static bool IsSame(Value a, Value b) => (a, b) switch
        {
            (NumberValue x, NumberValue y) => x.Form.AsConstant is { } c && c.Equals(y.Form.AsConstant),
            (TensorValue x, TensorValue y) => x.Id == y.Id,
            (BoolValue x, BoolValue y) => x.Value == y.Value,
            _ => false,
        };

        private void Affine(SubscriptSyntax subscript, IndexValue index, int axis, SizeExpr size, TypedOutside outside)
        {
            if (index.Terms.Any(t => t.Label.Step is not null))
            {
                // The step of a loop is a value of its body, so the place is data, though a proof sees through it.
                var made = binder.MakeIndex(index, subscript.Span);
                _subscripts[axis] = new DataSubscript(made.Id, outside, -1);
                _labels.UnionWith(made.Labels);
                Check(axis, new AffineRange(index.Offset, index.Terms), outside, isData: false);
                return;
            }

            _subscripts[axis] = new AffineSubscript(index.Offset, index.Terms, outside);
            _labels.UnionWith(index.Labels);
            if (index.Plain is not { } plain)
            {
                Check(axis, new AffineRange(index.Offset, index.Terms), outside, isData: false);
            }
            else if (outside == TypedOutside.Never)
            {
                _plain.Add(new PlainSubscript(axis, binder._indices[plain], subscript.Index!.Span));
                if (binder._indices[plain].Declared is not null)
                {
                    _plain.RemoveAt(_plain.Count - 1);
                    Check(axis, new AffineRange(index.Offset, index.Terms), outside, isData: false);
                }
            }
            else
            {
                binder._indices[plain].Fallback ??= size;
            }
        }

        private void Check(int axis, IndexRange range, TypedOutside outside, bool isData)
        {
            if (outside == TypedOutside.Never)
            {
                _checks.Add((axis, range, isData));
            }
        }

        private void Data(SubscriptSyntax subscript, Value value, int axis, TypedOutside outside)
        {
            if (value is not DeferredValue { IsFloat: false } && value.Element?.IsInteger() != true)
            {
                binder.Error(TypeDiagnostics.WrongOperand, subscript.Index!.Span, ["a subscript", "an integer", Describe(value)], help: SubscriptHelp(value));
                _failed = true;
                return;
            }

            if (binder.Settle(value, subscript.Span) is not { } data)
            {
                _failed = true;
                return;
            }

            if (data.Type.Element is not (ElementType.I64 or ElementType.I32))
            {
                data = binder.Cast(data, ElementType.I64, subscript.Span);
            }

            if (data.Shape.Count > 0)
            {
                data = Fancy(data, axis, subscript.Span);
            }

            _labels.UnionWith(data.Labels);
            var range = binder._ranges.GetValueOrDefault(data.Id);
            _subscripts[axis] = new DataSubscript(data.Id, outside, -1);
            Check(axis, range ?? new UnknownRange(), outside, isData: true);
        }

        private TensorValue Fancy(TensorValue data, int axis, SourceSpan span)
        {
            if (_fancyAt >= 0)
            {
                binder.Error(SizeDiagnostics.ScalarNeeded, span, ["a second subscript", Shown(data.Shape)], help: "write the indices: x[p[i], q[i]]");
                _failed = true;
                return data;
            }

            _fancyAt = axis;
            _fancy.AddRange(data.Shape.Select((size, i) => binder.SolvedLabel($"at{i}", size, span)));
            TypedSubscript[] each = [.. _fancy.Select(l => new AffineSubscript(SizeExpr.Zero, [(l, SizeExpr.One)], TypedOutside.Never))];
            var labels = Union(data.Labels, _fancy.ToValueList());
            var scalar = binder.Emit(new TypedAccess(binder.NewId(), new ValueType(data.Type.Element, labels, []), span, data.Id, each, null));
            binder.CopyRange(data, scalar);
            return scalar;
        }
    }
}
