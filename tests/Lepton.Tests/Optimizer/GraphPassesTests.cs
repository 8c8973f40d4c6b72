using System.Diagnostics;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Xunit;

namespace Lepton.Tests.Optimizer;

public sealed class GraphPassesTests
{
    [Fact]
    public void The_order_of_passes_is_checked()
    {
        GraphPass Pass(string name, params string[] after) => new(name, (g, _) => g, after);
        Assert.Throws<CompilerBugException>(() => GraphPasses.CheckOrder([Pass("a", "b"), Pass("b")]));
        Assert.Throws<CompilerBugException>(() => GraphPasses.CheckOrder([Pass("a"), Pass("a")]));
        Assert.Equal(2, GraphPasses.CheckOrder([Pass("a"), Pass("b", "a")]).Count);
    }

    [Fact]
    public void Unknown_names_are_refused_and_skipped_passes_do_not_run()
    {
        var graph = Chain(3, MapOp.Neg);
        Assert.Throws<ArgumentException>(() => GraphPasses.Run(graph, new PassOptions { Skip = new HashSet<string> { "polish" } }));
        var ran = new HashSet<string>();
        GraphPasses.Run(graph, new PassOptions { Skip = new HashSet<string> { "algebra" }, Trace = (name, _, _, _) => ran.Add(name) });
        Assert.Equal(GraphPasses.Names.Where(n => n != "algebra").Order(), ran.Order());
    }

    // 100,000 operations: no recursion over nodes, no time that grows faster than their number.
    [Theory]
    [InlineData(MapOp.Sin)]
    [InlineData(MapOp.Neg)]
    [InlineData(MapOp.Abs)]
    public void Time_is_linear_in_the_length_of_a_chain(MapOp op)
    {
        Run(10_000);
        var few = Enumerable.Range(0, 3).Min(_ => Run(10_000));
        var many = Run(100_000);
        Assert.True(many < 40 * (few + 0.01), $"{few} s for 10,000, {many} s for 100,000");

        double Run(int length)
        {
            var graph = Chain(length, op);
            var clock = Stopwatch.StartNew();
            var fused = GraphPasses.Run(graph);
            Assert.InRange(fused.Groups.Count, 1, (length / 200) + 1);
            return clock.Elapsed.TotalSeconds;
        }
    }

    [Fact]
    public void Chains_of_views_transposes_and_sums_are_linear_too()
    {
        var graph = new GraphAssembler("views", ["N"]);
        var x = graph.Input("x", new TensorType(ElementType.F32, [SizeExpr.Variable("N"), SizeExpr.Variable("N")]));
        var y = x;
        for (var i = 0; i < 20_000; i++)
        {
            y = i % 2 == 0 ? graph.Transpose(y, [1, 0]) : graph.Map(MapOp.Add, y, x);
        }

        graph.Output("y", y);
        var clock = Stopwatch.StartNew();
        GraphPasses.Run(graph.ToGraph());
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(60), $"{clock.Elapsed}");
    }

    [Fact]
    public void Specialised_sizes_are_numbers_everywhere()
    {
        var graph = GraphText.Parse(
            """
            graph g(N, M) {
              %0 = input argument x : f32[N, M]
              %1 = view %0 [i0, -1*i1 + (M - 1)] : f32[N, M]
              %2 = size N : i64
              %3 = view %2 [] : i64[M]
              %4 = scan [N] states [%3] captures [] body b : i64[M] {
                %0 = input step t : i64
                %1 = input state s : i64[M]
                %2 = size M : i64
                %3 = view %2 [] : i64[M]
                %4 = add %1, %3 : i64[M]
                output s = %4
              }
              %5 = result %4 0 : i64[M]
              output y = %1
              output z = %5
              require N >= 1 "not empty"
              require M >= N "wide"
            }

            """);
        var one = Specialise.Run(graph, new Dictionary<string, long> { ["N"] = 3, ["other"] = 1 });
        GraphVerifier.Verify(one);
        Assert.Equal(["M"], one.Dims);
        Assert.Single(one.Constraints);
        var all = Specialise.Run(one, new Dictionary<string, long> { ["M"] = 4 });
        GraphVerifier.Verify(all);
        Assert.Empty(all.Dims);
        Assert.Empty(all.Constraints);
        Assert.Same(all, Specialise.Run(all, new Dictionary<string, long> { ["M"] = 4 }));
        var sizes = new Dictionary<string, long> { ["N"] = 3, ["M"] = 4 };
        OptimizerSupport.SameMeaning(graph, all, new Random(1), name => sizes[name]);
    }

    [Fact]
    public void Constants_fold_through_every_kind_of_node()
    {
        var graph = GraphText.Parse(
            """
            graph g() {
              %0 = input argument x : f32[4]
              %1 = splat 2 : f32[4]
              %2 = splat 3 : f32[4]
              %3 = mul %1, %2 : f32[4]
              %4 = reduce max %3 [0] : f32
              %5 = view %4 [] : f32[4]
              %6 = concat %5, %3 axis 0 : f32[8]
              %7 = view %6 [i0 + 2] : f32[4]
              %8 = add %0, %7 : f32[4]
              %9 = size 4 : i64
              %10 = cast %9 : f32
              %11 = view %10 [] : f32[4]
              %12 = constant [1, 2, 3, 4] : f32[4]
              %13 = mul %11, %12 : f32[4]
              %14 = view %13 [-1*i0 + 3] : f32[4]
              %15 = add %8, %14 : f32[4]
              output y = %15
            }

            """);
        var after = GraphPasses.Optimize(graph, new PassOptions { Verify = true });
        Assert.Equal(["input", "splat", "add", "constant", "add"], after.Nodes.Select(n => n.Name));
        OptimizerSupport.SameMeaning(graph, after, new Random(2), _ => 0);
    }

    [Fact]
    public void What_does_not_change_moves_out_of_a_loop_but_for_checked_accesses()
    {
        var graph = GraphText.Parse(
            """
            graph g(T) {
              %0 = input argument w : f32[8, 8]
              %1 = input argument k : i64
              %2 = splat 0 : f32[8]
              %3 = scan [T] states [%2] captures [%0, %1] body b : f32[8] {
                %0 = input step t : i64
                %1 = input state h : f32[8]
                %2 = input capture w : f32[8, 8]
                %3 = input capture k : i64
                %4 = exp %2 : f32[8, 8]
                %5 = reduce sum %4 [1] : f32[8]
                %6 = view %3 [] : i64[8]
                %7 = gather %2 [data0 check 0, i0] with %6 : f32[8]
                %8 = exp %7 : f32[8]
                %9 = add %1, %5 : f32[8]
                %10 = add %9, %8 : f32[8]
                output h = %10
                output unused = %9
              }
              %4 = result %3 0 : f32[8]
              output y = %4
              site 0 "w[k]" at "f.lep:1:1" over [8]
            }

            """);
        var after = GraphPasses.Optimize(graph, new PassOptions { Verify = true });
        Assert.Contains(after.Nodes, n => n is ReduceNode);
        var scan = Assert.Single(after.Nodes.OfType<ScanNode>());
        Assert.DoesNotContain(scan.Body.Nodes, n => n is ReduceNode);
        Assert.Contains(scan.Body.Nodes, n => n is GatherNode);
        Assert.Equal(["h"], scan.Body.Outputs.Select(o => o.Name));
    }

    [Fact]
    public void Unused_states_go_and_states_that_are_read_stay()
    {
        var graph = GraphText.Parse(
            """
            graph g() {
              %0 = input argument a : f32
              %1 = input argument b : f32
              %2 = input argument c : f32
              %3 = scan [5] states [%0, %1, %2] captures [] body b : f32 {
                %0 = input step t : i64
                %1 = input state a : f32
                %2 = input state b : f32
                %3 = input state c : f32
                %4 = add %1, %2 : f32
                %5 = mul %2, %2 : f32
                %6 = add %3, %1 : f32
                output a = %4
                output b = %5
                output c = %6
              }
              %4 = result %3 0 : f32
              output y = %4
            }

            """);
        var after = RemoveDead.Run(graph);
        GraphVerifier.Verify(after);
        Assert.Equal(["a", "b"], Assert.Single(after.Nodes.OfType<ScanNode>()).Body.Outputs.Select(o => o.Name));
        Assert.Equal(3, after.Inputs.Count);
        OptimizerSupport.SameMeaning(graph, after, new Random(3), _ => 0);
    }

    [Fact]
    public void Equal_nodes_are_one_in_either_order_of_operands()
    {
        var graph = GraphText.Parse(
            """
            graph g() {
              %0 = input argument a : f32[3]
              %1 = input argument b : f32[3]
              %2 = add %0, %1 : f32[3]
              %3 = add %1, %0 : f32[3]
              %4 = sub %0, %1 : f32[3]
              %5 = sub %1, %0 : f32[3]
              %6 = mul %2, %3 : f32[3]
              %7 = mul %4, %5 : f32[3]
              output y = %6
              output z = %7
            }

            """);
        var after = CommonSubexpressions.Run(graph);
        Assert.Equal(graph.Nodes.Count - 1, after.Nodes.Count);
        OptimizerSupport.SameMeaning(graph, after, new Random(4), _ => 0);
    }

    private static Graph Chain(int length, MapOp op)
    {
        var graph = new GraphAssembler("chain", ["N"]);
        var y = graph.Input("x", new TensorType(ElementType.F32, [SizeExpr.Variable("N")]));
        for (var i = 0; i < length; i++)
        {
            y = graph.Map(op, y);
        }

        graph.Output("y", y);
        return graph.ToGraph();
    }
}
