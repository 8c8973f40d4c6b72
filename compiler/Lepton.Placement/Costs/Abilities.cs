using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Costs;

/// <summary>What a device cannot run, by its kind.</summary>
public static class Abilities
{
    /// <summary>Why a group cannot run on a device, in words; null: it can.</summary>
    public static string? Problem(Device device, FusedGraph fused, FusionGroup group)
    {
        if (device.Kind is not ("opencl" or "ilgpu") && !device.Kind.StartsWith("opencl:", StringComparison.Ordinal)
            && !device.Kind.StartsWith("ilgpu:", StringComparison.Ordinal))
        {
            return null;
        }

        // How much a sparse result stores is known in the run alone, and memory on these devices is planned before.
        return group.Outputs.Any(o => fused.Graph[o] is FormatNode stored && stored.Format.Levels.Any(l => l.Kind != LevelKind.Dense))
            ? $"{device.Kind} stores no sparse results"
            : null;
    }
}
