using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>A declared format: what is written, looked at once. Its block sizes are given where it is used.</summary>
internal sealed class FormatDefinition
{
    private static readonly Dictionary<string, LevelKind> Kinds = new()
    {
        ["dense"] = LevelKind.Dense,
        ["compressed"] = LevelKind.Compressed,
        ["singleton"] = LevelKind.Singleton,
    };

    private const string RepeatedWord = "repeated";

    private readonly FormatSyntax _syntax;
    private readonly DiagnosticReport _report;
    private readonly ElementType _index;

    public FormatDefinition(FormatSyntax syntax, DiagnosticReport report)
    {
        (_syntax, _report) = (syntax, report);
        _index = Index();

        // One mistake gives one message: an axis without a level may be the one that is misspelt in another.
        var words = syntax.Levels.Select(LevelIsKnown).ToList();
        var names = syntax.Axes.Concat(syntax.Blocks).Select(n => n.Text).ToList();
        IsGood = names.Distinct().Count() == names.Count && words.TrueForAll(good => good) && AxesHaveLevels() && RepeatedLevelsGoOn() && _index != ElementType.Bool;
    }

    /// <summary>False: a mistake in it has been reported, and its uses say nothing.</summary>
    public bool IsGood { get; }

    public NameSyntax Name => _syntax.Name;

    public int Rank => _syntax.Axes.Count;

    public int BlockCount => _syntax.Blocks.Count;

    /// <summary>The format with its block sizes.</summary>
    public TensorFormat Make(IReadOnlyList<long> blocks) => new(
        _syntax.Name.Text + (blocks.Count == 0 ? "" : $"({string.Join(", ", blocks)})"),
        _syntax.Levels.Select(l => new FormatLevel(Kinds[l.Kind.Text], AxisOf(l), l.Part, Block(l, blocks), l.Modifier is null)).ToValueList(),
        _index);

    private long Block(LevelSyntax level, IReadOnlyList<long> blocks) => level.Block switch
    {
        null => 1,
        NumberSyntax number => Number(number),
        var name => blocks[BlockOf((NameExpressionSyntax)name)],
    };

    // A number that is no long is no block size either.
    private static long Number(NumberSyntax number) =>
        long.TryParse(number.Text.Replace("_", "", StringComparison.Ordinal), System.Globalization.CultureInfo.InvariantCulture, out var size) ? size : 0;

    private int AxisOf(LevelSyntax level) => _syntax.Axes.ToList().FindIndex(a => a.Text == level.Axis.Text);

    private int BlockOf(NameExpressionSyntax name) => _syntax.Blocks.ToList().FindIndex(b => b.Text == name.Name.Text);

    private ElementType Index()
    {
        if (_syntax.Index is not { } written)
        {
            return ElementType.I32;
        }

        if (ElementTypes.Parse(written.Text) is ElementType.I32 or ElementType.I64)
        {
            return ElementTypes.Parse(written.Text)!.Value;
        }

        Error(FormatDiagnostics.IndexType, written.Span, [written.Text]);
        return ElementType.Bool;
    }

    private bool LevelIsKnown(LevelSyntax level)
    {
        if (AxisOf(level) < 0)
        {
            var axes = _syntax.Axes.Select(a => a.Text).ToList();
            return Error(
                FormatDiagnostics.NotAnAxis,
                level.Axis.Span,
                [level.Axis.Text, _syntax.Name.Text],
                NameSuggestion.Help(level.Axis.Text, axes) ?? $"its axes are {string.Join(", ", axes)}");
        }

        if (!Kinds.TryGetValue(level.Kind.Text, out var kind))
        {
            return Error(
                FormatDiagnostics.UnknownLevel, level.Kind.Span, [level.Kind.Text], NameSuggestion.Help(level.Kind.Text, Kinds.Keys) ?? "a level is dense, compressed or singleton");
        }

        if (level.Modifier is { } modifier && modifier.Text != RepeatedWord)
        {
            return Error(
                FormatDiagnostics.UnknownLevel,
                modifier.Span,
                [$"{level.Kind.Text} {modifier.Text}"],
                NameSuggestion.Help(modifier.Text, [RepeatedWord]) ?? "behind its kind may stand `repeated`");
        }

        if (level.Block is NameExpressionSyntax name && BlockOf(name) < 0)
        {
            return Error(
                TypeDiagnostics.UnknownName,
                name.Span,
                [name.Name.Text],
                NameSuggestion.Help(name.Name.Text, _syntax.Blocks.Select(b => b.Text)) ?? $"block sizes stand behind the name: {_syntax.Name.Text}({name.Name.Text})[…]");
        }

        if (level.Block is NumberSyntax number && Number(number) < 1)
        {
            return Error(FormatDiagnostics.BlockSize, number.Span, [number.Text]);
        }

        return kind == LevelKind.Dense || level.Part != LevelPart.Inner
            || Error(FormatDiagnostics.Repeated, level.Span, [$"inside a block, which is dense, but {level.Kind.Text}"], $"write {level.Axis.Text} % {level.Block!.Span.Text}: dense");
    }

    /// <summary>Each axis has one level, or one of its blocks and behind it one inside them.</summary>
    private bool AxesHaveLevels()
    {
        foreach (var axis in _syntax.Axes)
        {
            var levels = _syntax.Levels.Where(l => l.Axis.Text == axis.Text).ToList();
            var (place, problem, help) = levels switch
            {
                [] => (axis.Span, "no level", $"add {axis.Text}: dense"),
                [{ Part: LevelPart.Whole }] => default,
                [{ Part: LevelPart.Outer } o] => (o.Span, "blocks, but no level inside them", $"add {axis.Text} % {o.Block!.Span.Text}: dense"),
                [{ Part: LevelPart.Inner } i] => (i.Span, "the inside of blocks, but no level of the blocks", $"add {axis.Text} / {i.Block!.Span.Text}: dense before it"),
                [{ Part: LevelPart.Outer } o, { Part: LevelPart.Inner } i] => o.Block!.Span.Text == i.Block!.Span.Text
                    ? default
                    : (i.Span, $"blocks of {o.Block.Span.Text} and of {i.Block.Span.Text}", $"write {axis.Text} % {o.Block.Span.Text}"),
                [{ Part: LevelPart.Inner } i, { Part: LevelPart.Outer } o] => (i.Span, "the inside of its blocks before the blocks", $"{o.Span.Text} comes first"),
                _ => (levels[1].Span, Two(levels), null),
            };
            if (problem is not null)
            {
                return Error(FormatDiagnostics.AxisLevels, place, [axis.Text, _syntax.Name.Text, problem], help);
            }
        }

        return true;

        static string Two(List<LevelSyntax> levels) => levels.Count == 2 ? "two levels" : $"{levels.Count} levels";
    }

    /// <summary>A level with repeated coordinates is followed by a singleton, which tells them apart, and a singleton stands nowhere else.</summary>
    private bool RepeatedLevelsGoOn()
    {
        LevelSyntax? before = null;
        foreach (var level in _syntax.Levels)
        {
            var isSingleton = Kinds[level.Kind.Text] == LevelKind.Singleton;
            if (level.Modifier is not null && Kinds[level.Kind.Text] == LevelKind.Dense)
            {
                return Error(FormatDiagnostics.Repeated, level.Span, ["dense, so no coordinate stands twice"], "write compressed repeated");
            }

            if (isSingleton && before?.Modifier is null)
            {
                var help = before is null ? "the first level is dense or compressed" : $"write {before.Span.Text} repeated, {level.Span.Text}";
                return Error(FormatDiagnostics.Repeated, level.Span, ["a singleton, but no level with repeated coordinates stands before it"], help);
            }

            if (!isSingleton && before?.Modifier is not null)
            {
                return NoSingleton(before);
            }

            before = level;
        }

        return before?.Modifier is null || NoSingleton(before);

        bool NoSingleton(LevelSyntax level) =>
            Error(FormatDiagnostics.Repeated, level.Span, ["repeated, but no singleton follows, which tells equal coordinates apart"], "leave `repeated` out");
    }

    private bool Error(DiagnosticKind kind, SourceSpan span, IEnumerable<object> arguments, string? help = null)
    {
        _report.Add(kind, span, arguments, help: help);
        return false;
    }
}
