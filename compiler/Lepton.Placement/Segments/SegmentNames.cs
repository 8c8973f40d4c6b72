using Lepton.Graphs;

namespace Lepton.Placement.Segments;

/// <summary>What segments call the tensors that they read and make: arguments and results as the program does, others by names that it does not use.</summary>
public sealed class SegmentNames
{
    private readonly Dictionary<NodeId, string> _names = [];
    private readonly string _prefix = "t";

    /// <param name="graph">The whole graph.</param>
    public SegmentNames(Graph graph)
    {
        var taken = graph.Inputs.Select(i => ((InputNode)graph[i]).Label).Concat(graph.Outputs.Select(o => o.Name)).ToList();
        while (taken.Any(t => t.StartsWith(_prefix, StringComparison.Ordinal)))
        {
            _prefix += "_";
        }

        foreach (var input in graph.Inputs)
        {
            _names[input] = ((InputNode)graph[input]).Label;
        }

        // A result may be called as an argument is, and a segment may read both.
        foreach (var output in graph.Outputs.Where(o => !graph.Inputs.Any(i => ((InputNode)graph[i]).Label == o.Name)))
        {
            _names[output.Node] = output.Name;
        }
    }

    /// <summary>Different for different nodes.</summary>
    public string Of(NodeId node) => _names.TryGetValue(node, out var name) ? name : $"{_prefix}{node.Value}";
}
