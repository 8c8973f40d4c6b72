using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>While a kernel is built, local k is buffer -1-k; in the finished kernel locals stand behind the launch's buffers.</summary>
internal static class LocalNumbers
{
    public static ValueList<LoopStatement> Settle(ValueList<LoopStatement> body, int buffers)
    {
        var statements = new Statements(buffers);
        return statements.Of(body);
    }

    private sealed class Statements(int buffers) : LoopStatementVisitor
    {
        private readonly Exprs _exprs = new(buffers);
        private LoopStatement _done = null!;

        public ValueList<LoopStatement> Of(ValueList<LoopStatement> body)
        {
            var settled = new LoopStatement[body.Count];
            for (var i = 0; i < settled.Length; i++)
            {
                body[i].Accept(this);
                settled[i] = _done;
            }

            return settled.ToValueList();
        }

        public override void Visit(LetStatement s) => _done = s with { Value = Of(s.Value) };

        public override void Visit(DeclareStatement s) => _done = s with { Initial = Of(s.Initial) };

        public override void Visit(AssignStatement s) => _done = s with { Value = Of(s.Value) };

        public override void Visit(ForStatement s) => _done = s with { From = Of(s.From), To = Of(s.To), Body = Of(s.Body) };

        public override void Visit(WhileStatement s) => _done = new WhileStatement(Of(s.Head), Of(s.Condition), Of(s.Body));

        public override void Visit(IfStatement s) => _done = new IfStatement(Of(s.Condition), Of(s.Then), Of(s.Otherwise));

        public override void Visit(StoreStatement s) => _done = new StoreStatement(
            _exprs.Number(s.Buffer), Of(s.Index), Of(s.Value), s.Stride is null ? null : Of(s.Stride), s.Mask is null ? null : Of(s.Mask), s.Stream);

        public override void Visit(PrefetchStatement s) => _done = s with { Buffer = _exprs.Number(s.Buffer), Index = Of(s.Index) };

        public override void Visit(FailStatement s) => _done = s with
        {
            Condition = Of(s.Condition), Element = Of(s.Element), Value = Of(s.Value), Bound = Of(s.Bound),
        };

        public override void Visit(BarrierStatement s) => _done = s;

        public override void Visit(CommentStatement s) => _done = s;

        private LoopExpr Of(LoopExpr expr) => expr is NumberExpr or SizeOfExpr or VariableExpr ? expr : expr.Accept(_exprs);
    }

    private sealed class Exprs(int buffers) : LoopExprVisitor<LoopExpr>
    {
        public int Number(int buffer) => buffer >= 0 ? buffer : buffers - 1 - buffer;

        public override LoopExpr Visit(NumberExpr e) => e;

        public override LoopExpr Visit(SizeOfExpr e) => e;

        public override LoopExpr Visit(VariableExpr e) => e;

        public override LoopExpr Visit(MapExpr e)
        {
            foreach (var argument in e.Arguments)
            {
                if (argument is not (NumberExpr or SizeOfExpr or VariableExpr))
                {
                    return e with { Arguments = e.Arguments.Select(a => a.Accept(this)).ToValueList() };
                }
            }

            return e;
        }

        public override LoopExpr Visit(FmaExpr e) => e with { A = e.A.Accept(this), B = e.B.Accept(this), C = e.C.Accept(this) };

        public override LoopExpr Visit(BitExpr e) => e with { Arguments = e.Arguments.Select(a => a.Accept(this)).ToValueList() };

        public override LoopExpr Visit(ReinterpretExpr e) => e with { Value = e.Value.Accept(this) };

        public override LoopExpr Visit(DotExpr e) => e with { A = e.A.Accept(this), B = e.B.Accept(this), C = e.C.Accept(this) };

        public override LoopExpr Visit(LoadExpr e) =>
            new LoadExpr(e.Type, Number(e.Buffer), e.Index.Accept(this), e.Stride?.Accept(this), e.Mask?.Accept(this));

        public override LoopExpr Visit(GatherExpr e) => new GatherExpr(e.Type, Number(e.Buffer), e.Indices.Accept(this), e.Mask?.Accept(this));

        public override LoopExpr Visit(SplatExpr e) => e with { Value = e.Value.Accept(this) };

        public override LoopExpr Visit(RampExpr e) => e with { Base = e.Base.Accept(this), Step = e.Step.Accept(this) };

        public override LoopExpr Visit(LaneReduceExpr e) => e with { Vector = e.Vector.Accept(this) };

        public override LoopExpr Visit(LaneExpr e) => e with { Vector = e.Vector.Accept(this) };

        public override LoopExpr Visit(ShuffleExpr e) => e with { A = e.A.Accept(this), B = e.B.Accept(this) };
    }
}
