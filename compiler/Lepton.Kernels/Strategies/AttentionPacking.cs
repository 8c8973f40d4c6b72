using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>Copies the operands of an attention into the kernel's own memory, in the order in which its products read them.</summary>
internal sealed class AttentionPacking
{
    private readonly KernelBuilder _kernel;
    private readonly AttentionPlan _plan;
    private readonly AttentionTile _tile;

    public AttentionPacking(KernelBuilder kernel, AttentionPlan plan, AttentionTile tile)
    {
        (_kernel, _plan, _tile) = (kernel, plan, tile);
        Outer = new IndexForm[plan.Shape.Count];
        Array.Fill(Outer, IndexForm.Zero);
    }

    /// <summary>The axes of the logits with those that a unit of work is for; 0 elsewhere.</summary>
    public IndexForm[] Outer { get; }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    private Graph Graph => _kernel.Graph;

    /// <summary>q of a block of rows; those behind the last of a tile repeat it.</summary>
    public void Queries(LoopExpr first, LoopExpr rows)
    {
        var tiles = Body.Mul(Body.FloorDiv(Body.Add(rows, BodyMath.Index(_plan.TileRows - 1)), BodyMath.Index(_plan.TileRows)), BodyMath.Index(_plan.TileRows));
        Body.For(BodyMath.Index(0), tiles, 1, mayBeEmpty: false, row =>
        {
            var axes = RowAxes(Body.Add(first, row));
            var to = Body.Mul(row, BodyMath.Index(_plan.Depth));
            var whole = _plan.Depth / _plan.Lanes * _plan.Lanes;
            Copy(BodyMath.Index(0), BodyMath.Index(whole), _plan.Lanes);
            Copy(BodyMath.Index(whole), BodyMath.Index(_plan.Depth), 1);

            void Copy(LoopExpr from, LoopExpr end, int lanes) => Body.For(from, end, lanes, mayBeEmpty: true, d =>
                Body.Store(_tile.Queries, Body.Add(to, d), Factor(_plan.Form.Query, axes, d, lanes, lanes, null)));
        });
    }

    /// <summary>k of a block of keys, in panels.</summary>
    public void Keys(LoopExpr from, LoopExpr to) => Vectors(from, to, _plan.Columns, _plan.KeysSize, (key, mask) =>
        Body.For(BodyMath.Index(0), BodyMath.Index(_plan.Depth), 1, mayBeEmpty: false, d =>
        {
            var panel = Body.Add(Body.Mul(Body.Sub(key, from), BodyMath.Index(_plan.Depth)), Body.Mul(d, BodyMath.Index(_plan.Columns)));
            for (var v = 0; v < 2; v++)
            {
                var axes = (IndexForm[])Outer.Clone();
                var start = Body.Add(key, BodyMath.Index(v * _plan.Lanes));
                _plan.Unravel(Space, Space.Counter(start, SizeExpr.Zero, _plan.KeysSize, vectorised: _plan.Lanes > 1), _plan.Form.Keys, axes);
                var here = mask is null ? null : Below(start, _plan.Lanes, _plan.KeysSize);
                Body.Store(_tile.Keys, Body.Add(panel, BodyMath.Index(v * _plan.Lanes)), Factor(1 - _plan.Form.Query, axes, d, 1, _plan.Lanes, here));
            }
        }));

    /// <summary>v of a block of keys, in panels. With a mask, answers whether all of it is finite: 0 · v is 0 then, and nan else.</summary>
    public LoopExpr Values(LoopExpr from, LoopExpr to)
    {
        VariableExpr[] zeros = _plan.Mask is null ? [] : [Zero(), Zero()];
        Body.For(from, to, 1, mayBeEmpty: false, key =>
        {
            var axes = (IndexForm[])Outer.Clone();
            _plan.Unravel(Space, Space.Counter(key, _plan.KeysSize), _plan.Form.Keys, axes);
            var row = Body.Mul(Body.Sub(key, from), BodyMath.Index(_plan.Columns));
            Vectors(BodyMath.Index(0), BodyMath.Index(_plan.Features), _plan.Columns, _plan.Features, (feature, mask) =>
            {
                for (var v = 0; v < 2; v++)
                {
                    var start = Body.Add(feature, BodyMath.Index(v * _plan.Lanes));
                    var counter = Space.Counter(start, SizeExpr.Zero, _plan.Features, vectorised: _plan.Lanes > 1);
                    var here = mask is null ? null : Below(start, _plan.Lanes, _plan.Features);
                    var at = new Coords(_plan.InValues(Space, Graph, axes, counter), _plan.Lanes, here);
                    var value = Body.Cast(_kernel.Values.Emit(_plan.Second.Factors[_plan.Form.Value], at), _plan.Element);
                    var place = Body.Add(Body.Add(row, BodyMath.Index(v * _plan.Lanes)), Body.Mul(feature, BodyMath.Index(_plan.BlockKeys)));
                    value = Body.Splat(value, _plan.Lanes);
                    Body.Store(_tile.Values, place, value);
                    if (zeros.Length > 0)
                    {
                        var none = BodyMath.Number(_plan.Element, 0, _plan.Lanes);
                        Body.Assign(zeros[v], Body.Fma(here is null ? value : Body.Select(here, value, none), none, zeros[v]));
                    }
                }
            });
        });
        if (zeros.Length == 0)
        {
            return BodyMath.Number(Scalar.Bool(true));
        }

        var sum = Body.LaneReduce(ReduceKind.Sum, Body.Add(Body.Read(zeros[0]), Body.Read(zeros[1])));
        return Body.Map(MapOp.Equal, ElementType.Bool, sum, BodyMath.Number(_plan.Element, 0));

        VariableExpr Zero() => Body.Declare(BodyMath.Number(_plan.Element, 0, _plan.Lanes));
    }

    // A factor of the first product at d, d+1, … if it is depthLanes wide, else at one d for lanes of keys.
    private LoopExpr Factor(int factor, IndexForm[] axes, LoopExpr d, int depthLanes, int lanes, LoopExpr? mask)
    {
        var depth = Space.Counter(d, SizeExpr.Zero, _plan.Depth, vectorised: depthLanes > 1);
        var at = new Coords(_plan.InFirst(Space, Graph, factor, axes, depth), lanes, mask);
        return Body.Splat(Body.Cast(_kernel.Values.Emit(_plan.First.Factors[factor], at), _plan.Element), lanes);
    }

    /// <summary>The axes of the logits at a row; rows behind the last stand for it.</summary>
    public IndexForm[] RowAxes(LoopExpr number)
    {
        var axes = (IndexForm[])Outer.Clone();
        var last = BodyMath.Index(_plan.RowsSize - SizeExpr.One);
        var row = SizeExpr.Mod(_plan.RowsSize, _plan.TileRows) == SizeExpr.Zero ? number : Body.Min(number, last);
        _plan.Unravel(Space, Space.Counter(row, _plan.RowsSize), _plan.Form.Rows, axes);
        return axes;
    }

    /// <summary>from … to-1 in vectors, the last one under a mask where it must be; from is a multiple of lanes, and to is too, or the size.</summary>
    public void Vectors(LoopExpr from, LoopExpr to, int lanes, SizeExpr size, Action<LoopExpr, LoopExpr?> emit)
    {
        var rest = SizeExpr.Mod(size, lanes);
        if (rest == SizeExpr.Zero)
        {
            Body.For(from, to, lanes, mayBeEmpty: false, i => emit(i, null));
            return;
        }

        var whole = Body.Sub(to, Body.Rem(Body.Sub(to, from), BodyMath.Index(lanes)));
        Body.For(from, whole, lanes, mayBeEmpty: true, i => emit(i, null));
        Body.For(whole, to, lanes, mayBeEmpty: true, i => emit(i, Below(i, lanes, size)));
    }

    private LoopExpr Below(LoopExpr start, int lanes, SizeExpr size) => lanes == 1
        ? Body.Less(start, BodyMath.Index(size))
        : Body.Less(Body.Let(new RampExpr(new LaneType(ElementType.I64, lanes), start, BodyMath.Index(1))), BodyMath.Index(size));
}
