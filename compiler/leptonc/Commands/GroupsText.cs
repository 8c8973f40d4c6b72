using System.Text;
using Lepton.Graphs;

namespace Lepton.CommandLine.Commands;

/// <summary>A fused graph as text: each group with its nodes.</summary>
internal static class GroupsText
{
    public static string Print(FusedGraph fused, string indent = "")
    {
        var text = new StringBuilder();
        foreach (var group in fused.Groups)
        {
            text.Append($"{indent}group {group.Name} ({group.Strategy.ToString().ToLowerInvariant()})\n");
            foreach (var member in group.Members)
            {
                var stored = group.Outputs.Contains(member) ? "  -> stored" : "";
                text.Append($"{indent}  {member} = {GraphText.Describe(fused.Graph[member]).Split('\n')[0]} : {fused.Graph[member].Type}{stored}\n");
                if (fused.Bodies.TryGetValue(member, out var body))
                {
                    text.Append(Print(body, indent + "    "));
                }
            }
        }

        return text.ToString();
    }
}
