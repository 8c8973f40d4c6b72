using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.OpenCl;

namespace Lepton.Embedding;

/// <summary>Cuts a program by assignments and compiles the pieces, each for the kind of its device.</summary>
/// <param name="fused">The whole program, of constant sizes.</param>
/// <param name="compile">How to compile for a kind of device.</param>
/// <param name="devices">By name.</param>
internal sealed class PlacedPrograms(FusedGraph fused, Func<string, Compilation> compile, IReadOnlyDictionary<string, Device> devices)
{
    private readonly SegmentNames _names = new(fused.Graph);

    public FusedGraph Fused => fused;

    /// <summary>A program that makes what is not there yet.</summary>
    /// <param name="assignment">For <see cref="SegmentCut.Run"/>.</param>
    /// <param name="existing">Names of tensors that are there already; null: the arguments.</param>
    /// <exception cref="ArgumentException">The assignment is not one.</exception>
    /// <exception cref="DeviceFailedException">A device failed while code was made for it.</exception>
    public PlacedProgram Make(IReadOnlyList<PlacedGroup> assignment, IReadOnlySet<string>? existing = null)
    {
        if (assignment.FirstOrDefault(a => !devices.ContainsKey(a.Device)) is { } unknown)
        {
            throw new ArgumentException($"kernel {unknown.Group} is placed on {unknown.Device}, which is no device here; there {(devices.Count == 1 ? "is" : "are")} {string.Join(", ", devices.Keys)}");
        }

        var there = NodesOf(existing ?? new HashSet<string>());
        var plan = SegmentCut.Run(fused, assignment, there);
        var (graph, numbers, tensors) = (fused.Graph, new Dictionary<NodeId, int>(), new List<PlacedTensor>());
        var manifest = EntrySignature.Of(graph);
        var reads = plan.Segments.SelectMany(s => s.Reads).ToHashSet();
        var makes = plan.Segments.SelectMany(s => s.Makes).ToHashSet();

        // The arguments of what goes on are what it reads, whether the program's or made before.
        NodeId[] arguments = existing is null
            ? [.. graph.Inputs.Where(i => ((InputNode)graph[i]).Kind == InputKind.Argument)]
            : [.. reads.Where(r => !makes.Contains(r)).OrderBy(r => r.Value)];
        GraphOutput[] results = [.. graph.Outputs.Where(o => !there.Contains(o.Node))];
        manifest = existing is null ? manifest : manifest with
        {
            Arguments = [.. arguments.Select(a => new TensorManifest(_names.Of(a), graph[a].Type.Element, graph[a].Type.Shape) { Format = FormatOf(graph[a]) })],
            Results = [.. results.Select(r => manifest.Results[graph.Outputs.Span.IndexOf(r)])],
        };
        var made = new List<PlacedSegment>();
        try
        {
            foreach (var segment in plan.Segments)
            {
                made.Add(Segment(segment, Number));
            }

            return new PlacedProgram(manifest, tensors, [.. arguments.Select(Number)], [.. results.Select(r => Number(r.Node))], made);
        }
        catch
        {
            made.ForEach(m => m.Entry.Module.Dispose());
            throw;
        }

        int Number(NodeId node)
        {
            if (!numbers.TryGetValue(node, out var number))
            {
                number = numbers[node] = tensors.Count;
                var type = graph[node].Type;
                tensors.Add(new PlacedTensor(_names.Of(node), type.Element, [.. type.Shape.Select(s => s.AsConstant!.Value)], FormatOf(graph[node])));
            }

            return number;
        }
    }

    /// <summary>Nodes by the names of their tensors.</summary>
    public HashSet<NodeId> NodesOf(IReadOnlySet<string> names) =>
        [.. Enumerable.Range(0, names.Count == 0 ? 0 : fused.Graph.Nodes.Count).Select(n => new NodeId(n)).Where(n => names.Contains(_names.Of(n)))];

    private PlacedSegment Segment(Segment segment, Func<NodeId, int> number)
    {
        var device = devices[segment.Device];
        var compilation = compile(device.Kind);
        var kernels = compilation.Lower(segment.Name, [compilation.FuseAgain(segment.Graph)]);
        var module = Load(compilation, kernels, device, segment.Name);
        return new PlacedSegment(
            segment.Name, device, module.Entries.Single(), [.. segment.Reads.Select(number)], [.. segment.Makes.Select(number)], [.. kernels.Kernels.Select(k => k.Name)]);
    }

    // A driver that does not take the code is a device that fails: another may take it.
    private static Module Load(Compilation compilation, KernelModule kernels, Device device, string segment)
    {
        try
        {
            return DeviceCode.Load(compilation, kernels, device);
        }
        catch (Exception e) when (e is LeptonRunException { Device: not null } or CompilerBugException { InnerException: OpenClBuildException })
        {
            throw new DeviceFailedException(device.Name, (e.InnerException as OpenClBuildException)?.Message ?? e.Message, e).In($"compiling segment {segment}");
        }
    }

    private static TensorFormat? FormatOf(Node node) => node switch
    {
        InputNode input => input.Format,
        FormatNode stored => stored.Format,
        _ => null,
    };
}
