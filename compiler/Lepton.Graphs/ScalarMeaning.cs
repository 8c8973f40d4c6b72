using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// What each elementwise operation means on single numbers: the last word for constant folding, the interpreter and all tests of native code.
/// The functions on unboxed numbers are chosen once per node and called per element.
/// </summary>
public static class ScalarMeaning
{
    /// <summary>op(arguments) as <paramref name="result"/>; the types fit (<see cref="MapOps.ResultType"/>).</summary>
    public static Scalar Apply(MapOp op, ElementType result, params ReadOnlySpan<Scalar> arguments)
    {
        var first = arguments[0];
        switch (op.Info().Typing)
        {
            case MapTyping.Select:
                return first.AsBool ? arguments[1] : arguments[2];
            case MapTyping.Cast:
                return Cast(first, result);
            case MapTyping.FloatTest:
                return Scalar.Bool(Test(op)(first.AsDouble));
            case MapTyping.Compare:
                return Scalar.Bool(first.Type.IsFloat()
                    ? FloatMeaning.Compare(op)(first.AsDouble, arguments[1].AsDouble)
                    : IntegerMeaning.Compare(op)(first.Bits, arguments[1].Bits));
            case MapTyping.Random:
                var indices = new long[arguments.Length - 1];
                for (var i = 0; i < indices.Length; i++)
                {
                    indices[i] = arguments[i + 1].Bits;
                }

                return Scalar.Float(result, op == MapOp.RandomUniform ? Philox.Uniform(first.Bits, indices) : Philox.Normal(first.Bits, indices));
            default:
                return (first.Type.IsFloat(), arguments.Length) switch
                {
                    (true, 1) => Scalar.Float(result, FloatMeaning.Unary(op, result)(first.AsDouble)),
                    (true, _) => Scalar.Float(result, FloatMeaning.Binary(op, result)(first.AsDouble, arguments[1].AsDouble)),
                    (false, 1) => Scalar.Integer(result, IntegerMeaning.Unary(op, result)(first.Bits)),
                    _ => Scalar.Integer(result, IntegerMeaning.Binary(op, result)(first.Bits, arguments[1].Bits)),
                };
        }
    }

    /// <summary>
    /// To another element type. Float to integer saturates, nan gives 0; integer to float rounds to nearest even; a narrower integer keeps the
    /// low bits; to bool is x != 0.
    /// </summary>
    public static Scalar Cast(Scalar value, ElementType type) => (value.Type.IsFloat(), type.IsFloat()) switch
    {
        (true, true) => Scalar.Float(type, value.AsDouble),
        (true, false) => new Scalar(type, FloatMeaning.ToInteger(type)(value.AsDouble)),
        (false, true) => Scalar.Float(type, IntegerMeaning.ToFloat(type, value.Bits)),
        _ => new Scalar(type, Scalar.Wrap(type, value.Bits)),
    };

    /// <summary>A float operation with one operand; the operand and the result are values of <paramref name="type"/>.</summary>
    public static Func<double, double> FloatUnary(MapOp op, ElementType type) => FloatMeaning.Unary(op, type);

    public static Func<double, double, double> FloatBinary(MapOp op, ElementType type) => FloatMeaning.Binary(op, type);

    /// <summary>An integer (or, for not, and, or: bool) operation; operands and result are in the range of <paramref name="type"/>.</summary>
    public static Func<long, long> IntegerUnary(MapOp op, ElementType type) => IntegerMeaning.Unary(op, type);

    public static Func<long, long, long> IntegerBinary(MapOp op, ElementType type) => IntegerMeaning.Binary(op, type);

    public static Func<double, double, bool> FloatCompare(MapOp op) => FloatMeaning.Compare(op);

    public static Func<long, long, bool> IntegerCompare(MapOp op) => IntegerMeaning.Compare(op);

    public static Func<double, bool> Test(MapOp op) => op == MapOp.IsNan ? double.IsNaN : double.IsFinite;

    public static Func<double, long> FloatToInteger(ElementType type) => FloatMeaning.ToInteger(type);

    public static Func<long, double> IntegerToFloat(ElementType type) => x => IntegerMeaning.ToFloat(type, x);
}
