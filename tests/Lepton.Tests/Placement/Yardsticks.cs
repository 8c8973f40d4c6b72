using System.Diagnostics;
using System.Globalization;
using Lepton.Placement;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement;

/// <summary>How good plans for random layered graphs are without a solver: against HEFT and against the bound. By hand: tests/placement.sh.</summary>
public class Yardsticks
{
    [Fact]
    public void Plans_for_random_graphs_are_better_than_HEFT()
    {
        var byHand = Environment.GetEnvironmentVariable("LEPTON_PLACEMENT") == "all";
        var (seeds, lines) = (byHand ? 20 : 4, new List<string>());
        foreach (var (kernels, devices) in byHand ? [(20, 2), (20, 8), (50, 4), (100, 4), (200, 4)] : new[] { (50, 4) })
        {
            var (better, gap, clock) = (0.0, 0.0, Stopwatch.StartNew());
            for (var seed = 1; seed <= seeds; seed++)
            {
                var result = Placer.Place(RandomProblems.Layered(seed, kernels, devices));
                var heft = result.Alternatives.Single(a => a.Name == "HEFT").Run.Score.Time;
                better += 1 - (result.Run!.Score.Time / heft);
                gap += result.Goals[0].Gap;
            }

            FormattableString line =
                $"{kernels,4} kernels on {devices}: {better / seeds:p1} less than HEFT, bound {gap / seeds:p1}, {clock.Elapsed / seeds:ss\\.ff} s";
            lines.Add(line.ToString(CultureInfo.InvariantCulture));
            Assert.True(better / seeds > (kernels <= 50 ? 0.1 : 0.05), lines[^1]);
        }

        if (byHand)
        {
            File.WriteAllLines(Path.Combine(AppContext.BaseDirectory, "placement.txt"), lines);
        }
    }
}
