using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lepton.Language.Text;
using Lepton.Placement.Machines;

namespace Lepton.Placement.Costs;

/// <summary>
/// Measured seconds of groups on devices, as a text file beside the machine file (<c>box.costs</c> beside <c>box.yaml</c>):
/// <code>
/// lepton-costs 1
///
/// [cpu]
/// contraction #0a1b2c3d  21.4 us  mlp contract_0
/// </code>
/// Sorted, one line each, so that changes can be read. What stands behind the time is for people. Immutable.
/// </summary>
public sealed partial class LearnedCosts
{
    private const int Version = 1;

    private readonly SortedDictionary<string, SortedDictionary<string, (double Seconds, string Note)>> _devices;

    private LearnedCosts(SortedDictionary<string, SortedDictionary<string, (double Seconds, string Note)>> devices) => _devices = devices;

    public static LearnedCosts Empty { get; } = new(new(StringComparer.Ordinal));

    /// <summary>How many times there are.</summary>
    public int Count => _devices.Values.Sum(d => d.Count);

    /// <summary>The file that belongs to a machine file.</summary>
    public static string PathFor(string machine) => Path.ChangeExtension(machine, ".costs");

    /// <summary>Seconds of a group on a device of the machine; null: never measured.</summary>
    /// <param name="device">Its name in the machine file.</param>
    /// <param name="key">See <see cref="GroupKey"/>.</param>
    public double? Find(string device, string key) =>
        _devices.TryGetValue(device, out var times) && times.TryGetValue(key, out var time) ? time.Seconds : null;

    /// <summary>The same with a time more, or another one in its place.</summary>
    public LearnedCosts With(string device, string key, double seconds, string note)
    {
        var devices = new SortedDictionary<string, SortedDictionary<string, (double, string)>>(_devices, StringComparer.Ordinal);
        devices[device] = new SortedDictionary<string, (double, string)>(
            devices.GetValueOrDefault(device) ?? new(StringComparer.Ordinal), StringComparer.Ordinal) { [key] = (seconds, note) };
        return new LearnedCosts(devices);
    }

    /// <summary>Reads what <see cref="Print"/> writes. What is no line of it is reported (LEP7011) and left out.</summary>
    public static LearnedCosts Read(SourceText source, DiagnosticReport report)
    {
        var (costs, device) = (Empty, default(string));
        var start = 0;
        for (var number = 1; number <= source.LineCount; number++)
        {
            var line = source.LineText(number).TrimEnd();
            var span = new SourceSpan(source, start, line.Length);
            start = source.Text.IndexOf('\n', start) + 1;
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            if (number == 1 && line == $"lepton-costs {Version}")
            {
                continue;
            }

            if (Section().Match(line) is { Success: true } section)
            {
                device = section.Groups[1].Value;
            }
            else if (device is not null && Entry().Match(line) is { Success: true } entry && Quantity.Seconds.Read(entry.Groups[2].Value) is > 0 and var seconds)
            {
                costs = costs.With(device, entry.Groups[1].Value, seconds, entry.Groups[3].Value.Trim());
            }
            else
            {
                var help = number == 1 ? $"the first line is `lepton-costs {Version}`" : "write for example `contraction #0a1b2c3d  21.4 us` below `[cpu]`, or take it out";
                report.Add(MachineDiagnostics.NoCost, span, [line], help: help);
            }
        }

        return costs;
    }

    public string Print()
    {
        var text = new StringBuilder($"lepton-costs {Version}\n");
        foreach (var (device, times) in _devices)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n[{device}]\n");
            foreach (var (key, (seconds, note)) in times)
            {
                text.Append(CultureInfo.InvariantCulture, $"{key}  {Quantity.Seconds.Write(seconds)}{(note.Length > 0 ? "  " + note : "")}\n");
            }
        }

        return text.ToString();
    }

    [GeneratedRegex(@"^\[(.+)\]$")]
    private static partial Regex Section();

    [GeneratedRegex(@"^(\S+ #[0-9a-f]+)\s+([0-9.eE+-]+ \S+)(.*)$")]
    private static partial Regex Entry();
}
