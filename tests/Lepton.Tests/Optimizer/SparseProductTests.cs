using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Tests.Fuzz;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>The order of products with sparse factors: chosen by what they are expected to store, and the same numbers in any.</summary>
public sealed class SparseProductTests
{
    // 1000 x 4000, 4000 x 100, 100 x 60: dense, the right product first pays; of a sparse left matrix, the left one.
    [Theory]
    [InlineData("", true, "%0, (%1, %2)")]
    [InlineData(" in csr [dense 0, compressed 1] i32", false, "(%0, %1), %2")]
    [InlineData(" in csr [dense 0, compressed 1] i32", true, "(%0, %1), %2")]
    [InlineData(" in coo [compressed 0 repeated, singleton 1] i32", false, "(%0, %1), %2")]

    // A fill value that annihilates nothing: as if it were dense.
    [InlineData(" in csr [dense 0, compressed 1] i32 fill 2", true, "%0, (%1, %2)")]
    public void The_sparse_matrix_decides(string format, bool leftFirst, string expected)
    {
        var products = leftFirst
            ? """
              %3 = contract %0[0, 2], %1[2, 1] -> [0, 1] : f32[1000, 100]
                %4 = contract %3[0, 2], %2[2, 1] -> [0, 1] : f32[1000, 60]
              """
            : """
              %3 = contract %1[0, 2], %2[2, 1] -> [0, 1] : f32[4000, 60]
                %4 = contract %0[0, 2], %3[2, 1] -> [0, 1] : f32[1000, 60]
              """;
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument a{{format}} : f32[1000, 4000]
              %1 = input argument b : f32[4000, 100]
              %2 = input argument c : f32[100, 60]
              {{products}}
              output y = %4
            }

            """);
        var after = RemoveDead.Run(OrderProducts.Run(graph));
        Assert.Equal(expected, Text(after, after.Outputs[0].Node)[1..^1]);

        string Text(Graph g, NodeId id) => g[id] is ContractNode c ? $"({string.Join(", ", c.Factors.Select(f => Text(g, f)))})" : $"{id}";
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Products_of_factors_in_any_formats_keep_their_numbers_and_settle(int seed)
    {
        var (random, reordered) = (new Random(seed), 0);
        for (var round = 0; round < 150; round++)
        {
            var sizes = "ijklm".ToDictionary(l => l, _ => (long)random.Next(1, 7));
            var factors = Enumerable.Range(0, random.Next(2, 5)).Select(_ => string.Concat("ijklm".Where(_ => random.Next(2) == 0))).Append("ij").ToList();
            var g = new GraphAssembler("g", []);
            var inputs = new List<TensorValue>();
            var nodes = factors.Select((labels, n) =>
            {
                long[] dims = [.. labels.Select(l => sizes[l])];
                var format = labels.Length > 0 && random.Next(3) > 0 ? SparsePatterns.Format(random, dims) : null;
                format = format is not null && random.Next(6) == 0 ? format.WithFill(Scalar.Float(ElementType.F64, 2)) : format;
                inputs.Add(TensorValue.Of(ElementType.F64, dims, SparsePatterns.Fill(random, dims, format?.FillOf(ElementType.F64).AsDouble ?? 0)));
                return g.Add(new InputNode(new TensorType(ElementType.F64, dims.Select(SizeExpr.Constant).ToValueList()), InputKind.Argument, $"x{n}") { Format = format });
            }).ToList();

            // From the left, two at a time, or all at once; what the rest and the result do not have is summed on the way.
            var output = string.Concat(string.Concat(factors).Distinct().Where(_ => random.Next(3) == 0));
            var (made, has) = (nodes[0], factors[0]);
            for (var f = 1; f < nodes.Count; f++)
            {
                var rest = string.Concat(factors.Skip(f + 1)) + output;
                var both = string.Concat((has + factors[f]).Distinct());
                var kept = f == nodes.Count - 1 ? output : string.Concat(both.Where(rest.Contains));
                made = g.Contract([made, nodes[f]], [Labels(has), Labels(factors[f])], Labels(kept));
                has = kept;
            }

            g.Output("y", made);
            var graph = g.ToGraph();
            var notes = new List<RuleNote>();
            var after = RemoveDead.Run(OrderProducts.Run(FormContractions.Run(graph), tell: notes.Add));
            reordered += notes.Count;
            GraphVerifier.Verify(after, "order-products");
            Assert.Equal(Interpreter.Run(graph, inputs, _ => 0)[0].ToBytes(), Interpreter.Run(after, inputs, _ => 0)[0].ToBytes());

            // An elementwise product is one factor when it is met again: what stands beside it may be sampled by then.
            var before = "";
            for (var again = 0; again < 3 && before != GraphText.Print(after); again++)
            {
                (before, after) = (GraphText.Print(after), RemoveDead.Run(OrderProducts.Run(after)));
            }

            Assert.Equal(before, GraphText.Print(after));
        }

        Assert.True(reordered > 20, $"{reordered}");

        static ValueList<int> Labels(string labels) => labels.Select(l => l - 'i').ToValueList();
    }

    [Fact]
    public void A_product_that_a_sparse_factor_wants_alone_is_sampled()
    {
        // Of 2 · 500 · 400 · 30 + 2 · 500 · 400 operations of s · (q · k) a hundredth, then as many of 2 · 500 · 400 · 20.
        var graph = GraphText.Parse("""
            graph g() {
              %0 = input argument s in csr [dense 0, compressed 1] i32 : f32[500, 400]
              %1 = input argument q : f32[500, 30]
              %2 = input argument k : f32[400, 30]
              %3 = input argument v : f32[400, 20]
              %4 = contract %0[0, 2], %1[0, 3], %2[2, 3], %3[2, 1] -> [0, 1] : f32[500, 20]
              output y = %4
            }

            """);
        var notes = new List<RuleNote>();
        OrderProducts.Run(graph, tell: notes.Add);
        var note = Assert.Single(notes);
        Assert.Equal("s * q * k * v = (s * (q * k)) * v", note.Equation);
        Assert.Equal("products are associative: about 2.14E+05 of 4.81E+06 operations, s taken to store 1 %", note.Reason);
    }
}
