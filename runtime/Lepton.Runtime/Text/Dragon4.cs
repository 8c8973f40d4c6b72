using System.Globalization;
using System.Numerics;
using System.Text;

namespace Lepton.Runtime.Text;

/// <summary>
/// Decimal digits of a float: the fewest that still name it among the floats of its type (Steele and White 1990, in exact integers), cut off
/// and rounded half to even at a given place.
/// </summary>
/// <remarks>
/// <code>
///   value / scale = 0.d1 d2 d3 ... * 10^k       a digit is floor(10 * value / scale), and value becomes the remainder
///   low:  remainder below the half-gap to the float below,  high: rest to the next digit below the half-gap to the float above
/// </code>
/// Digits end as soon as low or high holds (never before the least number of digits asked for), or at the cut-off.
/// </remarks>
internal static class Dragon4
{
    /// <summary><c>1.5e-07</c>.</summary>
    /// <param name="value">A finite value.</param>
    /// <param name="precision">The most digits after the point.</param>
    /// <param name="minimum">The least digits after the point; those beyond the naming ones are exact digits of the value.</param>
    /// <param name="exponentDigits">The least digits of the exponent.</param>
    internal static (string Whole, string Fraction, string Exponent) Scientific(in FloatParts value, int precision, int minimum, int exponentDigits)
    {
        var (digits, exponent) = value.Mantissa == 0 ? ("0", 0) : Digits(value, first => first - precision, first => first - minimum);
        var fraction = digits[1..].TrimEnd('0').PadRight(minimum, '0');
        var sign = exponent < 0 ? "-" : "+";
        var power = Math.Abs(exponent).ToString(CultureInfo.InvariantCulture).PadLeft(exponentDigits, '0');
        return ((value.Negative ? "-" : "") + digits[0], fraction, sign + power);
    }

    /// <summary><c>1234.5</c> as whole part and fraction; the fraction has no zeros at its end.</summary>
    /// <param name="value">A finite value.</param>
    /// <param name="precision">The most digits after the point.</param>
    /// <param name="wholeExact">All digits before the point are the value's own; else zeros follow the last that names it: f16 42528 is 42530 then.</param>
    internal static (string Whole, string Fraction) Positional(in FloatParts value, int precision, bool wholeExact)
    {
        var sign = value.Negative ? "-" : "";
        if (value.Mantissa == 0)
        {
            return (sign + "0", "");
        }

        var (digits, exponent) = Digits(value, _ => -precision, _ => wholeExact ? 0 : int.MaxValue);
        if (exponent < 0)
        {
            return (sign + "0", (new string('0', -exponent - 1) + digits).TrimEnd('0'));
        }

        var whole = digits.Length > exponent ? digits[..(exponent + 1)] : digits.PadRight(exponent + 1, '0');
        return (sign + whole, digits.Length > exponent + 1 ? digits[(exponent + 1)..].TrimEnd('0') : "");
    }

    /// <summary>Digits and the decimal exponent of the first of them.</summary>
    /// <param name="value">A finite value that is not 0.</param>
    /// <param name="last">From the first digit's exponent, that of the last one allowed.</param>
    /// <param name="atLeast">From the first digit's exponent, that down to which digits are wanted.</param>
    private static (string Digits, int Exponent) Digits(in FloatParts value, Func<int, int> last, Func<int, int> atLeast)
    {
        // All doubled twice, so that the half-gaps are integers: value = v/scale, half-gap above = above/scale, below = below/scale.
        BigInteger v = value.Mantissa, scale = 4, above = 2, below = value.NarrowBelow ? 1 : 2;
        v <<= 2;
        if (value.Exponent > 0)
        {
            (v, above, below) = (v << value.Exponent, above << value.Exponent, below << value.Exponent);
        }
        else
        {
            scale <<= -value.Exponent;
        }

        // The estimate may be one too small, never too large.
        var exponent = (int)Math.Ceiling(((BitOperations.Log2(value.Mantissa) + value.Exponent) * 0.30102999566398120) - 0.69);
        if (exponent > 0)
        {
            scale *= BigInteger.Pow(10, exponent);
        }
        else
        {
            var power = BigInteger.Pow(10, -exponent);
            (v, above, below) = (v * power, above * power, below * power);
        }

        if (v >= scale)
        {
            scale *= 10;
            exponent++;
        }

        exponent--;
        var (first, even) = (exponent, (value.Mantissa & 1) == 0);
        var (cut, wanted) = (last(first), atLeast(first));
        var digits = new StringBuilder();
        while (true)
        {
            (v, above, below) = (v * 10, above * 10, below * 10);
            var digit = (int)BigInteger.DivRem(v, scale, out v);
            var low = even ? v <= below : v < below;
            var high = even ? v + above >= scale : v + above > scale;
            if (((low || high) && exponent <= wanted) || exponent == cut)
            {
                var half = (v << 1).CompareTo(scale);
                var down = low != high ? low : half < 0 || (half == 0 && digit % 2 == 0);
                return Rounded(digits.Append((char)('0' + digit)), down, first);
            }

            digits.Append((char)('0' + digit));
            exponent--;
        }
    }

    private static (string Digits, int Exponent) Rounded(StringBuilder digits, bool down, int first)
    {
        if (down)
        {
            return (digits.ToString(), first);
        }

        // 1299 -> 13, 999 -> 1 with the next exponent
        var at = digits.Length - 1;
        while (at >= 0 && digits[at] == '9')
        {
            at--;
        }

        if (at < 0)
        {
            return ("1", first + 1);
        }

        digits.Length = at + 1;
        digits[at]++;
        return (digits.ToString(), first);
    }
}
