using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A sparse tensor as a dense one, for those who read it in a way that its levels do not allow, or whose strategy knows dense tensors alone:
/// <code>
/// y = fill;   for positions of level 0:  for positions of level 1 …:  y[coordinates] = values[position]
/// </code>
/// </summary>
internal static class Densify
{
    // What the first level has is cut into this many chunks.
    private const long Chunks = 64;

    /// <summary>Everything that a group loads gets a dense place.</summary>
    public static void Operands(LoweringContext context, FusionGroup group)
    {
        foreach (var member in group.Members)
        {
            foreach (var operand in Loaded(context.Graph[member]))
            {
                if (context.PlaceOf(operand) is null && context.StorageOf(operand) is { } storage)
                {
                    Run(context, operand, storage, $"{Readers.GetValueOrDefault(group.Strategy, "its reader")} reads dense tensors alone");
                }
            }
        }
    }

    private static readonly Dictionary<KernelStrategy, string> Readers = new()
    {
        [KernelStrategy.Sort] = "a sort", [KernelStrategy.Scatter] = "a scatter", [KernelStrategy.Concat] = "a concatenation",
        [KernelStrategy.Loop] = "the state of a loop", [KernelStrategy.Window] = "a window", [KernelStrategy.Sparse] = "storing it in another format",
    };

    // The body of a loop reads what it takes from around it as it is stored.
    private static ValueList<NodeId> Loaded(Node node) => node switch
    {
        ScanNode scan => scan.States,
        IterateNode iterate => iterate.States,
        _ => node.Operands,
    };

    /// <summary>Gives a sparse node a dense place too: once where it is a parameter.</summary>
    /// <param name="why">Why it cannot stay as it is, for explain.</param>
    public static void Run(LoweringContext context, NodeId node, SparseStorage storage, string why)
    {
        var remark = SparseRemarks.Dense(context.Graph, node, storage, why);
        var place = context.Once([node], storage.Type.Element, storage.Type.Count, at => To(context, $"{context.Graph.Name}_densify_{node.Value}", storage, at, remark));
        context.SetPlace(node, new BufferPlace(place));
    }

    /// <summary>Writes a sparse tensor to dense memory.</summary>
    /// <param name="remark">Why, for explain.</param>
    public static void To(LoweringContext context, string name, SparseStorage storage, BufferRef place, string remark)
    {
        Fills.Emit(context, $"{name}_fill", place, storage.Type.Element, storage.Type.Count, storage.Fill);
        Scatter(context, name, storage, place, remark);
    }

    private static void Scatter(LoweringContext context, string name, SparseStorage storage, BufferRef place, string remark)
    {
        var kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], [])) { Remarks = [remark] };
        var (body, type) = (kernel.Body, storage.Type);
        var y = kernel.Buffer("out", type.Element, BufferAccess.Write, place);
        var levels = new StorageLevels(kernel, storage);
        var count = storage.Count(0);
        var first = body.FloorDiv(body.Mul(BodyBuilder.Chunk, BodyMath.Index(count)), BodyMath.Index(Chunks));
        var end = body.FloorDiv(body.Mul(body.Add(BodyBuilder.Chunk, BodyMath.Index(1)), BodyMath.Index(count)), BodyMath.Index(Chunks));
        var coordinates = new LoopExpr[storage.Format.Levels.Count];
        if (coordinates.Length == 0)
        {
            body.Store(y, BodyMath.Index(0), levels.Value(BodyMath.Index(0)));
            kernel.Launch(SizeExpr.One, "one element");
            return;
        }

        body.For(first, end, 1, mayBeEmpty: true, position =>
        {
            coordinates[0] = storage.Format.Levels[0].Kind == LevelKind.Dense ? position : levels.Coordinate(0, position);
            Below(1, position);
        });
        kernel.Launch(SizeExpr.Min(SizeExpr.Constant(Chunks), count * Chunks), $"{storage.Format} to dense");

        void Below(int level, LoopExpr position)
        {
            if (level == coordinates.Length)
            {
                var address = BodyMath.Index(0) as LoopExpr;
                for (var axis = 0; axis < type.Rank; axis++)
                {
                    address = body.Add(body.Mul(address, BodyMath.Index(type.Shape[axis])), levels.Index(axis, coordinates));
                }

                body.Store(y, address, levels.Value(position));
                return;
            }

            levels.Each(level, position, (coordinate, next) =>
            {
                coordinates[level] = coordinate;
                Below(level + 1, next);
            });
        }
    }
}
