using System.Globalization;
using Lepton.Abi;

namespace Lepton.Kernels.Scheduling;

/// <summary>One decision of a schedule: <c>rows=6</c>, <c>right=chunk</c>.</summary>
public sealed record Setting(string Knob, string Value)
{
    public Setting(string knob, long value)
        : this(knob, value.ToString(CultureInfo.InvariantCulture))
    {
    }

    public override string ToString() => $"{Knob}={Value}";
}

/// <summary>How one kernel is made, as a plan file says it: <c>by=tiles rows=6 vectors=2 block_rows=256 …</c></summary>
public sealed record Choice(ValueList<Setting> Settings)
{
    public string? this[string knob] => Settings.FirstOrDefault(s => s.Knob == knob)?.Value;

    /// <summary>The number of a knob; only where <see cref="ScheduleSpace.Problem"/> found nothing.</summary>
    public long Number(string knob) => long.Parse(this[knob] ?? "", NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>The choice with one knob turned.</summary>
    public Choice With(string knob, object value) =>
        new(Settings.Select(s => s.Knob == knob ? s with { Value = string.Create(CultureInfo.InvariantCulture, $"{value}") } : s).ToValueList());

    public override string ToString() => string.Join(' ', Settings);
}
