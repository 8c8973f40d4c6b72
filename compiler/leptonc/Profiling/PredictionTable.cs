using System.Globalization;
using System.Text;
using Lepton.Placement.Costs;

namespace Lepton.CommandLine.Profiling;

/// <summary>Predicted times of groups beside measured ones, as text.</summary>
internal static class PredictionTable
{
    private const int NameWidth = 28;

    public static string Of(string device, string machine, IReadOnlyList<(string Group, TimeEstimate Predicted, double Measured)> rows, double run)
    {
        var text = new StringBuilder();
        Line($"\npredicted for {device} of {machine}, and measured");
        Line($"{"group",-NameWidth} {"predicted ms",13} {"measured ms",12} {"ratio",7}  from");
        foreach (var (group, predicted, measured) in rows)
        {
            Line($"{Short(group),-NameWidth} {predicted.Seconds * 1e3,13:F4} {measured * 1e3,12:F4} {Ratio(predicted.Seconds, measured),7}  {Source(predicted.Source)}: {predicted.Reason}");
        }

        var sum = rows.Sum(r => r.Predicted.Seconds);
        Line($"{"all kernels",-NameWidth} {sum * 1e3,13:F4} {rows.Sum(r => r.Measured) * 1e3,12:F4} {Ratio(sum, rows.Sum(r => r.Measured)),7}");
        Line($"{"whole run",-NameWidth} {sum * 1e3,13:F4} {run * 1e3,12:F4} {Ratio(sum, run),7}");
        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Ratio(double predicted, double measured) => measured > 0 ? (predicted / measured).ToString("F2", CultureInfo.InvariantCulture) : "";

    private static string Source(TimeSource source) => source.ToString().ToLowerInvariant();

    private static string Short(string name) => name.Length <= NameWidth ? name : name[..(NameWidth / 2)] + "…" + name[^((NameWidth / 2) - 1)..];
}
