using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer.Contractions;

/// <summary>
/// Which share of a node's elements is expected to be stored, or not 0, while nobody knows what a run will bring. It decides what is computed
/// first, never what is right. With entries spread evenly and independently (the estimate of E. Cohen, "Structure prediction and the
/// computation of sparse matrix products", J. Comb. Optim. 2 (1998), section 1, improves on this one where counts are known):
/// <code>
/// input      max(1 %, one entry in a row)
/// a · b      d(a) d(b)
/// Σ_k a · b  1 - (1 - d(a) d(b))^K          nobody stores this sparse unless the program says so
/// </code>
/// </summary>
internal sealed class ExpectedDensity
{
    /// <summary>Of an operand that is stored sparse.</summary>
    public const double OfInput = 0.01;

    // Of all nodes so far: the share that is not 0, and the share that an iteration over the node meets.
    private readonly List<(double NotZero, double Met)> _known = [];

    /// <summary>The share of a node's places that a loop over it meets; 1: it is dense.</summary>
    public double Of(GraphAssembler graph, NodeId id)
    {
        for (var i = _known.Count; i <= id.Value; i++)
        {
            _known.Add(Next(graph, graph.Nodes[i]));
        }

        return _known[id.Value].Met;
    }

    private (double NotZero, double Met) Next(GraphAssembler graph, Node node)
    {
        switch (node)
        {
            case InputNode { Format: { } format } when IsSparse(format, node.Type.Element):
                return Same(Math.Max(OfInput, 1 / Math.Max(1, Costs.Size(node.Type.Shape[format.Levels[^1].Axis]))));
            case FormatNode stored when IsSparse(stored.Format, node.Type.Element):
                return Same(_known[stored.Source.Value].NotZero is < 1 and var estimate ? estimate : OfInput);
            case ViewNode view when Affine.IsPlain(graph, view):
                return _known[view.Source.Value];
            case MapNode { Op: MapOp.Mul } product:
                var (a, b) = (_known[product.Arguments[0].Value], _known[product.Arguments[1].Value]);
                return (a.NotZero * b.NotZero, a.Met * b.Met);
            case ContractNode contract:
                var both = contract.Factors.Aggregate(1.0, (d, f) => d * _known[f.Value].NotZero);
                return (both < 1 ? 1 - Math.Pow(1 - both, Summed(graph, contract)) : 1, 1);
            default:
                return (1, 1);
        }
    }

    private static (double NotZero, double Met) Same(double density) => (density, density);

    // Only a 0 that is not stored makes a product absent.
    private static bool IsSparse(TensorFormat format, ElementType element) =>
        format.Levels.Any(l => l.Kind != LevelKind.Dense) && format.FillOf(element) is var fill && (element.IsFloat() ? fill.AsDouble == 0 : fill.Bits == 0);

    private static double Summed(GraphAssembler graph, ContractNode contract)
    {
        var sizes = new Dictionary<int, double>();
        for (var f = 0; f < contract.Factors.Count; f++)
        {
            for (var axis = 0; axis < contract.Labels[f].Count; axis++)
            {
                sizes[contract.Labels[f][axis]] = Costs.Size(graph.TypeOf(contract.Factors[f]).Shape[axis]);
            }
        }

        return sizes.Where(s => !contract.Output.Contains(s.Key)).Aggregate(1.0, (n, s) => n * s.Value);
    }
}
