using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Tests.Fuzz;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>a @ x ± a @ y = a @ (x ± y) for a sparse a: the same numbers, and only where it is allowed and cheaper.</summary>
public sealed class FactorSumsTests
{
    [Theory]
    [InlineData(" in csr [dense 0, compressed 1] i32", "f32", false, 1)]
    [InlineData(" in csr [dense 0, compressed 1] i32", "i32", true, 1)]

    // Rounded as written; rounded after every step; dense; a fill value that annihilates nothing.
    [InlineData(" in csr [dense 0, compressed 1] i32", "f32", true, 2)]
    [InlineData(" in csr [dense 0, compressed 1] i32", "f16", false, 2)]
    [InlineData("", "f32", false, 2)]
    [InlineData(" in csr [dense 0, compressed 1] i32 fill 2", "f32", false, 2)]
    public void One_pass_for_two_where_that_is_allowed(string format, string element, bool exact, int contractions)
    {
        var graph = GraphText.Parse(Text(format, element, "500, 400", "400, 30", "500, 30"));
        var notes = new List<RuleNote>();
        var after = RemoveDead.Run(FactorSums.Run(graph, exact, notes.Add));
        GraphVerifier.Verify(after, "factor-sums");
        Assert.Equal(contractions, after.Nodes.Count(n => n is ContractNode));
        Assert.Equal(2 - contractions, notes.Count);
    }

    [Theory]

    // 20 rows of one entry: the sum of two 4000 x 30 costs more than the second pass.
    [InlineData("20, 4000", "4000, 30", "20, 30", 2)]
    [InlineData("N, N", "N, K", "N, K", 1)]
    public void Not_where_the_sum_costs_more(string a, string x, string y, int contractions) => Assert.Equal(
        contractions,
        RemoveDead.Run(FactorSums.Run(GraphText.Parse(Text(" in csr [dense 0, compressed 1] i32", "f32", a, x, y)))).Nodes.Count(n => n is ContractNode));

    [Fact]
    public void Random_sums_of_products_keep_their_numbers()
    {
        var factored = 0;
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var element = OptimizerSupport.Pick(random, [ElementType.F64, ElementType.F32, ElementType.I32, ElementType.I8]);
            long[] sizes = [random.Next(0, 9), random.Next(1, 6), random.Next(1, 6)];
            var format = SparsePatterns.Format(random, [sizes[0], sizes[1]]);
            var g = new GraphAssembler("g", []);
            TensorType Type(params int[] axes) => new(element, axes.Select(a => SizeExpr.Constant(sizes[a])).ToValueList());
            var a = g.Add(new InputNode(Type(0, 1), InputKind.Argument, "a") { Format = format });
            var dense = Enumerable.Range(0, 3).Select(i => g.Input($"x{i}", Type(1, 2))).ToList();
            var isFirst = random.Next(2) == 0;
            var products = dense.Select(x => isFirst ? g.Contract([a, x], [[0, 1], [1, 2]], [0, 2]) : g.Contract([x, a], [[1, 2], [0, 1]], [2, 0])).ToList();
            var sum = g.Map(OptimizerSupport.Pick(random, [MapOp.Add, MapOp.Sub]), products[0], products[1]);
            g.Output("y", g.Map(OptimizerSupport.Pick(random, [MapOp.Add, MapOp.Sub]), sum, products[2]));
            if (random.Next(4) == 0)
            {
                g.Output("z", products[1]);
            }

            var graph = g.ToGraph();
            var after = FactorSums.Run(graph, tell: _ => factored++);
            OptimizerSupport.SameMeaning(graph, after, random, _ => 0, small: true);
        }

        Assert.True(factored > 100, $"{factored}");
    }

    private static string Text(string format, string element, string a, string x, string y) => $$"""
        graph g(N, K) {
          %0 = input argument a{{format}} : {{element}}[{{a}}]
          %1 = input argument x : {{element}}[{{x}}]
          %2 = input argument y : {{element}}[{{x}}]
          %3 = contract %0[0, 2], %1[2, 1] -> [0, 1] : {{element}}[{{y}}]
          %4 = contract %0[0, 2], %2[2, 1] -> [0, 1] : {{element}}[{{y}}]
          %5 = add %3, %4 : {{element}}[{{y}}]
          output y = %5
        }

        """;
}
