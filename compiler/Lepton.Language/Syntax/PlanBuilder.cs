using Antlr4.Runtime;
using Antlr4.Runtime.Tree;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>Makes the syntax of plans from the parser's contexts; an item with a mistake, which has been reported, is left out.</summary>
internal sealed class PlanBuilder(SourceText source)
{
    public PlanSyntax Plan(SourceSpan span, PlanDeclarationContext plan) =>
        new(span, plan.NAME().Name(source), [.. plan.planItem().Where(IsWhole).Select(Item).OfType<PlanItemSyntax>()]);

    /// <param name="isAlone">Nothing stands before it: its own place is the item's.</param>
    public MinimizeSyntax Minimize(GoalsContext goals, bool isAlone) =>
        new(Place(goals, isAlone), [.. goals.goal().Where(IsWhole).Select(Goal)], Sizes(goals.planSizes()));

    /// <inheritdoc cref="Minimize"/>
    public SubjectSyntax Subject(LimitsContext limits, bool isAlone) =>
        new(Place(limits, isAlone), [.. limits.limit().Where(IsWhole).Select(Limit)], Sizes(limits.planSizes()));

    private SourceSpan Place(ParserRuleContext context, bool isAlone) => (isAlone ? context : (ParserRuleContext)context.Parent).Span(source);

    private PlanItemSyntax? Item(PlanItemContext item) => item switch
    {
        MinimizeItemContext minimize => Minimize(minimize.goals(), false),
        LimitItemContext limit => Subject(limit.limits(), false),
        PinItemContext pin => new PinSyntax(pin.Span(source), pin.NAME().Name(source), Device(pin.device())),
        PrecisionItemContext precision => new PrecisionSyntax(
            precision.Span(source), precision.NAME(0).Name(source), [.. precision.NAME().Skip(1).Select(n => n.Name(source))]),
        _ => null,
    };

    private NameSyntax Device(DeviceContext device) =>
        new(device.Span(source), device.STRING() is { } text ? text.GetText()[1..^1] : device.GetText());

    private GoalSyntax Goal(GoalContext goal) => new(goal.Span(source), [.. goal.goalTerm().Select(Term)]);

    private GoalTermSyntax Term(GoalTermContext term) => new(
        term.Span(source),
        [.. term.goalFactor().Select(f => f.NAME()).OfType<ITerminalNode>().Select(n => n.Name(source))],
        [.. term.goalFactor().Select(f => f.quantity()).OfType<QuantityContext>().Select(Quantity)]);

    private QuantitySyntax Quantity(QuantityContext quantity)
    {
        var units = quantity.NAME();
        var unit = units.Length == 0 ? null
            : new NameSyntax(units[0].Symbol.Span(source).To(units[^1].Symbol.Span(source)), string.Join('/', units.Select(u => u.GetText())));
        return new QuantitySyntax(quantity.Span(source), quantity.Start.Text.Replace("_", "", StringComparison.Ordinal), unit);
    }

    private LimitSyntax Limit(LimitContext limit) => new(
        limit.Span(source), limit.NAME().Name(source), ((ITerminalNode)limit.GetChild(1)).Name(source), Quantity(limit.quantity()));

    private List<PlanSizeSyntax> Sizes(PlanSizesContext? sizes) =>
        [.. (sizes?.planSize() ?? []).Where(IsWhole).Select(s => new PlanSizeSyntax(s.Span(source), s.NAME().Name(source), s.INTEGER().Name(source)))];

    // Rules nest a few deep only: the grammar of plans has no recursion.
    private static bool IsWhole(ParserRuleContext context) => context.exception == null && (context.children ?? []).All(c => c is not ParserRuleContext inner || IsWhole(inner));
}
