namespace Lepton.Language.Text;

/// <summary>"Did you mean": the known name that is nearest to an unknown one, when one is near enough to be a slip of the fingers.</summary>
public static class NameSuggestion
{
    private const int LongestName = 64;

    /// <returns>The nearest candidate, or null when none is near. Of equals the first in alphabetical order.</returns>
    public static string? Find(string wanted, IEnumerable<string> candidates)
    {
        var limit = Limit(wanted.Length);
        string? best = null;
        var bestDistance = int.MaxValue;
        foreach (var candidate in candidates)
        {
            if (candidate == wanted || candidate.Length > LongestName || Math.Abs(candidate.Length - wanted.Length) > limit)
            {
                continue;
            }

            var distance = string.Equals(candidate, wanted, StringComparison.OrdinalIgnoreCase) ? 0 : Distance(wanted, candidate);
            if (distance <= limit
                && (distance < bestDistance || (distance == bestDistance && string.CompareOrdinal(candidate, best) < 0)))
            {
                (best, bestDistance) = (candidate, distance);
            }
        }

        return best;
    }

    /// <summary><c>did you mean `relu`?</c>, or null.</summary>
    public static string? Help(string wanted, IEnumerable<string> candidates) =>
        Find(wanted, candidates) is { } name ? $"did you mean `{name}`?" : null;

    /// <summary>How many slips a name of a length may have: any two short names are near each other, so those must agree but for case.</summary>
    private static int Limit(int length) => length switch
    {
        > LongestName => -1,
        <= 2 => 0,
        <= 5 => 1,
        <= 8 => 2,
        _ => 3,
    };

    /// <summary>
    /// Insertions, deletions, changes and swaps of neighbours (optimal string alignment), with d[i, j] the distance of the first i and j letters:
    /// d[i, j] = min(d[i-1, j] + 1, d[i, j-1] + 1, d[i-1, j-1] + (a[i] != b[j]), d[i-2, j-2] + 1 if the last two letters are swapped).
    /// </summary>
    public static int Distance(string a, string b)
    {
        var twoBack = new int[b.Length + 1];
        var oneBack = new int[b.Length + 1];
        var row = new int[b.Length + 1];
        for (var j = 0; j <= b.Length; j++)
        {
            row[j] = j;
        }

        for (var i = 1; i <= a.Length; i++)
        {
            (twoBack, oneBack, row) = (oneBack, row, twoBack);
            row[0] = i;
            for (var j = 1; j <= b.Length; j++)
            {
                var change = oneBack[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, 1 + Math.Min(oneBack[j], row[j - 1]));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], twoBack[j - 2] + 1);
                }
            }
        }

        return row[b.Length];
    }
}
