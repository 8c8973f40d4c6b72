using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Graphs;

public sealed class RandomGraphTests
{
    [Fact]
    public void Random_graphs_are_valid_run_and_survive_their_text_form()
    {
        for (var seed = 0; seed < 400; seed++)
        {
            var made = RandomGraphs.Make(seed);
            GraphVerifier.Verify(made.Graph, $"seed {seed}");
            var text = GraphText.Print(made.Graph);
            var read = GraphText.Parse(text);
            Assert.True(GraphCompare.Same(made.Graph, read), $"seed {seed}\n{text}");
            Assert.Equal(text, GraphText.Print(read));
            var results = made.Run();
            Assert.Null(made.Difference(results, made.Run(read)));
            Assert.Equal(made.Graph.Outputs.Select(o => made.Graph[o.Node].Type.Element), results.Select(r => r.Element));
        }
    }

    [Fact]
    public void Every_operation_every_type_and_every_mode_turns_up()
    {
        var seen = new HashSet<string>();
        for (var seed = 0; seed < 600; seed++)
        {
            foreach (var node in AllNodes(RandomGraphs.Make(seed).Graph))
            {
                seen.Add(node is ReduceNode reduce ? $"{reduce.Kind}" : node is ScatterNode scatter ? $"scatter {scatter.Kind}" : node.Name);
                seen.Add(node.Type.Element.Name());
                seen.Add($"rank {node.Type.Rank}");
                foreach (var access in node switch { ViewNode v => v.Access, GatherNode g => g.Access, ScatterNode s => s.Access, _ => [] })
                {
                    seen.Add($"{node.Name} {(access.Data >= 0 ? "data " : "")}{access.Outside}");
                }
            }
        }

        var wanted = MapOps.All.Select(i => i.Name).Concat(ElementTypes.All.Select(e => e.Name())).Concat(Enum.GetNames<ReduceKind>())
            .Concat(Enum.GetNames<ScatterKind>().Select(k => $"scatter {k}")).Concat(Enumerable.Range(0, 6).Select(r => $"rank {r}"))
            .Concat(["view", "reshape", "contract", "gather", "concat", "sort", "scan", "iterate", "result", "splat", "constant", "size", "iota", "input"])
            .Concat(Enum.GetNames<Outside>().SelectMany(o => new[] { $"view {o}", $"gather data {o}", $"scatter data {o}" }));
        Assert.Equal([], wanted.Except(seen).ToArray());
    }

    [Fact]
    public void Failing_graphs_fail_with_a_site()
    {
        var failures = 0;
        for (var seed = 0; seed < 300; seed++)
        {
            var made = RandomGraphs.Make(seed, new RandomGraphOptions(Failing: true));
            try
            {
                made.Run();
            }
            catch (GraphRunException e)
            {
                Assert.Equal(GraphRunError.IndexOutOfRange, e.Error);
                Assert.InRange(e.Site, 0, made.Graph.Sites.Count - 1);
                Assert.True(e.Index < 0 || e.Index >= e.Bound);
                failures++;
            }
        }

        Assert.InRange(failures, 5, 200);
    }

    // The tolerances are meant to be wide enough for f32 arithmetic in another order, and narrow enough to be of use.
    [Fact]
    public void Tolerances_are_small_and_mostly_zero()
    {
        var tolerances = Enumerable.Range(0, 300).SelectMany(seed => RandomGraphs.Make(seed) is var made ? made.Tolerances.Zip(made.Run()) : []).ToList();
        Assert.True(tolerances.Count(t => t.First == 0) > tolerances.Count / 3);
        Assert.All(tolerances, t => Assert.True(t.First <= 0.02 * Math.Max(0.25, Exactness.Largest(t.Second))));
    }

    // Rounding at every operation or at none: the difference stays within the tolerance, and exact outputs are the same.
    [Fact]
    public void Tolerances_cover_rounding_anywhere()
    {
        var inexact = 0;
        for (var seed = 0; seed < 600; seed++)
        {
            var made = RandomGraphs.Make(seed);
            var wide = Widening.Widen(made.Graph);
            GraphVerifier.Verify(wide, $"seed {seed}");
            var exact = made.Run();
            var other = Interpreter.Run(wide, made.Inputs.Select(Widening.Widen).ToList(), made.SizeOf);
            Assert.Null(made.Difference(exact.Select(Widening.Widen).ToList(), other) is { } difference ? $"{difference}\n{made}" : null);
            inexact += made.Tolerances.Count(t => t > 0);
        }

        Assert.True(inexact > 150);
    }

    private static IEnumerable<Node> AllNodes(Graph graph) => graph.Nodes.SelectMany(n => AllNodesOf(n).Prepend(n));

    private static IEnumerable<Node> AllNodesOf(Node node) => node switch
    {
        ScanNode scan => AllNodes(scan.Body),
        IterateNode iterate => AllNodes(iterate.Body),
        _ => [],
    };
}
