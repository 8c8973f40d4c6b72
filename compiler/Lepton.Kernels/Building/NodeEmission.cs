using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// One try to compute one node at one place. Operands that are not there yet are listed in <see cref="Missing"/> and the answer is null: the
/// emitter computes them and tries again, which finds the same forms and the same bound values.
/// </summary>
internal sealed class NodeEmission(KernelBuilder kernel, ValueEmitter emitter, NodeId self, Coords at) : NodeVisitor<LoopExpr?>
{
    public List<(NodeId Node, Coords At)> Missing { get; } = [];

    private BodyBuilder Body => kernel.Body;

    private IndexSpace Space => kernel.Space;

    private Graph Graph => kernel.Graph;

    public override LoopExpr? Visit(InputNode node) => throw Bug($"input {node.Label} has no place");

    public override LoopExpr? Visit(SplatNode node) => BodyMath.Number(node.Value);

    public override LoopExpr? Visit(ConstantNode node) =>
        node.Values.Count == 1 ? BodyMath.Number(node.Values[0]) : throw Bug("a constant has no place");

    public override LoopExpr? Visit(SizeNode node) => BodyMath.Index(node.Size);

    public override LoopExpr? Visit(IotaNode node) => Space.ToValue(at.Axes[node.Axis], at.Lanes);

    public override LoopExpr? Visit(MapNode node)
    {
        var arguments = new LoopExpr?[node.Arguments.Count];
        for (var i = 0; i < arguments.Length; i++)
        {
            arguments[i] = Need(node.Arguments[i], at);
        }

        if (Missing.Count > 0)
        {
            return null;
        }

        var from = Graph[node.Arguments[0]].Type.Element;
        if (node.Op != MapOp.Cast)
        {
            return Body.Map(node.Op, node.Type.Element, arguments!);
        }

        var cast = Body.Cast(arguments[0]!, node.Type.Element);

        // A cast to a half float is a wish to round; bf16 -> bf16 and the like are none.
        return node.Type.Element is ElementType.F16 or ElementType.BF16 && from != node.Type.Element ? kernel.RoundTo(node.Type.Element, cast) : cast;
    }

    public override LoopExpr? Visit(ViewNode node)
    {
        var mask = at.Mask;
        LoopExpr? outside = null;
        var axes = new IndexForm[node.Access.Count];
        for (var axis = 0; axis < axes.Length; axis++)
        {
            (axes[axis], var inside) = OutsideRules.Reach(kernel, Affine(node.Access[axis]), node.Access[axis].Outside, SizeOf(node.Source, axis), at.Lanes);
            mask = Body.And(mask, inside);
            outside = Body.And(outside, inside);
        }

        var value = Need(node.Source, at.With(axes, mask));
        return value is null || outside is null || node.Fill is not { } fill || IsFilledByLoad(node.Source, fill, value, outside)
            ? value
            : Body.Select(outside, value, BodyMath.Number(fill));
    }

    public override LoopExpr? Visit(FormatNode node) => Need(node.Source, at);

    public override LoopExpr? Visit(ReshapeNode node) =>
        Need(node.Source, at.With(ReshapeRules.SourceIndex(Space, at.Axes, node.Type.Shape, Graph[node.Source].Type.Shape)));

    public override LoopExpr? Visit(GatherNode node)
    {
        var indices = new LoopExpr?[node.Indices.Count];
        for (var i = 0; i < indices.Length; i++)
        {
            indices[i] = Need(node.Indices[i], at);
        }

        if (Missing.Count > 0)
        {
            return null;
        }

        var mask = at.Mask;
        LoopExpr? filled = null;
        var axes = new IndexForm[node.Access.Count];
        for (var axis = 0; axis < axes.Length; axis++)
        {
            var access = node.Access[axis];
            var size = SizeOf(node.Source, axis);
            if (access.Data < 0)
            {
                (axes[axis], var inside) = OutsideRules.Reach(kernel, Affine(access), access.Outside, size, at.Lanes);
                mask = Body.And(mask, inside);
                filled = Body.And(filled, inside);
                continue;
            }

            var index = Body.Cast(indices[access.Data]!, ElementType.I64);
            if (access.Outside == Outside.Never)
            {
                // Checked, or proved inside: the mask keeps what failed from being read.
                if (access.Site >= 0)
                {
                    var inside = Checks.Inside(kernel, index, size);
                    Checks.Fail(kernel, access.Site, index, size, inside, ValueEmitter.RowMajor(at.Axes, node.Type.Shape), at);
                    mask = Body.And(mask, inside);
                }

                axes[axis] = Space.FormOf(index, SizeExpr.Zero, size);
                continue;
            }

            (axes[axis], var reached) = OutsideRules.Reach(kernel, Space.FormOf(index), access.Outside, size, at.Lanes);
            mask = Body.And(mask, reached);
            filled = Body.And(filled, reached);
        }

        var value = Need(node.Source, at.With(axes, mask));
        return value is null || filled is null || node.Fill is not { } fill || IsFilledByLoad(node.Source, fill, value, filled)
            ? value
            : Body.Select(filled, value, BodyMath.Number(fill));
    }

    public override LoopExpr? Visit(ConcatNode node)
    {
        // value = c < end_0 ? part_0[c] : c < end_1 ? part_1[c - end_0] : …, each part read only where it is chosen.
        var along = at.Axes[node.Axis];
        var start = SizeExpr.Zero;
        var parts = new List<(LoopExpr? Mask, LoopExpr? Value)>();
        foreach (var part in node.Parts)
        {
            var size = SizeOf(part, node.Axis);
            var local = along - IndexForm.Of(start);
            start += size;
            if (size == SizeExpr.Zero)
            {
                continue;
            }

            var axes = at.Axes.ToArray();
            axes[node.Axis] = local;
            if (Space.IsInside(local, size))
            {
                return Need(part, at.With(axes));
            }

            var inside = Checks.Inside(kernel, Space.ToValue(local, at.Lanes), size);
            parts.Add((inside, Need(part, at.With(axes, Body.And(at.Mask, inside)))));
        }

        if (Missing.Count > 0)
        {
            return null;
        }

        LoopExpr? value = null;
        for (var i = parts.Count - 1; i >= 0; i--)
        {
            value = value is null ? parts[i].Value! : Body.Select(parts[i].Mask!, parts[i].Value!, value);
        }

        return value ?? BodyMath.Number(node.Type.Element, 0);
    }

    public override LoopExpr? Visit(ContractNode node) => InlineReduction.Contract(kernel, node, self, at);

    public override LoopExpr? Visit(ReduceNode node) => InlineReduction.Reduce(kernel, emitter, node, self, at);

    public override LoopExpr? Visit(ScatterNode node) => throw NotInside(node);

    public override LoopExpr? Visit(SortNode node) => throw NotInside(node);

    public override LoopExpr? Visit(ScanNode node) => throw NotInside(node);

    public override LoopExpr? Visit(IterateNode node) => throw NotInside(node);

    public override LoopExpr? Visit(ResultNode node) => throw NotInside(node);

    // A masked load gives 0 by itself, lane by lane; one element read for all lanes is in all of them when any of them lies inside.
    private bool IsFilledByLoad(NodeId source, Scalar fill, LoopExpr value, LoopExpr inside) =>
        fill.Bits == 0 && emitter.IsLoaded(source) && (value.Type.Lanes > 1 || inside.Type.Lanes == 1);

    private SizeExpr SizeOf(NodeId node, int axis) => Graph[node].Type.Shape[axis];

    private LoopExpr? Need(NodeId node, Coords where)
    {
        var value = emitter.TryRecall(node, where);
        if (value is null)
        {
            Missing.Add((node, where));
        }

        return value;
    }

    private IndexForm Affine(AxisAccess access) => Space.Position(access, at.Axes, at.Lanes);

    private CompilerBugException NotInside(Node node) => Bug($"{node.Name} is not something that is computed element by element");

    private CompilerBugException Bug(string what) => new("kernels", $"{what} (node {self} of {Graph.Name}, kernel {kernel.Name})");
}
