using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>What a plan can be measured by; less is better in all of them.</summary>
public enum PlanMetric
{
    /// <summary>Of one run, in seconds.</summary>
    Time,

    /// <summary>Of one run, in usd.</summary>
    Cost,

    /// <summary>From one result to the next when runs follow each other through the devices, in seconds.</summary>
    Interval,
}

/// <summary>One term of a goal.</summary>
/// <param name="Weight">
/// Of a relative goal a number; of a goal in usd: usd, or usd per second; of a goal in seconds: 1, or seconds per usd.
/// </param>
public sealed record PlanTerm(PlanMetric Metric, double Weight);

/// <summary>A sum to be minimised.</summary>
/// <param name="IsRelative">Weights without units: each term is divided by the best that its metric can be alone.</param>
/// <param name="Unit"><c>s</c> or <c>usd</c>; empty for a relative goal.</param>
/// <param name="Text">As it is written.</param>
public sealed record PlanGoal(ValueList<PlanTerm> Terms, bool IsRelative, string Unit, string Text);

/// <summary><c>metric ≤ most</c>, in seconds or usd.</summary>
/// <param name="Text">As it is written.</param>
public sealed record PlanLimit(PlanMetric Metric, double Most, string Text);

/// <summary>What is called so runs on the device. Which names and devices there are is known when the program is placed.</summary>
public sealed record PlanPin(string Name, string Device, SourceSpan NameSpan, SourceSpan DeviceSpan);

/// <summary>How an entry is to be placed: the goals in order, within the limits. Of all this only <see cref="Rounded"/> changes results.</summary>
/// <param name="Goals">Empty: time.</param>
/// <param name="Dims">The sizes to place it for, from <c>when</c>.</param>
public sealed record TypedPlan(
    string Entry,
    SourceSpan Span,
    ValueList<PlanGoal> Goals,
    ValueList<PlanLimit> Limits,
    ValueList<PlanPin> Pins,
    ValueList<(string Name, long Size)> Dims)
{
    /// <summary>Parameters that are kept as bf16.</summary>
    public ValueList<string> Rounded { get; init; } = [];
}
