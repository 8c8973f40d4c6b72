using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Collects what code at a kernel's head answers: the sizes that its body reads, and the buffers that it streams into.</summary>
internal sealed class SizeFinder : LoopStatementVisitor
{
    private readonly Expressions _expressions = new();

    public HashSet<SizeExpr> Found => _expressions.Found;

    public SortedSet<int> Streamed { get; } = [];

    public void Look(ValueList<LoopStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }

    public override void Visit(LetStatement statement) => Look(statement.Value);

    public override void Visit(DeclareStatement statement) => Look(statement.Initial);

    public override void Visit(AssignStatement statement) => Look(statement.Value);

    public override void Visit(ForStatement statement)
    {
        Look(statement.From, statement.To);
        Look(statement.Body);
    }

    public override void Visit(WhileStatement statement)
    {
        Look(statement.Head);
        Look(statement.Condition);
        Look(statement.Body);
    }

    public override void Visit(IfStatement statement)
    {
        Look(statement.Condition);
        Look(statement.Then);
        Look(statement.Otherwise);
    }

    public override void Visit(StoreStatement statement)
    {
        Look(statement.Index, statement.Value, statement.Stride, statement.Mask);
        if (statement.Stream)
        {
            Streamed.Add(statement.Buffer);
        }
    }

    public override void Visit(PrefetchStatement statement) => Look(statement.Index);

    public override void Visit(FailStatement statement) => Look(statement.Condition, statement.Element, statement.Value, statement.Bound);

    public override void Visit(BarrierStatement statement)
    {
    }

    public override void Visit(CommentStatement statement)
    {
    }

    private void Look(params ReadOnlySpan<LoopExpr?> expressions) => _expressions.Look(expressions);

    private sealed class Expressions : ExprWalk
    {
        public HashSet<SizeExpr> Found { get; } = [];

        public override bool Visit(SizeOfExpr expr) => Found.Add(expr.Size);
    }
}
