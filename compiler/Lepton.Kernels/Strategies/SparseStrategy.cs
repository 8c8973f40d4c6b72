using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Kernels.Building;
using Lepton.Kernels.Sparse;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Sums and elementwise work over what sparse operands store, and the storing of sparse results: by co-iteration of the operands' levels into a
/// dense result, or into a sparse one that stores where one operand does. Any other sparse result is made from a dense one.
/// </summary>
public sealed class SparseStrategy : IStrategy
{
    public void Lower(FusionGroup group, LoweringContext context)
    {
        var root = group.Outputs[0];
        if (context.Graph[root] is not FormatNode stored)
        {
            FullOperand.Lower(context, group, plan => Dense(context, group, root, plan));
            return;
        }

        if (group.Members.Count > 1 || context.StorageOf(stored.Source) is not null)
        {
            var plan = SparsePlan.Of(context, group);
            var fill = stored.Format.FillOf(stored.Type.Element);
            if (plan.ResultFill() is { } rest && (rest == fill || (fill.Type.IsFloat() && rest.AsDouble == fill.AsDouble)))
            {
                if (PatternOf(context, plan, stored.Format) is >= 0 and var access)
                {
                    Pattern(context, group, plan, access);
                    return;
                }

                if (plan.Where != Support.Everywhere && RowAssembly.Suits(plan, stored.Format))
                {
                    RowAssembly.Emit(context, group, plan);
                    return;
                }

                if (plan.Where != Support.Everywhere && TurnedAssembly.Suits(plan, stored.Format))
                {
                    TurnedAssembly.Emit(context, group, plan);
                    return;
                }
            }

            if (context.StorageOf(stored.Source) is not null)
            {
                Densify.Operands(context, group);
            }
            else if (context.PlaceOf(stored.Source) is null)
            {
                context.SetPlace(stored.Source, new BufferPlace(context.Allocate(stored.Type.Element, stored.Type.Count)));
                var dense = group with { Members = [.. group.Members.Where(m => m != root), stored.Source], Outputs = [stored.Source] };
                Dense(context, dense, stored.Source, SparsePlan.Of(context, dense));
            }
        }

        StoreDense.Run(context, root);
    }

    private static void Dense(LoweringContext context, FusionGroup group, NodeId root, SparsePlan plan)
    {
        var type = context.Graph[root].Type;
        var place = ((BufferPlace)context.PlaceOf(root)!).Ref;
        var isCut = PartialSums.Suits(context, plan);
        var isApart = plan.Core is not null && (plan.FreeFirst ? plan.HasEpilogue && (plan.MayLeaveOut || isCut) : plan.HasEpilogue || type.Element != type.Element.ComputeType());
        if (!isApart)
        {
            Sum(context, group.Name, group, plan, place, type);
            return;
        }

        // Sums that are scattered, or rounded at the end, lie in memory before the rest is done.
        var core = plan.Core!.Value;
        var sums = context.Graph[core].Type;
        var at = context.Allocate(sums.Element.ComputeType(), sums.Count);
        var alone = group with { Members = group.Members, Outputs = [core] };
        plan = SparsePlan.Of(context, alone);
        var exact = new TensorType(sums.Element.ComputeType(), sums.Shape);
        Sum(context, $"{group.Name}_sum", alone, plan, at, exact);
        if (exact.Element == sums.Element)
        {
            context.SetPlace(core, new BufferPlace(at));
        }
        else
        {
            var rounded = core == root ? place : context.Allocate(sums.Element, sums.Count);
            MapNest.EmitCopy(context, $"{group.Name}_round", alone, new NestTarget(at, exact.Element, exact.Shape), new NestTarget(rounded, sums.Element, sums.Shape));
            context.SetPlace(core, new BufferPlace(rounded));
        }

        if (core != root)
        {
            var others = group with { Members = [.. group.Members.Where(m => m != core)] };
            var rest = others.Below(context.Graph, root) with { Outputs = [root] };
            Densify.Operands(context, rest with { Strategy = KernelStrategy.Map });
            new MapStrategy().Lower(rest, context);
        }
    }

    private static void Sum(LoweringContext context, string name, FusionGroup group, SparsePlan plan, BufferRef place, TensorType type)
    {
        void Whole() => SparseKernel.Emit(
            context, name, group, plan, new DenseTarget(place, type.Element, type.Shape), leavesOut => Fill(context, group, plan, place, type, leavesOut));
        if (PartialSums.Suits(context, plan))
        {
            PartialSums.Emit(context, name, group, place, type, Whole);
        }
        else
        {
            Whole();
        }
    }

    private static void Fill(LoweringContext context, FusionGroup group, SparsePlan plan, BufferRef place, TensorType type, bool leavesOut)
    {
        var isScattered = plan is { Core: not null, FreeFirst: false };
        if (leavesOut || isScattered)
        {
            var value = plan.Core is { } core ? Neutral(context.Graph, core, type.Element) : plan.Fill!.Value;
            Fills.Emit(context, $"{context.Graph.Name}_{group.Name}_fill", place, type.Element, type.Count, value);
        }
    }

    private static Scalar Neutral(Graph graph, NodeId core, ElementType element)
    {
        var number = (Loops.NumberExpr)(graph[core] is ReduceNode reduce ? Reducers.Neutral(reduce.Kind, element) : BodyMath.Number(element, 0));
        return element.IsFloat() ? Scalar.Float(element, number.Value.AsDouble) : number.Value;
    }

    // The operand that stores exactly where, and as, the result does; -1: there is none.
    private static int PatternOf(LoweringContext context, SparsePlan plan, TensorFormat format)
    {
        var reduced = plan.Reduced.ToHashSet();
        var where = plan.Where.Given(s => s.Variables.Any(reduced.Contains) ? true : null);
        return where is StoredAt at && plan.FreeFirst && at.Variables == plan.Free && context.StorageOf(at.Tensor)!.Format is var own
            && own.Levels == format.Levels && own.Index == format.Index
            ? plan.Accesses.FindIndex(a => a.At == at)
            : -1;
    }

    private static void Pattern(LoweringContext context, FusionGroup group, SparsePlan plan, int access)
    {
        var root = group.Outputs[0];
        var like = plan.Accesses[access].Storage;
        var stored = (FormatNode)context.Graph[root];
        SparseStorage storage;
        if (context.StorageOf(root) is null)
        {
            // Nobody else sees it: only the values are its own.
            var values = context.Allocate(stored.Type.Element, like.Stored);
            storage = new SparseStorage(like.Name, stored.Type, stored.Format, [.. like.Arrays.SkipLast(1), values]);
            context.SetStorage(root, storage);
        }
        else
        {
            storage = Copy(context, root, like);
        }

        if (plan.Where is not StoredAt)
        {
            // A sum's other operands may have nothing for an entry: no iteration reaches it.
            Fills.Emit(context, $"{context.Graph.Name}_{group.Name}_fill", storage.Arrays[^1], stored.Type.Element, like.Stored, stored.Format.FillOf(stored.Type.Element));
        }

        SparseKernel.Emit(context, group.Name, group, plan, new PatternTarget(storage.Arrays[^1], stored.Type.Element, access));
    }

    private static SparseStorage Copy(LoweringContext context, NodeId root, SparseStorage like)
    {
        var late = new LateStorage(context, root);
        var (format, width) = (like.Format, like.Format.Index.ByteSize());
        for (var level = 0; level < format.Levels.Count; level++)
        {
            if (format.Levels[level].Kind == LevelKind.Compressed)
            {
                var positions = like.Array(StorageKind.Positions, level);
                late.Count(level, positions with { Offset = positions.Offset + (like.Count(level - 1) * width) }, format.Index);
            }
        }

        late.AllocateAll();
        var arrays = format.Arrays(like.Name, like.Type.Element, like.Type.Shape);
        for (var i = 0; i < arrays.Count - 1; i++)
        {
            context.Program.Add(new Copy(like.Arrays[i], late.Storage.Arrays[i], arrays[i].Count * width));
        }

        return late.Storage;
    }
}
