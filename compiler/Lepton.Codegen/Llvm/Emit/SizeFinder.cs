using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Collects the sizes that a kernel's body reads.</summary>
internal sealed class SizeFinder : LoopStatementVisitor
{
    private readonly Expressions _expressions = new();

    public HashSet<SizeExpr> Found => _expressions.Found;

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

    public override void Visit(StoreStatement statement) => Look(statement.Index, statement.Value, statement.Stride, statement.Mask);

    public override void Visit(FailStatement statement) => Look(statement.Condition, statement.Element, statement.Value, statement.Bound);

    public override void Visit(CommentStatement statement)
    {
    }

    private void Look(params ReadOnlySpan<LoopExpr?> expressions)
    {
        foreach (var expression in expressions)
        {
            expression?.Accept(_expressions);
        }
    }

    private sealed class Expressions : LoopExprVisitor<bool>
    {
        public HashSet<SizeExpr> Found { get; } = [];

        public override bool Visit(NumberExpr expr) => true;

        public override bool Visit(SizeOfExpr expr) => Found.Add(expr.Size);

        public override bool Visit(VariableExpr expr) => true;

        public override bool Visit(MapExpr expr) => Look(expr.Arguments.Span);

        public override bool Visit(FmaExpr expr) => Look(expr.A, expr.B, expr.C);

        public override bool Visit(LoadExpr expr) => Look(expr.Index, expr.Stride, expr.Mask);

        public override bool Visit(GatherExpr expr) => Look(expr.Indices, expr.Mask);

        public override bool Visit(SplatExpr expr) => Look(expr.Value);

        public override bool Visit(RampExpr expr) => Look(expr.Base, expr.Step);

        public override bool Visit(LaneReduceExpr expr) => Look(expr.Vector);

        public override bool Visit(LaneExpr expr) => Look(expr.Vector);

        private bool Look(params ReadOnlySpan<LoopExpr?> expressions)
        {
            foreach (var expression in expressions)
            {
                expression?.Accept(this);
            }

            return true;
        }
    }
}
