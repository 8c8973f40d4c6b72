using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer;

/// <summary>
/// What keeps the order of numbers is done once behind a maximum over windows rather than at every element before it:
/// <code>
/// max[r, s] max(x[…r…s…], c)      ->   max(max[r, s] x[…r…s…], c)        min and max with a number; exact
/// max[r, s] (x[…r…s…] ± b[o])     ->   max[r, s] x[…r…s…] ± b[o]         b a parameter that no window moves along
/// </code>
/// and so for minima. Rounding keeps order, so the second is exact too, but where b is infinite and x has the opposite infinity: then the
/// original is nan as soon as one x is, and this one only when all are. So that one is not done in the exact mode.
/// </summary>
public static class ReduceFirst
{
    public static Graph Run(Graph graph, bool exact) => Rewrite.InBodies(graph, body => new Moving(body, exact).Run());

    private sealed class Moving(Graph graph, bool exact)
    {
        private readonly int[] _uses = graph.CountUses();
        private readonly HashSet<NodeId> _once = [];
        private GraphAssembler _target = null!;
        private int _position;

        public Graph Run() => Rewrite.Flat(graph, (target, node) =>
        {
            _target = target;
            var isOnce = _uses[_position++] == 1;
            var id = node is ReduceNode { Kind: ReduceKind.Max or ReduceKind.Min } reduce && node.Type.Element.IsFloat() ? Move(reduce) : target.Add(node);
            if (isOnce)
            {
                _once.Add(id);
            }

            return id;
        });

        private NodeId Move(ReduceNode reduce)
        {
            if (!_once.Contains(reduce.Source) || _target[reduce.Source] is not ViewNode view || view.Access.Any(a => a.Outside != Outside.Never))
            {
                return _target.Add(reduce);
            }

            var behind = new Stack<(MapNode Map, NodeId Other)>();
            var source = view.Source;
            while (_once.Contains(source) && _target[source] is MapNode map && map.Arguments.Count == 2 && Behind(map, view, reduce) is { } other)
            {
                behind.Push((map, other));
                source = map.Arguments[0];
            }

            if (behind.Count == 0)
            {
                return _target.Add(reduce);
            }

            var result = _target.Add(reduce with { Source = _target.Add(view with { Source = source }) });
            while (behind.TryPop(out var step))
            {
                result = _target.Add(step.Map with { Type = reduce.Type, Arguments = [result, step.Other] });
            }

            return result;
        }

        // The other operand over the result's axes, if the operation may stand behind.
        private NodeId? Behind(MapNode map, ViewNode view, ReduceNode reduce)
        {
            switch (_target[map.Arguments[1]])
            {
                case SplatNode { Value: var value } when map.Op is MapOp.Max or MapOp.Min || (map.Op is MapOp.Add or MapOp.Sub && double.IsFinite(value.AsDouble)):
                    return _target.Add(new SplatNode(reduce.Type, value));
                case ViewNode shift when !exact && map.Op is MapOp.Add or MapOp.Sub && _target[shift.Source] is InputNode { Kind: InputKind.Parameter }
                    && shift.Access.All(a => a.Outside == Outside.Never && a.Terms.All(t => Kept(t.Axis) >= 0)):
                    var access = shift.Access.Select(a => a with { Terms = a.Terms.Select(t => t with { Axis = Kept(t.Axis) }).OrderBy(t => t.Axis).ToValueList() });
                    return _target.Add(shift with { Type = reduce.Type, Access = access.ToValueList() });
                default:
                    return null;
            }

            // The axis of the result that is this axis of what the windows see, and nothing else; -1: there is none.
            int Kept(int axis)
            {
                var plain = view.Access[axis].AsPlainAxis;
                return plain < 0 || reduce.Axes.Contains(plain) ? -1 : plain - reduce.Axes.Count(a => a < plain);
            }
        }
    }
}
