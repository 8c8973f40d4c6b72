using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Contractions;

namespace Lepton.Optimizer;

/// <summary>
/// What is done to a contraction's result with parameters alone goes into its factor that is a parameter, and into one term:
/// <code>
/// contract(x, w) * s            ->   contract(x, w * s)                s over labels that w has
/// contract(x, w) / s            ->   contract(x, w / s)
/// (contract(x, w) ± m) * s      ->   contract(x, w) * s ± m * s        and so on with / and with several terms
/// (c - mean) / sqrt(var + eps) * gain + bias   ->   contract(x, w') + bias'    batch norm behind a convolution
/// </code>
/// w' and bias' depend on parameters alone and are made once for a set of them. Exact but for rounding: with unit roundoff u, each product
/// x·w' is off by a few u, so the result by at most a few u of Σ|x·w·s| + |m·s| + |bias|, where the original has n·u of the same sum for its
/// n terms. w·s may over- or underflow where no product x·w did. Not done in the exact mode, nor for types narrower than f32.
/// </summary>
public static class FoldScales
{
    public static Graph Run(Graph graph, bool exact = false) => exact ? graph : new Folding(graph).Run();

    /// <param name="Contract">The contraction.</param>
    /// <param name="Term">What is added to it, over its result's axes, or null.</param>
    /// <param name="Op">+ or -: how.</param>
    private sealed record Affine(ContractNode Contract, NodeId? Term, MapOp Op);

    private sealed class Folding(Graph graph)
    {
        private readonly int[] _uses = graph.CountUses();
        private readonly Dictionary<NodeId, Affine> _affine = [];
        private readonly List<bool> _fixed = [];
        private GraphAssembler _target = null!;
        private int _position;

        // Bodies of loops have no parameters of their own.
        public Graph Run() => Rewrite.Flat(graph, (target, node) =>
        {
            _target = target;
            var isOnce = _uses[_position++] == 1;
            if (node is MapNode map && Fold(map) is { } folded)
            {
                return Remember(folded, isOnce);
            }

            var id = target.Add(node);
            return node is ContractNode contract && contract.Type.Element is ElementType.F32 or ElementType.F64
                ? Remember((id, new Affine((ContractNode)node, null, MapOp.Add)), isOnce)
                : id;
        });

        private NodeId Remember((NodeId Id, Affine Value) known, bool isOnce)
        {
            if (isOnce)
            {
                _affine[known.Id] = known.Value;
            }

            return known.Id;
        }

        private (NodeId, Affine)? Fold(MapNode map)
        {
            if (map.Op is not (MapOp.Mul or MapOp.Div or MapOp.Add or MapOp.Sub) || map.Arguments[0] == map.Arguments[1])
            {
                return null;
            }

            var (left, right) = (map.Arguments[0], map.Arguments[1]);
            if (map.Op is MapOp.Mul or MapOp.Add && !_affine.ContainsKey(left))
            {
                (left, right) = (right, left);
            }

            if (!_affine.TryGetValue(left, out var value) || !IsFixed(right))
            {
                return null;
            }

            return map.Op is MapOp.Add or MapOp.Sub ? Plus(map, left, value, right) : Times(map, value, right);
        }

        // (c ± m) ± b -> c + (±m ± b); the first term stays as it is written.
        private (NodeId, Affine)? Plus(MapNode map, NodeId left, Affine value, NodeId term)
        {
            if (value.Term is not { } old)
            {
                var sum = _target.Add(map with { Arguments = [left, term] });
                return (sum, new Affine(value.Contract, term, map.Op));
            }

            // c - m + b = c + (b - m), c - m - b = c - (m + b)
            var (op, both) = (value.Op, map.Op) switch
            {
                (MapOp.Sub, MapOp.Add) => (MapOp.Add, _target.Map(MapOp.Sub, term, old)),
                (MapOp.Sub, _) => (MapOp.Sub, _target.Map(MapOp.Add, old, term)),
                (_, var second) => (MapOp.Add, _target.Map(second, old, term)),
            };
            return Sum(value.Contract, both, op);
        }

        private (NodeId, Affine)? Times(MapNode map, Affine value, NodeId scale)
        {
            var (contract, factor) = (value.Contract, Factor.Plain(_target, scale, value.Contract.Output));
            if (factor.Labels.Count == 0)
            {
                return null; // one number is as good behind the product
            }

            var into = -1;
            for (var k = 0; k < contract.Factors.Count && into < 0; k++)
            {
                var weight = new Factor(contract.Factors[k], contract.Labels[k]);
                into = factor.IsWithin(weight) && IsFixed(weight.Node) && _target.TypeOf(weight.Node).Element == contract.Type.Element ? k : -1;
            }

            if (into < 0)
            {
                return null;
            }

            var scaled = Factor.Apply(_target, map.Op, factor, new Factor(contract.Factors[into], contract.Labels[into]));
            var folded = contract with { Factors = contract.Factors.Select((f, k) => k == into ? scaled.Node : f).ToValueList() };
            return value.Term is not { } term
                ? (_target.Add(folded), new Affine(folded, null, MapOp.Add))
                : Sum(folded, _target.Map(map.Op, term, scale), value.Op);
        }

        private (NodeId, Affine) Sum(ContractNode contract, NodeId term, MapOp op) =>
            (_target.Map(op, _target.Add(contract), term), new Affine(contract, term, op));

        // Whether a node of the new graph depends on parameters and numbers alone.
        private bool IsFixed(NodeId id)
        {
            for (var i = _fixed.Count; i < _target.Nodes.Count; i++)
            {
                var node = _target.Nodes[i];
                var isFixed = node switch
                {
                    InputNode input => input.Kind == InputKind.Parameter,
                    MapNode or ViewNode or ReshapeNode or SplatNode or ConstantNode or IotaNode or SizeNode or ReduceNode => true,
                    _ => false,
                };
                foreach (var operand in node.Operands.Span)
                {
                    isFixed &= _fixed[operand.Value];
                }

                _fixed.Add(isFixed);
            }

            return _fixed[id.Value];
        }
    }
}
