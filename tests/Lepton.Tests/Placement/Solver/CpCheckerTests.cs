using Lepton.Placement.Solver;

namespace Lepton.Tests.Placement.Solver;

/// <summary>What each constraint means, by examples on both sides of its edge.</summary>
public class CpCheckerTests
{
    [Theory]
    [InlineData(2, 5, true)] // [0, 2) and [2, 5)
    [InlineData(1, 5, false)]
    public void Intervals_may_touch_but_not_overlap(long start, long end, bool holds)
    {
        var b = new CpModelBuilder();
        var (s, e) = (b.Int(0, 9), b.Int(0, 9));
        b.NoOverlap([b.Interval(0, 2, 2), b.Interval(s, (LinearExpression)e - s, e)]);
        Assert.Equal(holds, CpChecker.FirstViolation(b.Build(), [start, end]) is null);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1, false)]
    public void An_absent_interval_overlaps_nothing(long present, bool holds)
    {
        var b = new CpModelBuilder();
        var p = b.Bool();
        b.NoOverlap([b.Interval(0, 2, 2), b.Interval(1, 2, 3, p)]);
        Assert.Equal(holds, CpChecker.FirstViolation(b.Build(), [present]) is null);
    }

    [Theory]
    [InlineData(2, true)]
    [InlineData(1, false)]
    public void Demands_of_a_cumulative_add_up_where_they_overlap(long capacity, bool holds)
    {
        var b = new CpModelBuilder();
        var c = b.Int(0, 9);
        b.Cumulative([(b.Interval(0, 3, 3), 1), (b.Interval(2, 3, 5), 1), (b.Interval(5, 1, 6), 1)], c);
        Assert.Equal(holds, CpChecker.FirstViolation(b.Build(), [capacity]) is null);
    }

    [Fact]
    public void A_constraint_holds_where_its_condition_does_not()
    {
        var b = new CpModelBuilder();
        var (x, on) = (b.Int(0, 9), b.Bool());
        b.LessOrEqual(x, 3, on);
        var model = b.Build();
        Assert.Null(CpChecker.FirstViolation(model, [7, 0]));
        Assert.Equal("constraint 0 (Linear) does not hold", CpChecker.FirstViolation(model, [7, 1]));
    }

    [Fact]
    public void Domains_and_lengths_are_looked_at()
    {
        var b = new CpModelBuilder();
        b.Int(new CpDomain([(0, 1), (4, 5)]));
        Assert.Equal("variable 0 = 3 is outside its domain", CpChecker.FirstViolation(b.Build(), [3]));
        Assert.Equal("0 values for 1 variables", CpChecker.FirstViolation(b.Build(), []));
    }

    [Fact]
    public void A_hint_is_kept_only_if_it_is_complete()
    {
        var b = new CpModelBuilder();
        var (x, y) = (b.Int(0, 9), b.Bool());
        b.Hint(x, 4);
        Assert.Empty(b.Build().Hint);
        b.Hint(!y, true);
        Assert.Equal(new long[] { 4, 0 }, b.Build().Hint.ToArray());
    }
}
