using System.Globalization;
using System.Net;

namespace Lepton.CommandLine.Profiling;

/// <summary>What pages with pictures have in common.</summary>
internal static class Drawing
{
    /// <summary>1, 2 or 5 times a power of ten, some ten steps in all.</summary>
    public static double Step(double total)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(total, 1e-12) / 10)));
        return power * (total / 10 / power) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
    }

    /// <summary>A hue for each name, the same on every page.</summary>
    public static string Color(string name)
    {
        var hash = name.Aggregate(2166136261u, (h, c) => (h ^ c) * 16777619u);
        return Inv($"hsl({hash % 360}, {45 + (hash / 360 % 3 * 10)}%, {65 + (hash / 1080 % 3 * 6)}%)");
    }

    public static string Text(string text) => WebUtility.HtmlEncode(text);

    public static string Inv(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
