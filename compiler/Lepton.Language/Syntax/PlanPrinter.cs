namespace Lepton.Language.Syntax;

/// <summary>Plans as <see cref="TreePrinter"/> prints them: <c>(plan mlp (minimize (+ (* 0.6 time) cost)) (limit time &lt;= 100 ms) (pin a gpu0))</c>.</summary>
internal static class PlanPrinter
{
    public static string Print(PlanSyntax plan) => $"(plan {plan.Entry}{string.Concat(plan.Items.Select(i => " " + Item(i)))})";

    private static string Item(PlanItemSyntax item) => item switch
    {
        MinimizeSyntax minimize => $"(minimize {string.Join(' ', minimize.Goals.Select(Goal))}{Sizes(minimize.Sizes)})",
        SubjectSyntax subject => $"(limit {string.Join(' ', subject.Limits.Select(l => $"{l.Metric} {l.Comparison} {Quantity(l.Most)}"))}{Sizes(subject.Sizes)})",
        PinSyntax pin => $"(pin {pin.Name} {pin.Device})",
        PrecisionSyntax precision => $"(precision {precision.Element} {string.Join(' ', precision.Names)})",
        _ => throw new InvalidOperationException(item.GetType().Name),
    };

    private static string Goal(GoalSyntax goal) => $"(+ {string.Join(' ', goal.Terms.Select(t => $"(* {string.Join(' ', t.Weights.Select(Quantity).Concat(t.Metrics.Select(m => m.Text)))})"))})";

    private static string Quantity(QuantitySyntax quantity) => quantity.Unit is null ? quantity.Number : $"{quantity.Number} {quantity.Unit}";

    private static string Sizes(IReadOnlyList<PlanSizeSyntax> sizes) => string.Concat(sizes.Select(s => $" (when {s.Name} {s.Size})"));
}
