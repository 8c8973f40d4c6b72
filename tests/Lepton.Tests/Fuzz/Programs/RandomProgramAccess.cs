using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Fuzz.Programs;

// Subscripts: plain indices, windows, data, groups, slices.
internal sealed partial class RandomProgramMaker
{
    private static readonly Outside[] Modes = [Outside.Fill, Outside.Clamp, Outside.Wrap, Outside.Reflect];

    // Positions are not read at computed positions in turn.
    private bool _isPosition;

    /// <summary>A part of a tensor with this shape: one element, if it is []. Null if it does not fit.</summary>
    private Expr? Reading(Scope scope, Variable variable, ValueList<SizeExpr> shape)
    {
        if (variable.Shape.Count < shape.Count)
        {
            return null;
        }

        // Which axes stay; the others get an index.
        var subscripts = new Subscript?[variable.Shape.Count];
        var next = 0;
        for (var axis = 0; axis < subscripts.Length && next < shape.Count; axis++)
        {
            if (subscripts.Length - axis > shape.Count - next && Chance(2))
            {
                continue;
            }

            if (Slice(variable.Shape[axis], shape[next]) is { } slice)
            {
                subscripts[axis] = slice;
                next++;
            }
        }

        if (next < shape.Count)
        {
            return null;
        }

        // In the order of the axes, since a fill belongs to all of them.
        for (var axis = 0; axis < subscripts.Length; axis++)
        {
            var fill = subscripts.Select(s => (s as AffineSubscript)?.Fill ?? (s as DataSubscript)?.Fill).FirstOrDefault(f => f is not null);
            subscripts[axis] ??= Subscript(scope, variable.Shape[axis], variable.Element, fill);
            if (subscripts[axis] is null)
            {
                return null;
            }
        }

        if (shape.Count > 0 && Chance(8) && Fancy(variable, subscripts, shape) is { } fancy)
        {
            return fancy;
        }

        // What is behind the last subscript is whole.
        var count = subscripts.Length;
        while (count > 0 && subscripts[count - 1] is SliceSubscript { Start: null, Stop: null, Step: 1 } && !Chance(6))
        {
            count--;
        }

        var read = new ReadExpr(variable);
        return count == 0 ? read : new AccessExpr(read, [.. subscripts.Take(count).Select(s => s!)], shape);
    }

    private SliceSubscript? Slice(SizeExpr size, SizeExpr wanted)
    {
        if (size == wanted && !Chance(8))
        {
            return new SliceSubscript(null, null, 1, wanted);
        }

        if (size == wanted)
        {
            return new SliceSubscript(null, null, -1, wanted);
        }

        var room = (size - wanted).AsConstant;
        if (room > 0 && _random.NextInt64(room.Value + 1) is var start)
        {
            return start == room && Chance(2) ? new SliceSubscript(start, null, 1, wanted)
                : start == 0 && Chance(2) ? new SliceSubscript(null, wanted, 1, wanted)
                : new SliceSubscript(start, wanted + start, 1, wanted);
        }

        foreach (var step in new[] { 2L, 3, -2 })
        {
            if (SizeExpr.CeilDiv(size, Math.Abs(step)) == wanted)
            {
                return new SliceSubscript(step > 0 ? null : size - 1, null, step, wanted);
            }
        }

        return null;
    }

    // x[:, p, i]: a whole tensor of positions in place of one slice that stays alone.
    private Expr? Fancy(Variable variable, Subscript?[] subscripts, ValueList<SizeExpr> shape)
    {
        var kept = Enumerable.Range(0, subscripts.Length).Where(a => subscripts[a] is SliceSubscript).ToList();
        var chosen = Pick(kept);
        var size = variable.Shape[chosen];
        if (Number(size) == 0 || !MayAddInput)
        {
            return null;
        }

        var positions = new ReadExpr(NewInput(Pick([ElementType.I64, ElementType.I32, ElementType.U8]), [shape[kept.IndexOf(chosen)]], _ => _random.NextInt64(Number(size))));
        subscripts[chosen] = new DataSubscript(positions, Pick([Outside.Never, Outside.Clamp, Outside.Wrap]));
        return new AccessExpr(new ReadExpr(variable), [.. subscripts.Select(s => s!)], shape);
    }

    /// <summary>A position along an axis, provably inside, or with what lies outside, or checked when it runs.</summary>
    private Subscript? Subscript(Scope scope, SizeExpr size, ElementType element, Expr? fill = null)
    {
        var n = Number(size);
        var indices = scope.Indices.Concat(_block.Steps).ToList();
        var same = indices.Where(i => i.Size == size).ToList();
        if (same.Count > 0 && !Chance(4))
        {
            var index = Pick(same);
            return Chance(6) && !index.IsStep
                ? new AffineSubscript([(index, -1)], size - 1)
                : new AffineSubscript([(index, SizeExpr.One)], SizeExpr.Zero);
        }

        for (var tries = 0; tries < 3; tries++)
        {
            Subscript? made = _random.Next(20) switch
            {
                < 2 when n > 0 => new AffineSubscript([], size.IsConstant || Chance(2) ? _random.NextInt64(n) : size - 1),
                < 8 => Inside(indices, size),
                < 14 => Window(indices, size, element, fill),
                < 17 => Group(scope, size),
                _ => Data(scope, size, element, fill),
            };
            if (made is not null)
            {
                return made;
            }
        }

        return n > 0 ? new AffineSubscript([], _random.NextInt64(Math.Min(n, size.IsConstant ? n : 1))) : null;
    }

    // An affine index that bounds on sizes prove to be inside.
    private AffineSubscript? Inside(List<SourceIndex> indices, SizeExpr size)
    {
        if (indices.Count == 0)
        {
            return null;
        }

        var terms = new List<(SourceIndex, SizeExpr)>();
        var (low, high) = (SizeExpr.Zero, SizeExpr.Zero);
        foreach (var index in Chance(2) ? [Pick(indices)] : indices.Where(_ => Chance(2)).Take(2))
        {
            var coefficient = Pick([1L, 1, 1, 2, 3, -1]);
            terms.Add((index, coefficient));
            var end = coefficient * (index.Size - 1);
            (low, high) = coefficient < 0 ? (low + end, high) : (low, high + end);
        }

        var room = (size - 1 - high + low).AsConstant;
        if (room is not >= 0 || terms.Count == 0)
        {
            return null;
        }

        return new AffineSubscript([.. terms], _random.NextInt64(room.Value + 1) - low);
    }

    private AffineSubscript? Window(List<SourceIndex> indices, SizeExpr size, ElementType element, Expr? fill)
    {
        var mode = Pick(Modes);
        if (Number(size) == 0)
        {
            mode = Outside.Fill;
        }

        var terms = indices.Where(i => !i.IsStep && Chance(Math.Max(2, indices.Count))).Take(3).Select(i => (i, SizeExpr.Constant(Pick([1L, 1, 1, 2, -1, -2])))).ToList();
        if (terms.Count == 0)
        {
            return null;
        }

        var offset = SizeExpr.Constant(_random.Next(-3, 4));
        return new AffineSubscript([.. terms], Chance(6) ? offset + size : offset, mode, mode == Outside.Fill ? fill ?? Literal(element) : null);
    }

    private GroupSubscript? Group(Scope scope, SizeExpr size)
    {
        foreach (var first in scope.Indices)
        {
            foreach (var second in scope.Indices)
            {
                if (first != second && first.Size * second.Size == size)
                {
                    return new GroupSubscript([first, second]);
                }
            }
        }

        return null;
    }

    private DataSubscript? Data(Scope scope, SizeExpr size, ElementType element, Expr? fill)
    {
        var n = Number(size);
        if (MayAddInput && n > 0 && Chance(2))
        {
            var indexed = scope.Indices.Where(_ => Chance(2)).ToList();
            var input = NewInput(Pick([ElementType.I64, ElementType.I32, ElementType.I64, ElementType.I16]), [.. indexed.Select(i => i.Size)], _ => _random.NextInt64(n));
            Expr read = new ReadExpr(input);
            read = indexed.Count == 0 ? read : new AccessExpr(read, [.. indexed.Select(Subscript (i) => new AffineSubscript([(i, SizeExpr.One)], SizeExpr.Zero))], []);
            return new DataSubscript(read, Outside.Never);
        }

        if (_isPosition)
        {
            return null;
        }

        _isPosition = true;
        var type = n > 100 ? ElementType.I64 : Pick([ElementType.I64, ElementType.I32, ElementType.I8]);
        var index = Expression(scope, type, [], 1);
        _isPosition = false;
        if (n > 0 && Chance(2))
        {
            index = new MapExpr(MapOp.Rem, type, [index, new SizeValueExpr(type, size)], []);
        }

        if (Good(index, scope) is null || Affine(index) is not null)
        {
            return null;
        }

        var isInside = n > 0 && _meaning.Of(index, scope).Value.AsIntegers is { Length: > 0 } places && !places.ContainsAnyExceptInRange(0, n - 1);
        var mode = isInside && Chance(2) ? Outside.Never : n == 0 ? Outside.Fill : Pick(Modes);
        return new DataSubscript(index, mode, mode == Outside.Fill ? fill ?? Literal(element) : null);
    }
}
