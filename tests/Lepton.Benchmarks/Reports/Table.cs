using System.Globalization;

namespace Lepton.Benchmarks.Reports;

/// <summary>The table on the terminal: a line for each workload, at most 100 columns, written as soon as it is known.</summary>
internal static class Table
{
    private const string Green = "\e[32m";
    private const string Red = "\e[31m";
    private const string Plain = "\e[0m";
    private static readonly bool Color = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("NO_COLOR") is null or "";

    public static void Head(IReadOnlyList<int> threads)
    {
        Console.WriteLine("medians in ms, each with the best peer's; ratio below 1: Lepton is faster; + goal met, - missed\n");
        Console.WriteLine($"{"",-30}" + string.Concat(threads.Select(t => $"  {(t == 1 ? "1 thread" : $"{t} threads"),-31}")));
        Console.WriteLine($"{"workload",-30}" + string.Concat(threads.Select(_ => $"{"Lepton",8} {"best peer",-16} {"ratio",5} ")) + "  goal");
    }

    public static void Line(IReadOnlyList<Measurement> measurements)
    {
        var workload = measurements[0].Workload;
        Console.WriteLine($"{workload.Name,-30}" + string.Concat(measurements.Select(Cell)) + $" ≤{Number(workload.Goal, "F2"),5}");
        foreach (var measurement in measurements)
        {
            foreach (var wrong in measurement.Wrong)
            {
                Console.WriteLine($"  {Painted("WRONG", Red)}: differs from {wrong.Contender} by {Number(wrong.Difference, "E1")}, allowed {Number(workload.Tolerance, "E1")}");
            }
        }
    }

    public static string Milliseconds(double seconds) => Number(seconds * 1e3, seconds >= 0.9995 ? "F0" : seconds >= 0.0995 ? "F1" : seconds >= 0.00995 ? "F2" : seconds >= 0.0000995 ? "F3" : "F4");

    private static string Cell(Measurement m)
    {
        var (best, ratio) = (m.Best, m.Ratio);
        var theirs = best is null ? $"{"no peer here",-16}" : $"{Milliseconds(best.Seconds),7} {best.Contender,-8}";
        var mark = ratio is null ? " " : m.Met ? Painted("+", Green) : Painted("-", Red);
        return $"{Milliseconds(m.Ours),8} {theirs} {(ratio is { } r ? Number(r, "F3") : ""),5}{mark}";
    }

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static string Painted(string text, string color) => Color ? color + text + Plain : text;
}
