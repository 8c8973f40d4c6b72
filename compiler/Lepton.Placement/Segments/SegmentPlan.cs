using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Placement.Segments;

/// <summary>One group and where it runs. A list of these is an assignment; its order is the order in which groups start.</summary>
/// <param name="Group">The name of a <see cref="FusionGroup"/>.</param>
/// <param name="Device">The name of a device.</param>
public sealed record PlacedGroup(string Group, string Device);

/// <summary>Groups that run on one device, one behind the other, without waiting for another device in between: a graph of its own.</summary>
/// <param name="Name">Unique in the plan: <c>mlp_0</c>.</param>
/// <param name="Device">Where it runs.</param>
/// <param name="Groups">What it computes, in order. Prepared groups that it repeats are not among them.</param>
/// <param name="Graph">Its arguments are <paramref name="Reads"/> in order, then come the parameters that it uses; its outputs are <paramref name="Makes"/>.</param>
/// <param name="Reads">Nodes of the whole graph: arguments of the program, and what other segments made.</param>
/// <param name="Makes">Nodes of the whole graph: results of the program, and what other segments read.</param>
public sealed record Segment(string Name, string Device, ValueList<string> Groups, Graph Graph, ValueList<NodeId> Reads, ValueList<NodeId> Makes);

/// <summary>
/// A fused graph cut for several devices. The order of the segments is one in which each finds what it reads.
/// <code>
///   cpu     [ a b ]────▶[ d ]──▶ y           a b: one segment, fused again for its device
///               └──┐      ▲
///   opencl:0       └▶[ c ]┘                  cut behind b, before d
/// </code>
/// </summary>
public sealed record SegmentPlan(FusedGraph Fused, ValueList<Segment> Segments);
