using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Placement.Segments;

/// <summary>
/// Cuts a fused graph by an assignment. On each device groups follow each other in the order of the assignment; a segment ends
/// <list type="bullet">
/// <item>before a group that reads what another device made, unless an earlier segment of this device waited for that already;</item>
/// <item>behind a group that made something which another device reads.</item>
/// </list>
/// So a segment never holds up another device longer than its groups must, and waits for others only when it starts. What is prepared once for a
/// set of parameters (<see cref="PreparedGroup"/>) is repeated in each segment that reads it.
/// </summary>
public sealed class SegmentCut
{
    private readonly FusedGraph _fused;
    private readonly Dictionary<string, FusionGroup> _groups;
    private readonly Dictionary<NodeId, string> _storedBy = [];
    private readonly IReadOnlySet<string> _prepared;
    private readonly IReadOnlySet<NodeId> _existing;
    private readonly List<(string Device, List<FusionGroup> Groups)> _segments = [];

    private SegmentCut(FusedGraph fused, IReadOnlySet<NodeId> existing)
    {
        (_fused, _existing) = (fused, existing);
        _groups = fused.Groups.ToDictionary(g => g.Name);
        _prepared = PreparedGroup.Of(fused).Groups;
        foreach (var group in fused.Groups)
        {
            foreach (var output in group.Outputs)
            {
                _storedBy[output] = group.Name;
            }
        }
    }

    /// <summary>The segments of an assignment.</summary>
    /// <param name="fused">A graph of constant sizes.</param>
    /// <param name="assignment">
    /// Each group once, a group behind those whose results it reads. Prepared groups may be left out, wherever they are they run in each segment that
    /// reads them.
    /// </param>
    /// <param name="existing">Nodes that lie in memory already, from a run that goes on: groups that nobody needs any more may be left out too.</param>
    /// <exception cref="ArgumentException">A size is not constant; a group is missing, there twice, not known, or stands before one that it reads.</exception>
    public static SegmentPlan Run(FusedGraph fused, IReadOnlyList<PlacedGroup> assignment, IReadOnlySet<NodeId>? existing = null)
    {
        if (fused.Graph.Dims is [var dim, ..])
        {
            throw new ArgumentException($"the size {dim} of {fused.Graph.Name} is not known: a program is cut for given sizes");
        }

        var cut = new SegmentCut(fused, existing ?? new HashSet<NodeId>());
        cut.Group(cut.Checked(assignment));
        return cut.Plan();
    }

    /// <summary>The groups that must run, in launch order, for what is not there yet: all but prepared ones, and those that only they need.</summary>
    public static IReadOnlyList<string> Needed(FusedGraph fused, IReadOnlySet<NodeId>? existing = null) =>
        [.. new SegmentCut(fused, existing ?? new HashSet<NodeId>()).Needed().Select(g => g.Name)];

    private IReadOnlyList<FusionGroup> Needed()
    {
        var open = new Stack<NodeId>(_fused.Graph.Outputs.Select(o => o.Node));
        var needed = new HashSet<string>();
        while (open.TryPop(out var node))
        {
            if (!_existing.Contains(node) && _storedBy.TryGetValue(node, out var group) && !_prepared.Contains(group) && needed.Add(group))
            {
                foreach (var load in Loads(_groups[group]))
                {
                    open.Push(load);
                }
            }
        }

        return [.. _fused.Groups.Where(g => needed.Contains(g.Name))];
    }

    private List<PlacedGroup> Checked(IReadOnlyList<PlacedGroup> assignment)
    {
        var needed = Needed().Select(g => g.Name).ToHashSet();
        var placed = new HashSet<string>();
        var kept = new List<PlacedGroup>();
        foreach (var step in assignment)
        {
            if (!_groups.TryGetValue(step.Group, out var group))
            {
                throw new ArgumentException($"{_fused.Graph.Name} has no kernel {step.Group}; it has {string.Join(", ", _groups.Keys.Where(g => !_prepared.Contains(g)))}");
            }

            if (!placed.Add(step.Group))
            {
                throw new ArgumentException($"kernel {step.Group} is placed twice");
            }

            if (!needed.Contains(step.Group))
            {
                continue;
            }

            if (Loads(group).FirstOrDefault(l => !_existing.Contains(l) && !placed.Contains(_storedBy[l]), new NodeId(-1)) is { Value: >= 0 } missing)
            {
                throw new ArgumentException($"kernel {step.Group} reads what {_storedBy[missing]} makes, which {(assignment.Any(a => a.Group == _storedBy[missing]) ? "stands behind it" : "is not placed")}");
            }

            kept.Add(step);
        }

        return needed.Except(placed).ToList() is [var absent, ..] ? throw new ArgumentException($"kernel {absent} is not placed") : kept;
    }

    private void Group(List<PlacedGroup> assignment)
    {
        var deviceOf = assignment.ToDictionary(a => a.Group, a => a.Device);
        var sent = assignment.SelectMany(a => Loads(_groups[a.Group]).Where(l => IsForeign(l, a.Device))).ToHashSet();
        var (open, awaited) = (new Dictionary<string, int>(), new HashSet<(string, NodeId)>());
        foreach (var (name, device) in assignment)
        {
            var group = _groups[name];
            if (Loads(group).Where(l => IsForeign(l, device) && awaited.Add((device, l))).ToList() is [_, ..])
            {
                open.Remove(device);
            }

            if (!open.TryGetValue(device, out var segment))
            {
                segment = open[device] = _segments.Count;
                _segments.Add((device, []));
            }

            _segments[segment].Groups.Add(group);
            if (group.Outputs.Any(sent.Contains))
            {
                open.Remove(device);
            }
        }

        bool IsForeign(NodeId load, string device) => !_existing.Contains(load) && deviceOf[_storedBy[load]] != device;
    }

    private SegmentPlan Plan()
    {
        var outputs = _fused.Graph.Outputs.Select(o => o.Node).ToHashSet();
        var segmentOf = _segments.Index().SelectMany(s => s.Item.Groups.Select(g => (g.Name, s.Index))).ToDictionary(g => g.Name, g => g.Index);
        var read = _segments.Index().SelectMany(s => s.Item.Groups.SelectMany(g => Loads(g).Where(l => segmentOf.GetValueOrDefault(_storedBy[l], -1) != s.Index))).ToHashSet();
        var names = new SegmentNames(_fused.Graph);
        var segments = _segments.Index().Select(s =>
        {
            var makes = s.Item.Groups.SelectMany(g => g.Outputs).Where(o => !_existing.Contains(o) && (outputs.Contains(o) || read.Contains(o))).ToValueList();
            var (graph, reads) = SegmentGraph.Of(_fused, $"{_fused.Graph.Name}_{s.Index}", s.Item.Groups, [.. _groups.Values.Where(g => _prepared.Contains(g.Name))], makes, names);
            return new Segment(graph.Name, s.Item.Device, s.Item.Groups.Select(g => g.Name).ToValueList(), graph, reads, makes);
        });
        return new SegmentPlan(_fused, segments.ToValueList());
    }

    // What a group takes from memory that another one, which is not repeated, put there.
    private IEnumerable<NodeId> Loads(FusionGroup group)
    {
        var members = group.Members.ToHashSet();
        return group.Members.SelectMany(m => _fused.Graph[m].Operands).Distinct()
            .Where(o => !members.Contains(o) && _storedBy.TryGetValue(o, out var by) && !_prepared.Contains(by));
    }
}
