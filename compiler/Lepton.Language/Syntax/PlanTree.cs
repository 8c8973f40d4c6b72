using Lepton.Language.Text;

namespace Lepton.Language.Syntax;

// What plans are made of; see Tree.cs.

/// <summary><c>plan for mlp { minimize cost … }</c>.</summary>
public sealed class PlanSyntax(SourceSpan span, NameSyntax entry, IReadOnlyList<PlanItemSyntax> items) : DeclarationSyntax(span)
{
    public NameSyntax Entry { get; } = entry;

    public IReadOnlyList<PlanItemSyntax> Items { get; } = items;
}

public abstract class PlanItemSyntax(SourceSpan span) : SyntaxNode(span);

/// <summary><c>minimize cost, time when B = 64</c>: the first goal before the second one.</summary>
public sealed class MinimizeSyntax(SourceSpan span, IReadOnlyList<GoalSyntax> goals, IReadOnlyList<PlanSizeSyntax> sizes) : PlanItemSyntax(span)
{
    public IReadOnlyList<GoalSyntax> Goals { get; } = goals;

    public IReadOnlyList<PlanSizeSyntax> Sizes { get; } = sizes;
}

/// <summary><c>subject to time &lt;= 100 ms, cost &lt;= 0.1 usd when B = 64</c>.</summary>
public sealed class SubjectSyntax(SourceSpan span, IReadOnlyList<LimitSyntax> limits, IReadOnlyList<PlanSizeSyntax> sizes) : PlanItemSyntax(span)
{
    public IReadOnlyList<LimitSyntax> Limits { get; } = limits;

    public IReadOnlyList<PlanSizeSyntax> Sizes { get; } = sizes;
}

/// <summary><c>pin embedding to gpu0</c>, <c>pin sum_2 to "edge box"</c>.</summary>
public sealed class PinSyntax(SourceSpan span, NameSyntax name, NameSyntax device) : PlanItemSyntax(span)
{
    public NameSyntax Name { get; } = name;

    /// <summary>Without quotes.</summary>
    public NameSyntax Device { get; } = device;
}

/// <summary><c>precision bf16 for w1, w2</c>.</summary>
public sealed class PrecisionSyntax(SourceSpan span, NameSyntax element, IReadOnlyList<NameSyntax> names) : PlanItemSyntax(span)
{
    public NameSyntax Element { get; } = element;

    public IReadOnlyList<NameSyntax> Names { get; } = names;
}

/// <summary><c>0.6 * time + 0.4 * cost</c>.</summary>
public sealed class GoalSyntax(SourceSpan span, IReadOnlyList<GoalTermSyntax> terms) : SyntaxNode(span)
{
    public IReadOnlyList<GoalTermSyntax> Terms { get; } = terms;
}

/// <summary>A product, as it is written: names of metrics, and quantities.</summary>
public sealed class GoalTermSyntax(SourceSpan span, IReadOnlyList<NameSyntax> metrics, IReadOnlyList<QuantitySyntax> weights) : SyntaxNode(span)
{
    public IReadOnlyList<NameSyntax> Metrics { get; } = metrics;

    public IReadOnlyList<QuantitySyntax> Weights { get; } = weights;
}

/// <summary><c>100 ms</c>, <c>0.002 usd/ms</c>, <c>0.6</c>.</summary>
public sealed class QuantitySyntax(SourceSpan span, string number, NameSyntax? unit) : SyntaxNode(span)
{
    /// <summary>As in the text, without underscores.</summary>
    public string Number { get; } = number;

    /// <summary>Of a rate both words, with the stroke; null where there is none.</summary>
    public NameSyntax? Unit { get; } = unit;
}

/// <summary><c>time &lt;= 100 ms</c>; other comparisons arrive here too, and mean nothing.</summary>
public sealed class LimitSyntax(SourceSpan span, NameSyntax metric, NameSyntax comparison, QuantitySyntax most) : SyntaxNode(span)
{
    public NameSyntax Metric { get; } = metric;

    public NameSyntax Comparison { get; } = comparison;

    public QuantitySyntax Most { get; } = most;
}

/// <summary><c>B = 64</c> behind <c>when</c>.</summary>
public sealed class PlanSizeSyntax(SourceSpan span, NameSyntax name, NameSyntax size) : SyntaxNode(span)
{
    public NameSyntax Name { get; } = name;

    /// <summary>The number as it is written.</summary>
    public NameSyntax Size { get; } = size;
}
