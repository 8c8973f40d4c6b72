using System.Globalization;
using System.Text;
using Lepton.Compiler.Scheduling;

namespace Lepton.CommandLine.Tuning;

/// <summary>What was found, as text: each kernel, the most time first.</summary>
internal static class TuneTable
{
    private const int NameWidth = 66;

    public static string Of(ScheduleSection section, int tried, bool isCancelled)
    {
        var text = new StringBuilder();
        var better = section.Kernels.Count(k => k.Choice is not null);
        Line($"{section.Title}: {better} of {section.Kernels.Count} kernels faster than the model makes them, {tried} schedules tried{(isCancelled ? " (stopped early)" : "")}");
        Line($"{"kernel",-NameWidth} {"model us",9} {"tuned us",9} {"ratio",7}");
        foreach (var k in section.Kernels.OrderByDescending(k => k.ModelSeconds))
        {
            Line($"{Short(k.Key),-NameWidth} {k.ModelSeconds * 1e6,9:G4} {k.Seconds * 1e6,9:G4} {k.Seconds / k.ModelSeconds,7:F3}");
            if (k.Choice is not null)
            {
                Line($"  {k.Choice}");
            }
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    private static string Short(string key) => key.Length <= NameWidth ? key : key[..(NameWidth - 11)] + "… " + key[^9..];
}
