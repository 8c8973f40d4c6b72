using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>How a group is turned into loops; each is one file of Lepton.Kernels.</summary>
public enum KernelStrategy
{
    /// <summary>One result element per iteration: elementwise chains with views, gathers, reshapes inlined.</summary>
    Map,

    /// <summary>Reductions over trailing or leading axes and what follows them per row: sum, softmax, norms, argmax. Row-wise multi-pass.</summary>
    Rowwise,

    /// <summary>A reduction or contraction over small windows that slide over a tensor: pooling, stencils, a convolution of each channel by itself.</summary>
    Window,

    /// <summary>A contract with its prologue (inlined into packing) and epilogue (applied to tiles).</summary>
    Contraction,

    /// <summary>A softmax between two contractions, its scores kept in the kernel: <see cref="AttentionForm"/>.</summary>
    Attention,
    Scatter,
    Concat,
    Sort,

    /// <summary>Co-iteration over what sparse operands store, and the storing of sparse results.</summary>
    Sparse,

    /// <summary>A scan or iterate: a loop of the host program around the body's own groups.</summary>
    Loop,
}

/// <summary>
/// Nodes that become one kernel. Members are computed inside it in dependency order; a cheap member may be computed in several groups. A
/// group stores its Outputs; every operand of a member that is not a member itself is loaded from memory.
/// </summary>
/// <param name="Name">Unique in the entry, made of what it does: <c>softmax_0</c>, <c>contract_2</c>.</param>
public sealed record FusionGroup(string Name, KernelStrategy Strategy, ValueList<NodeId> Members, ValueList<NodeId> Outputs)
{
    /// <summary>The part of the group that is computed on the way to a value, and the value; it stores nothing.</summary>
    public FusionGroup Below(Graph graph, NodeId value)
    {
        var below = new HashSet<NodeId> { value };
        foreach (var member in Members.Reverse().Where(below.Contains))
        {
            below.UnionWith(graph[member].Operands);
        }

        return this with { Members = Members.Where(below.Contains).ToValueList(), Outputs = [] };
    }
}

/// <summary>Why two operations were, or were not, fused; <c>leptonc explain</c> prints it.</summary>
public sealed record FusionNote(NodeId Producer, NodeId Consumer, bool Fused, string Reason);

/// <summary>An optimized graph cut into groups in launch order; the bodies of scans and iterates are cut too. Made by the pass "fuse" alone.</summary>
public sealed record FusedGraph(
    Graph Graph,
    ValueList<FusionGroup> Groups,
    ValueList<FusionNote> Notes,
    IReadOnlyDictionary<NodeId, FusedGraph> Bodies);
