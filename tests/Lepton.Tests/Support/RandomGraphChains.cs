using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>
/// Products one behind the other on the same rows, with residuals, elementwise work on what was stored before, and concatenations of them:
/// what can be written over an operand, or straight into a part of a larger tensor.
/// </summary>
internal sealed partial class RandomGraphMaker
{
    private void Chain()
    {
        var element = Pick([ElementType.F32, ElementType.F32, ElementType.F64, ElementType.I32]);
        var (rows, width) = (Axis(33), Axis(33));
        RandomValue New(params SizeExpr[] shape) => element.IsFloat() ? Small(element, shape) : NewInput(element, shape.ToValueList());
        var w = New(width, width);
        var made = new List<RandomValue> { New(rows, width) };
        for (var step = 2 + _random.Next(4); step > 0; step--)
        {
            var last = made[^1];
            var next = _random.Next(6) switch
            {
                0 => Then(MapOp.Max, last, Pick(made.Where(m => m.Type == last.Type).ToArray())),
                1 => Then(MapOp.Add, Turned(last), last),
                2 => Joined(last, Pick(made.ToArray())),
                _ => Product(last, [0, 1], w, [1, 2], [0, 2]),
            };
            if (next is null)
            {
                return;
            }

            made.Add(Chance(3) && next.Type == last.Type ? Then(MapOp.Add, next, last) ?? next : next);
        }
    }

    private RandomValue? Turned(RandomValue square) => square.Type.Shape[0] == square.Type.Shape[1]
        ? Move(new ViewNode(square.Type, square.Id, [AxisAccess.Axis(1), AxisAccess.Axis(0)], null), square)
        : square;

    private RandomValue? Joined(RandomValue a, RandomValue b)
    {
        ValueList<SizeExpr> shape = [a.Type.Shape[0] + b.Type.Shape[0], a.Type.Shape[1]];
        return Try(new ConcatNode(new TensorType(a.Element, shape), [a.Id, b.Id], 0), [a, b], _ => Math.Max(a.Error, b.Error));
    }
}
