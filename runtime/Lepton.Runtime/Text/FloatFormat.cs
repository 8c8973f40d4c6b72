using Lepton.Abi;

namespace Lepton.Runtime.Text;

/// <summary>
/// The common format of floats. Exponents are used when the largest magnitude is at least 1e8, the smallest (not 0) below 1e-4, or their
/// ratio above 1000; then every number has the same digits. Otherwise points stand below each other.
/// </summary>
internal sealed unsafe class FloatFormat : ElementFormat
{
    private const int Precision = 8;

    private readonly byte* _data;
    private readonly ElementType _element;
    private readonly bool _scientific;
    private readonly int _left;
    private readonly int _fraction;
    private readonly int _exponentDigits = 2;
    private readonly int _width;

    internal FloatFormat(byte* data, ElementType element, IReadOnlyList<long> shown)
    {
        _data = data;
        _element = element;
        var finite = shown.Select(i => FloatParts.At(data, i, element)).Where(p => double.IsFinite(p.Value)).ToList();
        _scientific = NeedsExponent(finite, element);
        foreach (var value in finite)
        {
            if (_scientific)
            {
                var (whole, fraction, exponent) = Dragon4.Scientific(value, Precision, 0, 2);
                _left = Math.Max(_left, whole.Length);
                _fraction = Math.Max(_fraction, fraction.Length);
                _exponentDigits = Math.Max(_exponentDigits, exponent.Length - 1);
            }
            else
            {
                var (whole, fraction) = Dragon4.Positional(value, Precision, wholeExact: true);
                _left = Math.Max(_left, whole.Length);
                _fraction = Math.Max(_fraction, fraction.Length);
            }
        }

        // point, fraction, and e+XX
        var right = 1 + _fraction + (_scientific ? _exponentDigits + 2 : 0);
        if (finite.Count < shown.Count)
        {
            var minusInfinity = shown.Any(i => double.IsNegativeInfinity(FloatParts.At(data, i, element).Value));
            _left = Math.Max(_left, (minusInfinity ? 4 : 3) - right);
        }

        _width = _left + right;
    }

    /// <summary>A single number that is not in an array: exponent from 1e16 up and below 1e-4, always a digit after the point.</summary>
    internal static string Scalar(in FloatParts value)
    {
        if (!double.IsFinite(value.Value))
        {
            return Special(value.Value);
        }

        var magnitude = Math.Abs(value.Value);
        if (magnitude == 0 || magnitude is >= 1e-4 and < 1e16)
        {
            var (whole, fraction) = Dragon4.Positional(value, int.MaxValue, wholeExact: false);
            return $"{whole}.{(fraction.Length > 0 ? fraction : "0")}";
        }

        var (first, rest, exponent) = Dragon4.Scientific(value, 1100, 0, 2);
        return rest.Length > 0 ? $"{first}.{rest}e{exponent}" : $"{first}e{exponent}";
    }

    internal override string Format(long index)
    {
        var value = FloatParts.At(_data, index, _element);
        if (!double.IsFinite(value.Value))
        {
            return Special(value.Value).PadLeft(_width);
        }

        if (_scientific)
        {
            var (first, rest, exponent) = Dragon4.Scientific(value, _fraction, _fraction, _exponentDigits);
            return $"{first.PadLeft(_left)}.{rest}e{exponent}";
        }

        var (whole, fraction) = Dragon4.Positional(value, Precision, wholeExact: true);
        return $"{whole.PadLeft(_left)}.{fraction.PadRight(_fraction)}";
    }

    private static string Special(double value) => double.IsNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";

    private static bool NeedsExponent(List<FloatParts> finite, ElementType element)
    {
        var (largest, smallest) = (0.0, double.PositiveInfinity);
        foreach (var value in finite)
        {
            if (value.Mantissa != 0)
            {
                largest = Math.Max(largest, Math.Abs(value.Value));
                smallest = Math.Min(smallest, Math.Abs(value.Value));
            }
        }

        // The limits are rounded to the element type first, and so is the ratio: f32 0.0001 counts as 0.0001 though it is a little less.
        return largest > 0
            && (largest >= Round(1e8, element) || smallest < Round(1e-4, element) || Round(largest / smallest, element) > 1000);
    }

    private static double Round(double value, ElementType element) => element switch
    {
        ElementType.F32 => (float)value,
        ElementType.F16 => (double)(Half)value,
        ElementType.BF16 => (Tensors.BFloat16)value,
        _ => value,
    };
}
