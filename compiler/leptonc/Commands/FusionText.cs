using System.Text;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;

namespace Lepton.CommandLine.Commands;

/// <summary>
/// What was fused into each kernel and what was not, with reasons and bytes: a value that stays inside is neither stored nor loaded, one that
/// does not is stored once and loaded by each kernel that reads it.
/// </summary>
internal static class FusionText
{
    public static string Print(FusedGraph fused, string indent = "")
    {
        var text = new StringBuilder();
        var told = new HashSet<FusionNote>();
        var stretches = ConcatStretches.Of(fused);
        foreach (var group in fused.Groups)
        {
            Group(text, fused, group, told, stretches, indent);
        }

        foreach (var (node, body) in fused.Bodies)
        {
            text.Append($"\n{indent}body of {node} {fused.Graph[node].Name}\n").Append(Print(body, indent + "  "));
        }

        return text.ToString();
    }

    private static void Group(
        StringBuilder text,
        FusedGraph fused,
        FusionGroup group,
        HashSet<FusionNote> told,
        IReadOnlyDictionary<NodeId, (NodeId Whole, SizeExpr Start)> stretches,
        string indent)
    {
        var members = group.Members.ToHashSet();
        var notes = fused.Notes.Where(n => members.Contains(n.Consumer) && members.Contains(n.Producer) == n.Fused && told.Add(n)).ToList();
        var (inside, outside) = (notes.Where(n => n.Fused).ToList(), notes.Where(n => !n.Fused).ToList());

        // Stored by the group as well: only the load is saved.
        var saved = inside.DistinctBy(n => n.Producer).Aggregate(SizeExpr.Zero, (sum, n) => sum + Saved(fused, group, n.Producer));
        text.Append($"{indent}  {group.Name} ({group.Strategy.ToString().ToLowerInvariant()})");
        text.Append(inside.Count == 0 ? "\n" : $": fusion saves {saved} bytes\n");
        foreach (var note in inside)
        {
            text.Append($"{indent}    + {Name(note.Producer)} into {Name(note.Consumer)}: {note.Reason}, {Saved(fused, group, note.Producer)} bytes\n");
        }

        foreach (var note in outside)
        {
            var isThere = stretches.TryGetValue(note.Producer, out var stretch) && stretch.Whole == note.Consumer;
            text.Append($"{indent}    | {Name(note.Producer)} apart from {Name(note.Consumer)}: ");
            text.Append(isThere ? "its own kernel stores it there\n" : $"{note.Reason}, loads {Bytes(fused, note.Producer)} bytes\n");
        }

        string Name(NodeId id) => $"{id} {fused.Graph[id].Name}";
    }

    private static SizeExpr Saved(FusedGraph fused, FusionGroup group, NodeId node) => Bytes(fused, node) * (group.Outputs.Contains(node) ? 1 : 2);

    private static SizeExpr Bytes(FusedGraph fused, NodeId node) => fused.Graph[node].Type.Count * fused.Graph[node].Type.Element.ByteSize();
}
