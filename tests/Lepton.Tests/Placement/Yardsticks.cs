using System.Diagnostics;
using System.Globalization;
using Lepton.Placement;
using Lepton.Placement.Problem;
using Lepton.Placement.Solver;
using Lepton.Placement.Solver.Scheduling;
using Lepton.Tests.Placement.Solver;

namespace Lepton.Tests.Placement;

/// <summary>
/// How good plans for random layered graphs are: against HEFT and against the bound, without a solver and with one. By hand, one row after the other:
/// tests/placement.sh.
/// </summary>
[Collection("solver")] // One engine at a time works here: they would only slow each other down.
public class Yardsticks
{
    private static readonly bool ByHand = Environment.GetEnvironmentVariable("LEPTON_PLACEMENT") == "all";

    [SolverFact]
    public void Random_graphs_are_proven_or_nearly_so_with_a_solver()
    {
        using var solver = CpPlacement.Create(out _, new SolverOptions { Seconds = 10 })!;

        // The engines are started, and the code is compiled, before the clock runs: leptonc place starts an engine while it compiles the program.
        foreach (var seed in ByHand ? [98, 99] : Array.Empty<int>())
        {
            Placer.Place(RandomProblems.Layered(seed, 20, 8), solver.Options(seconds: 5));
        }

        foreach (var (kernels, devices, seeds) in ByHand ? [(20, 8, 8), (50, 4, 8)] : new[] { (20, 8, 1) })
        {
            var (gaps, seconds) = (new List<double>(), new List<double>());
            for (var seed = 1; seed <= seeds; seed++)
            {
                var clock = Stopwatch.StartNew();
                var goal = Placer.Place(RandomProblems.Layered(seed, kernels, devices), solver.Options()).Goals[0];
                seconds.Add(clock.Elapsed.TotalSeconds);
                gaps.Add(goal.Gap);
                Row($"       seed {seed}: {goal.Value * 1e3:f3} ms, gap {goal.Gap:p1}, {seconds[^1]:f2} s, by {goal.Method}");
            }

            var proven = gaps.Count(g => g == 0);
            Row($"{kernels,4} kernels on {devices}, solver: {proven} of {seeds} proven, gap {gaps.Average():p1}, {seconds.Average():f2} s, most {seconds.Max():f2} s");
            Assert.All(gaps.Where(_ => kernels == 20), g => Assert.Equal(0, g));
        }
    }

    [Fact]
    public void Plans_for_random_graphs_are_better_than_HEFT()
    {
        var seeds = ByHand ? 20 : 4;
        foreach (var (kernels, devices) in ByHand ? [(20, 2), (20, 8), (50, 4), (100, 4), (200, 4)] : new[] { (50, 4) })
        {
            var (better, gap, clock) = (0.0, 0.0, Stopwatch.StartNew());
            for (var seed = 1; seed <= seeds; seed++)
            {
                var result = Placer.Place(RandomProblems.Layered(seed, kernels, devices));
                var heft = result.Alternatives.Single(a => a.Name == "HEFT").Run.Score.Time;
                better += 1 - (result.Run!.Score.Time / heft);
                gap += result.Goals[0].Gap;
            }

            var row = Row($"{kernels,4} kernels on {devices}: {better / seeds:p1} less than HEFT, bound {gap / seeds:p1}, {clock.Elapsed / seeds:ss\\.ff} s");
            Assert.True(better / seeds > (kernels <= 50 ? 0.1 : 0.05), row);
        }
    }

    // Where tests/placement.sh looks, as soon as it is known.
    private static string Row(FormattableString row)
    {
        var line = row.ToString(CultureInfo.InvariantCulture);
        if (ByHand)
        {
            File.AppendAllLines(Path.Combine(AppContext.BaseDirectory, "placement.txt"), [line]);
        }

        return line;
    }
}
