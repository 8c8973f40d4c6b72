using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>Elementwise operations: operators of C, functions of OpenCL, or helpers.</summary>
internal sealed class MapC(Helpers helpers)
{
    private readonly MathC _math = new(helpers);

    /// <summary>op(arguments) with all arguments of type <paramref name="from"/> (of select: of the second operand) and a result of type <paramref name="to"/>.</summary>
    public Lanes Emit(MapOp op, LaneType from, LaneType to, Lanes[] a)
    {
        switch (op)
        {
            case MapOp.Cast:
                return new CastC(helpers).Cast(a[0], to);
            case MapOp.Select:
                return Select(a[0], a[1], a[2]);
            case MapOp.And or MapOp.Or:
                var sign = op == MapOp.And ? "&" : "|";
                return a[0].Zip(Masked(a[1], a[0].Carrier), (x, y) => Term.Infix(x, to.Lanes == 1 ? sign + sign : sign, y));
            case MapOp.Not:
                return a[0].Map(x => Term.Prefix(to.Lanes == 1 ? "!" : "~", x));
            case MapOp.RandomUniform or MapOp.RandomNormal:
                return new RandomC(helpers, _math).Emit(op, to, a);
            case >= MapOp.Equal and <= MapOp.GreaterEqual:
                return Compare(op, a[0], a[1]);
            default:
                return from.Element.IsFloat() ? Float(op, to, a) : Integer(op, to, a);
        }
    }

    /// <summary>a·b + c: one rounding where the device fuses.</summary>
    public Lanes Fma(LaneType type, Lanes a, Lanes b, Lanes c)
    {
        if (type.Element.IsFloat() && helpers.Target.HasFma)
        {
            return a with { Parts = [.. a.Parts.Select((x, i) => Term.Call("fma", x, b.Parts[i], c.Parts[i]))] };
        }

        return Emit(MapOp.Add, type, type, [Emit(MapOp.Mul, type, type, [a, b]), c]);
    }

    /// <summary>A mask with lanes as wide as those of <paramref name="carrier"/>.</summary>
    public static Lanes Masked(Lanes mask, ElementType carrier)
    {
        var signed = CTypes.Signed(carrier.ByteSize());
        return mask.IsScalar || mask.Carrier == signed ? mask
            : mask.Map(m => Term.Call("convert_" + CTypes.Vector(signed, mask.Width), m)) with { Carrier = signed };
    }

    private static Lanes Select(Lanes mask, Lanes yes, Lanes no)
    {
        no = yes.Type.Element == ElementType.Bool ? Masked(no, yes.Carrier) : no;
        var masks = Masked(mask, yes.Carrier).Parts;
        return yes with { Parts = [.. yes.Parts.Select((y, i) => new Term($"{masks[i].Operand} ? {y.Operand} : {no.Parts[i].Operand}", false))] };
    }

    private static Lanes Compare(MapOp op, Lanes a, Lanes b)
    {
        var sign = op switch
        {
            MapOp.Equal => "==",
            MapOp.NotEqual => "!=",
            MapOp.Less => "<",
            MapOp.LessEqual => "<=",
            MapOp.Greater => ">",
            _ => ">=",
        };
        if (a.IsScalar && !a.Type.Element.IsFloat() && a.Parts[0].Text == b.Parts[0].Text)
        {
            // Clang remarks that it is known.
            return Lanes.Of(new LaneType(ElementType.Bool, 1), Term.Name(op is MapOp.Equal or MapOp.LessEqual or MapOp.GreaterEqual ? "true" : "false"));
        }

        var isBool = a.Type.Element == ElementType.Bool && !a.IsScalar;

        // false < true: of masks, -1 for true, the other way round.
        (a, b) = isBool ? (Masked(b, a.Carrier), a) : (a, b);
        var carrier = a.IsScalar ? ElementType.Bool : CTypes.Signed(a.Carrier.ByteSize());
        return Infix(a, sign, b).As(new LaneType(ElementType.Bool, a.Type.Lanes), carrier);
    }

    // A scalar beside a vector of the same type is spread by the operator itself; narrow numbers, which are ints in C, are not.
    private static Lanes Infix(Lanes a, string op, Lanes b)
    {
        var spreads = a.Carrier is ElementType.F64 or ElementType.F32 or ElementType.I64 or ElementType.I32 && a.Type.Element != ElementType.Bool;
        return a.Zip(b, (x, y) =>
        {
            var (left, right) = (x, spreads ? y.Scalar ?? y : y);
            left = spreads && right == y ? x.Scalar ?? x : x;
            return Term.Infix(left, op, right);
        });
    }

    private Lanes Float(MapOp op, LaneType type, Lanes[] a)
    {
        var x = a[0];
        var truth = new LaneType(ElementType.Bool, type.Lanes);
        var carrier = x.IsScalar ? ElementType.Bool : CTypes.Signed(x.Carrier.ByteSize());
        return op switch
        {
            MapOp.Add => Infix(x, "+", a[1]),
            MapOp.Sub => Infix(x, "-", a[1]),
            MapOp.Mul => Infix(x, "*", a[1]),
            MapOp.Div => Infix(x, "/", a[1]),
            MapOp.Neg => x.Map(p => Term.Prefix("-", p)),
            MapOp.Abs => x.Map(p => Term.Call("fabs", p)),
            MapOp.Sqrt or MapOp.Floor or MapOp.Ceil or MapOp.Trunc => x.Map(p => Term.Call(op.ToString().ToLowerInvariant(), p)),
            MapOp.Round => x.Map(p => Term.Call("rint", p)),
            MapOp.Rsqrt => x.Map(p => Term.Infix(Term.Name(CTypes.Literal(x.Carrier, 1.0)), "/", Term.Call("sqrt", p))),
            MapOp.IsNan => x.Map(p => Term.Call("isnan", p)).As(truth, carrier),
            MapOp.IsFinite => x.Map(p => Term.Call("isfinite", p)).As(truth, carrier),
            MapOp.Min or MapOp.Max or MapOp.Sign => Called(op, a, FloatHelper),
            _ => x with { Parts = [.. x.Parts.Select((_, i) => Term.Call(_math.Require(op, x.Carrier, x.Width), a.Select(v => v.Parts[i])))] },
        };
    }

    private Lanes Integer(MapOp op, LaneType type, Lanes[] a)
    {
        var x = a[0];
        var isIndex = a.All(v => v.Parts.All(p => p.IsIndex));
        switch (op)
        {
            case MapOp.Add or MapOp.Sub or MapOp.Mul when isIndex && type.Lanes == 1 && x.Carrier == ElementType.I64:
                return x with { Parts = [IndexTerm(op, x.Parts[0], a[1].Parts[0])] };
            case MapOp.Add or MapOp.Sub or MapOp.Mul when type.Lanes > 1:
                var lanes = Infix(x, op switch { MapOp.Add => "+", MapOp.Sub => "-", _ => "*" }, a[1]);
                return isIndex ? lanes.Map(p => p with { IsIndex = true }) : lanes;
            case MapOp.Neg when type.Lanes > 1:
                return x.Map(p => Term.Prefix("-", p));
            case MapOp.Abs when type.Element == ElementType.U8:
                return x;
            default:
                var result = Called(op, a, IntegerHelper);
                return isIndex && op is MapOp.Min or MapOp.Max or MapOp.Div or MapOp.Rem ? result.Map(p => p with { IsIndex = true }) : result;
        }
    }

    private static Term IndexTerm(MapOp op, Term a, Term b)
    {
        if (a.Integer is { } x && b.Integer is { } y)
        {
            return Term.Index(op switch { MapOp.Add => x + y, MapOp.Sub => x - y, _ => x * y });
        }

        return Term.Infix(a, op switch { MapOp.Add => "+", MapOp.Sub => "-", _ => "*" }, b) with { IsIndex = true };
    }

    private Lanes Called(MapOp op, Lanes[] a, Func<MapOp, ElementType, int, string> define)
    {
        var (element, width) = (a[0].Carrier, a[0].Width);
        var name = helpers.Require($"{op.ToString().ToLowerInvariant()}_{CTypes.Suffix(element, width)}", () => define(op, element, width));
        return a[0] with { Parts = [.. a[0].Parts.Select((_, i) => Term.Call(name, a.Select(v => v.Parts[i])))] };
    }

    private static string FloatHelper(MapOp op, ElementType element, int width)
    {
        var type = CTypes.Vector(element, width);
        var head = $"static {type} {op.ToString().ToLowerInvariant()}_{CTypes.Suffix(element, width)}(const {type} ";
        return op == MapOp.Sign
            ? $$"""
            // 0, -0.0 and nan are their own signs.
            {{head}}x)
            {
                return ((x < 0) | (x > 0)) ? copysign(({{type}})(1), x) : x;
            }
            """
            : $$"""
            // The {{(op == MapOp.Max ? "larger" : "smaller")}} one; nan where one is.
            {{head}}a, const {{type}} b)
            {
                return isnan(a) ? a : (a {{(op == MapOp.Max ? ">" : "<")}} b ? a : b);
            }
            """;
    }

    private string IntegerHelper(MapOp op, ElementType element, int width)
    {
        var name = op.ToString().ToLowerInvariant();
        var (scalar, type) = (CTypes.Scalar(element), CTypes.Vector(element, width));
        var head = $"static {type} {name}_{CTypes.Suffix(element, width)}(const {type} a{(op is MapOp.Neg or MapOp.Abs or MapOp.Sign ? "" : $", const {type} b")})";
        if (width > 1 && op is MapOp.Div or MapOp.Rem or MapOp.Pow)
        {
            // Lane by lane.
            var one = helpers.Require($"{name}_{element.Name()}", () => IntegerHelper(op, element, 1));
            var lanes = Enumerable.Range(0, width).Select(CTypes.Lane).Select(l => $"{one}(a{l}, b{l})");
            return $"{head}\n{{\n    return ({type})({string.Join(", ", lanes)});\n}}";
        }

        var unsigned = CTypes.Vector(element == ElementType.U8 ? "uchar" : "u" + scalar, width);
        return op switch
        {
            // Unsigned numbers wrap.
            MapOp.Add or MapOp.Sub or MapOp.Mul =>
                Function($"return ({type})(({unsigned})a {op switch { MapOp.Add => "+", MapOp.Sub => "-", _ => "*" }} ({unsigned})b);"),
            MapOp.Neg => Function($"return ({type})(0 - ({unsigned})a);"),
            MapOp.Min or MapOp.Max => Function($"return {name}(a, b);"),
            MapOp.Abs => Function($"return as_{type}(abs(a));"),
            MapOp.Sign when element == ElementType.U8 => Function($"return min(a, ({type})(1));"),
            MapOp.Sign => Function(width == 1 ? "return (a > 0) - (a < 0);" : $"return (a < ({type})(0)) - (a > ({type})(0));"),
            MapOp.Div or MapOp.Rem => Quotient(),
            MapOp.Pow => Power(),
            _ => throw new CompilerBugException("opencl", $"no code for {op} on {element.Name()}"),
        };

        string Function(string body) => $"{head}\n{{\n    {body}\n}}";

        string Quotient()
        {
            var special = op == MapOp.Div ? $"({type})(0 - ({unsigned})a)" : "0";
            var result = op == MapOp.Div ? "rest != 0 && (rest ^ b) < 0 ? quotient - 1 : quotient" : "rest != 0 && (rest ^ b) < 0 ? rest + b : rest";
            return element == ElementType.U8
                ? Function($"return b == 0 ? 0 : a {(op == MapOp.Div ? "/" : "%")} b;")
                : $$"""
                // Floors; by 0 it is 0.
                {{head}}
                {
                    if (b == 0)
                    {
                        return 0;
                    }

                    if (b == -1)
                    {
                        return {{special}};
                    }

                    const {{type}} quotient = a / b;
                    const {{type}} rest = a - quotient * b;
                    return {{result}};
                }
                """;
        }

        string Power() => $$"""
            // By squaring; wraps. A negative exponent: 1 for 1, 1 or -1 for -1, else 0.
            {{head}}
            {{{(element == ElementType.U8 ? "" : """

                if (b < 0)
                {
                    return a == 1 ? 1 : a == -1 ? ((b & 1) != 0 ? -1 : 1) : 0;
                }

            """)}}
                ulong power = 1;
                ulong square = (ulong)a;
                for (ulong left = (ulong)b; left != 0; left >>= 1)
                {
                    power = (left & 1) != 0 ? power * square : power;
                    square *= square;
                }

                return ({{type}})power;
            }
            """;
    }
}
