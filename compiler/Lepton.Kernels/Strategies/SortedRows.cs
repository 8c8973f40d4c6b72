using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The rows of a sort: where their elements lie, and the keys by which they are sorted. Keys are integers: a float becomes the integer that stands in the
/// same order, a not-a-number the last of all, ascending and descending. -0.0 and 0.0 are equal: as keys alone they are one number where positions are
/// wanted; where values are, they are two, and their order is put right at the end.
/// </summary>
internal sealed class SortedRows
{
    // The key of -0.0; that of 0.0 is 0.
    private const long NegativeZero = -1;

    private readonly KernelBuilder _kernel;
    private readonly SortNode _sort;
    private readonly ValueList<SizeExpr> _shape;
    private readonly ElementType _element;
    private readonly int _write;

    public SortedRows(KernelBuilder kernel, NodeId output, SortNode sort)
    {
        (_kernel, _sort, _shape) = (kernel, sort, sort.Type.Shape);
        var element = kernel.Graph[sort.Source].Type.Element;
        _element = element == ElementType.Bool ? ElementType.U8 : element.ComputeType();
        _write = kernel.Write(output);
        Count = SizeExpr.Product(_shape.Where((_, a) => a != sort.Axis));
        kernel.AssumePositive(SizeExpr.Product(_shape));
    }

    public SizeExpr Count { get; }

    public SizeExpr Length => _shape[_sort.Axis];

    public int Axis => _sort.Axis;

    public bool Descending => _sort.Descending;

    /// <summary>Positions are wanted, not values.</summary>
    public bool Indices => _sort.Indices;

    /// <summary>Elements of a row lie side by side.</summary>
    public bool IsContiguous => _shape.Skip(Axis + 1).All(s => s == SizeExpr.One);

    /// <summary>How many rows lie side by side, where their own elements do not: the size of the last axis.</summary>
    public SizeExpr Neighbours => _shape[^1];

    public ElementType Key => _element switch
    {
        ElementType.F32 => ElementType.I32,
        ElementType.F64 => ElementType.I64,
        _ => _element,
    };

    /// <summary>Whether zeros of both signs are among the keys, so that <see cref="MendZeros"/> is needed.</summary>
    public bool HasTwoZeros => _element.IsFloat() && !Indices;

    private BodyBuilder Body => _kernel.Body;

    /// <summary>The indices of a row's elements; that along the row is still missing.</summary>
    public IndexForm[] At(IndexForm row)
    {
        var at = new IndexForm[_shape.Count];
        for (var axis = at.Length - 1; axis >= 0; axis--)
        {
            if (axis != Axis)
            {
                at[axis] = _kernel.Space.Mod(row, _shape[axis]);
                row = _kernel.Space.Div(row, _shape[axis]);
            }
        }

        return at;
    }

    /// <summary>A loop along a row.</summary>
    public void ForEach(IndexForm[] at, Action<LoopExpr> body) => Body.For(BodyMath.Index(0), BodyMath.Index(Length), 1, false, i =>
    {
        at[Axis] = _kernel.Space.Counter(i, Length);
        body(i);
    });

    public LoopExpr KeyAt(IndexForm[] at, int lanes = 1, LoopExpr? mask = null)
    {
        var value = Body.Cast(_kernel.Values.EmitLanes(_sort.Source, new Coords(at.ToValueList(), lanes, mask)), _element);
        if (!_element.IsFloat())
        {
            return value;
        }

        var key = Turned(Body.Reinterpret(value, Key));
        key = Indices ? Body.Select(IsNegativeZero(key), Number(0, lanes), key) : key;
        return Body.Select(Body.Map(MapOp.IsNan, ElementType.Bool, value), Last(lanes), key);
    }

    /// <summary>The key behind which none stands.</summary>
    public LoopExpr Last(int lanes) => Number(Descending ? Least : Greatest, lanes);

    public LoopExpr IsNegativeZero(LoopExpr key) => Is(key, NegativeZero);

    /// <summary>Stores the value of a key.</summary>
    public void StoreValue(IndexForm[] at, LoopExpr key, LoopExpr? mask = null) =>
        Store(at, _element.IsFloat() ? Body.Reinterpret(Turned(key), _element) : key, mask);

    public void StorePosition(IndexForm[] at, LoopExpr position, LoopExpr? mask = null) => Store(at, position, mask);

    /// <summary>Puts the keys of zeros, side by side now, in the order in which they stand in the row.</summary>
    /// <param name="step">From a key to the next one.</param>
    public void MendZeros(IndexForm[] at, int keys, LoopExpr start, long step)
    {
        var next = Body.Declare(start);
        ForEach(at, _ =>
        {
            var key = KeyAt(at);
            var isBefore = Descending ? Body.Map(MapOp.Greater, ElementType.Bool, key, Number(0, 1)) : Body.Less(key, Number(NegativeZero, 1));
            Body.Assign(next, Body.Add(Body.Read(next), Body.Mul(Body.Cast(isBefore, ElementType.I64), BodyMath.Index(step))));
        });
        ForEach(at, _ =>
        {
            var key = KeyAt(at);
            Body.If(Body.Map(MapOp.Or, ElementType.Bool, Is(key, 0), IsNegativeZero(key)), () =>
            {
                Body.Store(keys, Body.Read(next), key);
                Body.Assign(next, Body.Add(Body.Read(next), BodyMath.Index(step)));
            });
        });
    }

    private void Store(IndexForm[] at, LoopExpr value, LoopExpr? mask) => _kernel.Values.Store(
        _write, ValueEmitter.RowMajor(at.ToValueList(), _shape), Body.Cast(value, _sort.Type.Element), new Coords(at.ToValueList(), value.Type.Lanes, mask));

    // The magnitude of a negative float grows downwards. Its own inverse.
    private LoopExpr Turned(LoopExpr bits) =>
        Body.Select(Body.Less(bits, Number(0, bits.Type.Lanes)), Body.Map(MapOp.Sub, Key, Number(Greatest, bits.Type.Lanes), bits), bits);

    private LoopExpr Is(LoopExpr key, long value) => Body.Map(MapOp.Equal, ElementType.Bool, key, Number(value, key.Type.Lanes));

    private long Greatest => Key switch
    {
        ElementType.I64 => long.MaxValue,
        ElementType.I32 => int.MaxValue,
        ElementType.I16 => short.MaxValue,
        ElementType.I8 => sbyte.MaxValue,
        _ => byte.MaxValue,
    };

    private long Least => Key == ElementType.U8 ? 0 : -Greatest - 1;

    private LoopExpr Number(long value, int lanes) => new NumberExpr(new LaneType(Key, lanes), Scalar.Integer(Key, value));
}
