using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// The value of any node at coordinates, as a bound atom: a scalar when it is the same in all lanes, else Coords.Lanes lanes. Members of the
/// group are computed, everything else that is in memory is loaded. Chains of any length are walked with a stack of our own.
/// </summary>
public sealed class ValueEmitter(KernelBuilder kernel)
{
    private readonly Dictionary<NodeId, Func<Coords, LoopExpr>> _bound = [];

    /// <summary>Called for each load with the address in elements.</summary>
    public Action<NodeId, IndexForm>? OnLoad { get; set; }

    /// <summary>Asked before each load for a value that was loaded in another way; null: load as usual.</summary>
    public Func<NodeId, IndexForm, Coords, LoopExpr?>? Loaded { get; set; }

    /// <summary>
    /// From now on the node's value comes from <paramref name="value"/> (null: no longer): how a strategy hands in what its own loops made,
    /// the maximum of a row or a tile of a product.
    /// </summary>
    public void Bind(NodeId node, Func<Coords, LoopExpr>? value)
    {
        if (value is null)
        {
            _bound.Remove(node);
        }
        else
        {
            _bound[node] = value;
        }
    }

    /// <summary>The value of a node, in the type its element type is computed in.</summary>
    public LoopExpr Emit(NodeId node, Coords at)
    {
        if (TryRecall(node, at) is { } ready)
        {
            return ready;
        }

        var open = new Stack<(NodeId Node, Coords At)>();
        open.Push((node, at));
        while (true)
        {
            var (next, where) = open.Peek();
            var value = TryRecall(next, where);
            if (value is null)
            {
                var emission = new NodeEmission(kernel, this, next, where);
                value = Compute(next, where, emission);
                if (value is null)
                {
                    foreach (var missing in emission.Missing)
                    {
                        open.Push(missing);
                    }

                    continue;
                }

                kernel.Body.Remember(next, where, value, onlyHere: kernel.AssumedInside is not null);
            }

            open.Pop();
            if (open.Count == 0)
            {
                return value;
            }
        }
    }

    /// <summary>The value of a node with exactly at.Lanes lanes.</summary>
    public LoopExpr EmitLanes(NodeId node, Coords at) => kernel.Body.Splat(Emit(node, at), at.Lanes);

    /// <summary>Loads a node's element from its memory, whoever computes it.</summary>
    public LoopExpr Load(NodeId node, Coords at)
    {
        var address = RowMajor(at.Axes, kernel.Graph[node].Type.Shape);
        OnLoad?.Invoke(node, address);
        return Loaded?.Invoke(node, address, at) ?? Load(kernel.Read(node), kernel.Graph[node].Type.Element, address, at);
    }

    /// <summary>Loads element number <paramref name="address"/> of a buffer in the best form: scalar, contiguous, strided, or gathered.</summary>
    public LoopExpr Load(int buffer, ElementType element, IndexForm address, Coords at)
    {
        var (body, space) = (kernel.Body, kernel.Space);
        var type = element.ComputeType();
        if (space.IsUniform(address))
        {
            // One element for all lanes: read where any lane wants it.
            var mask = at.Mask is { Type.Lanes: > 1 } lanes ? body.LaneReduce(ReduceKind.Any, lanes) : at.Mask;
            return body.Let(new LoadExpr(new LaneType(type, 1), buffer, space.ToScalar(address), null, mask));
        }

        var vector = new LaneType(type, at.Lanes);
        var masks = at.Mask is null ? null : body.Splat(at.Mask, at.Lanes);
        if (space.HasVector(address))
        {
            return body.Let(new GatherExpr(vector, buffer, space.ToLanes(address, at.Lanes), masks));
        }

        var start = space.ToScalar(IndexForm.From(address.Offset, address.Terms, SizeExpr.Zero));
        var stride = address.Lane == SizeExpr.One ? null : BodyMath.Index(address.Lane);
        return body.Let(new LoadExpr(vector, buffer, start, stride, masks));
    }

    /// <summary>Stores a value at element number <paramref name="address"/>, which has the lane part of the value.</summary>
    /// <param name="stream">Past the caches where the lanes are contiguous; the address is a multiple of them.</param>
    public void Store(int buffer, IndexForm address, LoopExpr value, Coords at, bool stream = false)
    {
        var (body, space) = (kernel.Body, kernel.Space);
        if (space.IsUniform(address))
        {
            // Lanes share a place only where the tensor is empty or one lane counts, which then is the first.
            body.Store(buffer, space.ToScalar(address), Lane(value, 0), null, at.Mask is null ? null : Lane(at.Mask, 0));
            return;
        }

        if (space.HasVector(address))
        {
            // There is no scattering store: lane by lane.
            var (places, values) = (space.ToLanes(address, at.Lanes), body.Splat(value, at.Lanes));
            var masks = at.Mask is null ? null : body.Splat(at.Mask, at.Lanes);
            for (var lane = 0; lane < at.Lanes; lane++)
            {
                body.Store(buffer, Lane(places, lane), Lane(values, lane), null, masks is null ? null : Lane(masks, lane));
            }

            return;
        }

        var start = space.ToScalar(IndexForm.From(address.Offset, address.Terms, SizeExpr.Zero));
        var stride = address.Lane == SizeExpr.One ? null : BodyMath.Index(address.Lane);
        body.Store(buffer, start, body.Splat(value, at.Lanes), stride, at.Mask is null ? null : body.Splat(at.Mask, at.Lanes), stream && stride is null && at.Mask is null);
    }

    private LoopExpr Lane(LoopExpr vector, int lane) => vector.Type.Lanes == 1 ? vector : kernel.Body.Let(new LaneExpr(vector.Type with { Lanes = 1 }, vector, lane));

    /// <summary>Σ index·stride of contiguous row-major memory.</summary>
    public static IndexForm RowMajor(ValueList<IndexForm> axes, ValueList<SizeExpr> shape)
    {
        var (address, stride) = (IndexForm.Zero, SizeExpr.One);
        for (var axis = shape.Count - 1; axis >= 0; axis--)
        {
            address += axes[axis] * stride;
            stride *= shape[axis];
        }

        return address;
    }

    /// <summary>A value that is there already.</summary>
    internal LoopExpr? TryRecall(NodeId node, Coords at) =>
        _bound.TryGetValue(node, out var value) ? value(at) : kernel.Body.Recall(node, at);

    /// <summary>Whether the node's elements come from memory.</summary>
    internal bool IsLoaded(NodeId node) =>
        !_bound.ContainsKey(node) && !kernel.IsMember(node) && kernel.Graph[node] is not (SplatNode or SizeNode or IotaNode)
        && kernel.Context.PlaceOf(node) is BufferPlace;

    private LoopExpr? Compute(NodeId node, Coords at, NodeEmission emission) =>
        IsLoaded(node) ? Load(node, at)
        : kernel.Context.PlaceOf(node) is SizePlace size ? BodyMath.Index(size.Size)
        : kernel.Graph[node].Accept(emission);
}
