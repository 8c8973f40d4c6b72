using Lepton.Abi;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) on lanes of 64 bits that hold words of 32: the same words as Lepton.Graphs.Philox, which
/// says how seed and indices become key and counter. A scalar is the first of two lanes.
/// </summary>
internal sealed class RandomIl(VectorIl vectors, ClrMath math)
{
    private const double Unit = 1.0 / (1 << 24);

    public Lanes Emit(MapOp op, LaneType type, Lanes[] a)
    {
        if (type.Lanes == 1)
        {
            var two = new LaneType(ElementType.I64, 2);
            var result = Emit(op, type with { Lanes = 2 }, Array.ConvertAll(a, v => vectors.Shape.Splat(two, v.Scalar)));
            return new Lanes(type, type.Element, [vectors.Shape.Lane(result, 0)]);
        }

        var parts = a[0].Parts.Length;
        var words = Enumerable.Range(0, parts).Select(p => Words([.. a.Select(v => v.Parts[p])])).ToList();
        var word0 = new Lanes(new LaneType(ElementType.I64, type.Lanes), ElementType.I64, [.. words.Select(w => w.Word0)]);
        if (op == MapOp.RandomUniform)
        {
            // The top 24 bits of word 0 are exact in f32.
            var top = vectors.Cast(word0.Map(w => Shift(w, 8)), new LaneType(ElementType.I32, type.Lanes));
            return vectors.Cast(top, type).Map(p => VectorIl.Call("Multiply", p, VectorIl.Like(p, Node.Single((float)Unit))));
        }

        // sqrt(-2 ln u1) cos(2π u2), Box and Muller, in f64 and rounded once.
        var wide = new Lanes(new LaneType(ElementType.F64, type.Lanes), ElementType.F64, [.. words.Select(w =>
        {
            var log = math.Call(MathFunction.Log, ElementType.F64, [Fraction(w.Word0, 1)]);
            var root = VectorIl.Call("Sqrt", VectorIl.Call("Multiply", log, VectorIl.Like(log, Node.Double(-2))));
            var angle = Fraction(w.Word1, 0);
            angle = VectorIl.Call("Multiply", angle, VectorIl.Like(angle, Node.Double(2 * Math.PI)));
            return VectorIl.Call("Multiply", root, math.Call(MathFunction.Cos, ElementType.F64, [angle]));
        })]);
        return vectors.Cast(wide, type);
    }

    private static Node Fraction(Node word, int plus)
    {
        var top = Shift(word, 8);
        top = plus == 0 ? top : VectorIl.Call("Add", top, VectorIl.Like(top, Node.Int64(plus)));
        var real = VectorIl.Call("ConvertToDouble", top);
        return VectorIl.Call("Multiply", real, VectorIl.Like(real, Node.Double(Unit)));
    }

    private static (Node Word0, Node Word1) Words(Node[] a)
    {
        var zero = VectorIl.Like(a[0], Node.Int64(0));
        Node[] c = (a.Length - 1) switch
        {
            0 => [zero, zero, zero, zero],
            1 => [Low(a[1]), Shift(a[1], 32), zero, zero],
            2 => [Low(a[1]), Shift(a[1], 32), Low(a[2]), Shift(a[2], 32)],
            3 => [Low(a[1]), Low(a[2]), Low(a[3]), zero],
            _ => [Low(a[1]), Low(a[2]), Low(a[3]), Low(a[4])],
        };
        var (key0, key1) = (Low(a[0]), Shift(a[0], 32));
        for (var round = 0; round < 10; round++)
        {
            var (product0, product1) = (Times(c[0], 0xD2511F53), Times(c[2], 0xCD9E8D57));
            var next0 = VectorIl.Call("Xor", VectorIl.Call("Xor", Shift(product1, 32), c[1]), key0);
            var next2 = VectorIl.Call("Xor", VectorIl.Call("Xor", Shift(product0, 32), c[3]), key1);
            c = [next0, Low(product1), next2, Low(product0)];
            key0 = Low(VectorIl.Call("Add", key0, VectorIl.Like(key0, Node.Int64(0x9E3779B9))));
            key1 = Low(VectorIl.Call("Add", key1, VectorIl.Like(key1, Node.Int64(0xBB67AE85))));
        }

        return (c[0], c[1]);
    }

    private static Node Low(Node words) => VectorIl.Call("BitwiseAnd", words, VectorIl.Like(words, Node.Int64(0xFFFFFFFF)));

    private static Node Shift(Node words, int bits) => VectorIl.Call("ShiftRightLogical", words, Node.Int32(bits));

    private static Node Times(Node word, long constant) => ClrSupport.MultiplyWords(word.Type) is { } multiply
        ? VectorApi.As(Node.Call(multiply, VectorApi.As(word, typeof(uint)), VectorApi.As(VectorIl.Like(word, Node.Int64(constant)), typeof(uint))), typeof(long))
        : VectorIl.Call("Multiply", word, VectorIl.Like(word, Node.Int64(constant)));
}
