using Lepton.Abi;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Elementwise operations on registers, lane by lane. Values are names or literals; types are given beside them.</summary>
internal sealed class MapCode(FunctionText text, ModuleParts parts)
{
    /// <summary>op(arguments) with all arguments of type <paramref name="from"/> (of select: of the second operand) and a result of type <paramref name="to"/>.</summary>
    public string Emit(MapOp op, LaneType from, LaneType to, IReadOnlyList<string> a)
    {
        var t = from.Text();
        return op switch
        {
            MapOp.Cast => Cast(a[0], from, to),
            MapOp.Select => text.Value($"select {IrTypes.Vector("i1", to.Lanes)} {a[0]}, {t} {a[1]}, {t} {a[2]}{Unpredictable(from)}"),
            MapOp.And => text.Value($"and {t} {a[0]}, {a[1]}"),
            MapOp.Or => text.Value($"or {t} {a[0]}, {a[1]}"),
            MapOp.Not => text.Value($"xor {t} {a[0]}, {IrTypes.Literal(from, Scalar.Bool(true))}"),
            MapOp.RandomUniform => new RandomCode(text, parts, this).Uniform(a, to),
            MapOp.RandomNormal => new RandomCode(text, parts, this).Normal(a, to),
            >= MapOp.Equal and <= MapOp.GreaterEqual => Compare(op, from, a),
            _ => from.Element.IsFloat() ? Float(op, from, a) : new IntegerCode(text, parts).Emit(op, from, a),
        };
    }

    /// <summary>The magnitude of the argument below which an operation does not take its rare slow path; null: it has none.</summary>
    public static double? UsualBelow(MapExpr map) =>
        map.Op is MapOp.Exp or MapOp.Sin or MapOp.Cos && map.Type.Element.IsFloat() ? MathLibrary.UsualBelow(Function(map.Op), map.Type.Element) : null;

    /// <summary>The operation for an argument that is <see cref="UsualBelow"/>, in straight lines.</summary>
    public string Usual(MapOp op, LaneType type, string a)
    {
        var (lines, result) = parts.Math.Usual(Function(op), type.Element, type.Lanes, a, text.NewName() + ".");
        text.Lines(lines);
        return result;
    }

    /// <summary>a·b + c: one rounding where the target fuses.</summary>
    public string Fma(LaneType type, string a, string b, string c)
    {
        var t = type.Text();
        if (!type.Element.IsFloat())
        {
            return text.Value($"add {t} {text.Value($"mul {t} {a}, {b}")}, {c}");
        }

        var name = parts.Intrinsic(t, $"llvm.{(parts.Target.HasFma ? "fma" : "fmuladd")}.{type.Suffix()}", $"{t}, {t}, {t}");
        return text.Value($"call {t} {name}({t} {a}, {t} {b}, {t} {c})");
    }

    /// <summary>An operation on the bits of i64 scalars.</summary>
    public string Bits(BitOp op, IReadOnlyList<string> a) => op switch
    {
        BitOp.BitAnd => text.Value($"and i64 {a[0]}, {a[1]}"),
        BitOp.BitOr => text.Value($"or i64 {a[0]}, {a[1]}"),
        BitOp.ShiftLeft => text.Value($"shl i64 {a[0]}, {a[1]}"),
        BitOp.ShiftRight => text.Value($"lshr i64 {a[0]}, {a[1]}"),
        _ => text.Value($"call i64 {parts.Intrinsic("i64", "llvm.cttz.i64", "i64, i1")}(i64 {a[0]}, i1 false)"),
    };

    /// <summary>c + the even products + the odd products: one instruction on x86 (<c>pmaddwd</c>; with its addition <c>vpdpwssd</c>), which LLVM sees in this form.</summary>
    public string PairDot(LaneType type, string a, string b, string c)
    {
        var (narrow, wide) = (IrTypes.Vector("i16", 2 * type.Lanes), IrTypes.Vector("i32", 2 * type.Lanes));
        var product = text.Value($"mul {wide} {text.Value($"sext {narrow} {a} to {wide}")}, {text.Value($"sext {narrow} {b} to {wide}")}");
        var sum = text.Value($"add {type.Text()} {Every(type, product, 2, 0)}, {Every(type, product, 2, 1)}");
        return text.Value($"add {type.Text()} {sum}, {c}");
    }

    /// <summary>c + the sums of four products of bytes, of which one side's are unsigned: one instruction (<c>vpdpbusd</c>) where the target has it.</summary>
    public string ByteDot(LaneType type, string unsigned, string signed, string c)
    {
        var (bytes, t) = (IrTypes.Vector("i8", 4 * type.Lanes), type.Text());
        if (parts.Target.HasByteDots && type.Lanes is 4 or 8 or 16)
        {
            var name = parts.Intrinsic(t, $"llvm.x86.avx512.vpdpbusd.{32 * type.Lanes}", $"{t}, {t}, {t}");
            string Words(string value) => text.Value($"bitcast {bytes} {value} to {t}");
            return text.Value($"call {t} {name}({t} {c}, {t} {Words(unsigned)}, {t} {Words(signed)})");
        }

        var wide = IrTypes.Vector("i32", 4 * type.Lanes);
        var product = text.Value($"mul {wide} {text.Value($"zext {bytes} {unsigned} to {wide}")}, {text.Value($"sext {bytes} {signed} to {wide}")}");
        var sum = c;
        for (var j = 0; j < 4; j++)
        {
            sum = text.Value($"add {t} {sum}, {Every(type, product, 4, j)}");
        }

        return sum;
    }

    // Lanes first, first + step, … of a vector that has step times as many.
    private string Every(LaneType type, string vector, int step, int first)
    {
        var wide = IrTypes.Vector("i32", step * type.Lanes);
        return type.Lanes == 1
            ? text.Value($"extractelement {wide} {vector}, i32 {first}")
            : text.Value($"shufflevector {wide} {vector}, {wide} poison, <{type.Lanes} x i32> <{string.Join(", ", Enumerable.Range(0, type.Lanes).Select(l => $"i32 {(step * l) + first}"))}>");
    }

    // Data decides which of two indices is taken, in merges above all: a branch would be guessed wrong every other time.
    private static string Unpredictable(LaneType type) => type == LaneType.Index ? ", !unpredictable !{}" : "";

    private string Compare(MapOp op, LaneType type, IReadOnlyList<string> a)
    {
        var isFloat = type.Element.IsFloat();
        var sign = isFloat ? "o" : type.Element is ElementType.U8 or ElementType.Bool ? "u" : "s";
        var predicate = op switch
        {
            MapOp.Equal => isFloat ? "oeq" : "eq",
            MapOp.NotEqual => isFloat ? "une" : "ne",
            MapOp.Less => sign + "lt",
            MapOp.LessEqual => sign + "le",
            MapOp.Greater => sign + "gt",
            _ => sign + "ge",
        };
        return text.Value($"{(isFloat ? "fcmp" : "icmp")} {predicate} {type.Text()} {a[0]}, {a[1]}");
    }

    private string Float(MapOp op, LaneType type, IReadOnlyList<string> a)
    {
        var t = type.Text();
        var mask = IrTypes.Vector("i1", type.Lanes);
        switch (op)
        {
            case MapOp.Add:
                return text.Value($"fadd {parts.FloatFlags} {t} {a[0]}, {a[1]}");
            case MapOp.Sub:
                return text.Value($"fsub {parts.FloatFlags} {t} {a[0]}, {a[1]}");
            case MapOp.Mul:
                return text.Value($"fmul {parts.FloatFlags} {t} {a[0]}, {a[1]}");
            case MapOp.Div:
                return text.Value($"fdiv {parts.FloatFlags} {t} {a[0]}, {a[1]}");
            case MapOp.Neg:
                return text.Value($"fneg {t} {a[0]}");
            case MapOp.Abs:
                return Intrinsic("fabs", type, a[0]);
            case MapOp.Sqrt:
                return Intrinsic("sqrt", type, a[0]);
            case MapOp.Min or MapOp.Max:
                // The larger one, b when unordered: so nan in b comes through; nan in a is put back.
                var larger = text.Value($"fcmp {(op == MapOp.Max ? "ogt" : "olt")} {t} {a[0]}, {a[1]}");
                var chosen = text.Value($"select {mask} {larger}, {t} {a[0]}, {t} {a[1]}");
                var isNan = text.Value($"fcmp uno {t} {a[0]}, {a[0]}");
                return text.Value($"select {mask} {isNan}, {t} {a[0]}, {t} {chosen}");
            case MapOp.Sign:
                // 0, -0.0 and nan are their own signs.
                var nonZero = text.Value($"fcmp one {t} {a[0]}, {IrTypes.Literal(type, 0.0)}");
                var name = parts.Intrinsic(t, $"llvm.copysign.{type.Suffix()}", $"{t}, {t}");
                var one = text.Value($"call {t} {name}({t} {IrTypes.Literal(type, 1.0)}, {t} {a[0]})");
                return text.Value($"select {mask} {nonZero}, {t} {one}, {t} {a[0]}");
            case MapOp.IsNan:
                return text.Value($"fcmp uno {t} {a[0]}, {a[0]}");
            case MapOp.IsFinite:
                return text.Value($"fcmp olt {t} {Intrinsic("fabs", type, a[0])}, {IrTypes.Literal(type, double.PositiveInfinity)}");
            default:
                var symbol = parts.Math.Require(Function(op), type.Element, type.Lanes);
                return text.Value($"call {t} @{symbol}({string.Join(", ", a.Select(x => $"{t} {x}"))})");
        }
    }

    private static MathFunction Function(MapOp op) => op switch
    {
        MapOp.Rem => MathFunction.Remainder,
        _ => Enum.TryParse<MathFunction>(op.ToString(), out var function)
            ? function
            : throw new CompilerBugException("llvm", $"no code for {op} on floats"),
    };

    private string Intrinsic(string name, LaneType type, string value)
    {
        var t = type.Text();
        return text.Value($"call {t} {parts.Intrinsic(t, $"llvm.{name}.{type.Suffix()}", t)}({t} {value})");
    }

    private string Cast(string value, LaneType from, LaneType to)
    {
        var (f, t) = (from.Text(), to.Text());
        if (from.Element == to.Element)
        {
            return value;
        }

        if (to.Element == ElementType.Bool)
        {
            return from.Element.IsFloat()
                ? text.Value($"fcmp une {f} {value}, {IrTypes.Literal(from, 0.0)}")
                : text.Value($"icmp ne {f} {value}, {IrTypes.Literal(from, 0)}");
        }

        var unsigned = from.Element is ElementType.U8 or ElementType.Bool;
        switch (from.Element.IsFloat(), to.Element.IsFloat())
        {
            case (true, true):
                return text.Value($"{(to.Element == ElementType.F32 ? "fptrunc" : "fpext")} {f} {value} to {t}");
            case (true, false):
                if (to.Lanes > 1)
                {
                    return Saturating(value, from, to);
                }

                var kind = to.Element == ElementType.U8 ? "fptoui" : "fptosi";
                var name = parts.Intrinsic(t, $"llvm.{kind}.sat.{to.Suffix()}.{from.Suffix()}", f);
                return text.Value($"call {t} {name}({f} {value})");
            case (false, true):
                return text.Value($"{(unsigned ? "uitofp" : "sitofp")} {f} {value} to {t}");
            default:
                var (fromBits, toBits) = (from.Element == ElementType.Bool ? 1 : from.Element.ByteSize() * 8, to.Element.ByteSize() * 8);
                return fromBits == toBits ? value // i8 and u8 are the same bits
                    : text.Value($"{(fromBits > toBits ? "trunc" : unsigned ? "zext" : "sext")} {f} {value} to {t}");
        }
    }

    // Vectors of floats as integers, what is too large as the largest; LLVM has an operation for it, but takes vectors apart. A limit that the
    // float type does not have is put in place afterwards.
    private string Saturating(string value, LaneType from, LaneType to)
    {
        var (f, t) = (from.Text(), to.Text());
        var bits = to.Element.ByteSize() * 8;
        var (least, most) = to.Element == ElementType.U8 ? (0.0, byte.MaxValue) : (-double.Exp2(bits - 1), double.Exp2(bits - 1) - 1);
        var isExact = bits < 32 || (bits == 32 && from.Element == ElementType.F64);
        var below = isExact ? most : from.Element == ElementType.F64 ? double.BitDecrement(double.Exp2(bits - 1)) : float.BitDecrement(float.Exp2(bits - 1));
        var (low, high) = (IrTypes.Literal(from, least), IrTypes.Literal(from, below));
        var mask = IrTypes.Vector("i1", from.Lanes);
        string Select(string condition, string type, string yes, string no) => text.Value($"select {mask} {condition}, {type} {yes}, {type} {no}");

        // What is no number becomes the least one.
        var raised = Select(text.Value($"fcmp ogt {f} {value}, {low}"), f, value, low);
        var inside = Select(text.Value($"fcmp olt {f} {raised}, {high}"), f, raised, high);
        var wide = bits < 32 ? new LaneType(ElementType.I32, to.Lanes) : to;
        var result = text.Value($"fptosi {f} {inside} to {wide.Text()}");
        result = wide == to ? result : text.Value($"trunc {wide.Text()} {result} to {t}");
        if (!isExact)
        {
            result = Select(text.Value($"fcmp ogt {f} {value}, {high}"), t, IrTypes.Literal(to, to.Element == ElementType.I32 ? int.MaxValue : long.MaxValue), result);
        }

        return least == 0 ? result : Select(text.Value($"fcmp uno {f} {value}, {value}"), t, IrTypes.Literal(to, 0), result);
    }
}
