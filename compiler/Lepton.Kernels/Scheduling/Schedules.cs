using System.Collections.Frozen;

namespace Lepton.Kernels.Scheduling;

/// <summary>What was chosen for some kernels, by their keys. Lowering asks it for each kernel; the model decides where it has no answer.</summary>
public sealed class Schedules(IReadOnlyDictionary<string, Choice> choices)
{
    private readonly FrozenDictionary<string, Choice> _choices = choices.ToFrozenDictionary();

    /// <summary>No choice at all, but lowering notes what it asked for.</summary>
    public static Schedules None { get; } = new(new Dictionary<string, Choice>());

    /// <summary>The choice for a kernel, or null.</summary>
    public Choice? Find(string key) => _choices.GetValueOrDefault(key);

    /// <summary>The same with another choice for one kernel.</summary>
    public Schedules With(string key, Choice choice) => new(new Dictionary<string, Choice>(_choices) { [key] = choice });
}

/// <summary>A kernel that lowering asked a schedule for.</summary>
/// <param name="Key">What is computed, from what, in which sizes: the same wherever it stands in whatever program.</param>
/// <param name="Chosen">How it was made.</param>
/// <param name="Problem">Why the choice that was planned is not legal, so that the model's was taken; null: there is none.</param>
/// <param name="IsPlanned">Whether it was made as planned.</param>
/// <param name="Alone">The kernel as a program of its own.</param>
public sealed record ScheduleUse(string Key, ScheduleSpace Space, Choice Chosen, string? Problem, bool IsPlanned, Graphs.FusedGraph Alone);
