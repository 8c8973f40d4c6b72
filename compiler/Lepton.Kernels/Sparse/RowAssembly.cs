using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A sparse result whose last level alone is compressed, its columns in order: in one pass where its operands' rows say how much a row can have
/// at most, else in two:
/// <code>
/// pos[r + 1] = entries of row r;   pos = prefix sums;   memory for pos[rows] entries;   the entries of row r at pos[r] …
/// </code>
/// </summary>
internal static class RowAssembly
{
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
        if (!plan.FreeFirst)
        {
            ScatteredAssembly.Emit(context, group, plan);
        }
        else if (Bounds(plan, plan.Where) is { } bounds)
        {
            Bounded(context, group, plan, bounds.Distinct().ToValueList());
        }
        else
        {
            Counted(context, group, plan);
        }
    }

    // Operands whose rows, the same as the result's, together have at least the entries of the result's rows.
    private static IEnumerable<SparseStorage>? Bounds(SparsePlan plan, Support where) => where switch
    {
        StoredAt stored when plan.Accesses.FirstOrDefault(a => a.At == stored) is { } access => IsBound(plan, access) ? [access.Storage] : null,
        AllOf all => all.Parts.Select(p => Bounds(plan, p)).FirstOrDefault(b => b is not null),
        AnyOf { Parts.Count: > 0 } any when any.Parts.Select(p => Bounds(plan, p)).ToList() is var bounds && bounds.All(b => b is not null) => bounds.SelectMany(b => b!),
        _ => null,
    };

    private static bool IsBound(SparsePlan plan, SparseAccess access) =>
        access.At.Variables == plan.Free && access.Loops.Select((l, level) => plan.Loops[l].IsFree && l == level).All(l => l) && access.Loops.Count == plan.Loops.Count(l => l.IsFree)
        && access.Storage.Format.Levels.SkipLast(1).All(l => l.Kind == LevelKind.Dense) && access.Storage.Format.Levels[^1] is { Kind: LevelKind.Compressed };

    // One pass over the operands into memory for all that there can be; then the rows are pushed together.
    private static void Bounded(LoweringContext context, FusionGroup group, SparsePlan plan, ValueList<SparseStorage> bounds)
    {
        var late = new LateStorage(context, group.Outputs[0]);
        var (storage, name) = (late.Storage, $"{context.Graph.Name}_{group.Name}");
        var (index, level) = (storage.Format.Index, storage.Format.Levels.Count - 1);
        var rows = storage.Count(level - 1);
        var most = bounds.Aggregate(SizeExpr.Zero, (sum, b) => sum + b.Stored);
        late.Allocate(StorageKind.Positions, level);
        late.Allocate(StorageKind.Coordinates, level, most);
        late.Allocate(StorageKind.Values, level, most);
        var positions = storage.Array(StorageKind.Positions, level);
        Fills.Emit(context, $"{name}_clear", positions, index, rows + 1, Scalar.Of(index, 0));
        SparseKernel.Emit(context, group.Name, group, plan, new AppendTarget(storage, bounds));
        var total = context.Allocate(ElementType.I64, SizeExpr.One);
        Together(context, $"{name}_together", storage, rows, bounds, total);
        late.Count(level, total, ElementType.I64);
    }

    // for r:  entries from where the row was written to where it belongs, which is not behind it;   pos[r + 1] = their end
    private static void Together(LoweringContext context, string name, SparseStorage storage, SizeExpr rows, ValueList<SparseStorage> bounds, BufferRef total)
    {
        var kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], []));
        var (body, index, level) = (kernel.Body, storage.Format.Index, storage.Format.Levels.Count - 1);
        var pos = kernel.Buffer("pos", index, BufferAccess.ReadWrite, storage.Array(StorageKind.Positions, level));
        var crd = kernel.Buffer("crd", index, BufferAccess.ReadWrite, storage.Array(StorageKind.Coordinates, level));
        var values = kernel.Buffer("values", storage.Type.Element, BufferAccess.ReadWrite, storage.Array(StorageKind.Values, level));
        var all = kernel.Buffer("total", ElementType.I64, BufferAccess.Write, total);
        var end = body.Declare(BodyMath.Index(0));
        body.For(BodyMath.Index(0), BodyMath.Index(rows), 1, mayBeEmpty: true, r =>
        {
            var (next, to, from) = (body.Add(r, BodyMath.Index(1)), body.Read(end), AppendTarget.At(kernel, bounds, r));
            var count = body.Cast(body.Let(new LoadExpr(new LaneType(index, 1), pos, next)), ElementType.I64);
            body.If(body.Less(to, from), () =>
            {
                Move(kernel, (crd, crd), index, from, to, count);
                Move(kernel, (values, values), storage.Type.Element, from, to, count);
            });
            body.Assign(end, body.Add(to, count));
            body.Store(pos, next, body.Cast(body.Read(end), index));
        });
        body.Store(all, BodyMath.Index(0), LateStorage.Countable(body, body.Read(end), index));
        kernel.Launch(SizeExpr.One, "rows pushed together");
    }

    /// <summary>
    /// Copies a row's entries. Within one buffer: towards the start, so that what is overwritten has been read, also when the stretches overlap.
    /// </summary>
    public static void Move(KernelBuilder kernel, (int From, int To) buffers, ElementType element, LoopExpr from, LoopExpr to, LoopExpr count)
    {
        var (body, type) = (kernel.Body, new LaneType(element.ComputeType(), kernel.Context.Options.RegisterBytes / Math.Max(4, element.ByteSize())));
        var whole = body.Sub(count, body.Rem(count, BodyMath.Index(type.Lanes)));
        body.For(BodyMath.Index(0), whole, type.Lanes, mayBeEmpty: true, i => Step(i, null));
        body.If(body.Less(whole, count), () =>
        {
            var places = body.Let(new RampExpr(new LaneType(ElementType.I64, type.Lanes), whole, BodyMath.Index(1)));
            Step(whole, body.Less(places, body.Splat(count, type.Lanes)));
        });

        void Step(LoopExpr i, LoopExpr? mask) =>
            body.Store(buffers.To, body.Add(to, i), body.Let(new LoadExpr(type, buffers.From, body.Add(from, i), null, mask)), null, mask);
    }

    private static void Counted(LoweringContext context, FusionGroup group, SparsePlan plan)
    {
        var late = new LateStorage(context, group.Outputs[0]);
        var storage = late.Storage;
        var (index, level) = (storage.Format.Index, storage.Format.Levels.Count - 1);
        var rows = storage.Count(level - 1);
        late.Allocate(StorageKind.Positions, level);
        var positions = storage.Array(StorageKind.Positions, level);

        // Rows that no loop reaches have none.
        Fills.Emit(context, $"{context.Graph.Name}_{group.Name}_clear", positions, index, rows + 1, Scalar.Of(index, 0));
        SparseKernel.Emit(context, $"{group.Name}_count", group, plan, new CountTarget(storage));
        var total = context.Allocate(ElementType.I64, SizeExpr.One);
        PrefixSums(context, $"{context.Graph.Name}_{group.Name}_positions", positions, index, rows, total);
        late.Count(level, total, ElementType.I64);
        late.Allocate(StorageKind.Coordinates, level);
        late.Allocate(StorageKind.Values, level);
        SparseKernel.Emit(context, group.Name, group, plan, new AppendTarget(storage, [storage]));
    }

    /// <summary>pos[r + 1] = pos[r] + pos[r + 1], which were counts; their sum is left at <paramref name="total"/>.</summary>
    public static void PrefixSums(LoweringContext context, string name, BufferRef positions, ElementType index, SizeExpr rows, BufferRef total)
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
