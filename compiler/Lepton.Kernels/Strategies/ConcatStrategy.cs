using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Each part by a nest of its own, straight into its stretch of the result: nothing is compared per element, and nothing is done for parts
/// whose own group has stored them there.
/// </summary>
public sealed class ConcatStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        if (group.Outputs.Count != 1 || context.Graph[group.Outputs[0]] is not ConcatNode concat)
        {
            new MapStrategy().Lower(group, context);
            return;
        }

        var target = NestTarget.Of(concat.Type, context.PlaceOf(group.Outputs[0]));
        var start = SizeExpr.Zero;
        foreach (var part in concat.Parts)
        {
            var shape = context.Graph[part].Type.Shape;
            var offset = start;
            start += shape[concat.Axis];
            var stretch = target.Place with { Offset = target.Place.Offset + (offset * SizeExpr.Product(shape.Skip(concat.Axis + 1)) * concat.Type.Element.ByteSize()) };
            if (shape[concat.Axis] != SizeExpr.Zero && !(context.SharesMemory.Contains(part) && context.PlaceOf(part) == new BufferPlace(stretch)))
            {
                MapNest.Emit(context, group.Name, group, shape, [new NestStore(part, target, Shifted)]);
            }

            ValueList<IndexForm> Shifted(ValueList<IndexForm> index) =>
                index.Select((i, axis) => axis == concat.Axis ? i + IndexForm.Of(offset) : i).ToValueList();
        }
    }
}
