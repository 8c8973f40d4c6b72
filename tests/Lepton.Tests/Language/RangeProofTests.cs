using Lepton.Abi;
using Lepton.Language.Semantics;

namespace Lepton.Tests.Language;

/// <summary>What is proved must hold: an access that is wrongly proved inside would read foreign memory.</summary>
public sealed class RangeProofTests
{
    private static readonly string[] Names = ["A", "B", "C"];

    /// <summary>Random sizes, assumptions and exact divisions; every proof is checked on all small assignments that fulfil them.</summary>
    [Fact]
    public void Proofs_hold_for_all_small_sizes()
    {
        var proved = 0;
        for (var seed = 0; seed < 8000; seed++)
        {
            var random = new Random(seed);
            var proof = new RangeProof();
            var goal = Size(random, 3);
            var assume = Enumerable.Range(0, random.Next(3)).Select(_ => Size(random, 2)).ToList();
            (SizeExpr Dividend, SizeExpr Divisor)? exact = random.Next(3) == 0 ? (Size(random, 1), SizeExpr.Constant(random.Next(2, 4))) : null;
            if (exact is { } e)
            {
                proof.AddExact(e.Dividend, e.Divisor);
                goal += SizeExpr.FloorDiv(e.Dividend, e.Divisor) * random.Next(-3, 4);
            }

            if (!proof.IsNonNegative(goal, assume))
            {
                continue;
            }

            proved += goal.IsConstant || goal.IsProvablyNonNegative() ? 0 : 1;
            foreach (var valueOf in Assignments())
            {
                if (assume.All(a => a.Evaluate(valueOf) >= 0) && (exact is not { } x || x.Dividend.Evaluate(valueOf) % x.Divisor.Evaluate(valueOf) == 0))
                {
                    Assert.True(goal.Evaluate(valueOf) >= 0, $"seed {seed}: {goal} >= 0 from {string.Join(", ", assume)} fails for {string.Join(", ", Names.Select(n => $"{n} = {valueOf(n)}"))}");
                }
            }
        }

        // The test would be empty if nothing but the obvious were proved.
        Assert.True(proved > 100, $"only {proved} proofs");
    }

    [Theory]
    [InlineData("A - 1", "A - 1")]
    [InlineData("A*B - 1", "A - 1; B - 1")]
    [InlineData("A - B", "A - B - 1")]
    [InlineData("A - 1 - 2*floordiv(A - B, 2)", "B - 1; floordiv(A - B, 2)")]
    [InlineData("A - 1 - floordiv(A - 1, 4)", "A - 1")]
    [InlineData("B - 1 - mod(A, B)", "B - 1")]
    [InlineData("A - min(A, B)", "")]
    [InlineData("C*A - C*B", "A - B")]
    public void Proofs_that_programs_need(string goal, string assumptions) =>
        Assert.True(new RangeProof().IsNonNegative(SizeParser.Parse(goal), assumptions.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(a => SizeParser.Parse(a))));

    private static IEnumerable<Func<string, long>> Assignments()
    {
        for (var i = 0; i < 7 * 7 * 7; i++)
        {
            var digits = i;
            yield return name => name switch
            {
                "A" => digits % 7,
                "B" => digits / 7 % 7,
                _ => digits / 49,
            };
        }
    }

    private static SizeExpr Size(Random random, int depth) => (depth == 0 ? random.Next(2) : random.Next(9)) switch
    {
        0 => SizeExpr.Variable(Names[random.Next(3)]),
        1 => random.Next(-2, 4),
        2 or 3 => Size(random, depth - 1) + Size(random, depth - 1),
        4 => Size(random, depth - 1) - Size(random, depth - 1),
        5 => Size(random, depth - 1) * Size(random, depth - 1),
        6 => SizeExpr.FloorDiv(Size(random, depth - 1), random.Next(1, 4)),
        7 => SizeExpr.Mod(Size(random, depth - 1), random.Next(1, 4)),
        _ => random.Next(2) == 0 ? SizeExpr.Max(Size(random, depth - 1), Size(random, depth - 1)) : SizeExpr.Min(Size(random, depth - 1), Size(random, depth - 1)),
    };
}
