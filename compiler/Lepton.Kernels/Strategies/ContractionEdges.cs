using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>What a product does where its last tile of rows or columns is not full.</summary>
internal sealed class ContractionEdges(BodyBuilder body, ContractionPlan plan, ContractionSchedule schedule)
{
    /// <summary>No tile has rows behind the last.</summary>
    public bool AllRowsExist => schedule.EvenRows || SizeExpr.Mod(plan.MSize, schedule.Rows) == SizeExpr.Zero;

    /// <summary>Row m + i; behind the last row, the last.</summary>
    public LoopExpr Row(LoopExpr m, int i)
    {
        var row = body.Add(m, BodyMath.Index(i));
        return AllRowsExist ? row : body.Min(row, BodyMath.Index(plan.MSize - SizeExpr.One));
    }

    /// <summary>
    /// The panels of columns from one to another, of which the last may fill fewer vectors: 49 columns are three panels of two vectors of 8 lanes and
    /// one of one.
    /// </summary>
    /// <param name="emit">The panel's first column, its vectors, and whether lanes behind the last column are in it; null: that is not known.</param>
    public void Panels(LoopExpr from, LoopExpr to, Action<LoopExpr, int, bool?> emit)
    {
        if (plan.NSize.AsConstant is not { } all || all % schedule.Columns is not (> 0 and var rest) || rest > (schedule.Vectors - 1) * schedule.Lanes)
        {
            body.For(from, to, schedule.Columns, mayBeEmpty: false, n => emit(n, schedule.Vectors, null));
            return;
        }

        var (whole, vectors) = (all - rest, (int)((rest + schedule.Lanes - 1) / schedule.Lanes));
        void Last() => emit(BodyMath.Index(whole), vectors, rest % schedule.Lanes != 0);
        if (whole == 0)
        {
            Last();
            return;
        }

        body.For(from, body.Min(to, BodyMath.Index(whole)), schedule.Columns, mayBeEmpty: true, n => emit(n, schedule.Vectors, false));
        body.If(body.Less(BodyMath.Index(whole), to), Last);
    }

    /// <summary>Emits twice where it must: for a whole panel of columns, and under masks for the last one.</summary>
    public void EdgeOrNot(LoopExpr n, Action<bool> emit)
    {
        if (SizeExpr.Mod(plan.NSize, schedule.Columns) == SizeExpr.Zero)
        {
            emit(false);
        }
        else if (plan.NSize.AsConstant < schedule.Columns)
        {
            emit(true);
        }
        else
        {
            var whole = body.Map(MapOp.LessEqual, ElementType.Bool, body.Add(n, BodyMath.Index(schedule.Columns)), BodyMath.Index(plan.NSize));
            body.If(whole, () => emit(false), () => emit(true));
        }
    }

    /// <summary>Which lanes from column <paramref name="start"/> on exist.</summary>
    public LoopExpr Mask(LoopExpr start) => Mask(start, schedule.Lanes, BodyMath.Index(plan.NSize));

    /// <summary>Which of so many lanes from <paramref name="start"/> on lie before <paramref name="end"/>.</summary>
    public LoopExpr Mask(LoopExpr start, int lanes, LoopExpr end) =>
        body.Less(lanes == 1 ? start : body.Let(new RampExpr(new LaneType(ElementType.I64, lanes), start, BodyMath.Index(1))), end);
}
