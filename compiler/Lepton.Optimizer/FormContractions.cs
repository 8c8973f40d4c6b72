using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer.Contractions;
using Lepton.Optimizer.Views;

namespace Lepton.Optimizer;

/// <summary>
/// Every sum of products becomes one contract: matrix and batch products, outer sums over several axes, convolutions (a window view is a
/// factor like any other).
/// <code>
/// reduce sum [k] of mul(view a[i, k], view b[k, j]) over [i, j, k]   ->   contract a(0 2), b(2 1) -> (0 1)
/// </code>
/// Sums of float products are taken in another order than written, as products of matrices always are; the interpreter and the native
/// kernels agree to rounding. A sum of three and more factors stays one contract, unless integers or fast-math allow pairs.
/// </summary>
public static class FormContractions
{
    public static Graph Run(Graph graph, bool fastMath = false) => Rewrite.InBodies(graph, g => RunFlat(g, fastMath));

    private static Graph RunFlat(Graph graph, bool fastMath)
    {
        var uses = graph.CountUses();
        var position = 0;
        return Rewrite.Flat(graph, (target, node) =>
        {
            var original = graph.Nodes[position++];
            var id = node switch
            {
                ReduceNode reduce when ProductTree.Read(target, reduce) is { } factors => Make(target, reduce, factors, fastMath),
                ContractNode contract => Canonical(target, contract, fastMath),
                ViewNode view when uses[original.Operands[0].Value] == 1 => TransposeInside(target, view),
                _ => null,
            };
            return id ?? target.Add(node);
        });
    }

    private static NodeId Make(GraphAssembler target, ReduceNode reduce, List<Factor> factors, bool fastMath)
    {
        var kept = Enumerable.Range(0, target.TypeOf(reduce.Source).Rank).Except(reduce.Axes).ToValueList();
        return Make(target, reduce.Type.Element, factors, kept, fastMath);
    }

    private static NodeId Make(GraphAssembler target, ElementType element, List<Factor> factors, ValueList<int> output, bool fastMath) =>
        factors.Count > 2 && (fastMath || element.IsInteger())
            ? ContractForm.AddInPairs(target, element, factors, output)
            : ContractForm.Add(target, element, factors, output);

    // contract(broadcast a, transpose b) -> contract(a, b) under other labels
    private static NodeId Canonical(GraphAssembler target, ContractNode contract, bool fastMath)
    {
        if (contract.Factors.Count == 1)
        {
            return OfOne(target, contract);
        }

        var factors = ContractForm.Factors(target, contract);
        if (factors.Count > 2 && (fastMath || contract.Type.Element.IsInteger()))
        {
            return ContractForm.AddInPairs(target, contract.Type.Element, factors, contract.Output);
        }

        // The same object when nothing changed, so that the pass list sees that.
        var made = ContractForm.Build(target, contract.Type.Element, factors, contract.Output);
        return target.Add(made == contract ? contract : made);
    }

    // Σ over one factor -> a plain sum, its axes put in order
    private static NodeId OfOne(GraphAssembler target, ContractNode contract)
    {
        var labels = contract.Labels[0];
        var axes = Enumerable.Range(0, labels.Count).Where(a => !contract.Output.Contains(labels[a])).ToValueList();
        var sum = axes.Count == 0 ? contract.Factors[0] : target.Reduce(ReduceKind.Sum, contract.Factors[0], axes);
        var kept = labels.Where(contract.Output.Contains).ToList();
        return target.Transpose(sum, contract.Output.Select(l => kept.IndexOf(l)).ToValueList());
    }

    // transpose(contract) -> contract with its result's axes in the other order, when nobody else reads the contract. Axes of size 1 may come
    // and go on the way, as the group axis of a convolution with one group does: c[0, b, o] over [b, o] sums over the one group.
    private static NodeId? TransposeInside(GraphAssembler target, ViewNode view)
    {
        if (target[view.Source] is not ContractNode contract || view.Fill is not null)
        {
            return null;
        }

        var output = new int[view.Type.Rank];
        Array.Fill(output, -1);
        var dropped = new Queue<int>();
        for (var axis = 0; axis < view.Access.Count; axis++)
        {
            if (view.Access[axis].AsPlainAxis is >= 0 and var plain && output[plain] < 0 && view.Type.Shape[plain] == contract.Type.Shape[axis])
            {
                output[plain] = contract.Output[axis];
            }
            else if (contract.Type.Shape[axis] == SizeExpr.One && view.Access[axis] == AxisAccess.At(SizeExpr.Zero))
            {
                dropped.Enqueue(contract.Output[axis]);
            }
            else
            {
                return null;
            }
        }

        for (var axis = 0; axis < output.Length; axis++)
        {
            if (output[axis] < 0 && (view.Type.Shape[axis] != SizeExpr.One || !dropped.TryDequeue(out output[axis])))
            {
                return null;
            }
        }

        var factors = contract.Factors.Select((node, k) => new Factor(node, contract.Labels[k])).ToList();
        return ContractForm.Add(target, contract.Type.Element, factors, ValueList.Create<int>(output));
    }
}
