using System.Text.RegularExpressions;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>
/// Puts the instructions of straight-line text in the order of their distance from the end of the longest chain of uses, the farthest first.
/// Independent chains are then interleaved, and a processor that looks some hundred instructions ahead finds work in all of them. LLVM's
/// scheduler keeps much of the order it is given.
/// </summary>
internal static partial class CriticalPath
{
    /// <summary>The same lines in another order; as they are when one of them is no <c>%name = …</c>.</summary>
    public static string Order(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        var places = new Dictionary<string, int>();
        var operands = new int[lines.Length][];
        for (var i = 0; i < lines.Length; i++)
        {
            var names = Names().Matches(lines[i]);
            if (!lines[i].StartsWith("  %", StringComparison.Ordinal))
            {
                return text;
            }

            operands[i] = [.. names.Skip(1).Where(n => places.ContainsKey(n.Value)).Select(n => places[n.Value])];
            places[names[0].Value] = i;
        }

        var heights = new int[lines.Length];
        for (var i = lines.Length - 1; i >= 0; i--)
        {
            foreach (var operand in operands[i])
            {
                heights[operand] = System.Math.Max(heights[operand], heights[i] + 1);
            }
        }

        // Sorting is stable, and an operand is higher than its uses.
        return string.Concat(Enumerable.Range(0, lines.Length).OrderByDescending(i => heights[i]).Select(i => lines[i] + "\n"));
    }

    [GeneratedRegex(@"%[\w.]+")]
    private static partial Regex Names();
}
