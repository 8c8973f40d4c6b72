using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// Elementwise values with one axis at an index that is data: v[…, k, …] as v[…, at[…], …], over the other axes. What lies outside is some number:
/// whoever asks chooses another one there.
/// </summary>
/// <param name="kept">The shape without the axis.</param>
/// <param name="at">The index, i64 over that shape; null: nothing may depend on the axis.</param>
/// <param name="holds">A comparison for equality that holds there.</param>
internal sealed class PinnedValues(GraphAssembler graph, ValueList<SizeExpr> kept, int axis, NodeId? at, IndexComparison? holds)
{
    // What is read again and again through views is not a one-hot comparison.
    private const int MostVisits = 64;

    private int _visits;

    /// <summary>A node whose axes stand at these indices; null: that cannot be said.</summary>
    public NodeId? Of(NodeId id, ValueList<AffineIndex> axes)
    {
        if (++_visits > MostVisits)
        {
            return null;
        }

        if (holds is { } comparison && comparison.Node == id && comparison.Axes == axes)
        {
            return graph.Splat(Scalar.Bool(graph[id] is MapNode { Op: MapOp.Equal }), kept);
        }

        switch (graph[id])
        {
            case SplatNode splat:
                return graph.Splat(splat.Value, kept);
            case ViewNode view when AffineIndex.Through(view, axes) is { } source:
                return Of(view.Source, source);
            case MapNode map:
                var arguments = new NodeId[map.Arguments.Count];
                for (var i = 0; i < arguments.Length; i++)
                {
                    if (Of(map.Arguments[i], axes) is not { } argument)
                    {
                        return null;
                    }

                    arguments[i] = argument;
                }

                // What holds there chooses.
                return map.Op == MapOp.Select && graph[arguments[0]] is SplatNode { Value: var chosen }
                    ? arguments[chosen.AsBool ? 1 : 2]
                    : graph.Add(map with { Type = new TensorType(map.Type.Element, kept), Arguments = ValueList.Create<NodeId>(arguments) });
            case IotaNode iota when axes[iota.Axis] is { Terms: [{ Coefficient.AsConstant: 1 } term] } index && index.Offset == SizeExpr.Zero:
                return term.Axis == axis ? at : graph.Iota(kept, term.Axis < axis ? term.Axis : term.Axis - 1);
            default:
                return Read(id, axes);
        }
    }

    private NodeId? Read(NodeId id, ValueList<AffineIndex> axes)
    {
        var access = new AxisAccess[axes.Count];
        var isData = false;
        for (var i = 0; i < access.Length; i++)
        {
            if (axes[i].Coefficient(axis) == SizeExpr.Zero)
            {
                access[i] = PinIndices.Without(axes[i], axis);
            }
            else if (at is not null && axes[i].Terms.Count == 1 && axes[i].Offset == SizeExpr.Zero && axes[i].Coefficient(axis) == SizeExpr.One)
            {
                (access[i], isData) = (AxisAccess.FromData(0, Outside.Fill, -1), true);
            }
            else
            {
                return null;
            }
        }

        var list = ValueList.Create<AxisAccess>(access);
        var type = graph.TypeOf(id);
        return isData
            ? graph.Add(new GatherNode(new TensorType(type.Element, kept), id, [at!.Value], list, Scalar.Of(type.Element, 0)))
            : graph.View(id, kept, list);
    }
}
