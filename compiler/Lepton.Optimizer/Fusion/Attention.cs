using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>
/// A softmax between two contractions is one kernel, which keeps the scores of some rows and keys at a time and stores none:
/// <code>
/// q, k ─▶ contract ─▶ scale, mask ─▶ softmax ─▶ contract ◀─ v        one group, which begins as that of the second contract
/// </code>
/// </summary>
internal sealed partial class Planner
{
    // With few rows, or few scores for each k and v, packing these costs more than storing the scores.
    private const long FewRows = 4;
    private const long FewScores = 64 * 64;

    // Of one q and one v together: longer ones leave too little of a chunk's own memory for blocks of many.
    private const long MostRowBytes = 1024;

    private readonly Dictionary<NodeId, AttentionForm> _attentions = [];
    private int[]? _uses;

    private bool IsAttention(NodeId id)
    {
        if (_apart || AttentionForm.Of(_graph, id) is not { } form || !IsClosed(form) || !Suits(form))
        {
            return false;
        }

        _attentions.Add(id, form);
        var type = _graph[form.Logits].Type;
        var bytes = type.Count * type.Element.ByteSize();
        _notes.Add(new FusionNote(
            form.Product, id, true, $"attention: {bytes} bytes of scores stay in the kernel, and so do their exponentials{Skipped(form)}"));
        return true;
    }

    private string Skipped(AttentionForm form) => AttentionMask.Of(_graph, form) is not { } mask ? ""
        : mask.Count(_graph, form) is var (seen, all) ? $"; the mask of indices leaves {seen} of {all} scores of each matrix, the others are skipped in blocks"
        : "; scores that the mask of indices hides are skipped in blocks";

    // Nobody else reads what is inside.
    private bool IsClosed(AttentionForm form)
    {
        _uses ??= _graph.CountUses();
        var within = form.Inside.Append(form.Result).SelectMany(n => _graph[n].Operands).CountBy(n => n).ToDictionary();
        return form.Inside.All(n => _uses[n.Value] == within.GetValueOrDefault(n)) && !form.Inside.Contains(((ContractNode)_graph[form.Result]).Factors[form.Value]);
    }

    private bool Suits(AttentionForm form)
    {
        var (first, second) = ((ContractNode)_graph[form.Product], (ContractNode)_graph[form.Result]);
        var (logits, element) = (_graph[form.Logits].Type, second.Type.Element.ComputeType());
        var rows = SizeExpr.Product(form.Rows.Select(a => logits.Shape[a]));
        var scores = (rows * SizeExpr.Product(form.Keys.Select(a => logits.Shape[a]))).AsConstant;
        var depth = Count(first, form.Query, form.Depth) * Count(first, 1 - form.Query, form.Depth.Except(first.Labels[form.Query]));
        var features = Count(second, form.Value, form.Features);
        return !(rows.AsConstant < FewRows) && !(scores < FewScores) && logits.Count.AsConstant != 0
            && depth.AsConstant is >= 1 and var d && features.AsConstant is >= 1 and var e && (d + e) * element.ByteSize() <= MostRowBytes
            && element.IsFloat() && first.Type.Element.ComputeType() == element && logits.Element.ComputeType() == element;
    }

    private SizeExpr Count(ContractNode contract, int factor, IEnumerable<int> labels)
    {
        var (own, shape) = (contract.Labels[factor], _graph[contract.Factors[factor]].Type.Shape);
        return SizeExpr.Product(Enumerable.Range(0, own.Count).Where(axis => labels.Contains(own[axis])).Select(axis => shape[axis]));
    }

    private void EnterAttention(AttentionForm form, OpenGroup group)
    {
        var inside = form.Inside.ToHashSet();
        foreach (var id in form.Inside)
        {
            group.Members.Add(id);
            group.Elementwise += _graph[id] is MapNode ? 1 : 0;
        }

        foreach (var id in form.Inside.Append(form.Result))
        {
            foreach (var operand in _graph[id].Operands.Where(o => !inside.Contains(o)))
            {
                // A factor is packed for each block of rows. A mask made of indices costs less than the product that it masks.
                var evaluations = _graph[id] is ContractNode ? 2 * Elements(operand)
                    : _origins.Weight(operand) <= CheapScalar ? 0 : Elements(form.Logits);
                Reading(id, operand, group, Level.Other, evaluations, false);
            }
        }
    }
}
