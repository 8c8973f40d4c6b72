using Lepton.Placement.Solver;

namespace Lepton.Tests.Placement.Solver;

/// <summary>Random models with every kind of constraint, small enough to try all values.</summary>
internal static class SmallModels
{
    public static CpModel Make(int seed)
    {
        var random = new Random(seed);
        var b = new CpModelBuilder();
        IntVariable[] ints = [.. Enumerable.Range(0, 3).Select(_ => b.Int(random.Next(-2, 1), random.Next(1, 4)))];
        ints[2] = b.Int(new CpDomain([(-3, -2), (0, 0), (3, 4)]));
        Literal[] bools = [.. Enumerable.Range(0, 3).Select(_ => b.Bool())];
        Literal Any() => random.Next(2) == 0 ? bools[random.Next(3)] : !bools[random.Next(3)];
        LinearExpression Sum() => (random.Next(-3, 4) * (LinearExpression)ints[random.Next(3)]) + (random.Next(-3, 4) * (LinearExpression)Any()) + random.Next(-2, 3);
        LinearExpression Time() => (LinearExpression)ints[random.Next(2)] + random.Next(0, 3);
        Literal[] If() => random.Next(2) == 0 ? [] : [Any()];
        IntervalVariable Interval()
        {
            var (start, size) = (Time(), random.Next(0, 3));
            return random.Next(2) == 0 ? b.Interval(start, size, start + size, If()) : b.Interval(start, size, Time(), If());
        }

        for (var i = 0; i < 4; i++)
        {
            switch (random.Next(10))
            {
                case 0: b.Or(Any(), Any(), Any()); break;
                case 1: b.Implies(Any(), Any()); break;
                case 2: b.AtMostOne(bools); break;
                case 3: b.ExactlyOne([bools[0], bools[1], !bools[2]]); break;
                case 4: b.LessOrEqual(Sum(), Sum(), If()); break;
                case 5: b.Equal(Sum(), Sum(), Any(), Any()); break;
                case 6: b.NoOverlap([Interval(), Interval(), Interval()]); break;
                case 7: b.Cumulative([(Interval(), random.Next(0, 3)), (Interval(), random.Next(0, 3)), (Interval(), (LinearExpression)Any())], 2); break;
                case 8: b.Max(Sum(), [Sum(), Sum()]); break;
                case 9: b.Between(Sum(), random.Next(-3, 1), random.Next(1, 4), If()); break;
            }
        }

        b.Minimize(Sum() + Sum());
        return b.Build();
    }

    /// <summary>The least objective over all values, by trying them; null where nothing satisfies the model.</summary>
    public static long? Best(CpModel model)
    {
        long? best = null;
        var values = new long[model.Variables.Length];
        Try(0);
        return best;

        void Try(int x)
        {
            if (x == values.Length)
            {
                if (CpChecker.FirstViolation(model, values) is null)
                {
                    best = Math.Min(best ?? long.MaxValue, model.Objective!.Value(values));
                }

                return;
            }

            foreach (var (low, high) in model.Variables[x].Parts)
            {
                for (values[x] = low; values[x] <= high; values[x]++)
                {
                    var at = values[x];
                    Try(x + 1);
                    values[x] = at;
                }
            }
        }
    }
}
