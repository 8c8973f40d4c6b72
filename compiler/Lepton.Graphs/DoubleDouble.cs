namespace Lepton.Graphs;

/// <summary>A number as the exact sum Hi + Lo of two doubles, about 106 bits: enough to round functions of doubles as if they were exact.</summary>
internal readonly record struct DoubleDouble(double Hi, double Lo)
{
    public static readonly DoubleDouble Ln2 = new(0.6931471805599453, 2.3190468138462996e-17);

    /// <summary>2 / sqrt(pi).</summary>
    public static readonly DoubleDouble TwoOverRootPi = new(1.1283791670955126, 1.533545961316588e-17);

    public static implicit operator DoubleDouble(double value) => new(value, 0);

    public static DoubleDouble operator -(DoubleDouble a) => new(-a.Hi, -a.Lo);

    public static DoubleDouble operator +(DoubleDouble a, DoubleDouble b)
    {
        var sum = Sum(a.Hi, b.Hi);
        var low = Sum(a.Lo, b.Lo);
        sum = Quick(sum.Hi, sum.Lo + low.Hi);
        return Quick(sum.Hi, sum.Lo + low.Lo);
    }

    public static DoubleDouble operator -(DoubleDouble a, DoubleDouble b) => a + -b;

    public static DoubleDouble operator *(DoubleDouble a, DoubleDouble b)
    {
        var product = a.Hi * b.Hi;
        return Quick(product, Math.FusedMultiplyAdd(a.Hi, b.Hi, -product) + ((a.Hi * b.Lo) + (a.Lo * b.Hi)));
    }

    public static DoubleDouble operator /(DoubleDouble a, DoubleDouble b)
    {
        var first = a.Hi / b.Hi;
        var rest = a - (b * first);
        var second = rest.Hi / b.Hi;
        return Quick(first, second) + ((rest - (b * second)).Hi / b.Hi);
    }

    /// <summary>e^x - 1 for |x| ≤ 700, as 2^k (e^r - 1) + (2^k - 1) with |r| ≤ ln(2) / 2.</summary>
    public static DoubleDouble Expm1(DoubleDouble x)
    {
        var k = Math.Round(x.Hi / Ln2.Hi);
        var small = Expm1Reduced(x - (Ln2 * k));
        var scale = Math.ScaleB(1, (int)k);
        return k == 0 ? small : new DoubleDouble(small.Hi * scale, small.Lo * scale) + ((DoubleDouble)scale - 1);
    }

    /// <summary>e^x for |x| ≤ 700.</summary>
    public static DoubleDouble Exp(DoubleDouble x)
    {
        var k = Math.Round(x.Hi / Ln2.Hi);
        var value = Expm1Reduced(x - (Ln2 * k)) + 1;
        var scale = Math.ScaleB(1, (int)k);
        return new DoubleDouble(value.Hi * scale, value.Lo * scale);
    }

    /// <summary>e^x · 2^shift, also where e^x alone would overflow.</summary>
    public static double Exp(DoubleDouble x, int shift)
    {
        // Far out the reduction would be inf - inf, and the result is inf or 0 long before.
        x = x.Hi > 2000 ? 2000 : x.Hi < -2000 ? -2000 : x;
        var k = Math.Round(x.Hi / Ln2.Hi);
        var value = Expm1Reduced(x - (Ln2 * k)) + 1;
        return Math.ScaleB(value.Hi + value.Lo, (int)k + shift);
    }

    // r (1 + r/2 (1 + r/3 (1 + …))): 27 terms leave less than 2^-110 for |r| ≤ 0.35.
    private static DoubleDouble Expm1Reduced(DoubleDouble r)
    {
        DoubleDouble sum = 1;
        for (var n = 27; n >= 2; n--)
        {
            sum = (r * sum / n) + 1;
        }

        return r * sum;
    }

    private static DoubleDouble Sum(double a, double b)
    {
        var sum = a + b;
        var part = sum - a;
        return new(sum, (a - (sum - part)) + (b - part));
    }

    // For |a| ≥ |b|.
    private static DoubleDouble Quick(double a, double b)
    {
        var sum = a + b;
        return new(sum, b - (sum - a));
    }
}
