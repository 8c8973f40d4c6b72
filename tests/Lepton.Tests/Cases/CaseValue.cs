using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Cases;

/// <summary>The numbers of case files: nested lists, or a word that fills a shape.</summary>
internal static class CaseValue
{
    /// <summary>The shape that a list has by its brackets; null for a word.</summary>
    public static long[]? ShapeOf(string text)
    {
        if (IsWord(text))
        {
            return null;
        }

        // The first element on every level tells the size: its commas are those at its own depth.
        var sizes = new List<long>();
        for (var inner = text; inner.StartsWith('['); inner = Parts(inner).FirstOrDefault() ?? "")
        {
            sizes.Add(Parts(inner).Count);
        }

        return [.. sizes];
    }

    /// <param name="shape">Called for words alone.</param>
    public static TensorValue Parse(string text, ElementType element, Func<long[]> shape)
    {
        if (!IsWord(text))
        {
            var sizes = ShapeOf(text)!;
            var numbers = text.Split(['[', ']', ',', ' '], StringSplitOptions.RemoveEmptyEntries);
            return element.IsFloat()
                ? TensorValue.OfFloats(element, sizes, Array.ConvertAll(numbers, Float))
                : TensorValue.OfIntegers(element, sizes, Array.ConvertAll(numbers, Integer));
        }

        var filled = shape();
        var count = filled.Aggregate(1L, (a, b) => a * b);
        var values = new double[count];
        var isSparse = text.StartsWith("sparse(", StringComparison.Ordinal);
        var start = text.IndexOf('(', StringComparison.Ordinal) + 1;
        var random = isSparse || text.StartsWith("uniform(", StringComparison.Ordinal) ? new Random(int.Parse(text.AsSpan(start, text.Length - start - 1), CultureInfo.InvariantCulture)) : null;
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = text switch
            {
                "zeros" => 0,
                "ones" => 1,
                "iota" => i,
                _ when random is not null => element.IsFloat() ? (random.NextDouble() * 2) - 1 : random.Next(0, 10),
                _ => throw new FormatException($"no value '{text}'"),
            };
        }

        if (isSparse && count > 0)
        {
            Thin(values, filled.Length == 0 ? 1 : filled[^1], random!);
        }

        return TensorValue.Of(element, filled, values);
    }

    // A third of the rows is empty, the others are thin up to half full.
    private static void Thin(double[] values, long row, Random random)
    {
        var kept = 0.0;
        for (var i = 0; i < values.Length; i++)
        {
            kept = i % row == 0 ? Math.Max(0, (random.NextDouble() * 0.75) - 0.25) : kept;
            values[i] = random.NextDouble() < kept ? values[i] : 0;
        }
    }

    private static bool IsWord(string text) => char.IsLetter(text[0]) && text is not ("inf" or "nan" or "true" or "false");

    private static List<string> Parts(string list)
    {
        var parts = new List<string>();
        var (depth, start) = (0, 1);
        for (var i = 0; i < list.Length; i++)
        {
            depth += list[i] == '[' ? 1 : list[i] == ']' ? -1 : 0;
            if ((list[i] == ',' && depth == 1) || (list[i] == ']' && depth == 0))
            {
                var part = list[start..i].Trim();
                if (part.Length > 0)
                {
                    parts.Add(part);
                }

                start = i + 1;
            }
        }

        return parts;
    }

    private static double Float(string text) => text switch
    {
        "inf" => double.PositiveInfinity,
        "-inf" => double.NegativeInfinity,
        "nan" => double.NaN,
        _ => double.Parse(text, CultureInfo.InvariantCulture),
    };

    private static long Integer(string text) => text switch
    {
        "true" => 1,
        "false" => 0,
        _ => long.Parse(text, CultureInfo.InvariantCulture),
    };
}
