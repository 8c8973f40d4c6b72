namespace Lepton.Codegen.Llvm.Math;

/// <summary>sin and cos by one odd polynomial on ±π/2; tan by another on ±π/4.</summary>
internal static class Trigonometry
{
    // sin r = r + r³ p(r²) on ±π/2; errors 2^-27 and 2^-61. The f32 ones are those neighbours of the fit with the least error after rounding.
    private static readonly double[] SinF32 = [-0.16666656732559204, 0.00833301804959774, -0.00019806624914053828, 2.5995466330641648e-06];

    private static readonly double[] SinF64 =
    [
        -0.16666666666666666, 0.008333333333333174, -0.0001984126984120136, 2.755731920976718e-06, -2.5052106745408822e-08, 1.605893321399271e-10,
        -7.642820474147735e-13, 2.71935462230083e-15,
    ];

    // tan r = r + r³ p(r²) on ±π/4; errors 2^-29 and 2^-56.
    private static readonly double[] TanF32 =
    [
        0.33333349227905273, 0.13332653045654297, 0.05406112223863602, 0.021275753155350685, 0.010853001847863197, 6.712438334943727e-05,
        0.0043876259587705135,
    ];

    private static readonly double[] TanF64 =
    [
        0.3333333333333276, 0.13333333333416936, 0.05396825392556167, 0.021869489635540005, 0.008863218790033036, 0.0035922924590589653,
        0.0014547374008877095, 0.0005951514344696043, 0.0002221236476432303, 0.00013705446872962058, -2.7133573167520003e-05, 9.014100220930079e-05,
        -4.524929007703252e-05, 2.0953132436674644e-05,
    ];

    public static Flt Sin(MathBody b, MathLibrary library, Flt x) => SinOfTurn(b, library, x, Turn.Half);

    public static Flt Cos(MathBody b, MathLibrary library, Flt x) => SinOfTurn(b, library, x, Turn.HalfFromQuarter);

    /// <summary>tan r for even quarter turns, -1 / tan r for odd ones.</summary>
    public static Flt Tan(MathBody b, MathLibrary library, Flt x)
    {
        var (r, low, k) = TrigReduction.Reduce(b, library, x, Turn.Quarter, wantLow: true);
        var z = r * r;

        // tan(r + low) = tan r + low (1 + tan² r), and tan² r is about z.
        var tan = r + b.MulAdd(r * z, b.Polynomial(z, b.Pick(TanF32, TanF64)), b.MulAdd(low, z, low));
        var odd = (k & 1).IsNonZero();
        tan = b.Select(odd, -1, tan) / b.Select(odd, tan, 1);
        return b.Select(b.Abs(x) < b.Pick(1e-5, 1e-9), x, tan);
    }

    // sin(k π + r) = (-1)^k sin r
    private static Flt SinOfTurn(MathBody b, MathLibrary library, Flt x, Turn turn)
    {
        var (r, _, k) = TrigReduction.Reduce(b, library, x, turn, wantLow: false);
        var z = r * r;
        var p = b.Polynomial(z, b.Pick(SinF32, SinF64));

        // The sign of a zero is kept by "+ 0" (r as it comes keeps it in f32), or, with less error, by a choice; no r is 0 for a cosine.
        var sin = turn == Turn.Half && b.Single ? b.MulAdd(r, b.MulAdd(z, p, 0), r) : b.MulAdd(r * z, p, r);
        sin = b.FlipSign(sin, k << (b.Bits - 1));
        return turn == Turn.Half && !b.Single ? b.Select(b.Abs(x) < 1e-9, x, sin) : sin;
    }
}
