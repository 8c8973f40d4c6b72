using System.Globalization;
using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>Which multiple of what is taken from the argument.</summary>
internal enum Turn
{
    /// <summary>x = k π/2 + r</summary>
    Quarter = 0,

    /// <summary>x = k π + r</summary>
    Half = 1,

    /// <summary>x + π/2 = k π + r</summary>
    HalfFromQuarter = 2,
}

/// <summary>
/// Argument reduction of the trigonometric functions: Cody and Waite's, with π in three parts and fma, up to a limit; beyond it Payne
/// and Hanek's, exact products with as many bits of 2/π as matter, one lane at a time behind a branch that is almost never taken.
/// </summary>
internal static class TrigReduction
{
    public const string Table = "lep.two.over.pi";

    // π in parts of 24 and of 53 bits. Each is rounded down, so that nothing is added to a zero but zeros of its own sign.
    private static readonly double[] PiF32 = [3.141592502593994, 1.5099578831723193e-07, 1.078060505991553e-14];
    private static readonly double[] PiF64 = [3.141592653589793, 1.224646799147353e-16, 2.1657133478438278e-32];

    /// <summary>64 zero bits, then 1,216 bits of 2/π.</summary>
    public static readonly ulong[] TwoOverPi =
    [
        0, 0xA2F9836E4E441529, 0xFC2757D1F534DDC0, 0xDB6295993C439041, 0xFE5163ABDEBBC561, 0xB7246E3A424DD2E0, 0x06492EEA09D1921C,
        0xFE1DEB1CB129A73E, 0xE88235F52EBB4484, 0xE99C7026B45F7E41, 0x3991D639835339F4, 0x9C845F8BBDF9283B, 0x1FF897FFDE05980F,
        0xEF2F118B5A0A6D1F, 0x6D367ECF27CB09B7, 0x4F463F669E5FEA2D, 0x7527BAC7EBE5F17B, 0x3D0739F78A5292EA, 0x6BFB5FB1F8D5D085, 0x56033046FC7B6BAB,
    ];

    /// <summary>π/2 in two parts.</summary>
    public static (double High, double Low) HalfPi => (PiF64[0] / 2, PiF64[1] / 2);

    /// <summary>r, what its rounding lost, and k, of which only the lowest two bits (for half turns: the lowest) mean something.</summary>
    public static (Flt R, Flt Low, Int K) Reduce(MathBody b, MathLibrary library, Flt x, Turn turn, bool wantLow)
    {
        var (r, low, k) = Fast(b, x, turn, wantLow);

        if (b.UsualOnly)
        {
            return (r, low, k);
        }

        // Not below the limit: huge, inf or nan.
        var huge = b.Compare("uge", b.Abs(x), b.F(UsualBelow(b.Type)));
        return b.ReducedWhereHuge(library, huge, x, turn, (r, low, k), wantLow);
    }

    /// <summary>The magnitude below which three parts of π are enough.</summary>
    public static double UsualBelow(ElementType type) => type == ElementType.F32 ? 65536 : 1 << 20;

    /// <summary>The constant that the slow path reads: 64 zero bits, then 1,216 bits of 2/π.</summary>
    public static string TableText()
    {
        var list = string.Join(", ", TwoOverPi.Select(w => "i64 " + ((long)w).ToString(CultureInfo.InvariantCulture)));
        return $"@{Table} = private unnamed_addr constant [{TwoOverPi.Length} x i64] [{list}]\n";
    }

    /// <summary>All lanes by <see cref="ScalarText"/>, one after the other.</summary>
    public static string VectorText(IrMathBody b, string name, string scalarName)
    {
        var result = $"{{ {b.FloatType}, {b.FloatType}, {b.IntType} }}";
        var one = $"{{ {b.Scalar}, {b.Scalar}, i{b.Bits} }}";
        string[] types = [b.FloatType, b.FloatType, b.IntType];
        string[] parts = ["poison", "poison", "poison"];
        string[] scalars = [b.Scalar, b.Scalar, "i" + b.Bits];
        for (var lane = 0; lane < b.Lanes; lane++)
        {
            var x = b.Text.Value($"extractelement {b.FloatType} %x, i64 {lane}");
            var r = b.Text.Value($"call {one} @\"{scalarName}\"({b.Scalar} {x}, i64 %turn)");
            for (var part = 0; part < 3; part++)
            {
                var value = b.Text.Value($"extractvalue {one} {r}, {part}");
                parts[part] = b.Text.Value($"insertelement {types[part]} {parts[part]}, {scalars[part]} {value}, i64 {lane}");
            }
        }

        var all = "poison";
        for (var part = 0; part < 3; part++)
        {
            all = b.Text.Value($"insertvalue {result} {all}, {types[part]} {parts[part]}, {part}");
        }

        return $"define internal {result} @\"{name}\"({b.FloatType} %x, i64 %turn) noinline cold nounwind {{\n{b.Text}  ret {result} {all}\n}}\n";
    }

    /// <summary>
    /// m 2^e · 2/π mod 4 as a 192-bit product of the mantissa m with the window of 2/π whose first bit then weighs 2¹:
    /// <code>
    ///   V: 2 bits quarter turns | 126 bits fraction        (the lowest 64 of the 192 are only there to carry)
    /// </code>
    /// </summary>
    public static string ScalarText(IrMathBody b, string name)
    {
        var t = b.Text;
        var f64 = b.As(ElementType.F64);
        var bits = t.Value($"bitcast {b.Scalar} %x to i{b.Bits}");
        if (b.Single)
        {
            bits = t.Value($"zext i32 {bits} to i64");
        }

        var (mantissaBits, exponents) = (b.MantissaBits, b.Single ? 255 : 2047);
        var shifted = t.Value($"lshr i64 {bits}, {mantissaBits}");
        var exponent = t.Value($"and i64 {shifted}, {exponents}");
        var fraction = t.Value($"and i64 {bits}, {(1L << mantissaBits) - 1}");
        var m = t.Value($"or i64 {fraction}, {1L << mantissaBits}");

        // The bit of 2/π that weighs 2^-i stands at i + 63 of the table; the window starts with i = e - 1.
        var start = t.Value($"add i64 {exponent}, {62 - b.Bias - mantissaBits}");
        var from = t.Value($"call i64 @llvm.smax.i64(i64 {start}, i64 0)");
        var word = t.Value($"lshr i64 {from}, 6");
        var offset = t.Value($"and i64 {from}, 63");
        var words = new string[4];
        for (var i = 0; i < 4; i++)
        {
            var index = t.Value($"add i64 {word}, {i}");
            var place = t.Value($"getelementptr inbounds i64, ptr @{Table}, i64 {index}");
            words[i] = t.Value($"load i64, ptr {place}");
        }

        var wide = t.Value($"zext i64 {m} to i128");
        string Window(int i) => t.Value($"call i64 @llvm.fshl.i64(i64 {words[i]}, i64 {words[i + 1]}, i64 {offset})");
        string Times(string w) => t.Value($"mul i128 {wide}, {t.Value($"zext i64 {w} to i128")}");
        string High(string v) => t.Value($"lshr i128 {v}, 64");

        var product2 = Times(Window(2));
        var product1 = t.Value($"add i128 {Times(Window(1))}, {High(product2)}");
        var product0 = t.Value($"add i128 {Times(Window(0))}, {High(product1)}");
        var low64 = t.Value($"trunc i128 {product1} to i64");
        var top = t.Value($"shl i128 {product0}, 64");
        var magnitude = t.Value($"or i128 {top}, {t.Value($"zext i64 {low64} to i128")}");
        var negated = t.Value($"sub i128 0, {magnitude}");
        var negative = t.Value($"fcmp olt {b.Scalar} %x, 0.0");
        var turns = t.Value($"select i1 {negative}, i128 {negated}, i128 {magnitude}");

        var quarter = t.Value($"icmp eq i64 %turn, {(int)Turn.Quarter}");
        var ahead = t.Value($"icmp eq i64 %turn, {(int)Turn.HalfFromQuarter}");
        var shift = t.Value($"select i1 {quarter}, i128 126, i128 127");
        var added = t.Value($"select i1 {ahead}, i128 {System.Numerics.BigInteger.One << 126}, i128 0");
        var half = t.Value($"select i1 {quarter}, i128 {System.Numerics.BigInteger.One << 125}, i128 {System.Numerics.BigInteger.One << 126}");
        var v = t.Value($"add i128 {turns}, {added}");
        var k = t.Value($"lshr i128 {t.Value($"add i128 {v}, {half}")}, {shift}");
        var rest = t.Value($"sub i128 {v}, {t.Value($"shl i128 {k}, {shift}")}");
        var below = t.Value($"icmp slt i128 {rest}, 0");
        var size = t.Value($"call i128 @llvm.abs.i128(i128 {rest}, i1 false)");

        // Its 53 leading bits and the 64 after them, as doubles; then times π/2 in two parts.
        var zeros = t.Value($"call i128 @llvm.umin.i128(i128 {t.Value($"call i128 @llvm.ctlz.i128(i128 {size}, i1 false)")}, i128 127)");
        var normal = t.Value($"shl i128 {size}, {zeros}");
        var leading = t.Value($"trunc i128 {t.Value($"lshr i128 {normal}, 75")} to i64");
        var following = t.Value($"trunc i128 {t.Value($"lshr i128 {normal}, 11")} to i64");
        var scaleExponent = t.Value($"sub i64 {1023 - 51}, {t.Value($"trunc i128 {zeros} to i64")}");
        var scale = f64.FromBits(new Int(f64, scaleExponent) << 52);
        scale = f64.Select(new Mask(f64, below), -scale, scale);
        var high = new Flt(f64, t.Value($"uitofp i64 {leading} to double")) * scale;
        var low = new Flt(f64, t.Value($"uitofp i64 {following} to double")) * System.Math.ScaleB(1, -64) * scale;
        var (p, lost) = f64.Product(high, f64.F(PiF64[0] / 2));
        var (r, rLow) = MathBody.FastSum(p, lost + ((high * (PiF64[1] / 2)) + (low * (PiF64[0] / 2))));
        if (b.Single)
        {
            var narrow = b.Narrow(r);
            (r, rLow) = (narrow, b.Narrow(r - b.Widen(narrow)));
        }

        var finite = t.Value($"icmp ne i64 {exponent}, {exponents}");
        r = b.Select(new Mask(b, finite), r, double.NaN);
        var result = $"{{ {b.Scalar}, {b.Scalar}, i{b.Bits} }}";
        var one = t.Value($"insertvalue {result} poison, {b.Scalar} {r.Name}, 0");
        var two = t.Value($"insertvalue {result} {one}, {b.Scalar} {rLow.Name}, 1");
        var all = t.Value($"insertvalue {result} {two}, i{b.Bits} {t.Value($"trunc i128 {k} to i{b.Bits}")}, 2");
        return $"define internal {result} @\"{name}\"({b.Scalar} %x, i64 %turn) noinline cold nounwind {{\n{t}  ret {result} {all}\n}}\n";
    }

    // x - k π is exact in its first step: both are multiples of the same 2^-n, and the difference has no more bits than a float.
    private static (Flt R, Flt Low, Int K) Fast(MathBody b, Flt x, Turn turn, bool wantLow)
    {
        var period = turn == Turn.Quarter ? 0.5 : 1.0;
        var pi = b.Pick(PiF32, PiF64);
        Flt k;
        Int bits;
        if (turn == Turn.HalfFromQuarter)
        {
            // (k - 1/2) π - x, negated and so with the sign of the half turn before.
            var sum = b.MulAdd(x, 1 / System.Math.PI, -0.5) + b.RoundingMagic;
            k = b.RoundingMagic - sum - 0.5;
            x = -x;
            bits = b.BitsOf(sum);
        }
        else
        {
            var sum = b.MulAdd(x, 1 / (System.Math.PI * period), b.RoundingMagic);
            k = sum - b.RoundingMagic;
            bits = b.BitsOf(sum);
        }

        var first = b.Fma(k, -pi[0] * period, x);
        if (!wantLow)
        {
            var second = b.Fma(k, -pi[1] * period, first);
            return (b.MulAdd(k, -pi[2] * period, second), second, bits);
        }

        var (product, lost) = b.Product(k, b.F(-pi[1] * period));
        var (sum2, rest) = MathBody.Sum(first, product);
        var (r, low) = MathBody.FastSum(sum2, b.MulAdd(k, -pi[2] * period, lost + rest));
        return (r, low, bits);
    }
}
