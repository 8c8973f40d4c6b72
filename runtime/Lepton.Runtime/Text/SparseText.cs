using System.Globalization;
using System.Text;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Text;

/// <summary>A sparse tensor as text: what it is, and its first entries with their indices.</summary>
/// <example>
/// <code>
/// f32[3, 4] in csr, 3 stored (25 %)
///   [0, 1]  5.
///   [2, 0]  7.
///   [2, 2]  9.
/// </code>
/// </example>
public static class SparseText
{
    private const int MaxEntries = 20;
    private const int MaxWidth = 100;

    /// <summary>The text, without a line end after it. No line is longer than 100 characters, were the numbers of axes as usual.</summary>
    public static unsafe string Format(SparseTensor tensor)
    {
        using var entries = SparseEntries.Of(tensor);
        var total = 1.0;
        foreach (var size in tensor.Shape)
        {
            total *= size;
        }

        var text = new StringBuilder();
        text.Append(tensor);
        if (total > 0)
        {
            text.Append(CultureInfo.InvariantCulture, $" ({100 * tensor.StoredCount / total:G3} %)");
        }

        var shown = Enumerable.Range(0, Math.Min(entries.Count, MaxEntries)).ToArray();
        using var pin = entries.Values.Pin();
        var numbers = ElementFormat.For((byte*)pin.Pointer, entries.Values.Element, [.. shown.Select(i => (long)i)]);
        var indices = shown.Select(i => $"[{string.Join(", ", entries.Axes.Select(a => a[i]))}]").ToArray();
        var width = Math.Min(indices.Select(i => i.Length).DefaultIfEmpty(0).Max(), MaxWidth - 30);
        foreach (var i in shown)
        {
            text.Append("\n  ").Append(indices[i].PadRight(width)).Append("  ").Append(numbers.Format(i).TrimEnd());
        }

        if (entries.Count > shown.Length)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n  … and {entries.Count - shown.Length} more");
        }

        return text.ToString();
    }
}
