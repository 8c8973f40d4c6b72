using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Language.Semantics;

namespace Lepton.Tests.Fuzz.Programs;

// Whole-tensor notation, and functions.
internal sealed partial class RandomProgramMaker
{
    private Expr? Whole(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        switch (_random.Next(14))
        {
            case 0 or 1:
                var order = Enumerable.Range(0, shape.Count).ToArray();
                _random.Shuffle(order);
                var from = new SizeExpr[shape.Count];
                for (var axis = 0; axis < order.Length; axis++)
                {
                    from[order[axis]] = shape[axis];
                }

                return new TransposeExpr(Expression(scope, element, [.. from], depth), [.. order]);
            case 2 or 3:
                return Reshape(scope, element, shape, depth);
            case 4:
                return new ReshapeExpr(Expression(scope, element, Smaller(shape), depth), shape, IsBroadcast: true);
            case 5 or 6:
                return Concat(scope, element, shape, depth);
            case 7 or 8 when element != ElementType.Bool:
                return MatMul(scope, element, shape, depth);
            case 9:
                var indices = element == ElementType.I64 && Chance(2);
                return new SortExpr(Expression(scope, indices ? RandomElement() : element, shape, depth), _random.Next(shape.Count), Chance(2), indices);
            case 10 when element == ElementType.I64 && shape.Count == 1:
                return new IotaExpr(shape[0]);
            case 10 when element != ElementType.Bool && shape is [{ AsConstant: > 0 and < 10 and var count }]:
                var list = new ListExpr(element, [.. Enumerable.Range(0, (int)count).Select(_ => (long)_random.Next(6))]);
                return new MapExpr(MapOp.Add, element, [Expression(scope, element, shape, depth), list], shape);
            case 11 or 12:
                return OverAxis(scope, element, shape, depth);
            default:
                return ReductionOfAxes(scope, element, shape, depth);
        }
    }

    private Expr? Reshape(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        // Axes joined, or one of a constant size split.
        var from = shape.ToList();
        var at = _random.Next(from.Count);
        if (at + 1 < from.Count && Chance(2))
        {
            from[at] *= from[at + 1];
            from.RemoveAt(at + 1);
        }
        else if (from[at].AsConstant is { } size && Pick([2L, 3, 5]) is var factor && size % factor == 0)
        {
            from[at] = size / factor;
            from.Insert(Chance(2) ? at : at + 1, factor);
        }
        else
        {
            from.Insert(_random.Next(from.Count + 1), SizeExpr.One);
        }

        if (from.Count > 5)
        {
            return null;
        }

        var open = Chance(4) ? _random.Next(shape.Count) : -1;
        return new ReshapeExpr(Expression(scope, element, [.. from], depth), shape, IsBroadcast: false, open >= 0 && shape.Where((s, i) => i != open).All(s => s.LowerBound() > 0) ? open : -1);
    }

    private Expr? Concat(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        if (shape[0].AsConstant is 1 or 2 or 3 && Chance(2))
        {
            var rows = Enumerable.Range(0, (int)shape[0].AsConstant!.Value).Select(_ => Expression(scope, element, [.. shape.Skip(1)], depth));
            return new ConcatExpr([.. rows], 0, IsStack: true, shape);
        }

        var axis = _random.Next(shape.Count);
        var known = _block.Sizes.Append(SizeExpr.Constant(_random.Next(4))).Append(SizeExpr.Constant(_random.Next(9)));
        var first = known.FirstOrDefault(s => Chance(2) && (shape[axis] - s).IsProvablyNonNegative() && Number(shape[axis] - s) >= 0);
        if (first is null)
        {
            return null;
        }

        return new ConcatExpr(
            [Expression(scope, element, At(first), depth), Expression(scope, element, At(shape[axis] - first), depth)], axis, IsStack: false, shape);

        ValueList<SizeExpr> At(SizeExpr size) => [.. shape.Select((s, i) => i == axis ? size : s)];
    }

    private Expr? MatMul(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        var inner = RandomSize(20);
        ValueList<SizeExpr> left = [.. shape.SkipLast(1), inner];
        ValueList<SizeExpr> right = [.. shape.SkipLast(2), inner, .. shape.TakeLast(1)];
        if (shape.Count == 0)
        {
            right = [inner];
        }
        else if (shape.Count == 1)
        {
            // A vector on one side.
            left = Chance(2) ? [inner] : [shape[0], inner];
            right = left.Count == 1 ? [inner, shape[0]] : [inner];
        }
        else if (Chance(2))
        {
            right = [.. right.Skip(_random.Next(shape.Count - 1))];
        }
        else
        {
            left = [.. left.Skip(_random.Next(shape.Count - 1))];
        }

        var (a, b) = (Expression(scope, element, left, depth), Expression(scope, element, right, depth));
        return Narrower(element) is { } narrow && Chance(6)
            ? new MatMulExpr(a, new CastExpr(element, Expression(scope, narrow, right, depth), IsImplicit: true), shape)
            : new MatMulExpr(a, b, shape);
    }

    // sum(x, axis = 1), also to an element.
    private Expr? ReductionOfAxes(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        var keep = shape.Contains(SizeExpr.One) && Chance(2);
        var from = shape.ToList();
        var axes = new List<int>();
        if (keep)
        {
            var axis = Enumerable.Range(0, shape.Count).First(i => shape[i] == SizeExpr.One);
            from[axis] = RandomSize(9);
            axes.Add(axis);
        }
        else
        {
            for (var i = 1 + _random.Next(2); i > 0 && from.Count < 5; i--)
            {
                var at = _random.Next(from.Count + 1);
                axes = [.. axes.Select(a => a >= at ? a + 1 : a), at];
                from.Insert(at, RandomSize(9));
            }
        }

        var positions = element == ElementType.I64 && Chance(3);
        var kinds = positions ? [TypedReducer.ArgMax, TypedReducer.ArgMin]
            : element == ElementType.Bool ? [TypedReducer.Any, TypedReducer.All]
            : element.IsFloat() ? [TypedReducer.Sum, TypedReducer.Sum, TypedReducer.Prod, TypedReducer.Max, TypedReducer.Min, TypedReducer.Mean]
            : new[] { TypedReducer.Sum, TypedReducer.Prod, TypedReducer.Max, TypedReducer.Min };
        var source = Expression(scope, positions ? RandomNumber() : element, [.. from], depth);
        var all = axes.Count == from.Count && Chance(2);
        return axes.Count == 0 ? null : new ReduceAxesExpr(Pick(kinds), source, all ? [] : [.. axes], keep, Chance(3), shape);
    }

    // ---- Functions -------------------------------------------------------------------------------------------------------------

    // share[j](x[i, j]): the index is the caller's.
    private Expr? OverIndex(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        if (element == ElementType.Bool || scope.Indices.Count == 0)
        {
            return null;
        }

        var index = Pick(scope.Indices);
        var parameter = new ParameterExpr("a", Expression(scope, element, shape, depth));
        return new CallExpr(NewName("fn_"), OverBody(scope, index, parameter, shape, 2), index);
    }

    // share[axis = -1](x): the index is made of an axis.
    private Expr? OverAxis(Scope scope, ElementType element, ValueList<SizeExpr> shape, int depth)
    {
        if (element == ElementType.Bool)
        {
            return null;
        }

        var keeps = Chance(2);
        var axis = _random.Next(keeps ? shape.Count : shape.Count + 1);
        ValueList<SizeExpr> rest = keeps ? [.. shape.Where((_, i) => i != axis)] : shape;
        var size = keeps ? shape[axis] : RandomSize(9);
        var source = Expression(scope, element, [.. rest.Take(axis), size, .. rest.Skip(axis)], depth);
        var index = new SourceIndex("k", size, Number(size), Written: Chance(2));
        var inner = scope.With([index]);
        var subscripts = Enumerable.Range(0, rest.Count + 1)
            .Select(Subscript (a) => a == axis ? new AffineSubscript([(index, SizeExpr.One)], SizeExpr.Zero) : new SliceSubscript(null, null, 1, source.Shape[a]));
        var parameter = new ParameterExpr("a", new AccessExpr(source, [.. subscripts], rest));
        var body = OverBody(inner, index, parameter, rest, 2);
        if (!keeps)
        {
            body = new ReduceExpr(Pick([TypedReducer.Sum, TypedReducer.Max, TypedReducer.Min]), [index], body, IsRebound: true);
        }

        // Whether the axis comes back depends on what of the body still has the index.
        return Good(body, inner) is null || HasIndex(body, index) != keeps ? null : new CallExpr(NewName("fn_"), body, index, axis, shape);
    }

    private static bool HasIndex(Expr expr, SourceIndex index) => expr switch
    {
        ReduceExpr { IsRebound: true } reduce when reduce.Over.Contains(index) => false,
        AccessExpr access when access.Subscripts.OfType<AffineSubscript>().Any(s => s.Terms.Any(t => t.Index == index)) => true,
        IndexExpr known => known.Index == index,
        _ => expr.Children.Any(c => HasIndex(c, index)),
    };

    private Expr OverBody(Scope scope, SourceIndex index, ParameterExpr parameter, ValueList<SizeExpr> shape, int depth)
    {
        var element = parameter.Element;
        for (var tries = 0; depth > 0 && tries < 4; tries++)
        {
            Expr? made = _random.Next(4) switch
            {
                0 => new ReduceExpr(Pick([TypedReducer.Sum, TypedReducer.Max, TypedReducer.Min]), [index], OverBody(scope, index, parameter, shape, depth - 1), IsRebound: true),
                1 => new MapExpr(Pick(Arithmetic[..8]), element, [OverBody(scope, index, parameter, shape, depth - 1), Literal(element)], shape),
                2 => new MapExpr(Pick([MapOp.Neg, MapOp.Abs]), element, [OverBody(scope, index, parameter, shape, depth - 1)], shape),
                _ => new MapExpr(
                    Pick(Arithmetic[..8]), element, [OverBody(scope, index, parameter, shape, depth - 1), OverBody(scope, index, parameter, shape, depth - 1)], shape),
            };
            if (Good(made, scope) is not null && !made.IsOpen && !Cancels(made))
            {
                return made;
            }
        }

        return parameter;
    }

    /// <summary>A call of a new function that is this expression with some of its parts as parameters; null if it cannot be taken out.</summary>
    private Expr? Abstracted(Expr root, Scope scope)
    {
        var parameters = new Dictionary<Expr, ParameterExpr>();
        var outer = scope.Indices.Concat(_block.Steps).ToHashSet();
        var body = Cut(root, true);
        return body is null || parameters.Count is 0 or > 6 || (!_fileSizes && NeedsSizes(body)) || (_fileSizes && !_block.IsEntry && NeedsSizes(body)) ? null : new CallExpr(NewName("fn_"), body);

        Expr? Cut(Expr expr, bool isRoot = false)
        {
            var inner = expr.All().OfType<ReduceExpr>().Where(r => !r.IsRebound).SelectMany(r => r.Over).Concat(expr.All().OfType<CallExpr>().Where(c => c.Axis is not null).Select(c => c.Index!)).ToHashSet();
            var isFree = Indices(expr).All(i => outer.Contains(i) || inner.Contains(i));
            if (!isRoot && expr is LiteralExpr && expr.Element != ElementType.Bool)
            {
                return !Chance(3) ? expr : Parameter(expr, hasDefault: true);
            }

            if (!isRoot && isFree && !expr.IsOpen && (expr is ReadExpr or IndexExpr or AccessExpr || Chance(3)))
            {
                return Parameter(expr, hasDefault: false);
            }

            if (expr is ReadExpr or ParameterExpr || (expr is IndexExpr own && outer.Contains(own.Index)) || expr is LetExpr or CallExpr
                || (expr is AccessExpr access && access.Subscripts.Any(s => OwnIndices(s).Any(outer.Contains))))
            {
                return expr is ReadExpr && !isRoot ? Parameter(expr, hasDefault: false) : null;
            }

            var children = new List<Expr>();
            foreach (var child in expr.Children)
            {
                if (Cut(child) is not { } cut)
                {
                    return null;
                }

                children.Add(cut);
            }

            return expr.With(children);
        }

        Expr Parameter(Expr argument, bool hasDefault)
        {
            if (!parameters.TryGetValue(argument, out var parameter))
            {
                // Those with defaults behind the others.
                var name = $"{(hasDefault ? 'p' : 'a')}{parameters.Count}";
                parameters.Add(argument, parameter = new ParameterExpr(name, argument, hasDefault, hasDefault && Chance(2), hasDefault || Chance(8)));
            }

            return parameter;
        }
    }

    private static IEnumerable<SourceIndex> OwnIndices(Subscript subscript) => subscript switch
    {
        AffineSubscript affine => affine.Terms.Select(t => t.Index),
        GroupSubscript group => group.Members,
        _ => [],
    };

    private static IEnumerable<SourceIndex> Indices(Expr expr) => expr.All().SelectMany(e => e switch
    {
        IndexExpr index => [index.Index],
        AccessExpr access => access.Subscripts.SelectMany(OwnIndices),
        CallExpr { Axis: null, Index: { } index } => [index],
        _ => Array.Empty<SourceIndex>(),
    });

    // Sizes that only the caller knows by name.
    private static bool NeedsSizes(Expr expr)
    {
        IEnumerable<SizeExpr> own = expr switch
        {
            ParameterExpr => [],
            SizeValueExpr size => [size.Size],
            ReduceExpr reduce => reduce.Over.Select(i => i.Size),
            ReshapeExpr reshape => reshape.To,
            IotaExpr iota => [iota.Size],
            AccessExpr access => access.Subscripts.SelectMany(s => s switch
            {
                AffineSubscript affine => affine.Terms.Select(t => t.Coefficient).Append(affine.Offset),
                SliceSubscript slice => new[] { slice.Start, slice.Stop }.OfType<SizeExpr>(),
                _ => [],
            }),
            _ => [],
        };
        return own.Any(s => !s.IsConstant) || (expr is not ParameterExpr && expr.Children.Any(NeedsSizes));
    }
}
