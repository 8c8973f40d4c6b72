using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Optimizer.Fusion;

namespace Lepton.Optimizer;

/// <summary>
/// Cuts a graph into groups, one kernel each. What is never a kernel of its own unless somebody needs it in memory: views, reshapes, numbers,
/// iotas, sizes. What always is: a contraction, a reduction, a scatter, concat, sort, loop, with what joins it:
/// <code>
///                    prologue                    epilogue
/// Map            views, gathers ──▶ elementwise chain, one or several results
/// Contraction    cheap work on a factor ──▶ contract ──▶ bias, activation, cast, residual
/// Attention      work on a factor ──▶ contract, masks and biases, softmax, contract ──▶ as behind a contraction
/// Rowwise        work per element ──▶ reductions of the same rows, work per row and per element in between and afterwards
/// Scatter, Concat, Sort          elementwise work on the operands
/// Loop           the body, cut into groups by itself
/// </code>
/// An elementwise operation is computed where it is used. It is stored instead when it would be computed so often that storing and loading
/// is cheaper: used by several kernels, read through a repetition or a window, or packed as a factor. It stays with its contraction before
/// it goes anywhere else. A kernel holds at most about 200 elementwise operations. Every decision leaves a note for <c>leptonc explain</c>.
/// The plan is made from the outputs to the inputs by <see cref="Planner"/>, one file per concern.
/// </summary>
public static class Fuse
{
    /// <param name="graph">The optimized graph.</param>
    /// <param name="apart">Every operation but views as a kernel of its own: what skipping this pass means.</param>
    /// <param name="contractionsAlone">A contraction takes no elementwise work behind it along, so that the two can be placed on different devices.</param>
    public static FusedGraph Run(Graph graph, bool apart = false, bool contractionsAlone = false)
    {
        var bodies = new Dictionary<NodeId, FusedGraph>();
        var position = 0;
        graph = Rewrite.Flat(graph, (target, node) =>
        {
            var id = new NodeId(position++);
            return target.Add(Rewrite.WithBody(node, body =>
            {
                bodies[id] = Run(Formatted(target, node, body), apart);
                return bodies[id].Graph;
            }));
        });
        graph = OutputCopies.Add(graph);
        var (open, notes) = Planner.Run(graph, apart, contractionsAlone);
        var names = new GroupNames(graph);
        var groups = open.Select(g =>
        {
            var members = g.Members.Order(ById).ToValueList();
            var strategy = g is { Strategy: KernelStrategy.Rowwise, Bases.Count: 0 } ? KernelStrategy.Map : g.Strategy;
            return new FusionGroup(names.Next(strategy, members), strategy, members, g.Outputs.Order(ById).ToValueList());
        }).ToValueList();
        return new FusedGraph(graph, groups, notes.ToValueList(), bodies);
    }

    // What a loop's body takes from around it is stored there as it is here.
    private static Graph Formatted(GraphAssembler outside, Node loop, Graph body)
    {
        var captures = loop is ScanNode scan ? scan.Captures : ((IterateNode)loop).Captures;
        if (captures.All(c => SupportAnalysis.FormatOf(outside[c]) is null))
        {
            return body;
        }

        var (inputs, number) = (body.Inputs.Where(i => ((InputNode)body[i]).Kind == InputKind.Capture).ToList(), 0);
        return Rewrite.Flat(body, (target, node) => inputs.IndexOf(new NodeId(number++)) is >= 0 and var capture
            ? target.Add((InputNode)node with { Format = SupportAnalysis.FormatOf(outside[captures[capture]]) })
            : target.Add(node));
    }

    private static readonly Comparer<NodeId> ById = Comparer<NodeId>.Create((a, b) => a.Value.CompareTo(b.Value));
}
