using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>The number of a node in its graph's list; printed <c>%12</c>.</summary>
public readonly record struct NodeId(int Value)
{
    public override string ToString() => $"%{Value}";
}

/// <summary>
/// One operation on whole tensors. The set is small and closed: a translation derives from <see cref="NodeVisitor{T}"/>, so that one that
/// forgets an operation does not compile.
/// </summary>
public abstract record Node(TensorType Type)
{
    /// <summary>The nodes that this one uses, in order.</summary>
    public abstract ValueList<NodeId> Operands { get; }

    /// <summary>The operation's name in the text form.</summary>
    public abstract string Name { get; }

    public abstract Node WithOperands(ValueList<NodeId> operands);

    public abstract T Accept<T>(NodeVisitor<T> visitor);
}

public enum InputKind
{
    Argument,
    Parameter,

    /// <summary>The step number of a scan or iterate body: i64 scalar, from 0.</summary>
    Step,

    /// <summary>The value of a state at the start of a step.</summary>
    State,

    /// <summary>A value of the enclosing graph.</summary>
    Capture,
}

/// <summary>A tensor from outside the graph: <see cref="Graph.Inputs"/> lists them in order.</summary>
/// <param name="Initializer">For parameters: how it starts (<c>zeros</c>, <c>glorot</c>, …) or null.</param>
public sealed record InputNode(TensorType Type, InputKind Kind, string Label, string? Initializer = null) : Node(Type)
{
    /// <summary>How a sparse tensor is stored; its meaning is that of the dense tensor with the fill value where nothing is stored. null: dense.</summary>
    public TensorFormat? Format { get; init; }

    /// <summary>What the values of a parameter are before they are rounded to its type; null: they are of its type.</summary>
    public ElementType? Given { get; init; }

    public override ValueList<NodeId> Operands => [];

    public override string Name => "input";

    public override Node WithOperands(ValueList<NodeId> operands) => this;

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>The same number everywhere (any shape, also symbolic).</summary>
public sealed record SplatNode(TensorType Type, Scalar Value) : Node(Type)
{
    public override ValueList<NodeId> Operands => [];

    public override string Name => "splat";

    public override Node WithOperands(ValueList<NodeId> operands) => this;

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Given numbers, row-major; the shape is constant.</summary>
public sealed record ConstantNode(TensorType Type, ValueList<Scalar> Values) : Node(Type)
{
    public override ValueList<NodeId> Operands => [];

    public override string Name => "constant";

    public override Node WithOperands(ValueList<NodeId> operands) => this;

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>A size as an i64 scalar.</summary>
public sealed record SizeNode(SizeExpr Size) : Node(TensorType.Scalar(ElementType.I64))
{
    public override ValueList<NodeId> Operands => [];

    public override string Name => "size";

    public override Node WithOperands(ValueList<NodeId> operands) => this;

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>iota[i…] = i_axis, as i64.</summary>
public sealed record IotaNode(TensorType Type, int Axis) : Node(Type)
{
    public override ValueList<NodeId> Operands => [];

    public override string Name => "iota";

    public override Node WithOperands(ValueList<NodeId> operands) => this;

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>y[i…] = op(a[i…], b[i…], …): elementwise; all operands have exactly the result's shape (broadcasts are views).</summary>
public sealed record MapNode(TensorType Type, MapOp Op, ValueList<NodeId> Arguments) : Node(Type)
{
    public override ValueList<NodeId> Operands => Arguments;

    public override string Name => Op.Info().Name;

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Arguments = operands };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>
/// y[i…] = x[access_0(i…), access_1(i…), …]: every view but reshape is this one: transpose, broadcast, slice, window, diagonal, pad.
/// </summary>
/// <param name="Access">One per source axis; no data indices.</param>
/// <param name="Fill">What <see cref="Outside.Fill"/> gives; null when no axis has it.</param>
public sealed record ViewNode(TensorType Type, NodeId Source, ValueList<AxisAccess> Access, Scalar? Fill) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source];

    public override string Name => "view";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0] };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>The same elements in row-major order under another shape with the same count.</summary>
public sealed record ReshapeNode(TensorType Type, NodeId Source) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source];

    public override string Name => "reshape";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0] };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>y = x, stored in a format: as a result of the graph, or because that pays. Never changes a number.</summary>
public sealed record FormatNode(TensorType Type, NodeId Source, TensorFormat Format) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source];

    public override string Name => "format";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0] };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>
/// y[out labels] = Σ over labels not in the output of Π_k operand_k[its labels]. Labels are small integers; each has one size; within one
/// operand each label stands once. Accumulates in <see cref="ElementTypes.ComputeType"/>.
/// </summary>
public sealed record ContractNode(TensorType Type, ValueList<NodeId> Factors, ValueList<ValueList<int>> Labels, ValueList<int> Output) : Node(Type)
{
    public override ValueList<NodeId> Operands => Factors;

    public override string Name => "contract";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Factors = operands };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

public enum ReduceKind
{
    Sum,
    Prod,
    Max,
    Min,
    Any,
    All,

    /// <summary>i64: the row-major number over the reduced axes of the first largest element; -1 over nothing.</summary>
    ArgMax,
    ArgMin,
}

public static class ReduceKinds
{
    /// <summary>The operation that makes one value of two; null: <see cref="ReduceKind.ArgMax"/> and <see cref="ReduceKind.ArgMin"/>, which remember places too.</summary>
    public static MapOp? Combination(this ReduceKind kind) => kind switch
    {
        ReduceKind.Sum => MapOp.Add,
        ReduceKind.Prod => MapOp.Mul,
        ReduceKind.Max => MapOp.Max,
        ReduceKind.Min => MapOp.Min,
        ReduceKind.Any => MapOp.Or,
        ReduceKind.All => MapOp.And,
        _ => null,
    };
}

/// <summary>Reduces the (sorted) axes away. Over nothing: the neutral element.</summary>
public sealed record ReduceNode(TensorType Type, ReduceKind Kind, NodeId Source, ValueList<int> Axes) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source];

    public override string Name => "reduce";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0] };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>y[i…] = x[access…], where some accesses are data: Data k means Indices[k][i…] (i64 or i32, exactly the result's shape).</summary>
public sealed record GatherNode(TensorType Type, NodeId Source, ValueList<NodeId> Indices, ValueList<AxisAccess> Access, Scalar? Fill) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source, .. Indices];

    public override string Name => "gather";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0], Indices = operands.Skip(1).ToValueList() };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

public enum ScatterKind
{
    Add,
    Mul,
    Max,
    Min,
}

/// <summary>
/// y = base; then in row-major order of the updates u: y[access…(u's index)] op= updates[…]. Access has one entry per axis of the result,
/// its terms count the axes of Updates, data indices have exactly the shape of Updates.
/// </summary>
public sealed record ScatterNode(TensorType Type, ScatterKind Kind, NodeId Base, NodeId Updates, ValueList<NodeId> Indices, ValueList<AxisAccess> Access) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Base, Updates, .. Indices];

    public override string Name => "scatter";

    public override Node WithOperands(ValueList<NodeId> operands) =>
        this with { Base = operands[0], Updates = operands[1], Indices = operands.Skip(2).ToValueList() };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>The parts one behind the other along an axis.</summary>
public sealed record ConcatNode(TensorType Type, ValueList<NodeId> Parts, int Axis) : Node(Type)
{
    public override ValueList<NodeId> Operands => Parts;

    public override string Name => "concat";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Parts = operands };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Stable sort along an axis, ascending or descending, nan last in both; Indices: i64 positions instead of values.</summary>
public sealed record SortNode(TensorType Type, NodeId Source, int Axis, bool Descending, bool Indices) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source];

    public override string Name => "sort";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0] };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>
/// Count steps of Body. Body inputs: the step number, the states, the captures. Body outputs: the next states, then the emits.
/// Results (taken by <see cref="ResultNode"/>): the final states, then each emit stacked along a new first axis of size Count.
/// Type is that of result 0, or bool[] when there is none.
/// </summary>
public sealed record ScanNode(TensorType Type, SizeExpr Count, ValueList<NodeId> States, ValueList<NodeId> Captures, Graph Body) : Node(Type)
{
    public override ValueList<NodeId> Operands => [.. States, .. Captures];

    public override string Name => "scan";

    public override Node WithOperands(ValueList<NodeId> operands) =>
        this with { States = operands.Take(States.Count).ToValueList(), Captures = operands.Skip(States.Count).ToValueList() };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>
/// do step while (not until and steps &lt; Max). Body inputs: the step number, the states, the captures. Body outputs: the next states, then
/// the bool scalar "until". Max = 0: no step. Results: the final states.
/// </summary>
public sealed record IterateNode(TensorType Type, SizeExpr Max, ValueList<NodeId> States, ValueList<NodeId> Captures, Graph Body) : Node(Type)
{
    public override ValueList<NodeId> Operands => [.. States, .. Captures];

    public override string Name => "iterate";

    public override Node WithOperands(ValueList<NodeId> operands) =>
        this with { States = operands.Take(States.Count).ToValueList(), Captures = operands.Skip(States.Count).ToValueList() };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>Result number Index of a scan or iterate.</summary>
public sealed record ResultNode(TensorType Type, NodeId Source, int Index) : Node(Type)
{
    public override ValueList<NodeId> Operands => [Source];

    public override string Name => "result";

    public override Node WithOperands(ValueList<NodeId> operands) => this with { Source = operands[0] };

    public override T Accept<T>(NodeVisitor<T> visitor) => visitor.Visit(this);
}

/// <summary>A translation of every operation.</summary>
public abstract class NodeVisitor<T>
{
    public abstract T Visit(InputNode node);

    public abstract T Visit(SplatNode node);

    public abstract T Visit(ConstantNode node);

    public abstract T Visit(SizeNode node);

    public abstract T Visit(IotaNode node);

    public abstract T Visit(MapNode node);

    public abstract T Visit(ViewNode node);

    public abstract T Visit(ReshapeNode node);

    public abstract T Visit(FormatNode node);

    public abstract T Visit(ContractNode node);

    public abstract T Visit(ReduceNode node);

    public abstract T Visit(GatherNode node);

    public abstract T Visit(ScatterNode node);

    public abstract T Visit(ConcatNode node);

    public abstract T Visit(SortNode node);

    public abstract T Visit(ScanNode node);

    public abstract T Visit(IterateNode node);

    public abstract T Visit(ResultNode node);
}
