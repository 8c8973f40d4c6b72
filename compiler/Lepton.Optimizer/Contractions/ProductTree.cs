using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer.Contractions;

/// <summary>Reads Σ over a tree of products as labelled factors.</summary>
internal static class ProductTree
{
    // A product of more tensors than this is not a contraction that anyone writes.
    private const int MaxFactors = 12;

    /// <summary>
    /// sum[k] a[i, k] * b[k, j] -> factors a[i, k], b[k, j]; null when the sum is no contraction:
    /// one factor is a plain sum, and where every factor depends on every index (a dot product, a sum of squares) the row-wise kernels read
    /// each element once and fuse with what stands around, which a contraction cannot do better.
    /// </summary>
    public static List<Factor>? Read(GraphAssembler graph, ReduceNode sum)
    {
        if (sum.Kind != ReduceKind.Sum || graph[sum.Source] is not MapNode { Op: MapOp.Mul })
        {
            return null;
        }

        var shape = graph.TypeOf(sum.Source).Shape;
        var labels = Enumerable.Range(0, shape.Count).ToValueList();
        if (Leaves(graph, new Factor(sum.Source, labels)) is not { } leaves || leaves.Any(l => !Fits(graph, l, shape)))
        {
            return null;
        }

        var factors = leaves.Select(l => Factor.Strip(graph, l.Node, l.Labels)).ToList();
        if (factors.All(f => f.Labels.Count(l => shape[l] != SizeExpr.One) >= shape.Count(s => s != SizeExpr.One)))
        {
            return null;
        }

        Merge(graph, factors);
        return factors.Count >= 2 && labels.All(l => factors.Any(f => f.Labels.Contains(l))) ? factors : null;
    }

    // Left to right, as the product is written. A product that was made before it was repeated is a product still: taken apart here, it may
    // be put together otherwise.
    private static List<Factor>? Leaves(GraphAssembler graph, Factor root)
    {
        var leaves = new List<Factor>();
        var pending = new Stack<Factor>([root]);
        while (pending.TryPop(out var factor))
        {
            if (graph[factor.Node] is MapNode { Op: MapOp.Mul } product)
            {
                pending.Push(factor with { Node = product.Arguments[1] });
                pending.Push(factor with { Node = product.Arguments[0] });
            }
            else if (graph[factor.Node] is ViewNode view && graph[view.Source] is MapNode { Op: MapOp.Mul } && Affine.IsPlain(graph, view))
            {
                pending.Push(Factor.Strip(graph, factor.Node, factor.Labels));
            }
            else
            {
                leaves.Add(factor);
            }

            if (leaves.Count + pending.Count > MaxFactors)
            {
                return null;
            }
        }

        return leaves;
    }

    // One size per label, as the same polynomial: a contraction has no place for two.
    private static bool Fits(GraphAssembler graph, Factor leaf, ValueList<SizeExpr> shape)
    {
        var own = graph.TypeOf(leaf.Node).Shape;
        return leaf.Labels.Select((l, axis) => shape[l] == own[axis]).All(same => same);
    }

    // a[i, k] * s[i] * b[k, j] -> (a * s)[i, k] * b[k, j]: what depends on fewer indices than another factor is multiplied into it
    // elementwise. Two factors are enough, so a[i, k] * x[k] stays a product of two; a lone number always goes in.
    private static void Merge(GraphAssembler graph, List<Factor> factors)
    {
        while (factors.Count > 1)
        {
            var few = factors.Count > 2
                ? factors.FindIndex(f => factors.Any(other => other != f && f.IsWithin(other)))
                : factors.FindIndex(f => f.Labels.Count == 0);
            if (few < 0)
            {
                return;
            }

            var many = Enumerable.Range(0, factors.Count)
                .Where(i => i != few && factors[few].IsWithin(factors[i]))
                .MinBy(i => Costs.Elements(graph.TypeOf(factors[i].Node).Shape));
            factors[many] = Factor.Multiply(graph, factors[few], factors[many]);
            factors.RemoveAt(few);
        }
    }
}
