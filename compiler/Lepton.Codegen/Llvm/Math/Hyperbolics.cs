namespace Lepton.Codegen.Llvm.Math;

/// <summary>sinh, cosh, tanh and erf: a polynomial near 0, e^x elsewhere.</summary>
internal static class Hyperbolics
{
    // sinh x = x + x³ p(x²) on ±1; errors 2^-34 and 2^-63.
    private static readonly double[] SinhF32 = [0.1666666716337204, 0.008333349600434303, 0.00019836158026009798, 2.8169579309178516e-06];

    private static readonly double[] SinhF64 =
    [
        0.16666666666666669, 0.008333333333333148, 0.0001984126984143195, 2.7557319157045565e-06, 2.505212314108109e-08, 1.6057259416542276e-10,
        7.758759851786623e-13,
    ];

    // tanh x = x + x³ p(x²) on ±1; errors 2^-31 and 2^-60.
    private static readonly double[] TanhF32 =
    [
        -0.333333283662796, 0.1333319991827011, -0.05395309254527092, 0.021784698590636253, -0.008595038205385208, 0.003078495617955923,
        -0.0008410719456151128, 0.00012145326763857156,
    ];

    private static readonly double[] TanhF64 =
    [
        -0.333333333333333, 0.13333333333328964, -0.05396825396644557, 0.02186948849800897, -0.008863235047553524, 0.0035921240312162283,
        -0.0014558112623529625, 0.0005899310589869589, -0.0002388317306813775, 9.622486280420942e-05, -3.805963087677154e-05, 1.4275627624560648e-05,
        -4.755105859586791e-06, 1.270028257081939e-06, -2.3267216666886928e-07, 2.126484665001777e-08,
    ];

    // erf x = x + x p(x²) on ±1; errors 2^-30 and 2^-63.
    private static readonly double[] ErfF32 =
    [
        0.12837916612625122, -0.3761262595653534, 0.1128358468413353, -0.026853807270526886, 0.005188317969441414, -0.000801009708084166,
        7.853511488065124e-05,
    ];

    private static readonly double[] ErfF64 =
    [
        0.1283791670955126, -0.3761263890318375, 0.11283791670954857, -0.026866170645072834, 0.005223977624780263, -0.0008548326978706462,
        0.00012055331035558006, -1.4925593473777966e-05, 1.6460972272474124e-06, -1.635001931412158e-07, 1.4657839229678878e-08,
        -1.1365505761099673e-09, 5.944985541163665e-11,
    ];

    // -log(1 - erf x) = p(x - 2) on [1, 4] and [1, 6]; errors of erf 2^-35 and 2^-66.
    private static readonly double[] ErfTailF32 =
    [
        5.364941120147705, 4.418160915374756, 0.9237509965896606, 0.0164658110588789, -0.0035705193877220154, 0.0007302124286070466,
        -0.00013770618534181267, 2.1697551346733235e-05,
    ];

    private static readonly double[] ErfTailF64 =
    [
        5.364941264616638, 4.418160805994415, 0.9237508418237774, 0.01646511813692916, -0.0035707563454848187, 0.0007323993858196075,
        -0.00013530933960527995, 2.0706428957670136e-05, -1.952178453206132e-06, -2.036280896648173e-07, 1.7317918896165703e-07, -5.782124708147235e-08,
        1.397700684809305e-08, -2.519536249414246e-09, 2.564945515659277e-10, 3.5914178604033414e-11, -2.9938624652543336e-11, 1.0423909999009983e-11,
        -2.420253224338643e-12, 3.465459988683464e-13, -2.257717727342204e-14,
    ];

    public static Flt Sinh(MathBody b, Flt x)
    {
        var half = Exponentials.Exp(b, b.Abs(x), scale: -1); // e^|x| / 2 does not overflow before sinh does
        var wide = b.CopySign(half - (0.25 / half), x);
        return b.Select(b.Abs(x) < 1, Near(b, x, b.Pick(SinhF32, SinhF64)), wide);
    }

    public static Flt Cosh(MathBody b, Flt x)
    {
        var half = Exponentials.Exp(b, b.Abs(x), scale: -1);
        return half + (0.25 / half);
    }

    /// <summary>1 - 2 / (e^2x + 1) away from 0; to the last bit 1 where e^2x is beyond e^40.</summary>
    public static Flt Tanh(MathBody b, Flt x)
    {
        var a = b.Abs(x);
        var wide = b.CopySign(1 - (2 / (Exponentials.ExpOfNormalResult(b, b.AtMost(a + a, 40)) + 1)), x);
        return b.Select(a < 1, Near(b, x, b.Pick(TanhF32, TanhF64)), wide);
    }

    public static Flt Erf(MathBody b, Flt x)
    {
        var a = b.Abs(x);
        var near = b.MulAdd(x, b.Polynomial(x * x, b.Pick(ErfF32, ErfF64)), x);
        var tail = b.Polynomial(b.AtMost(a, b.Pick(4, 6)) - 2.0, b.Pick(ErfTailF32, ErfTailF64));
        var wide = b.CopySign(1 - Exponentials.ExpOfNormalResult(b, -tail), x);
        return b.Select(a < 1, near, wide);
    }

    // x + x³ p(x²)
    private static Flt Near(MathBody b, Flt x, double[] coefficients)
    {
        var z = x * x;
        return b.MulAdd(x, b.MulAdd(z, b.Polynomial(z, coefficients), 0), x); // "+ 0" keeps the sign of a zero
    }
}
