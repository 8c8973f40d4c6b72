using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Placement.Segments;

namespace Lepton.Embedding;

/// <summary>A placed entry as a module of machine code: each segment is an entry of it, and its manifest says how they belong together.</summary>
public static class PlacedCode
{
    /// <summary>Compiles the segments of an assignment.</summary>
    /// <param name="compilation">How to compile, for the processors of all devices.</param>
    /// <param name="name">The module's name.</param>
    /// <param name="fused">The whole program, of constant sizes.</param>
    /// <param name="assignment">As for <see cref="SegmentCut.Run"/>.</param>
    /// <param name="devices">Those that the assignment names; all of kind <c>cpu</c>.</param>
    /// <exception cref="ArgumentException">The assignment is not one.</exception>
    public static CompiledModule Compile(Compilation compilation, string name, FusedGraph fused, IReadOnlyList<PlacedGroup> assignment, ValueList<DeviceManifest> devices)
    {
        var (graph, names) = (fused.Graph, new SegmentNames(fused.Graph));
        var segments = SegmentCut.Run(fused, assignment).Segments;
        var module = compilation.Compile(compilation.Lower(name, [.. segments.Select(s => compilation.FuseAgain(s.Graph))]));
        var placed = new PlacedManifest(EntrySignature.Of(graph), [.. graph.Outputs.Select(o => names.Of(o.Node))], devices, [.. segments.Select(s => (s.Name, s.Device))]);
        return module with { Manifest = module.Manifest with { Placed = placed } };
    }
}
