using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// What is combined over windows, in a register. The greatest or least of floats is nan if one of them is; that is found for two at a time,
/// beside the comparison that overlooks it:
/// <code>
/// best = best &gt; v ? best : v      seen = seen or v or w is nan      at the end: seen ? nan : best
/// </code>
/// </summary>
internal sealed class WindowSum
{
    private readonly KernelBuilder _kernel;
    private readonly NodeId _id;
    private readonly Coords _at;
    private readonly VariableExpr _value;
    private readonly VariableExpr? _seen;
    private readonly MapOp _stays;
    private LoopExpr? _open;

    /// <param name="at">The place of the result.</param>
    /// <param name="row">Of the source where its windows begin, from where the tile does.</param>
    public WindowSum(KernelBuilder kernel, NodeId id, Coords at, long row)
    {
        (_kernel, _id, _at, Row) = (kernel, id, at, row);
        _value = InlineReduction.Start(kernel, id, at.Lanes);
        if (kernel.Graph[id] is ReduceNode { Kind: ReduceKind.Max or ReduceKind.Min } reduce && _value.Type.Element.IsFloat())
        {
            _stays = reduce.Kind == ReduceKind.Max ? MapOp.Greater : MapOp.Less;
            _seen = kernel.Body.Declare(BodyMath.Number(ElementType.Bool, 0, at.Lanes));
        }
    }

    public long Row { get; }

    private BodyBuilder Body => _kernel.Body;

    /// <summary>Takes in what stands at one place of the windows.</summary>
    public void Add(IndexForm[] index)
    {
        if (_seen is null)
        {
            InlineReduction.Step(_kernel, _id, _at, index, _value);
            return;
        }

        var reduce = (ReduceNode)_kernel.Graph[_id];
        var value = _kernel.Values.EmitLanes(reduce.Source, InlineReduction.Source(reduce, _kernel.Graph[reduce.Source].Type.Rank, _at, index));
        Body.Assign(_value, Body.Select(Body.Map(_stays, ElementType.Bool, _value, value), _value, value));
        if (_open is null)
        {
            _open = value;
        }
        else
        {
            See(Body.Map(MapOp.Or, ElementType.Bool, IsNan(_open), IsNan(value)));
        }
    }

    /// <summary>Before a loop around ends: nothing is left to be looked at.</summary>
    public void Settle()
    {
        if (_open is not null)
        {
            See(IsNan(_open));
        }
    }

    public LoopExpr Result()
    {
        Settle();
        var value = Body.Read(_value);
        return _seen is null ? value : Body.Select(Body.Read(_seen), BodyMath.Number(Scalar.Float(_value.Type.Element, double.NaN), _at.Lanes), value);
    }

    private LoopExpr IsNan(LoopExpr value) => Body.Map(MapOp.IsNan, ElementType.Bool, value);

    private void See(LoopExpr nan)
    {
        Body.Assign(_seen!, Body.Map(MapOp.Or, ElementType.Bool, _seen!, nan));
        _open = null;
    }
}
