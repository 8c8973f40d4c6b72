using System.Globalization;
using System.Text.RegularExpressions;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>The best value and the bound of several lanes that solve one model, out of the lines that they print.</summary>
/// <param name="value">Known before, in the goal's unit.</param>
/// <param name="bound">Known before, in the goal's unit.</param>
/// <param name="unit">One tick of the objective.</param>
internal sealed partial class ProgressLines(double value, double bound, double unit, Action<double, double> hear)
{
    private readonly Lock _gate = new();

    /// <summary><c>#12  3.40s best:2412  next:[2267,2411]  …</c>; from any thread.</summary>
    public void Read(string line)
    {
        if (Line().Match(line) is not { Success: true } match)
        {
            return;
        }

        lock (_gate)
        {
            value = Math.Min(value, Number(match.Groups[1].Value) ?? value);
            bound = Math.Min(value, Math.Max(bound, Number(match.Groups[2].Value) ?? bound));
            hear(value, bound);
        }
    }

    private double? Number(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) ? number * unit : null;

    [GeneratedRegex(@"best:(\S+)\s+next:\[([^,\]]+),")]
    private static partial Regex Line();
}
