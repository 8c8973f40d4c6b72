using Lepton.Placement.Problem;
using Lepton.Placement.Simulation;

namespace Lepton.Tests.Placement;

/// <summary>The simulator against numbers made by hand, and against the enumeration of everything.</summary>
public class SimulatorTests
{
    // Two devices; a → b, a → c, (b, c) → d. Copies of 10 bytes take 1 + 10/10 = 2 s and cost 1 usd.
    private static readonly PlacementProblem Diamond = new(
        [new Device("x", UsdPerHour: 3600, MemoryBytes: 100), new Device("y", UsdPerHour: 7200, MemoryBytes: 100)],
        [new Link(0, 1, 1, 10, 1e8), new Link(1, 0, 1, 10, 1e8)],
        [new Kernel("a", [2, 1], 5), new Kernel("b", [3, 2], 5), new Kernel("c", [4, 1], 5), new Kernel("d", [1, 1], 5)],
        [new Tensor("ta", 0, 10, [1, 2]), new Tensor("tb", 1, 10, [3]), new Tensor("tc", 2, 10, [3]), new Tensor("td", 3, 10, [])],
        Objective.Of(Metric.Time));

    [Fact]
    public void One_device_runs_one_kernel_after_the_other()
    {
        var run = Simulator.Run(Diamond, [0, 0, 0, 0], [0, 1, 2, 3]);
        Assert.Equal([0.0, 2, 5, 9], run.Starts);
        Assert.Equal(new PlanScore(10, 10, 10, true), run.Score);
        Assert.Equal(60, run.Loads[0].Peak);
        Assert.Empty(run.Copies);
    }

    [Fact]
    public void A_copy_delays_its_reader_and_is_paid_once_per_device()
    {
        // x: a 0–2, b 2–5, (tc arrives 5 + 2) d 7–8.   y: (ta arrives 4) c 4–5
        var run = Simulator.Run(Diamond, [0, 0, 1, 0], [0, 1, 2, 3]);
        Assert.Equal([0.0, 2, 4, 7], run.Starts);
        Assert.Equal(8, run.Score.Time);
        Assert.Equal((6 * 1) + (1 * 2) + 2, run.Score.Money, 12);
        Assert.Equal(0, run.Score.Interval);

        // b and c on y share one copy of ta.
        var both = Simulator.Run(Diamond, [0, 1, 1, 1], [0, 1, 2, 3]);
        Assert.Equal([0.0, 4, 6, 7], both.Starts);
        Assert.Equal(2 + (4 * 2) + 1, both.Score.Money, 12);
        Assert.Equal(4, both.Score.Interval);
    }

    [Fact]
    public void A_rented_device_is_paid_for_the_whole_run_or_its_minimum()
    {
        var rented = Diamond with
        {
            Money = MoneyModel.Rental, Devices = [Diamond.Devices[0] with { MinimumSeconds = 20 }, Diamond.Devices[1]],
        };
        Assert.Equal(20, Simulator.Run(rented, [0, 0, 0, 0], [0, 1, 2, 3]).Score.Money, 12);
        Assert.Equal(20 + (8 * 2) + 2, Simulator.Run(rented, [0, 0, 1, 0], [0, 1, 2, 3]).Score.Money, 12);
        Assert.Equal(5 * 2, Simulator.Run(rented, [1, 1, 1, 1], [0, 1, 2, 3]).Score.Money, 12);
    }

    [Fact]
    public void Two_streams_run_two_kernels_at_a_time()
    {
        var two = Diamond with { Devices = [Diamond.Devices[0] with { Streams = 2 }, Diamond.Devices[1]] };
        Assert.Equal([0.0, 2, 2, 6], Simulator.Run(two, [0, 0, 0, 0], [0, 1, 2, 3]).Starts);
        Assert.Equal(5, Simulator.Run(two, [0, 0, 0, 0], [0, 1, 2, 3]).Score.Interval);
    }

    [Fact]
    public void What_is_alive_counts_from_its_producer_to_its_last_reader()
    {
        var alive = Diamond with { Memory = MemoryModel.Residency };

        // Weights 20; while c runs: ta, tb, tc.
        Assert.Equal(50, Simulator.Run(alive, [0, 0, 0, 0], [0, 1, 2, 3]).Loads[0].Peak);

        // x: weights 15; ta lives to the end of b and of its copy, tb from b's start; then tb, tc, td. y: ta's copy and tc.
        var split = Simulator.Run(alive, [0, 0, 1, 0], [0, 1, 2, 3]);
        Assert.Equal(45, split.Loads[0].Peak);
        Assert.Equal(25, split.Loads[1].Peak);
    }

    [Fact]
    public void An_exclusive_link_carries_one_copy_at_a_time_in_the_order_of_the_plan()
    {
        var fan = new PlacementProblem(
            [new Device("x", Streams: 2), new Device("y", Streams: 2)],
            [new Link(0, 1, 0, 1)],
            [new Kernel("a", [1, 9]), new Kernel("b", [1, 9]), new Kernel("c", [9, 1]), new Kernel("d", [9, 5])],
            [new Tensor("ta", 0, 3, [2]), new Tensor("tb", 1, 2, [3])],
            Objective.Of(Metric.Time),
            ExclusiveLinks: true);
        Assert.Equal([0.0, 0, 4, 6], Simulator.Run(fan, [0, 0, 1, 1], [0, 0, 1, 1]).Starts);
        var planned = new Plan([0, 0, 1, 1], [0, 0, 6, 3], [new CopyStart(0, 1, 3), new CopyStart(1, 1, 1)]);
        Assert.True(Simulator.RunAsPlanned(fan, planned).Score.Feasible);
        Assert.Equal([0.0, 0, 6, 3], Simulator.Run(fan, planned).Starts);
        var together = planned with { Copies = [new CopyStart(0, 1, 1), new CopyStart(1, 1, 1)] };
        Assert.Contains(Simulator.RunAsPlanned(fan, together).Violations, v => v.Rule == Rule.Contention);
        Assert.Equal([0.0, 0, 4, 3], Simulator.Run(fan with { ExclusiveLinks = false }, planned).Starts);
    }

    [Theory]
    [InlineData(Rule.Device, new[] { 0, 0, 0, 1 }, new double[] { 0, 2, 5, 9 })]
    [InlineData(Rule.Group, new[] { 0, 1, 0, 0 }, new double[] { 0, 2, 5, 19 })]
    [InlineData(Rule.Order, new[] { 0, 0, 1, 0 }, new double[] { 0, 2, 3, 7 })]
    [InlineData(Rule.Order, new[] { 0, 0, 1, 0 }, new double[] { 0, 2, 4, 6 })]
    [InlineData(Rule.Streams, new[] { 0, 0, 0, 0 }, new double[] { 0, 2, 4, 9 })]
    [InlineData(Rule.Memory, new[] { 1, 1, 1, 0 }, new double[] { 0, 1, 3, 8 })]
    [InlineData(Rule.Limit, new[] { 0, 0, 0, 0 }, new double[] { 0, 2, 5, 29 })]
    [InlineData(Rule.Pipeline, new[] { 0, 0, 1, 0 }, new double[] { 0, 2, 4, 7 })]
    public void A_broken_rule_is_named(Rule rule, int[] devices, double[] starts)
    {
        var strict = Diamond with
        {
            Devices = [Diamond.Devices[0], Diamond.Devices[1] with { MemoryBytes = 40 }],
            Kernels =
            [
                Diamond.Kernels[0] with { Group = 0 }, Diamond.Kernels[1] with { Group = 0 }, Diamond.Kernels[2],
                    Diamond.Kernels[3] with { Forbidden = [1] },
            ],
            Objective = Objective.Of(rule == Rule.Pipeline ? Metric.Interval : Metric.Time, new Limit(Metric.Time, 20)),
        };
        Assert.Empty(ProblemCheck.Run(strict));
        var run = Simulator.RunAsPlanned(strict, new Plan([.. devices], [.. starts]));
        Assert.False(run.Score.Feasible);
        Assert.Equal(rule, run.Violations.Select(v => v.Rule).Distinct().Single());
    }

    [Fact]
    public void A_missing_link_is_named() =>
        Assert.Contains(Simulator.Run(Diamond with { Links = [Diamond.Links[0]] }, [0, 0, 1, 0], [0, 1, 2, 3]).Violations, v => v.Rule == Rule.Link
            && v.Message.Contains("'tc'"));

    [Fact]
    public void Early_starts_keep_the_rules_and_are_never_later()
    {
        for (var seed = 0; seed < 150; seed++)
        {
            var problem = RandomProblems.Layered(seed, 12, 3, new RandomFeatures { Streams = true }) with { ExclusiveLinks = seed % 2 == 1 };
            var random = new Random(seed);
            int[] devices = [.. Enumerable.Range(0, 12).Select(_ => random.Next(3))];
            var early = Simulator.Run(problem, devices, [.. Enumerable.Range(0, 12).Select(_ => random.NextDouble())]);
            Assert.Empty(early.Violations);
            Assert.Empty(Simulator.RunAsPlanned(problem, early.Plan).Violations);
            Assert.All(Simulator.Run(problem, early.Plan).Starts.Zip(early.Starts), s => Assert.True(s.First <= s.Second));

            // A plan with idle time: everything is shifted apart by a growing pause. Nothing starts later.
            var slow = new Plan(
                early.Devices,
                [.. early.Starts.Select(s => (s * 1.7) + 0.01)],
                [.. early.Copies.Select(c => new CopyStart(c.Tensor, c.To, (c.Start * 1.7) + 0.01))]);
            var slowRun = Simulator.RunAsPlanned(problem, slow);
            var again = Simulator.Run(problem, slow);
            Assert.DoesNotContain(again.Violations, v => v.Rule is Rule.Order or Rule.Streams or Rule.Contention);
            Assert.All(again.Starts.Zip(slowRun.Starts), s => Assert.True(s.First <= s.Second));
        }
    }

    [Fact]
    public void Every_run_lies_behind_the_front_of_the_enumeration_and_some_run_on_it()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var features = new RandomFeatures
            {
                Streams = seed % 3 == 0, Ties = seed % 4 == 1, CopiesOccupy = true, Money = (MoneyModel)(seed % 2), Memory = seed % 5 == 0 ? 0.7 : 0,
            };
            var problem = RandomProblems.Layered(seed, 4, 2, features);
            var front = BruteForce.Front(problem);
            var hit = new HashSet<PlanScore>();
            foreach (var order in Permutations([0, 1, 2, 3]))
            {
                for (var code = 0; code < 16; code++)
                {
                    int[] devices = [code & 1, code >> 1 & 1, code >> 2 & 1, code >> 3];
                    var score = Simulator.Run(problem, devices, [.. order.Select(o => (double)o)]).Score;
                    if (score.Feasible)
                    {
                        Assert.Contains(front, f => f.Time <= score.Time * (1 + 1e-9) && f.Money <= score.Money * (1 + 1e-9)
                            && f.Interval <= score.Interval * (1 + 1e-9));
                        hit.UnionWith(front.Where(f => Near(f.Time, score.Time) && Near(f.Money, score.Money) && Near(f.Interval, score.Interval)));
                    }
                }
            }

            Assert.Equal(front.Count, hit.Count);
        }
    }

    private static IEnumerable<int[]> Permutations(int[] items) => items.Length == 0
        ? [[]]
        : items.SelectMany(first => Permutations([.. items.Where(i => i != first)]).Select(rest => (int[])[first, .. rest]));

    private static bool Near(double a, double b) => Math.Abs(a - b) <= 1e-9 * Math.Max(a, b);
}
