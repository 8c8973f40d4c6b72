using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Costs;

/// <summary>Lists the kernels and tensors of a program (<see cref="ProgramProblem"/>).</summary>
internal sealed class ProblemBuilder
{
    private static readonly TimeEstimate Free = new(0, TimeSource.Given, "lies at home");

    private readonly FusedGraph _fused;
    private readonly Graph _graph;
    private readonly CostModel _costs;
    private readonly Machine _machine;
    private readonly ProgramOptions _options;
    private readonly SparseSizes _sizes;
    private readonly IReadOnlySet<string> _prepared;
    private readonly IReadOnlySet<NodeId> _stored;
    private readonly IReadOnlySet<string> _first;
    private readonly List<ProgramKernel> _kernels = [];
    private double _runBytes;
    private readonly List<Kernel> _made = [];

    // By node that travels: who makes it, and who reads it.
    private readonly Dictionary<NodeId, (int Producer, List<int> Consumers)> _travels = [];

    public ProblemBuilder(FusedGraph fused, CostModel costs, ProgramOptions options)
    {
        (_fused, _graph, _costs, _machine, _options) = (fused, fused.Graph, costs, costs.Machine, options);
        _sizes = new SparseSizes(_graph, options.Assumptions);
        (_prepared, _stored) = PreparedGroup.Of(fused);
        var made = fused.Groups.Where(g => !_prepared.Contains(g.Name)).SelectMany(g => g.Outputs).ToHashSet();
        _first = fused.Groups.Where(g => !_prepared.Contains(g.Name) && !WorkCount.Loads(_graph, g).Any(made.Contains)).Select(g => g.Name).ToHashSet();
    }

    public ProgramProblem Build(Objective objective)
    {
        Check();
        _runBytes = WorkCounter.RunBytes(_fused, _options.Assumptions);
        foreach (var input in _graph.Inputs.Where(i => _graph[i] is InputNode { Kind: InputKind.Argument }))
        {
            _travels[input] = (AtHome(KernelRole.Argument, ((InputNode)_graph[input]).Label), []);
        }

        var together = Together();
        foreach (var group in _fused.Groups.Where(g => !_prepared.Contains(g.Name)))
        {
            Add(group, together.GetValueOrDefault(group.Name, Kernel.NoGroup));
        }

        foreach (var output in _graph.Outputs)
        {
            _travels[output.Node].Consumers.Add(AtHome(KernelRole.Result, output.Name));

            // Of a pipeline home is the first stage, and nothing comes back to it: results stay where they are made.
            _made[^1] = objective.Mentions(Metric.Interval) ? _made[^1] with { Pin = Kernel.NoPin } : _made[^1];
        }

        var nodes = _travels.Where(t => t.Value.Consumers.Count > 0).ToArray();
        var tensors = nodes.Select(t => new Tensor(NameOf(t.Key), t.Value.Producer, _sizes.Bytes(t.Key), [.. t.Value.Consumers.Distinct()]));
        var problem = new PlacementProblem(
            _machine.Devices, [.. _machine.Links.Select(Crossed)], [.. _made], [.. tensors], objective, _machine.Money, _options.Memory, _options.ExclusiveLinks);
        return new ProgramProblem(_fused, _machine, problem, [.. _kernels], [.. nodes.Select(n => n.Key)]);
    }

    // What a hand-over needs is pushed out of the caches as weights are.
    private Link Crossed(Link link) => link with
    {
        LatencySeconds = link.LatencySeconds + (link.ColdSeconds * Math.Max(_machine.Profiles[link.From]?.ColdShare(_runBytes) ?? 0, _machine.Profiles[link.To]?.ColdShare(_runBytes) ?? 0)),
        ColdSeconds = 0,
    };

    private int AtHome(KernelRole role, string name)
    {
        _kernels.Add(new ProgramKernel(role, name, null, null, [.. _machine.Devices.Select(_ => Free)]));
        _made.Add(new Kernel(name, [.. _machine.Devices.Select(_ => 0.0)], Pin: _machine.Home));
        return _made.Count - 1;
    }

    private void Add(FusionGroup group, int together)
    {
        if (_options.Finished.Contains(group.Name))
        {
            var home = AtHome(KernelRole.Group, group.Name);
            foreach (var output in group.Outputs)
            {
                _travels[output] = (home, []);
            }

            return;
        }

        var work = WorkCounter.Of(_fused, group, _stored, _options.Assumptions);
        var key = GroupKey.Of(_fused, group, _stored);
        var times = _machine.Devices
            .Select((device, d) => Abilities.Problem(device, _fused, group) is { } problem
                ? new TimeEstimate(double.PositiveInfinity, TimeSource.Given, problem)
                : _costs.Estimate(work, d, key, _runBytes))
            .ToValueList();
        // Before the first kernel at home its thread is woken. Kernels that read arguments alone share that: one of them is the first.
        var seconds = times.Select((t, d) => t.Seconds + (d == _machine.Home && _first.Contains(group.Name) ? _machine.Profiles[d]?.RunSeconds / _first.Count ?? 0 : 0));
        var pin = _options.Pins.TryGetValue(group.Name, out var to) ? DeviceOf(to) : Kernel.NoPin;
        var forbidden = _options.Forbidden.TryGetValue(group.Name, out var names) ? names.Select(DeviceOf).ToValueList() : [];
        _kernels.Add(new ProgramKernel(KernelRole.Group, group.Name, group, work, times));
        _made.Add(new Kernel(group.Name, [.. seconds], work.WeightBytes, together, pin, forbidden));
        foreach (var load in WorkCount.Loads(_graph, group))
        {
            if (_travels.TryGetValue(load, out var travel))
            {
                travel.Consumers.Add(_made.Count - 1);
            }
        }

        foreach (var output in group.Outputs)
        {
            _travels[output] = (_made.Count - 1, []);
        }
    }

    // Groups that hand a sparse tensor on: how much it stores is not known before the run. Each gets the number of its set.
    private Dictionary<string, int> Together()
    {
        var sets = new Dictionary<string, int>();
        var makers = _fused.Groups.SelectMany(g => g.Outputs.Where(o => _graph[o] is FormatNode).Select(o => (Node: o, g.Name)))
            .ToDictionary(m => m.Node, m => m.Name);
        foreach (var group in _fused.Groups)
        {
            foreach (var maker in WorkCount.Loads(_graph, group).Where(makers.ContainsKey).Select(o => makers[o]))
            {
                sets.TryAdd(maker, sets.Count);
                var first = sets[maker];
                if (sets.TryGetValue(group.Name, out var other))
                {
                    foreach (var name in sets.Where(s => s.Value == other).Select(s => s.Key).ToArray())
                    {
                        sets[name] = first;
                    }
                }

                sets[group.Name] = first;
            }
        }

        return sets;
    }

    private string NameOf(NodeId node) => _graph[node] is InputNode input ? input.Label
        : _graph.Outputs.FirstOrDefault(o => o.Node == node) is { Name: { } output } ? output
        : _fused.Groups.First(g => g.Outputs.Contains(node)) is var group && group.Outputs.Count == 1 ? group.Name
        : $"{group.Name}.{group.Outputs.ToList().IndexOf(node)}";

    private int DeviceOf(string name) => _machine.Devices.ToList().FindIndex(d => d.Name == name) is >= 0 and var index ? index
        : throw new ArgumentException($"there is no device '{name}'; there are {string.Join(", ", _machine.Devices.Select(d => d.Name))}");

    private void Check()
    {
        var groups = ProgramProblem.GroupNames(_fused);
        if (_options.Pins.Keys.Concat(_options.Forbidden.Keys).FirstOrDefault(n => !groups.Contains(n)) is { } unknown)
        {
            throw new ArgumentException($"there is no kernel '{unknown}'; there are {string.Join(", ", groups)}");
        }

        if (_graph.Dims.FirstOrDefault(d => !d.Contains('.', StringComparison.Ordinal)) is { } open)
        {
            throw new ArgumentException($"the size {open} is not known");
        }
    }
}
