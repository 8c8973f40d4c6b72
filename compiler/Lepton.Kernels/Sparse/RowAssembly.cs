using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A sparse result whose last level alone is compressed, in two passes over the operands:
/// <code>
/// pos[r + 1] = entries of row r;   pos = prefix sums;   memory for pos[rows] entries;   the entries of row r at pos[r] …
/// </code>
/// </summary>
internal static class RowAssembly
{
    // Each chunk has a workspace of its own.
    private const long MostWorkspaces = 16;

    /// <summary>Whether rows can be made so: the free loops are the result's levels, in order, and at most the last stands in a reduced one.</summary>
    public static bool Suits(SparsePlan plan, TensorFormat format)
    {
        var levels = format.Levels;
        var free = plan.Loops.Where(l => l.IsFree).ToList();
        var inside = plan.Loops.SkipWhile(l => l.IsFree).Count(l => l.IsFree);
        return levels.Count > 1 && levels[^1] is { Kind: LevelKind.Compressed, Part: LevelPart.Whole } && levels.SkipLast(1).All(l => l is { Kind: LevelKind.Dense, Part: LevelPart.Whole })
            && free.Select(l => l.Variable).SequenceEqual(levels.Select(l => l.Axis)) && plan.Loops.All(l => l.Part == LevelPart.Whole)
            && inside <= 1 && (plan.Core is not null || plan.FreeFirst);
    }

    public static void Emit(LoweringContext context, FusionGroup group, SparsePlan plan)
    {
        var late = new LateStorage(context, group.Outputs[0]);
        var storage = late.Storage;
        var (index, level) = (storage.Format.Index, storage.Format.Levels.Count - 1);
        var rows = storage.Count(level - 1);
        var columns = storage.Format.SizeOf(level, storage.Type.Shape);
        late.Allocate(StorageKind.Positions, level);
        var positions = storage.Array(StorageKind.Positions, level);
        var isScattered = !plan.FreeFirst;
        var marks = isScattered ? new RowMarks(context.Allocate(index, columns * MostWorkspaces), index, columns) : null;

        // Rows that no loop reaches have none.
        Fills.Emit(context, $"{context.Graph.Name}_{group.Name}_clear", positions, index, rows + 1, Scalar.Of(index, 0));
        SparseKernel.Emit(context, $"{group.Name}_count", group, plan, new CountTarget(storage) { Marks = marks }, mostChunks: isScattered ? MostWorkspaces : null, head: k => marks?.Clear(k));
        var total = context.Allocate(ElementType.I64, SizeExpr.One);
        PrefixSums(context, $"{context.Graph.Name}_{group.Name}_positions", positions, index, rows, total);
        late.Count(level, total, ElementType.I64);
        late.Allocate(StorageKind.Coordinates, level);
        late.Allocate(StorageKind.Values, level);
        if (!isScattered)
        {
            SparseKernel.Emit(context, group.Name, group, plan, new AppendTarget(storage));
            return;
        }

        var core = context.Graph[plan.Core!.Value].Type.Element.ComputeType();
        var set = new ColumnSet(context.Allocate(ElementType.I64, ColumnSet.Words(columns) * MostWorkspaces), columns);
        var target = new WorkspaceTarget(storage, set, context.Allocate(core, columns * MostWorkspaces), columns);
        SparseKernel.Emit(context, group.Name, group, plan, target, mostChunks: MostWorkspaces, head: target.Clear);
    }

    private static void PrefixSums(LoweringContext context, string name, BufferRef positions, ElementType index, SizeExpr rows, BufferRef total)
    {
        var kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], []));
        var body = kernel.Body;
        var (pos, all) = (kernel.Buffer("pos", index, BufferAccess.ReadWrite, positions), kernel.Buffer("total", ElementType.I64, BufferAccess.Write, total));
        var sum = body.Declare(BodyMath.Index(0));
        body.For(BodyMath.Index(0), BodyMath.Index(rows), 1, mayBeEmpty: true, r =>
        {
            var next = body.Add(r, BodyMath.Index(1));
            var count = body.Cast(body.Let(new LoadExpr(new LaneType(index, 1), pos, next)), ElementType.I64);
            body.Assign(sum, body.Add(body.Read(sum), count));
            body.Store(pos, next, body.Cast(body.Read(sum), index));
        });
        body.Store(all, BodyMath.Index(0), LateStorage.Countable(body, body.Read(sum), index));
        kernel.Launch(SizeExpr.One, "prefix sums");
    }
}
