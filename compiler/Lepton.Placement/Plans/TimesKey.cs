using Lepton.Placement.Costs;

namespace Lepton.Placement.Plans;

/// <summary>Says which measured times a plan was made from: eight digits that change when one of them does.</summary>
public static class TimesKey
{
    /// <summary>Of the measured times of a program's kernels on the devices of its machine; null: none was measured.</summary>
    public static string? Of(ProgramProblem program)
    {
        var times = program.Kernels.SelectMany(k => k.Times.Index().Where(t => t.Item.Source == TimeSource.Learned)
            .Select(t => FormattableString.Invariant($"{k.Name} {program.Machine.Devices[t.Index].Name} {t.Item.Seconds:R}"))).ToList();
        return times.Count == 0 ? null : PlanFile.KeyOf(string.Join('\n', times));
    }
}
