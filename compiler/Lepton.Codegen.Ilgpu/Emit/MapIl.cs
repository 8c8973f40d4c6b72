using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Clr.Emit;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>Elementwise operations, lane by lane: what device clr does with scalars, but for what ILGPU has no counterpart of.</summary>
internal sealed class MapIl(ScalarMath math)
{
    private const double Unit = 1.0 / (1 << 24);

    /// <summary>
    /// op(arguments) with all arguments of type <paramref name="from"/> (of select: of the second operand) and a result of type <paramref name="to"/>.
    /// </summary>
    public Lanes Emit(MapOp op, ElementType from, LaneType to, Lanes[] a) =>
        Lanes.Of(to, l => One(op, from, to.Element, [.. a.Select(v => v.Parts[l])]));

    /// <summary>a·b + c, rounded twice: ILGPU's devices do not all fuse.</summary>
    public Lanes Fma(LaneType type, Lanes a, Lanes b, Lanes c) => Lanes.Of(
        type, l => One(MapOp.Add, type.Element, type.Element, [One(MapOp.Mul, type.Element, type.Element, [a.Parts[l], b.Parts[l]]), c.Parts[l]]));

    public Node One(MapOp op, ElementType from, ElementType to, Node[] a) => op switch
    {
        MapOp.RandomUniform or MapOp.RandomNormal => Random(op, to, a),
        MapOp.Cast when from.IsFloat() && !to.IsFloat() && to != ElementType.Bool => Whole(a[0], from, to),
        MapOp.Trunc or MapOp.Round or MapOp.Floor or MapOp.Ceil when from.IsFloat() => math.Call(op, from, a),
        MapOp.Rem when from.IsFloat() => math.Call(op, from, a),
        MapOp.Div when !from.IsFloat() => Quotient(nameof(IlgpuSupport.Divide), from, a),
        MapOp.Rem => Quotient(nameof(IlgpuSupport.Remainder), from, a),
        _ => ScalarIl.Emit(op, from, to, a) ?? math.Call(op, from, a),
    };

    private static Node Quotient(string name, ElementType type, Node[] a)
    {
        var stack = ScalarIl.StackType(type);
        return ScalarIl.Wrap(type, Node.Call(typeof(IlgpuSupport).GetMethod(name, [stack, stack])!, a));
    }

    private static Node Whole(Node value, ElementType from, ElementType to)
    {
        Node Call(string name) => Node.Call(typeof(IlgpuSupport).GetMethod(name, [ScalarIl.StackType(from)])!, value);
        return to switch
        {
            ElementType.I64 => Call(nameof(IlgpuSupport.ToInt64)),
            ElementType.I32 => Call(nameof(IlgpuSupport.ToInt32)),
            _ => Node.Support("Clamp", Call(nameof(IlgpuSupport.ToInt32)), Node.Int32((int)ScalarIl.Least(to)), Node.Int32((int)ScalarIl.Most(to))),
        };
    }

    private Node Random(MapOp op, ElementType to, Node[] a)
    {
        var zero = Node.Int64(0);
        Node Pair(Node low, Node high) => (low & Node.Int64(0xFFFFFFFF)) | Node.Op(OpCodes.Shl, typeof(long), high, Node.Int32(32));
        var (first, second) = (a.Length - 1) switch
        {
            0 => (zero, zero),
            1 => (a[1], zero),
            2 => (a[1], a[2]),
            3 => (Pair(a[1], a[2]), a[3] & Node.Int64(0xFFFFFFFF)),
            _ => (Pair(a[1], a[2]), Pair(a[3], a[4])),
        };
        var words = Node.Call(typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.Philox))!, a[0], first, second);
        Node Top(int bits) => Node.Op(OpCodes.Shr_Un, typeof(long), bits == 0 ? words & Node.Int64(0xFFFFFFFF) : words, Node.Int32(bits + 8));
        if (op == MapOp.RandomUniform)
        {
            // The top 24 bits of the first word are exact in f32.
            var real = Node.Op(to == ElementType.F64 ? OpCodes.Conv_R8 : OpCodes.Conv_R4, ScalarIl.StackType(to), Top(0));
            return real * LaneShape.Number(to, Unit);
        }

        // sqrt(-2 ln u1) cos(2π u2), Box and Muller, in f64 and rounded once.
        Node Fraction(Node top) => Node.Op(OpCodes.Conv_R8, typeof(double), top) * Node.Double(Unit);
        var log = math.Call(MathFunction.Log, ElementType.F64, [Fraction(Top(0) + Node.Int64(1))]);
        var root = Node.Call(typeof(Math).GetMethod("Sqrt", [typeof(double)])!, log * Node.Double(-2));
        var result = root * math.Call(MathFunction.Cos, ElementType.F64, [Fraction(Top(32)) * Node.Double(2 * Math.PI)]);
        return to == ElementType.F64 ? result : Node.Op(OpCodes.Conv_R4, typeof(float), result);
    }
}
