using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Optimizer;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;

namespace Lepton.Tests.Devices;

/// <summary>A random program of constant sizes, with a random assignment of its kernels, in a random order in which they can run.</summary>
internal sealed class PlacedCase
{
    private readonly RandomCase _made;

    private PlacedCase(RandomCase made, FusedGraph fused, Random random) => (_made, Fused, Random) = (made, fused, random);

    public FusedGraph Fused { get; }

    public Random Random { get; }

    public RandomCase Made => _made;

    public static PlacedCase Of(RandomCase made)
    {
        var random = new Random(made.Seed);
        var target = GraphAssembler.Like(made.Graph);
        var firstParameter = random.Next(made.Graph.Inputs.Count + 1);
        for (var i = 0; i < made.Graph.Nodes.Count; i++)
        {
            var at = made.Graph.Inputs.Span.IndexOf(new NodeId(i));
            target.Add(at >= firstParameter ? (InputNode)made.Graph.Nodes[i] with { Kind = InputKind.Parameter } : made.Graph.Nodes[i]);
        }

        foreach (var output in made.Graph.Outputs)
        {
            target.Output(output.Name, output.Node);
        }

        var skip = random.Next(3) == 0 ? new HashSet<string> { GraphPasses.FuseName } : [];
        return new PlacedCase(made, GraphPasses.Run(target.ToGraph(), new PassOptions { Verify = true, Dims = made.Sizes, Skip = skip }), random);
    }

    /// <summary>Each needed kernel on one of the devices.</summary>
    public IReadOnlyList<PlacedGroup> Assign(IReadOnlyList<string> groups, params string[] devices)
    {
        var by = Fused.Groups.SelectMany(g => g.Outputs.Select(o => (o, g.Name))).ToDictionary(p => p.o, p => p.Name);
        var all = Fused.Groups.ToDictionary(g => g.Name);
        var (open, order, keeps) = (groups.ToList(), new List<PlacedGroup>(), Random.Next(2) == 0);
        while (open.Count > 0)
        {
            var ready = open.Where(g => all[g].Members.SelectMany(m => Fused.Graph[m].Operands).Where(o => !all[g].Members.Contains(o) && by.ContainsKey(o)).All(o => !open.Contains(by[o]))).ToList();
            var next = ready[Random.Next(keeps ? 1 : ready.Count)];
            open.Remove(next);
            order.Add(new PlacedGroup(next, devices[Random.Next(devices.Length)]));
        }

        return order;
    }

    /// <summary>The results of the segments, each by the interpreter.</summary>
    public IReadOnlyList<TensorValue> Interpret(SegmentPlan plan)
    {
        var graph = Fused.Graph;
        var values = graph.Inputs.Index().ToDictionary(i => i.Item, i => _made.Inputs[i.Index]);
        var parameters = graph.Inputs.Where(i => ((InputNode)graph[i]).Kind == InputKind.Parameter).ToDictionary(i => ((InputNode)graph[i]).Label, i => values[i]);
        foreach (var segment in plan.Segments)
        {
            GraphVerifier.Verify(segment.Graph, segment.Name);
            var inputs = segment.Reads.Select(r => values[r]).Concat(segment.Graph.Inputs.Skip(segment.Reads.Count).Select(i => parameters[((InputNode)segment.Graph[i]).Label]));
            foreach (var (value, node) in Interpreter.Run(segment.Graph, [.. inputs], _made.SizeOf).Zip(segment.Makes))
            {
                values[node] = value;
            }
        }

        return [.. graph.Outputs.Select(o => values[o.Node])];
    }

    /// <summary>An engine for the program.</summary>
    public PlacedEngine Compile(IReadOnlyList<Device> devices, IReadOnlyList<PlacedGroup> assignment) => PlacedEngine.Of(
        Fused,
        kind => Compilation.Of(new SourceText("none.lep", ""), new CompileOptions { Device = kind == "clr" ? CodeDevice.Clr : CodeDevice.Cpu, Verify = true }),
        devices,
        assignment);

    /// <summary>The results of a run.</summary>
    public IReadOnlyList<TensorValue> Run(PlacedEngine engine, PlacedOptions options)
    {
        using var parameters = new ParameterSet();
        var arguments = new List<TensorRef>();
        foreach (var (i, id) in Fused.Graph.Inputs.Index())
        {
            var input = (InputNode)Fused.Graph[id];
            var tensor = NativeRunner.Tensor(_made.Inputs[i]);
            var sparse = input.Format is null ? null : SparseTensor.From(tensor, input.Format);
            if (input.Kind == InputKind.Argument)
            {
                arguments.Add(sparse is null ? tensor : new TensorRef(sparse));
            }
            else if (sparse is null)
            {
                parameters.Set(input.Label, tensor);
            }
            else
            {
                parameters.Set(input.Label, sparse);
            }
        }

        using var results = engine.Evaluate([.. arguments], options with { Parameters = parameters });
        return [.. results.Select(r =>
        {
            using var dense = r.ToDense();
            return TensorValue.FromBytes(dense.Element, dense.Shape, dense.AsBytes());
        })];
    }
}
