using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A flat product whose result is read in slices: the gates of a recurrent cell. A chunk makes the columns of some units from every slice, and
/// what is done with them while they are in the first-level cache; the product is never stored.
/// <code>
/// chunk (block of units):  for slices, panels of B, tiles of rows: sums = A · panel
///   for rows, units: outputs from the sums of all slices
/// </code>
/// </summary>
internal sealed class GatedContraction
{
    // Multiplications of one chunk, about.
    private const long ChunkWork = 1 << 19;
    private const long StackBytes = KernelVerifier.MaxLocalBytes - (48 * 1024);

    private readonly KernelBuilder _kernel;
    private readonly ContractNode _node;
    private readonly NodeId _id;
    private readonly Shape _shape;
    // Rows of A, when they are computed on the way; else they are read where they are.
    private readonly int? _a;
    private readonly int _sums;

    private GatedContraction(KernelBuilder kernel, NodeId id, Shape shape)
    {
        (_kernel, _id, _node, _shape) = (kernel, id, (ContractNode)kernel.Graph[id], shape);
        _a = kernel.IsMember(_node.Factors[1 - shape.Right]) ? kernel.Local("a", shape.Element, shape.Rows * shape.Depth) : null;
        _sums = kernel.Local("sums", shape.Element, shape.Gates * shape.Rows * shape.BlockUnits);
    }

    private BodyBuilder Body => _kernel.Body;

    /// <summary>Emits the kernel if the group is of this kind.</summary>
    public static bool TryLower(FusionGroup group, LoweringContext context, NodeId id)
    {
        if (Shape.Of(group, context, id) is not { } shape || !Fits(group, context, id, shape))
        {
            return false;
        }

        var node = (ContractNode)context.Graph[id];
        var packed = context.Once(
            [node.Factors[shape.Right]], shape.Element, shape.Width * shape.Gates * shape.Depth, place => Pack(group, context, id, shape, place));
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
        foreach (var output in group.Outputs)
        {
            kernel.Write(output);
        }

        new GatedContraction(kernel, id, shape).Emit(kernel.Buffer("packed_b", shape.Element, BufferAccess.Read, packed));
        return true;
    }

    // Panel p holds columns p·Columns …, k after k.
    private static void Pack(FusionGroup group, LoweringContext context, NodeId id, Shape shape, BufferRef place)
    {
        var node = (ContractNode)context.Graph[id];
        var kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}_pack_b", group.Below(context.Graph, node.Factors[shape.Right]));
        var (body, to) = (kernel.Body, kernel.Buffer("packed_b", shape.Element, BufferAccess.Write, place));
        var first = body.Mul(BodyBuilder.Chunk, BodyMath.Index(shape.Columns));
        body.For(BodyMath.Index(0), BodyMath.Index(shape.Depth), 1, mayBeEmpty: false, k =>
        {
            var row = body.Mul(body.Add(body.Mul(BodyBuilder.Chunk, BodyMath.Index(shape.Depth)), k), BodyMath.Index(shape.Columns));
            for (var v = 0; v < 2; v++)
            {
                var index = shape.Depths(kernel, node, k);
                var column = body.Add(first, BodyMath.Index(v * shape.Lanes));
                index[node.Output[^1]] = kernel.Space.Counter(column, SizeExpr.Zero, shape.Width * shape.Gates, vectorised: shape.Lanes > 1);
                body.Store(to, body.Add(row, BodyMath.Index(v * shape.Lanes)), shape.Factor(kernel, node, shape.Right, index, shape.Lanes));
            }
        });
        kernel.Launch(
            shape.Width * shape.Gates / shape.Columns, $"packs {shape.Depth} x {shape.Width * shape.Gates} in panels of {shape.Columns} columns");
    }

    // The outputs emitted once, into a builder that is thrown away: do they want the product at their own row, and in whole slices?
    private static bool Fits(FusionGroup group, LoweringContext context, NodeId id, Shape shape)
    {
        var trial = new KernelBuilder(context, "trial", group);
        foreach (var output in group.Outputs)
        {
            trial.Write(output);
        }

        var (fits, node, index) = (true, (ContractNode)context.Graph[id], new Dictionary<int, IndexForm>());
        For(shape.Rows, row => For(shape.Width, unit =>
        {
            shape.Unravel(trial, row, index, node);
            var at = new Coords(node.Output.SkipLast(1).Select(l => index[l]).Append(trial.Space.Counter(unit, shape.Width)).ToValueList(), 1);
            trial.Values.Bind(id, where =>
            {
                fits &= shape.SliceOf(where, at) >= 0;
                return BodyMath.Number(shape.Element, 1);
            });
            foreach (var output in group.Outputs)
            {
                trial.Values.Emit(output, at);
            }
        }));
        return fits;

        void For(long end, Action<LoopExpr> body) => trial.Body.For(BodyMath.Index(0), BodyMath.Index(end), 1, false, body);
    }

    private void Emit(int packed)
    {
        if (_a is { } packedRows)
        {
            PackRows(packedRows);
        }

        var from = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(_shape.BlockUnits));
        var units = Body.Min(BodyMath.Index(_shape.BlockUnits), Body.Sub(BodyMath.Index(_shape.Width), from));
        var product = new PanelProduct(Body, _shape.Element, _shape.Lanes);
        Body.For(BodyMath.Index(0), BodyMath.Index(_shape.Gates), 1, mayBeEmpty: false, gate =>
            Body.For(BodyMath.Index(0), units, _shape.Columns, mayBeEmpty: false, unit =>
            {
                var column = Body.Add(Body.Add(Body.Mul(gate, BodyMath.Index(_shape.Width)), from), unit);
                Tiles((row, rows) =>
                {
                    var sums = product.Zeros(rows);
                    var panel = Body.Mul(column, BodyMath.Index(_shape.Depth));
                    if (_a is { } rowsOfA)
                    {
                        var place = Body.Mul(row, BodyMath.Index(_shape.Depth));
                        product.Add(sums, BodyMath.Index(_shape.Depth), rowsOfA, place, _shape.Depth, packed, panel);
                    }
                    else
                    {
                        product.Add(sums, BodyMath.Index(_shape.Depth), (k, i) => ElementOfA(Body.Add(row, BodyMath.Index(i)), k, 1), packed, panel);
                    }

                    product.Store(sums, _sums, Body.Add(Place(gate, row), unit), _shape.BlockUnits);
                });
            }));

        Body.For(BodyMath.Index(0), BodyMath.Index(_shape.Rows), 1, mayBeEmpty: false, row =>
            Body.For(BodyMath.Index(0), units, _shape.Wide, mayBeEmpty: false, unit => Store(row, unit, Body.Add(from, unit))));
        _kernel.Launch(
            (_shape.Width + _shape.BlockUnits - 1) / _shape.BlockUnits,
            $"slices: {_shape.Rows} x {_shape.Gates} * {_shape.Width} x {_shape.Depth} in blocks of {_shape.BlockUnits} columns of each slice; "
            + "the product is not stored");
    }

    private LoopExpr Place(LoopExpr gate, LoopExpr row) =>
        Body.Mul(Body.Add(Body.Mul(gate, BodyMath.Index(_shape.Rows)), row), BodyMath.Index(_shape.BlockUnits));

    private void PackRows(int to) => Body.For(BodyMath.Index(0), BodyMath.Index(_shape.Rows), 1, mayBeEmpty: false, row =>
    {
        var first = Body.Mul(row, BodyMath.Index(_shape.Depth));
        var whole = _shape.Depth / _shape.Lanes * _shape.Lanes;
        Copy(BodyMath.Index(0), BodyMath.Index(whole), _shape.Lanes);
        Copy(BodyMath.Index(whole), BodyMath.Index(_shape.Depth), 1);

        void Copy(LoopExpr start, LoopExpr end, int lanes) =>
            Body.For(start, end, lanes, mayBeEmpty: true, k => Body.Store(to, Body.Add(first, k), ElementOfA(row, k, lanes)));
    });

    private LoopExpr ElementOfA(LoopExpr row, LoopExpr k, int lanes)
    {
        var index = _shape.Depths(_kernel, _node, k, lanes);
        _shape.Unravel(_kernel, row, index, _node);
        return _shape.Factor(_kernel, _node, 1 - _shape.Right, index, lanes);
    }

    // Tiles of as many rows as registers hold, or of one less, so that none is left over.
    private void Tiles(Action<LoopExpr, int> emit)
    {
        var count = (_shape.Rows + _shape.TileRows - 1) / _shape.TileRows;
        var rows = (_shape.Rows + count - 1) / count;
        var large = (count - ((count * rows) - _shape.Rows)) * rows;
        Body.For(BodyMath.Index(0), BodyMath.Index(large), rows, mayBeEmpty: false, row => emit(row, rows));
        if (large < _shape.Rows)
        {
            Body.For(BodyMath.Index(large), BodyMath.Index(_shape.Rows), rows - 1, mayBeEmpty: false, row => emit(row, rows - 1));
        }
    }

    private void Store(LoopExpr row, LoopExpr unit, LoopExpr column)
    {
        var index = new Dictionary<int, IndexForm>();
        _shape.Unravel(_kernel, row, index, _node);
        var counter = _kernel.Space.Counter(column, SizeExpr.Zero, _shape.Width, vectorised: _shape.Wide > 1);
        var at = new Coords(_node.Output.SkipLast(1).Select(l => index[l]).Append(counter).ToValueList(), _shape.Wide);
        _kernel.Values.Bind(_id, where =>
        {
            var slice = _shape.SliceOf(where, at);
            if (slice < 0)
            {
                throw new CompilerBugException("kernels", $"{_kernel.Name}: a sum is wanted outside its slices");
            }

            var place = Body.Add(Place(BodyMath.Index(slice), row), unit);
            return Body.Let(new LoadExpr(new LaneType(_shape.Element, _shape.Wide), _sums, place));
        });
        var values = _kernel.Group.Outputs.Select(o => (Id: o, Value: _kernel.Values.Emit(o, at))).ToArray();
        foreach (var (id, value) in values)
        {
            _kernel.Values.Store(_kernel.Write(id), ValueEmitter.RowMajor(at.Axes, _kernel.Graph[id].Type.Shape), value, at);
        }

        _kernel.Values.Bind(_id, null);
    }

    /// <summary>Rows × (Gates · Width) × Depth; register tiles are TileRows × Columns.</summary>
    private sealed record Shape(
        ElementType Element, int Right, int Rows, int Gates, int Width, int Depth, int Lanes, int Wide, int TileRows, int BlockUnits)
    {
        public int Columns => 2 * Lanes;

        public static Shape? Of(FusionGroup group, LoweringContext context, NodeId id)
        {
            var (graph, node) = (context.Graph, (ContractNode)context.Graph[id]);
            var space = graph[group.Outputs[0]].Type.Shape;
            if (node.Factors.Count != 2 || space.Count != node.Type.Rank || space.Count == 0 || group.Outputs.Any(o => graph[o].Type.Shape != space)
                || space[^1].AsConstant is not { } width || node.Type.Shape[^1].AsConstant is not { } all || width == 0 || all <= width || all % width != 0)
            {
                return null;
            }

            // One factor has the last label, the other one all others of the result; both have all that are summed.
            var right = node.Labels[0].Contains(node.Output[^1]) ? 0 : 1;
            var (with, without) = (node.Labels[right], node.Labels[1 - right]);
            if (without.Contains(node.Output[^1]) || node.Output.SkipLast(1).Any(l => with.Contains(l) || !without.Contains(l))
                || !with.Except(node.Output).ToHashSet().SetEquals(without.Except(node.Output)))
            {
                return null;
            }

            var element = node.Type.Element.ComputeType();
            var lanes = Math.Max(1, context.Options.RegisterBytes / element.ByteSize());
            var wide = Math.Max(1, context.Options.VectorBytes / element.ByteSize());
            var rows = SizeExpr.Product(space.SkipLast(1)).AsConstant;
            var depth = SizeExpr.Product(node.Labels[right].Where(l => !node.Output.Contains(l)).Select(l => SizeOf(graph, node, l))).AsConstant;
            var unit = Math.Max(2 * lanes, wide);
            if (rows is not { } m || depth is not { } k || m < 1 || k < 1 || width % unit != 0 || m > StackBytes || k > StackBytes)
            {
                return null;
            }

            var (gates, room) = (all / width, (StackBytes / element.ByteSize()) - (m * k));
            var block = Math.Clamp(Math.Min(context.Options.Limit(ChunkWork) / (m * k * gates), room / (m * gates)) / unit, 1, width / unit) * unit;
            var tileRows = Math.Max(1, (context.Options.Registers - 4) / 2);
            return m * gates * block > room ? null
                : new Shape(element, right, (int)m, (int)gates, (int)width, (int)k, lanes, wide, tileRows, (int)block);
        }

        /// <summary>In which slice a column is that belongs to the unit of <paramref name="at"/>; -1: in none, or in another row.</summary>
        public long SliceOf(Coords where, Coords at) =>
            (where.Axes[^1] - at.Axes[^1]).AsSize?.AsConstant is { } offset && offset >= 0 && offset % Width == 0 && where.Axes.SkipLast(1).SequenceEqual(at.Axes.SkipLast(1))
                ? offset / Width : -1;

        /// <summary>The indices of the summed labels from their row-major number.</summary>
        public Dictionary<int, IndexForm> Depths(KernelBuilder kernel, ContractNode node, LoopExpr k, int lanes = 1)
        {
            var index = new Dictionary<int, IndexForm>();
            var labels = node.Labels[Right].Where(l => !node.Output.Contains(l)).ToList();
            Unravel(kernel, kernel.Space.Counter(k, SizeExpr.Zero, Depth, vectorised: lanes > 1), labels, index, node);
            return index;
        }

        /// <summary>Adds the indices of the result's axes but the last from their row-major number.</summary>
        public void Unravel(KernelBuilder kernel, LoopExpr row, Dictionary<int, IndexForm> index, ContractNode node) =>
            Unravel(kernel, kernel.Space.Counter(row, Rows), node.Output.SkipLast(1).ToList(), index, node);

        public LoopExpr Factor(KernelBuilder kernel, ContractNode node, int factor, Dictionary<int, IndexForm> index, int lanes)
        {
            var at = new Coords(node.Labels[factor].Select(l => index[l]).ToValueList(), lanes);
            return kernel.Body.Splat(kernel.Body.Cast(kernel.Values.Emit(node.Factors[factor], at), Element), lanes);
        }

        private static void Unravel(KernelBuilder kernel, IndexForm number, List<int> labels, Dictionary<int, IndexForm> index, ContractNode node)
        {
            var left = labels.Count(l => SizeOf(kernel.Graph, node, l) != SizeExpr.One);
            for (var i = labels.Count - 1; i >= 0; i--)
            {
                var size = SizeOf(kernel.Graph, node, labels[i]);
                if (size == SizeExpr.One)
                {
                    index[labels[i]] = IndexForm.Zero;
                    continue;
                }

                var isFirst = --left == 0;
                index[labels[i]] = isFirst ? number : kernel.Space.Mod(number, size);
                number = isFirst ? number : kernel.Space.Div(number, size);
            }
        }

        private static SizeExpr SizeOf(Graph graph, ContractNode node, int label)
        {
            var factor = node.Labels[0].Contains(label) ? 0 : 1;
            return graph[node.Factors[factor]].Type.Shape[node.Labels[factor].Select((l, i) => (l, i)).First(p => p.l == label).i];
        }
    }
}
