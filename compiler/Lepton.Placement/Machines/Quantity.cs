using System.Globalization;

namespace Lepton.Placement.Machines;

/// <summary>A kind of quantity: its units and their factors, and how to write one.</summary>
internal sealed record Quantity(string Name, string Example, params (string Unit, double Factor)[] Units)
{
    // Light in glass fibre: two thirds of its speed in vacuum.
    private const double MetresPerSecond = 2e8;

    /// <summary>In bytes.</summary>
    public static readonly Quantity Bytes = new(
        "amount of memory", "16 GiB", ("B", 1), ("kB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("KiB", 1 << 10), ("MiB", 1 << 20),
            ("GiB", 1 << 30), ("TiB", 1L << 40));

    /// <summary>In usd per hour.</summary>
    public static readonly Quantity Price = new("price of time", "0.25 usd/h", ("usd/h", 1), ("usd/min", 60), ("usd/s", 3600), ("usd/day", 1 / 24.0));

    /// <summary>In usd per 10⁹ bytes.</summary>
    public static readonly Quantity BytePrice = new("price of bytes", "0.02 usd/GB", ("usd/GB", 1), ("usd/MB", 1e3), ("usd/TB", 1e-3));

    /// <summary>In seconds.</summary>
    public static readonly Quantity Seconds = new("time", "10 us", ("s", 1), ("ms", 1e-3), ("us", 1e-6), ("µs", 1e-6), ("ns", 1e-9), ("min", 60),
        ("h", 3600));

    /// <summary>In bytes per second. Networks count in bits.</summary>
    public static readonly Quantity Rate = new(
        "bandwidth", "12 GB/s", ("B/s", 1), ("kB/s", 1e3), ("MB/s", 1e6), ("GB/s", 1e9), ("TB/s", 1e12), ("MiB/s", 1 << 20), ("GiB/s", 1 << 30),
            ("kbit/s", 125), ("Mbit/s", 125e3), ("Gbit/s", 125e6));

    /// <summary>A distance, in seconds that a signal takes.</summary>
    public static readonly Quantity Distance = new("distance", "300 km", ("m", 1 / MetresPerSecond), ("km", 1e3 / MetresPerSecond));

    /// <summary>In operations per second.</summary>
    public static readonly Quantity Flops = new("speed", "80 GFLOP/s", ("MFLOP/s", 1e6), ("GFLOP/s", 1e9), ("TFLOP/s", 1e12), ("PFLOP/s", 1e15));

    /// <summary>In operations.</summary>
    public static readonly Quantity Operations = new("number of operations", "10 MFLOP", ("FLOP", 1), ("kFLOP", 1e3), ("MFLOP", 1e6), ("GFLOP", 1e9),
        ("TFLOP", 1e12));

    /// <summary><c>16 GiB</c> and <c>16GiB</c> in the quantity's own unit; null when it is none.</summary>
    public double? Read(string text)
    {
        var trimmed = text.Trim();
        var end = 0;
        while (end < trimmed.Length && (char.IsAsciiDigit(trimmed[end]) || trimmed[end] is '.' or '-' or '+' || IsExponent(trimmed, end)))
        {
            end++;
        }

        var unit = trimmed[end..].Trim();
        if (!double.TryParse(trimmed[..end], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) || !double.IsFinite(number))
        {
            return null;
        }

        var factor = unit.Length == 0 && number == 0 ? 1 : Units.FirstOrDefault(u => u.Unit == unit).Factor;

        // 5 us is 5 / 10⁶ and not 5 · 10⁻⁶, which is another double.
        var amount = factor is > 0 and < 1 ? number / Math.Round(1 / factor) : number * factor;
        return factor > 0 && double.IsFinite(amount) ? amount : null;
    }

    /// <summary>
    /// An amount in its own unit as text that <see cref="Read"/> reads, to four digits: in the unit that leaves the smallest number of at least
    /// 1. The first unit of each name is preferred (MB to MiB).
    /// </summary>
    public string Write(double amount)
    {
        if (amount == 0)
        {
            return "0";
        }

        var (unit, factor) = Units.Where(u => u.Factor <= amount * (1 + 1e-9) && !u.Unit.Contains('i', StringComparison.Ordinal))
            .DefaultIfEmpty(Units.MinBy(u => u.Factor)).MaxBy(u => u.Factor);
        return $"{double.Parse((amount / factor).ToString("G4", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture).ToString("0.####", CultureInfo.InvariantCulture)} {unit}";
    }

    // 1e9 B: an exponent only where a digit, or a sign and a digit, follows.
    private static bool IsExponent(string text, int at) => text[at] is 'e' or 'E' && at > 0 && at + 1 < text.Length
        && (char.IsAsciiDigit(text[at + 1]) || (text[at + 1] is '+' or '-' && at + 2 < text.Length && char.IsAsciiDigit(text[at + 2])));
}
