using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Integer arithmetic: wraps; division and remainder floor; by zero they give 0; nothing traps.</summary>
internal sealed class IntegerCode(FunctionText text, ModuleParts parts)
{
    public string Emit(MapOp op, LaneType type, IReadOnlyList<string> a)
    {
        var t = type.Text();
        var unsigned = type.Element == ElementType.U8;
        return op switch
        {
            MapOp.Add => text.Value($"add {t} {a[0]}, {a[1]}"),
            MapOp.Sub => text.Value($"sub {t} {a[0]}, {a[1]}"),
            MapOp.Mul => text.Value($"mul {t} {a[0]}, {a[1]}"),
            MapOp.Div => Divide(type, a[0], a[1], remainder: false),
            MapOp.Rem => Divide(type, a[0], a[1], remainder: true),
            MapOp.Neg => text.Value($"sub {t} {Zero(type)}, {a[0]}"),
            MapOp.Min => Call(unsigned ? "umin" : "smin", type, a),
            MapOp.Max => Call(unsigned ? "umax" : "smax", type, a),
            MapOp.Abs => unsigned ? a[0] : Absolute(type, a[0]),
            MapOp.Sign => Sign(type, a[0]),
            MapOp.Pow => Power(type, a[0], a[1]),
            _ => throw new CompilerBugException("llvm", $"no code for {op} on {type.Element.Name()}"),
        };
    }

    private static string Zero(LaneType type) => IrTypes.Literal(type, 0);

    private string Call(string name, LaneType type, IReadOnlyList<string> a)
    {
        var t = type.Text();
        return text.Value($"call {t} {parts.Intrinsic(t, $"llvm.{name}.{type.Suffix()}", $"{t}, {t}")}({t} {a[0]}, {t} {a[1]})");
    }

    private string Absolute(LaneType type, string x)
    {
        var t = type.Text();
        return text.Value($"call {t} {parts.Intrinsic(t, $"llvm.abs.{type.Suffix()}", $"{t}, i1 immarg")}({t} {x}, i1 false)");
    }

    private string Sign(LaneType type, string x)
    {
        var (t, mask) = (type.Text(), IrTypes.Vector("i1", type.Lanes));
        var positive = text.Value($"icmp {(type.Element == ElementType.U8 ? "ugt" : "sgt")} {t} {x}, {Zero(type)}");
        var one = text.Value($"zext {mask} {positive} to {t}");
        if (type.Element == ElementType.U8)
        {
            return one;
        }

        var minus = text.Value($"sext {mask} {text.Value($"icmp slt {t} {x}, {Zero(type)}")} to {t}");
        return text.Value($"or {t} {one}, {minus}");
    }

    // Divisors 0 and -1 would trap (the latter for the smallest number); they are replaced by 1 and their results put in afterwards.
    private string Divide(LaneType type, string x, string y, bool remainder)
    {
        var (t, mask) = (type.Text(), IrTypes.Vector("i1", type.Lanes));
        var isZero = text.Value($"icmp eq {t} {y}, {Zero(type)}");
        var one = IrTypes.Literal(type, 1);
        if (type.Element == ElementType.U8)
        {
            var safe = text.Value($"select {mask} {isZero}, {t} {one}, {t} {y}");
            var unsigned = Quotient(type, x, safe, y);
            var value = remainder ? text.Value($"sub {t} {x}, {text.Value($"mul {t} {unsigned}, {safe}")}") : unsigned;
            return text.Value($"select {mask} {isZero}, {t} {Zero(type)}, {t} {value}");
        }

        var isMinus = text.Value($"icmp eq {t} {y}, {IrTypes.Literal(type, -1)}");
        var special = text.Value($"or {mask} {isZero}, {isMinus}");
        var divisor = text.Value($"select {mask} {special}, {t} {one}, {t} {y}");
        var quotient = Quotient(type, x, divisor, y);
        var rest = text.Value($"sub {t} {x}, {text.Value($"mul {t} {quotient}, {divisor}")}");
        var inexact = text.Value($"icmp ne {t} {rest}, {Zero(type)}");
        var opposite = text.Value($"icmp slt {t} {text.Value($"xor {t} {rest}, {divisor}")}, {Zero(type)}");
        var down = text.Value($"and {mask} {inexact}, {opposite}");
        if (remainder)
        {
            // The remainder by -1 is 0 anyway, as it is by the 1 that stands there.
            var floor = text.Value($"select {mask} {down}, {t} {text.Value($"add {t} {rest}, {divisor}")}, {t} {rest}");
            return text.Value($"select {mask} {isZero}, {t} {Zero(type)}, {t} {floor}");
        }

        var floored = text.Value($"add {t} {quotient}, {text.Value($"sext {mask} {down} to {t}")}");
        var negated = text.Value($"sub {t} {Zero(type)}, {x}");
        var orNegated = text.Value($"select {mask} {isMinus}, {t} {negated}, {t} {floored}");
        return text.Value($"select {mask} {isZero}, {t} {Zero(type)}, {t} {orNegated}");
    }

    // Rounded towards 0. There is no division of integer vectors: floats of twice as many bits round the quotient to the right side of
    // the next integer, from which it is 1 / divisor away or more. By a number that is known, LLVM multiplies.
    private string Quotient(LaneType type, string x, string divisor, string y)
    {
        var (t, unsigned) = (type.Text(), type.Element == ElementType.U8);
        if (type.Lanes == 1 || type.Element == ElementType.I64 || y.StartsWith("splat", StringComparison.Ordinal))
        {
            return text.Value($"{(unsigned ? "udiv" : "sdiv")} {t} {x}, {divisor}");
        }

        var f = new LaneType(type.Element == ElementType.I32 ? ElementType.F64 : ElementType.F32, type.Lanes).Text();
        string Exact(string value) => text.Value($"{(unsigned ? "uitofp" : "sitofp")} {t} {value} to {f}");
        return text.Value($"{(unsigned ? "fptoui" : "fptosi")} {f} {text.Value($"fdiv {f} {Exact(x)}, {Exact(divisor)}")} to {t}");
    }

    // One lane at a time: squaring takes as many rounds as the exponent has bits.
    private string Power(LaneType type, string x, string n)
    {
        var lane = IrTypes.Lane(type.Element);
        var function = parts.Helper("lep.pow." + type.Element.Name(), () => DefinePower(type.Element));
        if (type.Lanes == 1)
        {
            return text.Value($"call {lane} {function}({lane} {x}, {lane} {n})");
        }

        var result = "poison";
        for (var i = 0; i < type.Lanes; i++)
        {
            var b = text.Value($"extractelement {type.Text()} {x}, i32 {i}");
            var e = text.Value($"extractelement {type.Text()} {n}, i32 {i}");
            var power = text.Value($"call {lane} {function}({lane} {b}, {lane} {e})");
            result = text.Value($"insertelement {type.Text()} {result}, {lane} {power}, i32 {i}");
        }

        return result;
    }

    // A negative exponent: 1 for 1, ±1 for -1, else 0.
    private static string DefinePower(ElementType element)
    {
        var t = IrTypes.Lane(element);
        var isNegative = element == ElementType.U8 ? "false" : "%negative";
        return $$"""
            define internal {{t}} @lep.pow.{{element.Name()}}({{t}} %x, {{t}} %n) {
            entry:
              %negative = icmp slt {{t}} %n, 0
              br i1 {{isNegative}}, label %inverse, label %head
            inverse:
              %isOne = icmp eq {{t}} %x, 1
              %isMinus = icmp eq {{t}} %x, -1
              %bit = and {{t}} %n, 1
              %isOdd = icmp ne {{t}} %bit, 0
              %sign = select i1 %isOdd, {{t}} -1, {{t}} 1
              %other = select i1 %isMinus, {{t}} %sign, {{t}} 0
              %small = select i1 %isOne, {{t}} 1, {{t}} %other
              ret {{t}} %small
            head:
              %power = phi {{t}} [ 1, %entry ], [ %next, %body ]
              %base = phi {{t}} [ %x, %entry ], [ %square, %body ]
              %left = phi {{t}} [ %n, %entry ], [ %half, %body ]
              %more = icmp ne {{t}} %left, 0
              br i1 %more, label %body, label %done
            body:
              %low = and {{t}} %left, 1
              %take = icmp ne {{t}} %low, 0
              %product = mul {{t}} %power, %base
              %next = select i1 %take, {{t}} %product, {{t}} %power
              %square = mul {{t}} %base, %base
              %half = lshr {{t}} %left, 1
              br label %head
            done:
              ret {{t}} %power
            }

            """;
    }
}
