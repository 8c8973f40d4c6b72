using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Visits all parts of expressions; what is looked for is overridden.</summary>
internal abstract class ExprWalk : LoopExprVisitor<bool>
{
    public bool Look(params ReadOnlySpan<LoopExpr?> expressions)
    {
        foreach (var expression in expressions)
        {
            expression?.Accept(this);
        }

        return true;
    }

    public override bool Visit(NumberExpr expr) => true;

    public override bool Visit(SizeOfExpr expr) => true;

    public override bool Visit(VariableExpr expr) => true;

    public override bool Visit(MapExpr expr) => Look(expr.Arguments.Span);

    public override bool Visit(FmaExpr expr) => Look(expr.A, expr.B, expr.C);

    public override bool Visit(BitExpr expr) => Look([.. expr.Arguments]);

    public override bool Visit(ReinterpretExpr expr) => Look(expr.Value);

    public override bool Visit(DotExpr expr) => Look(expr.A, expr.B, expr.C);

    public override bool Visit(LoadExpr expr) => Look(expr.Index, expr.Stride, expr.Mask);

    public override bool Visit(GatherExpr expr) => Look(expr.Indices, expr.Mask);

    public override bool Visit(SplatExpr expr) => Look(expr.Value);

    public override bool Visit(RampExpr expr) => Look(expr.Base, expr.Step);

    public override bool Visit(LaneReduceExpr expr) => Look(expr.Vector);

    public override bool Visit(LaneExpr expr) => Look(expr.Vector);

    public override bool Visit(ShuffleExpr expr) => Look(expr.A, expr.B);
}
