using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A sparse result whose last level alone is compressed, and whose columns come in any order, more than once: a product of two sparse matrices.
/// Rows are summed in a workspace (<see cref="WorkspaceTarget"/>). How many columns a row will have is known when its sums are:
/// <code>
/// bound[r] = iterations of row r, or all columns;   few in all:  rows summed to memory for the bounds, counted there, and copied to their places
///                                                   else:        rows counted first, then summed to their places
/// </code>
/// </summary>
internal static class ScatteredAssembly
{
    // Each chunk has a workspace of its own.
    private const long MostWorkspaces = 16;

    // Entries: memory that a run takes to count only once.
    private const long MostStaged = 1 << 22;

    public static void Emit(LoweringContext context, FusionGroup group, SparsePlan plan)
    {
        var late = new LateStorage(context, group.Outputs[0]);
        var (storage, name, program) = (late.Storage, $"{context.Graph.Name}_{group.Name}", context.Program);
        var (index, level, element) = (storage.Format.Index, storage.Format.Levels.Count - 1, storage.Type.Element);
        var (rows, columns) = (storage.Count(level - 1), storage.Format.SizeOf(level, storage.Type.Shape));
        var (positions, total) = (storage.Array(StorageKind.Positions, level), context.Allocate(ElementType.I64, SizeExpr.One));
        late.Allocate(StorageKind.Positions, level);

        // Rows that no loop reaches have none.
        Fills.Emit(context, $"{name}_clear", positions, index, rows + 1, Scalar.Of(index, 0));
        var starts = context.Allocate(ElementType.I64, rows + 1);
        Fills.Emit(context, $"{name}_no_bounds", starts, ElementType.I64, rows + 1, Scalar.Of(ElementType.I64, 0));
        SparseKernel.Emit(context, $"{group.Name}_bound", group, plan, new BoundTarget(storage, starts, columns));
        RowAssembly.PrefixSums(context, $"{name}_starts", starts, ElementType.I64, rows, total);
        var bound = program.NewCounter() + "_bound";
        program.Add(new ReadSize(bound, total, ElementType.I64));
        var most = SizeExpr.Variable(bound);

        // 1 where the bound is small, else 0.
        var isStaged = SizeExpr.Min(SizeExpr.One, SizeExpr.FloorDiv(context.Options.Limit(MostStaged), SizeExpr.Max(most, SizeExpr.One)));
        var stage = new Stage(Staged(index), Staged(element), starts);
        var core = context.Graph[plan.Core!.Value].Type.Element.ComputeType();
        var set = new ColumnSet(context.Allocate(ElementType.I64, ColumnSet.Words(columns) * MostWorkspaces), columns);
        var sums = context.Allocate(core, columns * MostWorkspaces);
        var marks = new RowMarks(context.Allocate(index, columns * MostWorkspaces), index, columns);
        var isNot = SizeExpr.One - isStaged;
        context.Where(isStaged, () => Sum($"{group.Name}_staged", new WorkspaceTarget(stage.In(storage), set, sums, columns) { Starts = starts }));
        context.Where(isNot, () =>
            SparseKernel.Emit(context, $"{group.Name}_count", group, plan, new CountTarget(storage) { Marks = marks }, mostChunks: MostWorkspaces, head: marks.Clear));
        RowAssembly.PrefixSums(context, $"{name}_positions", positions, index, rows, total);
        late.Count(level, total, ElementType.I64);
        late.Allocate(StorageKind.Coordinates, level);
        late.Allocate(StorageKind.Values, level);
        context.Where(isNot, () => Sum(group.Name, new WorkspaceTarget(storage, set, sums, columns)));
        context.Where(isStaged, () => stage.CopyTo(context, $"{name}_copy", storage, rows));

        void Sum(string kernel, WorkspaceTarget target) => SparseKernel.Emit(context, kernel, group, plan, target, mostChunks: MostWorkspaces, head: target.Clear);

        BufferRef Staged(ElementType type) => program.AllocateLate(isStaged * most * type.ByteSize());
    }

    /// <summary>Memory for rows as long as they can become: row r begins at starts[r].</summary>
    private sealed record Stage(BufferRef Coordinates, BufferRef Values, BufferRef Starts)
    {
        private const long MostChunks = 64;
        private const long LeastRows = 64;

        /// <summary>A storage with its entries here.</summary>
        public SparseStorage In(SparseStorage storage) => storage with
        {
            Arrays = storage.Format.Arrays(storage.Name, storage.Type.Element, storage.Type.Shape).Select((a, i) => a.Kind switch
            {
                StorageKind.Coordinates => Coordinates,
                StorageKind.Values => Values,
                _ => storage.Arrays[i],
            }).ToValueList(),
        };

        public void CopyTo(LoweringContext context, string name, SparseStorage storage, SizeExpr rows)
        {
            var kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], []));
            var (body, index, element, level) = (kernel.Body, storage.Format.Index, storage.Type.Element, storage.Format.Levels.Count - 1);
            var pos = kernel.Buffer("pos", index, BufferAccess.Read, storage.Array(StorageKind.Positions, level));
            var starts = kernel.Buffer("starts", ElementType.I64, BufferAccess.Read, Starts);
            var from = (kernel.Buffer("from_crd", index, BufferAccess.Read, Coordinates), kernel.Buffer("from_values", element, BufferAccess.Read, Values));
            var crd = kernel.Buffer("crd", index, BufferAccess.Write, storage.Array(StorageKind.Coordinates, level));
            var values = kernel.Buffer("values", element, BufferAccess.Write, storage.Array(StorageKind.Values, level));
            var chunks = SizeExpr.Min(MostChunks, SizeExpr.CeilDiv(rows, context.Options.Limit(LeastRows)));
            var (first, end) = SparseCut.Equal(body, rows, chunks);
            body.For(first, end, 1, mayBeEmpty: true, r =>
            {
                var (to, next) = (Position(r), Position(body.Add(r, BodyMath.Index(1))));
                var (start, count) = (body.Let(new LoadExpr(LaneType.Index, starts, r)), body.Sub(next, to));
                RowAssembly.Move(kernel, (from.Item1, crd), index, start, to, count);
                RowAssembly.Move(kernel, (from.Item2, values), element, start, to, count);
            });
            kernel.Launch(chunks, "rows from where they were summed to their places");

            LoopExpr Position(LoopExpr row) => body.Cast(body.Let(new LoadExpr(new LaneType(index, 1), pos, row)), ElementType.I64);
        }
    }
}
