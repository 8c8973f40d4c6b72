using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>Elementwise operations, contractions, reductions and what keeps or joins shapes.</summary>
internal sealed partial class RandomGraphMaker
{
    private void Leaf()
    {
        var shape = RandomShape();
        var element = RandomElement();
        switch (_random.Next(4))
        {
            case 0:
                Leaf(new SplatNode(new TensorType(element, shape), Scalar.Of(element, _random.Next(element is ElementType.U8 or ElementType.Bool ? 0 : -3, 4))));
                break;
            case 1 when shape.Count > 0:
                Leaf(new IotaNode(new TensorType(ElementType.I64, shape), _random.Next(shape.Count)));
                break;
            case 2:
                Leaf(new SizeNode(RandomSize(100) * 2 + 1));
                break;
            default:
                var count = 1 + _random.Next(9);
                Leaf(new ConstantNode(
                    new TensorType(element, [count]), Enumerable.Range(0, count).Select(i => Scalar.Of(element, (i * 5) % 7)).ToValueList()));
                break;
        }
    }

    private RandomValue? Leaf(Node node) => Try(node, [], _ => 0) is { } value ? Replace(value with { PlusZeros = true }) : null;

    private RandomValue Replace(RandomValue value)
    {
        _pool[^1] = value;
        return value;
    }

    private void Elementwise()
    {
        var first = Pick(_pool);
        var info = Pick(MapOps.All);
        switch (info.Typing)
        {
            case MapTyping.Cast:
                CastTo(first, RandomElement());
                return;
            case MapTyping.Random:
                Random(info.Op, first);
                return;
            case MapTyping.Select:
                if (LikeThis(first, ElementType.Bool) is { } condition)
                {
                    Map(info.Op, condition, first, Partner(first));
                }

                return;
            case MapTyping.Logic when first.Element != ElementType.Bool:
            case MapTyping.Float or MapTyping.FloatTest when !first.Element.IsFloat():
            case MapTyping.Numeric when first.Element == ElementType.Bool:
                return;
            default:
                Map(info.Op, info.Arity == 1 ? [first] : Chance(2) ? [first, Partner(first)] : [Partner(first), first]);
                return;
        }
    }

    private RandomValue? Map(MapOp op, params RandomValue[] arguments)
    {
        if (op.ResultType(arguments.Select(a => a.Element).ToArray()) is not { } element)
        {
            return null;
        }

        var node = new MapNode(new TensorType(element, arguments[0].Type.Shape), op, arguments.Select(a => a.Id).ToValueList());
        return Try(node, arguments, result => Exactness.Map(op, element, arguments, result));
    }

    private RandomValue? CastTo(RandomValue source, ElementType element) => source.Element == element
        ? source
        : Try(new MapNode(source.Type.WithElement(element), MapOp.Cast, [source.Id]), [source], result => Exactness.Map(MapOp.Cast, element, [source], result));

    private void Random(MapOp op, RandomValue like)
    {
        var arguments = new List<RandomValue> { Leaf(new SplatNode(new TensorType(ElementType.I64, like.Type.Shape), Scalar.Integer(ElementType.I64, _random.NextInt64())))! };
        for (var i = _random.Next(5); i > 0; i--)
        {
            if (like.Type.Rank > 0)
            {
                arguments.Add(Leaf(new IotaNode(new TensorType(ElementType.I64, like.Type.Shape), _random.Next(like.Type.Rank)))!);
            }
        }

        if (arguments.All(a => a is not null))
        {
            Map(op, [.. arguments]);
        }
    }

    /// <summary>Another value of the same type: from the pool, repeated from a smaller one, a number, or a new input.</summary>
    private RandomValue Partner(RandomValue value) => LikeThis(value, value.Element) ?? value;

    private RandomValue? LikeThis(RandomValue value, ElementType element)
    {
        var type = value.Type.WithElement(element);
        var there = _pool.Where(v => v.Type == type).ToList();
        if (there.Count > 0 && !Chance(4))
        {
            return Pick(there);
        }

        // A value with fewer axes, repeated along the others.
        var smaller = _pool.Where(v => v.Element == element && v.Type.Rank < type.Rank && v.Type.Shape.SequenceEqual(type.Shape.Skip(type.Rank - v.Type.Rank))).ToList();
        if (smaller.Count > 0 && Chance(2))
        {
            var small = Pick(smaller);
            var access = Enumerable.Range(type.Rank - small.Type.Rank, small.Type.Rank).Select(AxisAccess.Axis).ToValueList();
            return Move(new ViewNode(type, small.Id, access, null), small);
        }

        return Chance(3)
            ? Leaf(new SplatNode(type, Scalar.Of(element, 1 + _random.Next(element == ElementType.Bool ? 1 : 3))))
            : NewInput(element, type.Shape);
    }

    /// <summary>An operation that only moves numbers.</summary>
    private RandomValue? Move(Node node, params RandomValue[] operands) => Try(node, operands, _ => operands[0].Error, moves: true);

    private void Reshape()
    {
        var source = Pick(_pool);
        var shape = source.Type.Shape.ToList();
        for (var i = 1 + _random.Next(2); i > 0; i--)
        {
            var at = _random.Next(shape.Count + 1);
            if (shape.Count < 5 && Chance(3))
            {
                shape.Insert(at, SizeExpr.One);
            }
            else if (at + 1 < shape.Count)
            {
                shape[at] *= shape[at + 1];
                shape.RemoveAt(at + 1);
            }
            else if (at < shape.Count && shape.Count < 5 && shape[at].AsConstant is > 1 and var n)
            {
                var part = Enumerable.Range(2, (int)n).First(d => n % d == 0);
                shape[at] = part;
                shape.Insert(at, n / part);
            }
        }

        if (!shape.SequenceEqual(source.Type.Shape))
        {
            Move(new ReshapeNode(new TensorType(source.Element, shape.ToValueList()), source.Id), source);
        }
    }

    private void Contract()
    {
        var first = Pick(_pool);
        if (first.Element == ElementType.Bool)
        {
            return;
        }

        var factors = new List<RandomValue> { first };
        for (var k = Pick([0, 1, 1, 1, 1, 2]); k > 0; k--)
        {
            factors.Add(Pick(_pool.Where(v => v.Element == first.Element).ToList()));
        }

        // Axes of equal size often get one label; never twice in one factor.
        var sizes = new List<SizeExpr>();
        var labels = new List<ValueList<int>>();
        foreach (var factor in factors)
        {
            var own = new List<int>();
            foreach (var size in factor.Type.Shape)
            {
                var same = Enumerable.Range(0, sizes.Count).Where(l => sizes[l] == size && !own.Contains(l)).ToList();
                if (same.Count > 0 && !Chance(4))
                {
                    own.Add(Pick(same));
                }
                else
                {
                    own.Add(sizes.Count);
                    sizes.Add(size);
                }
            }

            labels.Add(own.ToValueList());
        }

        if (sizes.Aggregate(1.0, (product, s) => product * Concrete(s)) > 40000)
        {
            return;
        }

        var output = Enumerable.Range(0, sizes.Count).Where(_ => !Chance(3)).ToArray();
        _random.Shuffle(output);
        var summed = Enumerable.Range(0, sizes.Count).Except(output).Aggregate(1L, (count, l) => count * Concrete(sizes[l]));
        var type = new TensorType(first.Element, output.Select(l => sizes[l]).ToValueList());
        Try(
            new ContractNode(type, factors.Select(f => f.Id).ToValueList(), labels.ToValueList(), output.ToValueList()),
            [.. factors],
            result => Contracted(first.Element, [.. factors], Math.Max(summed, 1), result));
    }

    private void Reduce()
    {
        var source = Pick(_pool);
        var kind = Pick(Enum.GetValues<ReduceKind>());
        if (source.Type.Rank == 0 || kind is ReduceKind.Any or ReduceKind.All != (source.Element == ElementType.Bool && kind is not (ReduceKind.ArgMax or ReduceKind.ArgMin)))
        {
            return;
        }

        var axes = Enumerable.Range(0, source.Type.Rank).Where(_ => Chance(2)).ToValueList();
        var element = kind is ReduceKind.ArgMax or ReduceKind.ArgMin ? ElementType.I64 : source.Element;
        var shape = source.Type.Shape.Where((_, a) => !axes.Contains(a)).ToValueList();
        var count = axes.Aggregate(1L, (n, a) => n * Concrete(source.Type.Shape[a]));
        Try(new ReduceNode(new TensorType(element, shape), kind, source.Id, axes), [source], result => Exactness.Reduce(kind, source, Math.Max(count, 1), result));
    }

    private void Concat()
    {
        var first = Pick(_pool);
        if (first.Type.Rank == 0)
        {
            return;
        }

        var axis = _random.Next(first.Type.Rank);
        bool Fits(RandomValue v) => v.Element == first.Element && v.Type.Rank == first.Type.Rank
            && v.Type.Shape.Where((_, a) => a != axis).SequenceEqual(first.Type.Shape.Where((_, a) => a != axis));
        var fitting = _pool.Where(Fits).ToList();
        var parts = Enumerable.Range(0, 2 + _random.Next(2)).Select(_ => Pick(fitting)).ToArray();
        var shape = first.Type.Shape.ToArray();
        shape[axis] = parts.Aggregate(SizeExpr.Zero, (sum, p) => sum + p.Type.Shape[axis]);
        var made = Try(
            new ConcatNode(new TensorType(first.Element, shape.ToValueList()), parts.Select(p => p.Id).ToValueList(), axis), parts, _ => parts.Max(p => p.Error));
        if (made is not null)
        {
            Replace(made with { PlusZeros = parts.All(p => p.PlusZeros) });
        }
    }

    private void Sort()
    {
        var source = Pick(_pool);
        if (source.Type.Rank == 0 || !source.IsExact)
        {
            return;
        }

        var indices = Chance(2);
        Move(new SortNode(indices ? source.Type.WithElement(ElementType.I64) : source.Type, source.Id, _random.Next(source.Type.Rank), Chance(2), indices), source);
    }
}
