using System.Globalization;
using System.Text.RegularExpressions;
using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Placement.Plans;

/// <summary>
/// Reads what <see cref="PlanFile.Print"/> writes, line by line, and goes on behind a mistake. Empty lines and lines that start with # are for
/// people.
/// </summary>
internal sealed partial class PlanFileReader(SourceText source, DiagnosticReport report)
{
    private readonly Dictionary<string, SourceSpan> _known = [];
    private readonly List<PlannedGroup> _groups = [];
    private readonly LineCursor _lines = new(source);

    public PlanFile? Read()
    {
        var before = report.Diagnostics.Count;
        var head = _lines.Take();
        if (head is not { Text: var first } || HeadLine().Match(first) is not { Success: true } match)
        {
            report.Add(PlanFileDiagnostics.NotAPlan, head ?? _lines.Behind(), [], help: $"the first line is: lepton-plan {PlanFile.Version}");
            return null;
        }

        if (match.Groups[1].Value != $"{PlanFile.Version}")
        {
            report.Add(PlanFileDiagnostics.OtherVersion, head.Value, [match.Groups[1].Value, PlanFile.Version], help: "leptonc place writes it anew");
            return null;
        }

        var program = Header(AnyLine("program"), "the program", "program mlp.lep");
        var entryPlace = _lines.Peek();
        var entry = Header(EntryLine(), "the entry with its sizes", "entry mlp B=32");
        var machinePlace = _lines.Peek();
        var machine = Header(MachineLine(), "the machine file with its key", "machine edge.yaml #1f2e3d4c");
        var timesPlace = _lines.Peek() is { } next && next.Text.StartsWith("times ", StringComparison.Ordinal) ? next : default(SourceSpan?);
        var times = timesPlace is null ? null : Header(TimesLine(), "the file of measured times with its key", "times edge.costs #9a8b7c6d");
        var isAlone = _lines.Peek() is { Text: PlanFile.AloneLine };
        if (isAlone)
        {
            _lines.Take();
        }

        var objectivePlace = _lines.Peek();
        var objective = Header(AnyLine("objective"), "the objective", "objective minimize time");
        var status = Header(AnyLine("status"), "the status", "status optimal");
        var time = Number(Header(TimeLine(), "the planned time", "time 1.25 ms"));
        var cost = Number(Header(CostLine(), "the planned cost", "cost 0.0001 usd"));
        while (_lines.Take() is { } line)
        {
            Group(line);
        }

        if (report.Diagnostics.Skip(before).Any(d => d.Kind.Severity == Severity.Error))
        {
            return null;
        }

        return new PlanFile(
            program!.Groups[1].Value,
            entry!.Groups[1].Value,
            [.. entry.Groups[2].Captures.Zip(entry.Groups[3].Captures, (n, s) => (n.Value, long.Parse(s.Value, CultureInfo.InvariantCulture)))],
            machine!.Groups[1].Value,
            machine.Groups[2].Value,
            objective!.Groups[1].Value,
            status!.Groups[1].Value,
            time / 1e3,
            cost,
            [.. _groups.OrderBy(g => g.Start)])
        {
            ContractionsAlone = isAlone,
            Times = times?.Groups[1].Value,
            TimesKey = times?.Groups[2].Value,
            EntryPlace = entryPlace,
            MachinePlace = machinePlace,
            TimesPlace = timesPlace,
            ObjectivePlace = objectivePlace,
            End = _lines.Behind(),
        };
    }

    private void Group(SourceSpan line)
    {
        if (GroupLine().Match(line.Text) is not { Success: true } match || !IsNumber(match.Groups[4].Value, out var start))
        {
            Expected(line, "a kernel with its device", "sum_2 #00c0ffee on laptop at 812.5 us");
            return;
        }

        var name = match.Groups[1].Value;
        if (!_known.TryAdd(name, line))
        {
            report.Add(PlanFileDiagnostics.Twice, line, [name], [new DiagnosticLabel(_known[name], "here first")], "leave one of the lines out");
            return;
        }

        _groups.Add(new PlannedGroup(name, match.Groups[2].Value, match.Groups[3].Value, start / 1e6) { Place = line });
    }

    // A line of the head; where it is not there, the line stays for what comes next.
    private Match? Header(Regex form, string what, string example)
    {
        if (_lines.Peek() is { } line && form.Match(line.Text) is { Success: true } match)
        {
            _lines.Take();
            return match;
        }

        Expected(_lines.Peek(), what, example);
        if (_lines.Peek()?.Text.Split(' ')[0] == example.Split(' ')[0])
        {
            _lines.Take();
        }

        return null;
    }

    private static double Number(Match? match) => match is not null && IsNumber(match.Groups[1].Value, out var number) ? number : 0;

    private static bool IsNumber(string text, out double number) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number) && double.IsFinite(number) && number >= 0;

    private void Expected(SourceSpan? place, string what, string example) =>
        report.Add(PlanFileDiagnostics.Expected, place ?? _lines.Behind(), [what], help: $"as in: {example}");

    private static Regex AnyLine(string word) => new($"^{word} (.+)$");

    [GeneratedRegex(@"^lepton-plan (\d+)$")]
    private static partial Regex HeadLine();

    [GeneratedRegex(@"^entry (\w+)(?: (\w+)=(\d{1,18}))*$")]
    private static partial Regex EntryLine();

    [GeneratedRegex("^machine (.+) #([0-9a-f]{8})$")]
    private static partial Regex MachineLine();

    [GeneratedRegex("^times (.+) #([0-9a-f]{8})$")]
    private static partial Regex TimesLine();

    [GeneratedRegex(@"^time ([0-9.eE+-]+) ms$")]
    private static partial Regex TimeLine();

    [GeneratedRegex(@"^cost ([0-9.eE+-]+) usd$")]
    private static partial Regex CostLine();

    [GeneratedRegex(@"^(\w+) #([0-9a-f]{8}) on (.+) at ([0-9.eE+-]+) us$")]
    private static partial Regex GroupLine();
}
