using Lepton.Graphs;

namespace Lepton.Optimizer.Fusion;

/// <summary>A scan or iterate and its results: one group, whose kernels are those of the body. What it takes lies in memory.</summary>
internal sealed partial class Planner
{
    private void PlaceLoop(NodeId id)
    {
        if (!_results.TryGetValue(id.Value, out var results))
        {
            return;
        }

        var group = new OpenGroup(id.Value, KernelStrategy.Loop, []);
        _groups.Add(group);
        group.Members.AddRange(results);
        group.Outputs.AddRange(results);
        Enter(id, group, Level.Space, 0, false);
    }
}
