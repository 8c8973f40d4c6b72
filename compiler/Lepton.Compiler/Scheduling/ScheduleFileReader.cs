using System.Globalization;
using System.Text.RegularExpressions;
using Lepton.Abi;
using Lepton.Kernels.Scheduling;
using Lepton.Language.Text;

namespace Lepton.Compiler.Scheduling;

/// <summary>
/// Reads what <see cref="ScheduleFile.Print"/> writes, line by line, and goes on behind a mistake. Empty lines and lines that start with # are
/// for people.
/// </summary>
internal sealed partial class ScheduleFileReader(SourceText source, DiagnosticReport report)
{
    private const string Example = "by=tiles rows=6 …";

    private readonly Dictionary<string, SourceSpan> _known = [];
    private readonly List<ScheduleSection> _sections = [];
    private readonly List<ScheduledKernel> _kernels = [];
    private (string Title, int Threads)? _section;
    private readonly LineCursor _lines = new(source);

    public ScheduleFile Read()
    {
        var head = _lines.Take();
        if (head is not { Text: var first } || HeadLine().Match(first) is not { Success: true } match)
        {
            report.Add(ScheduleDiagnostics.NotSchedules, head ?? _lines.Behind(), [], help: $"the first line is: lepton-schedules {ScheduleFile.Version}");
            return new ScheduleFile(source.Path, "", []);
        }

        if (match.Groups[1].Value != $"{ScheduleFile.Version}")
        {
            report.Add(ScheduleDiagnostics.OtherVersion, head.Value, [match.Groups[1].Value, ScheduleFile.Version], help: "leptonc tune writes it anew");
            return new ScheduleFile(source.Path, "", []);
        }

        var target = _lines.Take();
        var cpu = target is { Text: var second } && TargetLine().Match(second) is { Success: true } named ? named.Groups[1].Value : null;
        if (cpu is null)
        {
            Expected(target, "the target", "target znver3");
        }

        while (_lines.Take() is { } line)
        {
            Line(line);
        }

        EndSection();
        return new ScheduleFile(source.Path, cpu ?? "", _sections.ToValueList()) { TargetLine = target };
    }

    private void Line(SourceSpan line)
    {
        if (SectionLine().Match(line.Text) is { Success: true } section && int.TryParse(section.Groups[2].Value, out var threads))
        {
            EndSection();
            _section = (section.Groups[1].Value, threads);
        }
        else if (_section is null || line.Text.StartsWith(' ') || !KeyLine().IsMatch(line.Text))
        {
            Expected(line, _section is null ? "an entry with its sizes" : "a kernel", _section is null ? "[mlp B=32] threads 1" : "contraction f32 m=32 n=10 k=128 #0123abcd");
        }
        else
        {
            Kernel(line);
        }
    }

    private void Kernel(SourceSpan key)
    {
        var planned = TakeIndented();
        var choice = planned is { } p ? ChoiceOf(p) : null;
        if (planned is null || (choice is null && planned.Value.Text.Trim() != "model"))
        {
            Expected(planned ?? _lines.Peek(), "the kernel's choice", $"{ScheduleFile.Indent}{Example}, or {ScheduleFile.Indent}model");
            SkipIndented();
            return;
        }

        var times = TakeIndented();
        if (times is null || TimesLine().Match(times.Value.Text) is not { Success: true } match || match.Groups[2].Success != choice is not null
            || !Seconds(match.Groups[1], out var seconds) || !Seconds(match.Groups[match.Groups[2].Success ? 2 : 1], out var model))
        {
            Expected(times ?? _lines.Peek(), "what was measured", choice is null ? "  1.2 us" : "  21.4 us, model 25.9 us");
            SkipIndented();
            return;
        }

        if (!_known.TryAdd(key.Text, key))
        {
            report.Add(ScheduleDiagnostics.Twice, key, [], [new DiagnosticLabel(_known[key.Text], "here")], "leave one of them out");
            return;
        }

        _kernels.Add(new ScheduledKernel(key.Text, choice, seconds, model) { Place = (key, planned.Value) });
    }

    private static Choice? ChoiceOf(SourceSpan line)
    {
        var words = line.Text.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => SettingWord().Match(w)).ToArray();
        return words.All(w => w.Success) ? new Choice(words.Select(w => new Setting(w.Groups[1].Value, w.Groups[2].Value)).ToValueList()) : null;
    }

    private static bool Seconds(Group text, out double seconds)
    {
        var isNumber = double.TryParse(text.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out seconds) && double.IsFinite(seconds);
        seconds *= 1e-6;
        return isNumber;
    }

    private void EndSection()
    {
        if (_section is { } section)
        {
            _sections.Add(new ScheduleSection(section.Title, section.Threads, _kernels.ToValueList()));
            _kernels.Clear();
        }
    }

    private void Expected(SourceSpan? place, string what, string example) =>
        report.Add(ScheduleDiagnostics.Expected, place ?? _lines.Behind(), [what], help: $"as in: {example.Trim()}");

    private SourceSpan? TakeIndented() => _lines.Peek() is { Text: var text } && text.StartsWith(' ') ? _lines.Take() : null;

    // The rest of a kernel that could not be read.
    private void SkipIndented()
    {
        while (TakeIndented() is not null)
        {
        }
    }

    [GeneratedRegex(@"^lepton-schedules (\d+)$")]
    private static partial Regex HeadLine();

    [GeneratedRegex(@"^target (\S+)$")]
    private static partial Regex TargetLine();

    [GeneratedRegex(@"^\[([^\]]+)\] threads (\d+)$")]
    private static partial Regex SectionLine();

    [GeneratedRegex("^[^ ].* #[0-9a-f]{8}$")]
    private static partial Regex KeyLine();

    [GeneratedRegex(@"^(\w+)=(\w+)$")]
    private static partial Regex SettingWord();

    [GeneratedRegex(@"^ +([0-9.E+-]+) us(?:, model ([0-9.E+-]+) us)?$")]
    private static partial Regex TimesLine();
}
