using System.Globalization;
using Lepton.Abi;

namespace Lepton.Kernels.Scheduling;

/// <summary>
/// The schedules that a kernel may have: what the model of the target chose, what else is legal, and which others lie near one. A legal schedule
/// gives the results of any other, up to rounding where an algorithm is chosen.
/// </summary>
public abstract class ScheduleSpace
{
    // Longer than any size; sums and products of a few of them still fit.
    private const long Largest = 1L << 40;

    /// <summary>What is computed, in sizes and types: the readable part of the kernel's key.</summary>
    public abstract string Name { get; }

    /// <summary>What is chosen when nobody says anything.</summary>
    public abstract Choice Model { get; }

    /// <summary>Whether all choices give the same bits; else they round differently.</summary>
    public virtual bool IsExact(Choice choice) => true;

    /// <summary>Legal choices that differ from one in a decision or two, for a search.</summary>
    public abstract IEnumerable<Choice> Near(Choice choice);

    /// <summary>Why a choice is not legal, and what would be; null when it is.</summary>
    public string? Problem(Choice choice)
    {
        var knobs = Knobs(choice);
        if (choice.Settings.FirstOrDefault(s => knobs.All(k => k.Name != s.Knob)) is { } unknown)
        {
            return $"there is no {unknown.Knob} here; there {(knobs.Count == 1 ? "is" : "are")} {string.Join(", ", knobs.Select(k => k.Name))}";
        }

        foreach (var knob in knobs)
        {
            var values = choice.Settings.Where(s => s.Knob == knob.Name).Select(s => s.Value).ToArray();
            if (values.Length != 1)
            {
                return $"{knob.Name} is {(values.Length == 0 ? "missing" : "given twice")}";
            }

            if (knob.Words.Count > 0 ? !knob.Words.Contains(values[0]) : !IsNumber(values[0]))
            {
                return $"{knob.Name}={values[0]}: expected {(knob.Words.Count > 0 ? string.Join(" or ", knob.Words) : "a whole number of at least 1")}";
            }
        }

        return Illegal(choice);
    }

    /// <summary>The decisions of a choice of this kind, each exactly once.</summary>
    protected abstract ValueList<Knob> Knobs(Choice choice);

    /// <summary>As <see cref="Problem"/>, for a choice with all its knobs and values of the right kind.</summary>
    protected abstract string? Illegal(Choice choice);

    private static bool IsNumber(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= Largest;
}

/// <summary>A decision: one of some words, or (without words) a number of at least 1.</summary>
public sealed record Knob(string Name, ValueList<string> Words = default);
