using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A sparse result whose last level alone is compressed, and whose rows the loops do not meet one after the other: a matrix by rows from one
/// by columns. A counting sort, in order: what comes for one row comes with ascending columns, whatever the order of the loops.
/// <code>
/// pos[r + 1] = entries of row r;   next = pos = prefix sums;   for entries:  crd, value at next[r]++
/// </code>
/// </summary>
internal static class TurnedAssembly
{
    /// <summary>Whether every entry of the result comes once.</summary>
    public static bool Suits(SparsePlan plan, TensorFormat format) =>
        plan.FreeFirst && format.Levels.Count > 1 && format.Levels[^1] is { Kind: LevelKind.Compressed, Part: LevelPart.Whole }
        && format.Levels.SkipLast(1).All(l => l is { Kind: LevelKind.Dense, Part: LevelPart.Whole });

    public static void Emit(LoweringContext context, FusionGroup group, SparsePlan plan)
    {
        var late = new LateStorage(context, group.Outputs[0]);
        var (storage, name) = (late.Storage, $"{context.Graph.Name}_{group.Name}");
        var (index, level) = (storage.Format.Index, storage.Format.Levels.Count - 1);
        var rows = storage.Count(level - 1);
        var positions = storage.Array(StorageKind.Positions, level);
        late.Allocate(StorageKind.Positions, level);
        Fills.Emit(context, $"{name}_clear", positions, index, rows + 1, Scalar.Of(index, 0));
        SparseKernel.Emit(context, $"{group.Name}_count", group, plan, new Counts(storage), inOrder: true);
        var total = context.Allocate(ElementType.I64, SizeExpr.One);
        RowAssembly.PrefixSums(context, $"{name}_positions", positions, index, rows, total);
        late.Count(level, total, ElementType.I64);
        late.Allocate(StorageKind.Coordinates, level);
        late.Allocate(StorageKind.Values, level);
        var next = context.Allocate(index, rows + 1);
        context.Program.Add(new Copy(positions, next, (rows + 1) * index.ByteSize()));
        SparseKernel.Emit(context, group.Name, group, plan, new Entries(storage, next), inOrder: true);
    }

    // A target of rows in any order has no place where a row begins.
    private abstract class AnyRow(SparseStorage storage) : RowTarget(storage)
    {
        public override bool IsInRows => false;

        public override void Begin(SparseKernel kernel, LoopExpr row)
        {
        }

        public override void End(SparseKernel kernel, LoopExpr row)
        {
        }

        // Adds one at a place of an array and answers what was there.
        protected LoopExpr Next(SparseKernel kernel, int buffer, LoopExpr at)
        {
            var body = kernel.Builder.Body;
            var was = body.Cast(body.Let(new LoadExpr(new LaneType(Storage.Format.Index, 1), buffer, at)), ElementType.I64);
            body.Store(buffer, at, body.Cast(body.Add(was, BodyMath.Index(1)), Storage.Format.Index));
            return was;
        }
    }

    private sealed class Counts(SparseStorage storage) : AnyRow(storage), ICountTarget
    {
        public override void Store(SparseKernel kernel, LoopExpr value, Coords at) =>
            Next(kernel, Positions(kernel, BufferAccess.ReadWrite), kernel.Builder.Body.Add(Row(kernel), BodyMath.Index(1)));
    }

    private sealed class Entries(SparseStorage storage, BufferRef next) : AnyRow(storage)
    {
        public override void Store(SparseKernel kernel, LoopExpr value, Coords at)
        {
            var buffer = kernel.Builder.Buffer("next", Storage.Format.Index, BufferAccess.ReadWrite, next);
            Put(kernel, Next(kernel, buffer, Row(kernel)), Column(kernel, at), value);
        }
    }
}
