using Lepton.Abi;

namespace Lepton.Kernels.Loops;

/// <summary>A step of a kernel. A translation derives from <see cref="LoopStatementVisitor"/>.</summary>
public abstract record LoopStatement
{
    public abstract void Accept(LoopStatementVisitor visitor);
}

/// <summary>Binds a new variable once.</summary>
public sealed record LetStatement(int Variable, LoopExpr Value) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>Declares a mutable variable (an accumulator); it lives to the end of the enclosing body.</summary>
public sealed record DeclareStatement(int Variable, LoopExpr Initial) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>Sets a mutable variable.</summary>
public sealed record AssignStatement(int Variable, LoopExpr Value) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>for (Variable = From; Variable &lt; To; Variable += Step). Step is a positive constant. Unroll: the translation repeats the body (constant bounds) or asks for it.</summary>
public sealed record ForStatement(int Variable, LoopExpr From, LoopExpr To, long Step, ValueList<LoopStatement> Body, bool Unroll = false) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>while (Condition): a bool scalar computed anew before each round by Head (lets seen by Condition and Body).</summary>
public sealed record WhileStatement(ValueList<LoopStatement> Head, LoopExpr Condition, ValueList<LoopStatement> Body) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>if (Condition: a bool scalar).</summary>
public sealed record IfStatement(LoopExpr Condition, ValueList<LoopStatement> Then, ValueList<LoopStatement> Otherwise) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>Lane l is written to element Index + l·Stride (Stride null: 1), where Mask (bool lanes, null: all) holds. The value's compute type is rounded to the buffer's.</summary>
/// <param name="Stream">
/// Past the caches, if the buffer starts on a cache line: memory is not read before it is written. Index is a multiple of the lanes, Stride and Mask are null, and
/// the buffer is written once.
/// </param>
public sealed record StoreStatement(int Buffer, LoopExpr Index, LoopExpr Value, LoopExpr? Stride = null, LoopExpr? Mask = null, bool Stream = false) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>
/// Asks for the cache line of element Index, which will be read soon and may lie outside the buffer. Far: into the second cache, for there is more
/// to come than the first one holds. Changes no value.
/// </summary>
public sealed record PrefetchStatement(int Buffer, LoopExpr Index, bool Far) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>
/// Reports a failed run-time check when Condition (bool scalar) holds: site, the row-major number of the element, the index, its bound. The
/// context keeps the report with the smallest (site, element). The kernel goes on: what would have been read must have been masked.
/// </summary>
public sealed record FailStatement(LoopExpr Condition, int Site, LoopExpr Element, LoopExpr Value, LoopExpr Bound) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>
/// No chunk of a group (<see cref="Kernel.Group"/>) goes on before all of it have come here; then all see what was written to shared buffers. All chunks of a
/// group come to the same barriers in the same order.
/// </summary>
public sealed record BarrierStatement : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>What stands in the text form as a comment.</summary>
public sealed record CommentStatement(string Text) : LoopStatement
{
    public override void Accept(LoopStatementVisitor visitor) => visitor.Visit(this);
}

/// <summary>A translation of every statement.</summary>
public abstract class LoopStatementVisitor
{
    public abstract void Visit(LetStatement statement);

    public abstract void Visit(DeclareStatement statement);

    public abstract void Visit(AssignStatement statement);

    public abstract void Visit(ForStatement statement);

    public abstract void Visit(WhileStatement statement);

    public abstract void Visit(IfStatement statement);

    public abstract void Visit(StoreStatement statement);

    public abstract void Visit(PrefetchStatement statement);

    public abstract void Visit(FailStatement statement);

    public abstract void Visit(BarrierStatement statement);

    public abstract void Visit(CommentStatement statement);
}
