using System.Globalization;
using System.Text;

namespace Lepton.CommandLine.Profiling;

/// <summary>The profile as text of at most 100 columns.</summary>
internal static class ProfileTable
{
    private const int NameWidth = 40;

    public static string Of(Profile profile)
    {
        var text = new StringBuilder();
        var run = profile.Typical;
        Line($"{profile.Entry}: {run.Seconds * 1e3:G4} ms, the median of {profile.Runs.Count} recorded runs; {run.Launches.Length} launches of {profile.Kernels.Count} kernels; {Threads(profile.Threads)}");
        Line($"roofline: {profile.Roofline.Flops / 1e9:F1} GFLOP/s in f32, {profile.Roofline.Memory / 1e9:F1} GB/s from memory, measured\n");
        Line($"{"kernel",-NameWidth} {"launches",8} {"ms",9} {"share",7} {"GFLOP/s",8} {"GB/s",7} {"of roofline",14}");
        foreach (var k in profile.Kernels)
        {
            var bound = k.Bound == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"{100 * k.Bound / k.Seconds:F0} % {(k.BoundByMemory ? "memory" : "flops"),-6}");
            Line($"{Short(k.Kernel.Name),-NameWidth} {k.Launches,8} {k.Seconds * 1e3,9:F4} {100 * k.Seconds / run.Seconds,5:F1} % {k.Flops / k.Seconds / 1e9,8:F1} {k.Bytes / k.Seconds / 1e9,7:F1} {bound,14}");
        }

        Line($"{"outside kernels",-NameWidth} {"",8} {profile.Outside * 1e3,9:F4} {100 * profile.Outside / run.Seconds,5:F1} %");
        if (profile.Lost > 0)
        {
            Line($"{profile.Lost} launches and batches of the last run were not kept: too many");
        }

        return text.ToString();

        void Line(FormattableString line) => text.Append(line.ToString(CultureInfo.InvariantCulture)).Append('\n');
    }

    public static string Threads(int count) => count == 1 ? "1 thread" : string.Create(CultureInfo.InvariantCulture, $"{count} threads");

    // The start says where it comes from, the end its number.
    private static string Short(string name) => name.Length <= NameWidth ? name : name[..(NameWidth / 2)] + "…" + name[^((NameWidth / 2) - 1)..];
}
