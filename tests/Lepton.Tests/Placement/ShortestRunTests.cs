using Lepton.Placement.Problem;
using Lepton.Tests.Placement.Solver;

namespace Lepton.Tests.Placement;

/// <summary>The enumeration of who waits for whom against the two enumerations of orders, where these apply.</summary>
public class ShortestRunTests
{
    [Fact]
    public void Without_memory_and_contention_it_finds_what_the_orders_find()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var problem = RandomProblems.Layered(seed, 3 + (seed % 3), 2 + (seed % 2), new RandomFeatures { Whole = seed % 2 == 0, Streams = seed % 3 == 0, Ties = seed % 5 == 0 });
            var orders = BruteForce.Front(problem).Select(s => s.Time).DefaultIfEmpty(-1).Min();
            Assert.Equal(orders, BruteForce.Front(problem with { Memory = MemoryModel.Residency }).Select(s => s.Time).DefaultIfEmpty(-1).Min(), 1e-9);
        }
    }

    [Fact]
    public void On_exclusive_links_it_finds_what_the_orders_of_copies_find()
    {
        for (var seed = 0; seed < 8; seed++)
        {
            var problem = RandomProblems.Layered(seed, 4, 2, new RandomFeatures { Whole = true }) with { ExclusiveLinks = true };
            Assert.Equal(LinkOrders.ShortestTime(problem), BruteForce.Front(problem).Min(s => s.Time), 1e-9);
        }
    }
}
