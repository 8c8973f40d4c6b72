using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Costs;

/// <summary>What a device cannot run, as the machine file says.</summary>
public static class Abilities
{
    /// <summary>Why a group cannot run on a device, in words; null: it can.</summary>
    public static string? Problem(Device device, FusedGraph fused, FusionGroup group)
    {
        if (device.Lacks.Contains("sparse") && group.Outputs.Any(o => fused.Graph[o] is FormatNode stored && stored.Format.Levels.Any(l => l.Kind != LevelKind.Dense)))
        {
            return $"{device.Name} stores no sparse results";
        }

        return device.Lacks.Contains("f64") && Nodes(fused, group).Any(n => n.Type.Element == ElementType.F64) ? $"{device.Name} has no f64" : null;
    }

    // Members and what they read, those of loops inside too.
    private static IEnumerable<Node> Nodes(FusedGraph fused, FusionGroup group)
    {
        var open = new Stack<(FusedGraph Fused, FusionGroup Group)>([(fused, group)]);
        while (open.TryPop(out var next))
        {
            foreach (var member in next.Group.Members)
            {
                yield return next.Fused.Graph[member];
                if (next.Fused.Bodies.TryGetValue(member, out var body))
                {
                    Array.ForEach([.. body.Groups], g => open.Push((body, g)));
                }
            }

            foreach (var load in WorkCount.Loads(next.Fused.Graph, next.Group))
            {
                yield return next.Fused.Graph[load];
            }
        }
    }
}
