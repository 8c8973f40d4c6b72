using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Tests.Fuzz;

/// <summary>How many programs of a fuzz run used each strategy, and how many each pass changed: coverage that is seen.</summary>
internal sealed class StrategyCount
{
    // A strategy leaves these words in its kernels' notes, or this in their loops.
    private static readonly (string Name, Func<Kernel, string, bool> Is)[] Strategies =
    [
        Note("product, nothing packed", "direct: "),
        Note("product, in blocks", "blocked: "),
        Note("product, left side packed by each chunk", "packs the left", "packs both"),
        Note("product, right side packed by each chunk", "packs the right", "packs both"),
        Note("left side packed before", "rows\0packs "),
        Note("right side packed before", "columns\0packs "),
        Note("products in pairs", "in pairs of 16-bit"),
        Note("in place", "in place"),
        Note("gates in slices", "slices"),
        Note("pruned weights", "instead of the dense product"),
        Note("Winograd", "inograd"),
        Note("attention", "attention: "),
        ("contraction by rows", (k, _) => k.Strategy == KernelStrategy.Contraction && k.Note.Contains("rows of", StringComparison.Ordinal)),
        Note("rows along lanes", "lanes along the row"),
        Note("rows across lanes", "rows at a time in"),
        Note("row pipeline", "neighbouring rows at once"),
        Note("rows side by side", "rows side by side"),
        Note("rows in pieces", "in pieces of"),
        Note("columns in memory order", "columns at a time"),
        Note("edges apart", "edges apart"),
        Note("square blocks", "in square blocks"),
        Note("squares in registers", "square blocks\0 in registers"),
        Note("windows", "windows of"),
        Note("windows, rows staged", "rows of them staged"),
        Note("scan in registers", "with the states in registers"),
        Note("merge sort", "merge sort of"),
        Note("radix sort", "radix sort"),
        ("scatter", (k, _) => k.Note.StartsWith("in order", StringComparison.Ordinal)),
        ("prefetch", (_, text) => text.Contains("prefetch", StringComparison.Ordinal)),
        ("streamed stores", (_, text) => text.Contains("stream", StringComparison.Ordinal)),
    ];

    private readonly ConcurrentDictionary<string, int> _counts = new();

    public int Of(string name) => _counts.GetValueOrDefault(name);

    public void Add(string name) => _counts.AddOrUpdate(name, 1, (_, n) => n + 1);

    /// <param name="dims">Sizes of the run.</param>
    public void Add(KernelModule module, IReadOnlyDictionary<string, long> dims)
    {
        var texts = module.Kernels.Select(k => (Kernel: k, Text: LoopText.Print(k))).ToList();
        foreach (var (name, isIt) in Strategies)
        {
            if (texts.Any(t => isIt(t.Kernel, t.Text)))
            {
                Add(name);
            }
        }

        foreach (var (name, has) in new[]
        {
            ("prepared once", module.Entries.Any(e => e.Prepared.Count > 0)),
            ("schedules by chance", module.Kernels.Any(k => k.Use is { IsPlanned: true })),
            ("several chunks", module.Kernels.Any(k => k.Chunks.Variables().All(dims.ContainsKey) && k.Chunks.Evaluate(d => dims[d]) > 1)),
        })
        {
            if (has)
            {
                Add(name);
            }
        }
    }

    /// <summary>A line for each, those that never occurred too.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var name in Strategies.Select(s => s.Name).Concat(_counts.Keys.Order(StringComparer.Ordinal)).Distinct())
        {
            text.Append(CultureInfo.InvariantCulture, $"{Of(name),8} {name}\n");
        }

        return text.ToString();
    }

    // Any of the words; parts of one with \0 between must all be there.
    private static (string, Func<Kernel, string, bool>) Note(string name, params string[] words) =>
        (name, (k, _) => words.Any(w => w.Split('\0').All(p => k.Note.Contains(p, StringComparison.Ordinal))));
}
