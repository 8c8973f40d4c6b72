using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>x - y floor(x / y): the exact remainder of the magnitudes, then the sign of y, with one rounding at most.</summary>
internal static class Remainders
{
    public const string SlowName = "lep.fmod.f64";

    public static Flt Remainder(MathBody b, MathLibrary library, Flt x, Flt y)
    {
        var (ax, ay) = (b.Abs(x), b.Abs(y));

        // ax = q ay + r with q exact or one too large, so r is exact.
        var q = Rounding.Trunc(b, ax / ay);
        var r = b.Fma(-q, ay, ax);
        r = b.Select(r < 0, r + ay, r);

        // Large quotients, 0, inf and nan, one lane at a time; also what Dekker's product could overflow on.
        var bound = b.F(b.Pick(4194304.0, 1125899906842624.0));
        var most = b.F(b.Pick(1e38, 1e290));
        var hard = b.Compare("uge", q, bound) | b.Compare("uge", ax, most) | b.Compare("uge", ay, most);
        var exact = r;
        r = b.Rarely(hard, exact, () => b.Select(hard, b.SlowRemainder(library, ax, ay), exact));

        var other = (b.BitsOf(x) ^ b.BitsOf(y)).IsNegative() & (r > 0);
        return b.Select(other, y + b.CopySign(r, x), b.CopySign(r, y));
    }

    /// <summary>All lanes by the scalar f64 function: an f32 remainder is a float, so going by doubles changes nothing.</summary>
    public static string VectorText(IrMathBody b, string name)
    {
        var all = "poison";
        for (var lane = 0; lane < b.Lanes; lane++)
        {
            string Take(string from)
            {
                var one = b.Lanes == 1 ? from : b.Text.Value($"extractelement {b.FloatType} {from}, i64 {lane}");
                return b.Single ? b.Text.Value($"fpext float {one} to double") : one;
            }

            var r = b.Text.Value($"call double @{SlowName}(double {Take("%x")}, double {Take("%y")})");
            r = b.Single ? b.Text.Value($"fptrunc double {r} to float") : r;
            all = b.Lanes == 1 ? r : b.Text.Value($"insertelement {b.FloatType} {all}, {b.Scalar} {r}, i64 {lane}");
        }

        return $"define internal {b.FloatType} @\"{name}\"({b.FloatType} %x, {b.FloatType} %y) noinline cold nounwind {{\n{b.Text}  ret {b.FloatType} {all}\n}}\n";
    }

    /// <summary>Long division of the mantissas, ten bits a step, for x ≥ 0 and y ≥ 0.</summary>
    public static string ScalarText(CpuTarget target)
    {
        var b = new IrMathBody(new IrText(), ElementType.F64, 1, target);
        var t = b.Text;
        var (x, y) = (new Flt(b, "%x"), new Flt(b, "%y"));
        var bad = b.Compare("uno", x, y) | x.Is(double.PositiveInfinity) | y.Is(0);
        t.Line($"br i1 {bad.Name}, label %none, label %check");
        t.Label("none");
        t.Line("ret double 0x7FF8000000000000");
        t.Label("check");
        t.Line($"br i1 {(x < y).Name}, label %same, label %divide");
        t.Label("same");
        t.Line("ret double %x");
        t.Label("divide");
        var (mx, ex) = Parts(b, x);
        var (my, ey) = Parts(b, y);
        var steps = ex - ey;
        t.Line("br label %loop");
        t.Label("loop");
        t.Line($"%left = phi i64 [ {steps.Name}, %divide ], [ %less, %next ]");
        t.Line($"%m = phi i64 [ {mx.Name}, %divide ], [ %rest, %next ]");
        t.Line("%some = call i64 @llvm.smin.i64(i64 %left, i64 10)");
        t.Line("%up = shl i64 %m, %some");
        t.Line($"%rest = urem i64 %up, {my.Name}");
        t.Line("%less = sub i64 %left, %some");
        t.Line("%more = icmp sgt i64 %less, 0");
        t.Line("br i1 %more, label %next, label %done");
        t.Label("next");
        t.Line("br label %loop");
        t.Label("done");

        // rest 2^(ey), in two steps because 2^(ey) alone may be below every double.
        var value = new Flt(b, t.Value("uitofp i64 %rest to double"));
        var half = ey >> 1;
        Flt Power(Int e) => b.FromBits((e + 1023) << 52);
        var result = value * Power(half) * Power(ey - half);
        return $"define internal double @{SlowName}(double %x, double %y) noinline cold nounwind {{\nentry:\n{t}  ret double {result.Name}\n}}\n";
    }

    // a = m 2^e, m with its leading bit at 2^52 for normal a.
    private static (Int M, Int E) Parts(MathBody b, Flt a)
    {
        var bits = b.BitsOf(a);
        var exponent = bits >>> 52;
        var fraction = bits & ((1L << 52) - 1);
        var subnormal = exponent.IsZero();
        return (b.Select(subnormal, fraction, fraction | (1L << 52)), b.Select(subnormal, b.I(1), exponent) - 1075);
    }
}
