using Lepton.Abi;
using Lepton.Language.Text;
using Lepton.Placement.Machines;

namespace Lepton.Placement.Plans;

/// <summary>Says what has changed since a plan was made.</summary>
public static class PlanCheck
{
    private const string Mend = "leptonc place makes it anew";

    /// <summary>
    /// Reports each change: LEP8105, with which it cannot run; LEP8106, when other times were measured, so that another plan may be better. True when
    /// there is none.
    /// </summary>
    /// <param name="keys">The key of each group that is placed, by name: <see cref="GroupKeys"/>.</param>
    /// <param name="machineKey">Of the machine file's text now: <see cref="PlanFile.KeyOf"/>.</param>
    /// <param name="timesKey">Of the measured times now: <see cref="TimesKey.Of"/>.</param>
    /// <param name="entry">What would be placed now, and for which sizes and what.</param>
    public static bool Run(
        PlanFile plan,
        string entry,
        ValueList<(string Name, long Size)> dims,
        string objective,
        IReadOnlyDictionary<string, string> keys,
        Machine machine,
        string machineKey,
        string? timesKey,
        DiagnosticReport report)
    {
        var before = report.Diagnostics.Count;
        if (plan.Entry != entry || plan.Dims != dims)
        {
            Stale(plan.EntryPlace, $"it is for {Title(plan.Entry, plan.Dims)}, not for {Title(entry, dims)}");
            return false;
        }

        if (plan.Objective != objective)
        {
            Stale(plan.ObjectivePlace, $"what is wanted now is: {objective}");
        }

        if (plan.MachineKey != machineKey)
        {
            Stale(plan.MachinePlace, "the machine file has changed");
        }
        else if (plan.TimesKey != timesKey)
        {
            var what = plan.TimesKey is null ? "kernels were measured since" : timesKey is null ? $"{plan.Times} has no times of its kernels any more" : $"{plan.Times} has other times of its kernels";
            report.Add(PlanFileDiagnostics.OtherTimes, plan.TimesPlace ?? plan.MachinePlace ?? Nowhere, [what], help: Mend);
        }

        foreach (var group in plan.Groups)
        {
            if (!keys.TryGetValue(group.Name, out var key))
            {
                Stale(group.Place, $"the program has no kernel `{group.Name}` any more");
            }
            else if (key != group.Key)
            {
                Stale(group.Place, $"the kernel `{group.Name}` has changed, from #{group.Key} to #{key}");
            }
            else if (machine.Devices.All(d => d.Name != group.Device))
            {
                Stale(group.Place, $"the machine has no device `{group.Device}`");
            }
        }

        var placed = plan.Groups.Select(g => g.Name).ToHashSet();
        foreach (var name in keys.Keys.Where(k => !placed.Contains(k)))
        {
            Stale(plan.End, $"the program has a new kernel `{name}`");
        }

        return report.Diagnostics.Count == before;

        void Stale(SourceSpan? place, string what) => report.Add(PlanFileDiagnostics.Stale, place ?? Nowhere, [what], help: Mend);
    }

    private static string Title(string entry, ValueList<(string Name, long Size)> dims) => entry + string.Concat(dims.Select(d => $" {d.Name}={d.Size}"));

    private static SourceSpan Nowhere => new(new SourceText("plan", ""), 0, 0);
}
