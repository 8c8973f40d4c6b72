using Lepton.Placement.Solver;

namespace Lepton.Tests.Placement.Solver;

/// <summary>A model on which a solver works for minutes: jobs of three lengths in a shop of machines, with one order of machines for each.</summary>
internal static class HardModel
{
    public static CpModel Make(int jobs = 20, int machines = 15)
    {
        var random = new Random(5);
        var b = new CpModelBuilder();
        var horizon = 100 * jobs * machines;
        var end = b.Int(0, horizon);
        var onMachine = Enumerable.Range(0, machines).Select(_ => new List<IntervalVariable>()).ToArray();
        for (var j = 0; j < jobs; j++)
        {
            LinearExpression ready = 0;
            foreach (var m in Enumerable.Range(0, machines).OrderBy(_ => random.Next()))
            {
                var start = b.Int(0, horizon);
                var length = random.Next(1, 100);
                b.LessOrEqual(ready, start);
                ready = (LinearExpression)start + length;
                onMachine[m].Add(b.Interval(start, length, ready));
            }

            b.LessOrEqual(ready, end);
        }

        foreach (var intervals in onMachine)
        {
            b.NoOverlap(intervals);
        }

        b.Minimize(end);
        return b.Build();
    }
}
