using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>Sums of products become contractions: the well-known ones, and 1,000 random ones of small whole numbers, exactly.</summary>
public sealed class ContractionTests
{
    private static readonly SizeExpr N = SizeExpr.Variable("N");

    [Theory]
    [InlineData("ik,kj->ij", "[0, 2], %R[2, 1] -> [0, 1]")]
    [InlineData("ki,jk->ij", "[2, 0], %R[1, 2] -> [0, 1]")]
    [InlineData("ik,kj->ji", "[2, 0], %R[1, 2] -> [0, 1]")]
    [InlineData("bik,bkj->bij", "[0, 1, 3], %R[0, 3, 2] -> [0, 1, 2]")]
    [InlineData("ik,k->i", "[0, 1], %R[1] -> [0]")]
    [InlineData("ikl,klj->ij", "[0, 2, 3], %R[2, 3, 1] -> [0, 1]")]
    public void A_known_product_is_one_contraction(string einsum, string expected)
    {
        var graph = Einsum(einsum, [.. "ijklb".Select((c, i) => (c, (SizeExpr)(i + 2)))], ElementType.F32);
        var after = GraphPasses.Optimize(graph, new PassOptions { Verify = true });
        var contract = Assert.Single(after.Nodes.OfType<ContractNode>());
        Assert.Equal(after.Inputs.Count + 1, after.Nodes.Count);
        var text = GraphText.Describe(contract).Split(" :")[0].Replace("contract %", "");
        Assert.Equal(expected, System.Text.RegularExpressions.Regex.Replace(text[1..], "%[0-9]+", "%R"));
    }

    [Fact]
    public void A_convolution_is_one_contraction_of_a_window()
    {
        var g = new GraphAssembler("conv", ["N"]);
        var x = g.Input("x", new TensorType(ElementType.F32, [N, 3, 10, 10]));
        var w = g.Input("w", new TensorType(ElementType.F32, [8, 3, 3, 3]));

        // n o y x c u v
        ValueList<SizeExpr> space = [N, 8, 8, 8, 3, 3, 3];
        AxisAccess Sum(int a, int b) => new(SizeExpr.Zero, [new AffineTerm(a, 1), new AffineTerm(b, 1)]);
        var window = g.View(x, space, [AxisAccess.Axis(0), AxisAccess.Axis(4), Sum(2, 5), Sum(3, 6)]);
        var weight = g.View(w, space, [AxisAccess.Axis(1), AxisAccess.Axis(4), AxisAccess.Axis(5), AxisAccess.Axis(6)]);
        g.Output("y", g.Reduce(ReduceKind.Sum, g.Map(MapOp.Mul, window, weight), [4, 5, 6]));
        var after = GraphPasses.Optimize(g.ToGraph(), new PassOptions { Verify = true });
        Assert.Equal(["input", "input", "view", "contract"], after.Nodes.Select(n => n.Name));
        Assert.Equal(6, after.Nodes[2].Type.Rank);
    }

    [Fact]
    public void What_depends_on_fewer_indices_is_multiplied_into_a_factor()
    {
        // Σ_k 0.5 * a[i, k] * s[i] * b[k, j]
        var after = GraphPasses.Optimize(Einsum("ik,i,kj,->ij", [('i', 3), ('j', 4), ('k', 5)], ElementType.F32), new PassOptions { Verify = true });
        Assert.Equal(2, Assert.Single(after.Nodes.OfType<ContractNode>()).Factors.Count);
        Assert.All(after.Nodes.OfType<MapNode>(), m => Assert.True(m.Type.Rank <= 2));
    }

    [Fact]
    public void A_sum_of_squares_and_a_plain_sum_stay_reductions()
    {
        foreach (var einsum in new[] { "ik,ik->i", "ik->i", "k,k->" })
        {
            var after = GraphPasses.Optimize(Einsum(einsum, [('i', 3), ('k', 5)], ElementType.F32), new PassOptions { Verify = true });
            Assert.Empty(after.Nodes.OfType<ContractNode>());
            Assert.Single(after.Nodes.OfType<ReduceNode>());
        }
    }

    [Fact]
    public void Three_factors_are_paired_unless_sums_are_to_be_rounded_as_they_are_written()
    {
        var floats = Einsum("ij,jk,kl->il", [('i', 3), ('j', 4), ('k', 5), ('l', 6)], ElementType.F32);
        Assert.Equal(3, Assert.Single(GraphPasses.Optimize(floats, new PassOptions { Exact = true }).Nodes.OfType<ContractNode>()).Factors.Count);
        Assert.Equal(2, GraphPasses.Optimize(floats, new PassOptions()).Nodes.OfType<ContractNode>().Count());
        var integers = Einsum("ij,jk,kl->il", [('i', 3), ('j', 4), ('k', 5), ('l', 6)], ElementType.I32);
        Assert.All(GraphPasses.Optimize(integers, new PassOptions()).Nodes.OfType<ContractNode>(), c => Assert.Equal(2, c.Factors.Count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_product_in_its_cheapest_order_gives_the_same_numbers_and_settles(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 60; round++)
        {
            var sizes = "ijklm".Select(l => (Label: l, Size: (long)random.Next(1, 7))).ToList();
            var factors = Enumerable.Range(0, random.Next(2, 6)).Select(_ => string.Concat("ijklm".Where(l => random.Next(2) == 0))).Append("ijk").ToList();
            var used = string.Concat(factors).Distinct().Order().ToList();
            var einsum = $"{string.Join(',', factors)}->{string.Concat(used.Skip(1).Where(l => random.Next(3) == 0))}";
            var graph = Einsum(einsum, [.. sizes.Where(s => used.Contains(s.Label))], ElementType.F64);
            var after = OrderProducts.Run(FormContractions.Run(graph));
            GraphVerifier.Verify(after, "order-products");
            var inputs = graph.Inputs.Select(i => OptimizerSupport.SmallValues(random, ElementType.F64, [.. graph[i].Type.Shape.Select(s => s.AsConstant!.Value)])).ToList();
            Assert.Equal(Interpreter.Run(graph, inputs, _ => 0)[0].ToBytes(), Interpreter.Run(after, inputs, _ => 0)[0].ToBytes());
            var again = OrderProducts.Run(after);
            Assert.True(ReferenceEquals(after, again) || GraphText.Print(after) == GraphText.Print(again), einsum);
        }
    }

    [Fact]
    public void A_transposed_contraction_is_a_contraction()
    {
        var graph = GraphText.Parse(
            """
            graph g() {
              %0 = input argument a : f32[2, 3]
              %1 = input argument b : f32[3, 4]
              %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[2, 4]
              %3 = view %2 [i1, i0] : f32[4, 2]
              output y = %3
            }

            """);
        var after = GraphPasses.Optimize(graph, new PassOptions { Verify = true });
        Assert.Equal(["input", "input", "contract"], after.Nodes.Select(n => n.Name));
    }

    [Fact]
    public void Random_sums_of_products_keep_their_numbers()
    {
        var formed = 0;
        for (var seed = 0; seed < 1000; seed++)
        {
            var random = new Random(seed);
            var labels = "abcde"[..random.Next(1, 6)];
            string Some(int chance) => new([.. labels.Where(_ => random.Next(chance) != 0).OrderBy(_ => random.Next())]);
            var factors = Enumerable.Range(0, random.Next(1, 4)).Select(_ => Some(2)).ToList();
            var output = new string([.. string.Concat(factors).Distinct().Where(_ => random.Next(2) == 0)]);
            var sizes = labels.Select(c => (c, (SizeExpr)(random.Next(10) == 0 ? 0 : random.Next(1, 4)))).ToArray();
            var type = OptimizerSupport.Pick(random, [ElementType.F32, ElementType.F64, ElementType.I32, ElementType.I8]);
            var before = Einsum($"{string.Join(',', factors)}->{output}", sizes, type);
            var after = FormContractions.Run(before, fastMath: random.Next(2) == 0);
            formed += after.Nodes.Any(n => n is ContractNode) ? 1 : 0;
            OptimizerSupport.SameMeaning(before, after, random, _ => 0, small: true);
        }

        Assert.True(formed > 200, $"{formed}");
    }

    // The graph of index notation: every factor is spread over all indices, multiplied, summed.
    private static Graph Einsum(string text, (char Label, SizeExpr Size)[] sizes, ElementType type)
    {
        var (inputs, output) = (text.Split("->")[0].Split(','), text.Split("->")[1]);
        var all = output + new string([.. string.Concat(inputs).Distinct().Except(output)]);
        SizeExpr SizeOf(char label) => sizes.Single(s => s.Label == label).Size;
        var space = all.Select(SizeOf).ToValueList();
        var g = new GraphAssembler("einsum", []);
        NodeId? product = null;
        foreach (var labels in inputs)
        {
            var x = g.Input($"x{g.Nodes.Count}", new TensorType(type, labels.Select(SizeOf).ToValueList()));
            var spread = g.View(x, space, labels.Select(l => AxisAccess.Axis(all.IndexOf(l))).ToValueList());
            product = product is { } p ? g.Map(MapOp.Mul, p, spread) : spread;
        }

        g.Output("y", g.Reduce(ReduceKind.Sum, product!.Value, Enumerable.Range(output.Length, all.Length - output.Length).ToValueList()));
        return g.ToGraph();
    }
}
