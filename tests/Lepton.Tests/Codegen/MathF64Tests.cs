using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Xunit;
using Xunit.Abstractions;

namespace Lepton.Tests.Codegen;

/// <summary>f64 against 320 bits, at random and hard places; special values against .NET's.</summary>
public sealed class MathF64Tests(ITestOutputHelper output)
{
    private static readonly MathFunction[] Exact =
        [MathFunction.Floor, MathFunction.Ceil, MathFunction.Trunc, MathFunction.Round, MathFunction.Sqrt, MathFunction.Remainder];

    public static TheoryData<MathFunction, string> Cases()
    {
        var data = new TheoryData<MathFunction, string>();
        foreach (var f in Enum.GetValues<MathFunction>())
        {
            data.Add(f, "sse2");
            data.Add(f, "avx2");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Within_two_ulp(MathFunction function, string level)
    {
        var target = CpuTarget.Parse(level, out _)!;
        if (target.ForThisHost(out _) is null)
        {
            return;
        }

        var random = new Random(11);
        var (xs, ys) = (new List<double>(), new List<double>());
        for (var i = 0; i < 768; i++)
        {
            var (x, y) = Draw(function, random, i);
            xs.Add(x);
            ys.Add(y);
        }

        var (xa, ya) = (xs.ToArray(), ys.ToArray());
        var result = Evaluate(function, target, xa, ya);
        var (worst, at) = (0.0, 0);
        for (var i = 0; i < xa.Length; i++)
        {
            var error = Exact.Contains(function)
                ? (result[i].Equals(MathReference.Of(function, xa[i], ya[i])) ? 0 : double.PositiveInfinity)
                : Ulps(result[i], Reference(function, xa[i], ya[i]));
            if (error > worst)
            {
                (worst, at) = (error, i);
            }
        }

        output.WriteLine($"{function} {level}: {worst:F3} ulp at {xa[at]:R}, {ya[at]:R}");
        Assert.True(worst <= 2, $"{function}({xa[at]:R}, {ya[at]:R}) = {result[at]:R}: {worst} ulp");
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Special_values(MathFunction function, string level)
    {
        var target = CpuTarget.Parse(level, out _)!;
        if (target.ForThisHost(out _) is null)
        {
            return;
        }

        double[] places =
        [
            0, double.Epsilon, 1e-310, 2.2250738585072014e-308, 1e-200, 1e-30, 0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 22, 710, 711, 745, 746, 1000, 1024, 1075, 4503599627370495.5, 9007199254740991,
            9007199254740993, 1e300, double.MaxValue, double.PositiveInfinity, double.NaN,
        ];
        var (xs, ys) = (new List<double>(), new List<double>());
        foreach (var a in places)
        {
            foreach (var b in places)
            {
                xs.AddRange([a, -a, a, -a]);
                ys.AddRange([b, b, -b, -b]);
            }
        }

        while (xs.Count % 8 != 0)
        {
            xs.Add(1);
            ys.Add(1);
        }

        var result = Evaluate(function, target, [.. xs], [.. ys]);
        for (var i = 0; i < xs.Count; i++)
        {
            // .NET's own functions err by an ulp or two themselves: kinds are compared exactly, numbers roughly.
            var wanted = MathReference.Of(function, xs[i], ys[i]);
            var got = result[i];
            var same = double.IsFinite(wanted) && wanted != 0
                ? Math.Abs(got - wanted) <= Math.Max(Math.Abs(wanted) * 2e-15, 3 * double.Epsilon)
                : got.Equals(wanted) && (double.IsNaN(got) || double.IsNegative(got) == double.IsNegative(wanted));
            Assert.True(same, $"{function}({xs[i]:R}, {ys[i]:R}) = {got:R}, but should be {wanted:R}");
        }
    }

    private static double[] Evaluate(MathFunction function, CpuTarget target, double[] x, double[] y)
    {
        using var harness = new MathHarness(function, ElementType.F64, target.Lanes(ElementType.F64), target);
        var result = new double[x.Length];
        harness.Run<double>(x, y, result);
        return result;
    }

    // A third near the middle of things, a third over the whole range that gives ordinary results, a third close to where it is hard.
    private static (double X, double Y) Draw(MathFunction f, Random random, int i)
    {
        double Signed(double scale) => ((random.NextDouble() * 2) - 1) * scale;
        double Wide(int low, int high) => Math.ScaleB(1 + random.NextDouble(), random.Next(low, high)) * (random.Next(2) == 0 ? 1 : -1);
        var kind = i % 3;
        switch (f)
        {
            case MathFunction.Exp or MathFunction.Expm1 or MathFunction.Sinh or MathFunction.Cosh:
                return (kind == 0 ? Signed(2) : kind == 1 ? Signed(709) : Wide(-60, 8), 0);
            case MathFunction.Exp2:
                return (kind == 0 ? Signed(2) : kind == 1 ? Signed(1021) : Wide(-60, 8), 0);
            case MathFunction.Log or MathFunction.Log2 or MathFunction.Log10 or MathFunction.Rsqrt or MathFunction.Sqrt:
                return (Math.Abs(kind == 0 ? Wide(-1, 1) : kind == 1 ? Wide(-1074, 1023) : 1 + Wide(-53, -2)), 0);
            case MathFunction.Log1p:
                return (kind == 0 ? Signed(0.9) : kind == 1 ? Math.Abs(Wide(-60, 1023)) : Wide(-60, -2), 0);
            case MathFunction.Sin or MathFunction.Cos or MathFunction.Tan:
                return (kind == 0 ? Signed(10) : kind == 1 ? Wide(-30, 1023) : random.Next(1, 1 << 20) * (Math.PI / 2), 0);
            case MathFunction.Asin or MathFunction.Acos:
                return (kind == 0 ? Signed(1) : kind == 1 ? Wide(-60, -1) : Math.Sign(Signed(1)) * (1 - Math.Abs(Wide(-53, -2))), 0);
            case MathFunction.Pow:
                return kind == 0 ? (Math.Exp(Signed(3)), Signed(200)) : kind == 1 ? (Math.Abs(Wide(-1074, 1023)), Signed(0.9)) : (1 + Wide(-40, -3), Signed(5000) * random.NextDouble());
            case MathFunction.Erf or MathFunction.Tanh:
                return (kind == 0 ? Signed(1.2) : kind == 1 ? Signed(7) : Wide(-60, 3), 0);
            default:
                return (Wide(-60, 60), kind == 0 ? Signed(10) : Wide(-60, 60));
        }
    }

    private static BigReal Reference(MathFunction f, double xd, double yd)
    {
        var (x, y, one) = (BigReal.Of(xd), BigReal.Of(yd), BigReal.One);
        BigReal Ratio(string of) => of == "10" ? BigReal.Log(x) / BigReal.Log(BigReal.Small(10)) : BigReal.Log(x) / BigReal.Ln2;
        BigReal Asin() => BigReal.Atan(x / ((one - x) * (one + x)).Sqrt());
        var half = BigReal.Pi.Times2(-1);
        switch (f)
        {
            case MathFunction.Exp: return BigReal.Exp(x);
            case MathFunction.Exp2: return BigReal.Exp(x * BigReal.Ln2);
            case MathFunction.Expm1: return BigReal.Exp(x) - one;
            case MathFunction.Log: return BigReal.Log(x);
            case MathFunction.Log2: return Ratio("2");
            case MathFunction.Log10: return Ratio("10");
            case MathFunction.Log1p: return BigReal.Log(one + x);
            case MathFunction.Sin: return BigReal.SinCos(x).Sin;
            case MathFunction.Cos: return BigReal.SinCos(x).Cos;
            case MathFunction.Tan: return BigReal.SinCos(x) is var (s, c) ? s / c : default;
            case MathFunction.Asin: return Asin();
            case MathFunction.Acos: return half - Asin();
            case MathFunction.Atan: return BigReal.Atan(x);
            case MathFunction.Atan2:
                var angle = BigReal.Atan(x / y); // Atan2's first argument is the ordinate
                return y.Sign > 0 ? angle : x.Sign >= 0 ? angle + BigReal.Pi : angle - BigReal.Pi;
            case MathFunction.Sinh: return (BigReal.Exp(x) - BigReal.Exp(-x)).Times2(-1);
            case MathFunction.Cosh: return (BigReal.Exp(x) + BigReal.Exp(-x)).Times2(-1);
            case MathFunction.Tanh: return (BigReal.Exp(x.Times2(1)) - one) / (BigReal.Exp(x.Times2(1)) + one);
            case MathFunction.Erf: return BigReal.Erf(x);
            case MathFunction.Pow: return BigReal.Exp(BigReal.Log(x) * y);
            case MathFunction.Rsqrt: return one / x.Sqrt();
            case MathFunction.Cbrt:
                var root = BigReal.Exp(BigReal.Log(x.Abs()) / BigReal.Small(3));
                return xd < 0 ? -root : root;
            default: throw new ArgumentOutOfRangeException(nameof(f));
        }
    }

    private static double Ulps(double got, BigReal wanted)
    {
        if (wanted.M.IsZero)
        {
            return got == 0 ? 0 : double.PositiveInfinity;
        }

        if (wanted.Exponent >= 1024)
        {
            return double.IsInfinity(got) ? 0 : double.PositiveInfinity;
        }

        if (!double.IsFinite(got))
        {
            return double.PositiveInfinity;
        }

        var ulp = Math.Max(wanted.Exponent, -1022) - 52;
        return (BigReal.Of(got) - wanted).Abs().Times2(-ulp).ToDouble();
    }
}
