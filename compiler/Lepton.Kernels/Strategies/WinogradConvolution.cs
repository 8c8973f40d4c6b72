using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Winograd's convolution, in four steps over 36 planes (one for each element of a transformed tile of 6 × 6):
/// <code>
/// U[plane, o, m, k] = G a Gᵀ      the filters; once when they are parameters
/// V[plane, o, k, t] = Bᵀ b B      the inputs of tile t
/// P[plane, o, m, t] = Σ_k U · V   a product of matrices for each plane
/// C[o, m, 4t + …]   = Aᵀ P A      and what stands behind the convolution
/// </code>
/// Rounding: an error is below 64 ε Σ |a · b| with ε = 2⁻²⁴ for f32 (12 ε Σ |a · b| measured on random numbers; the sum as written has about 1).
/// Infinities and nans reach the other results of their tile too. Left out under --exact.
/// </summary>
internal sealed class WinogradConvolution
{
    private const int Side = WinogradTransforms.Inputs;
    private const int Outputs = WinogradTransforms.Outputs;
    private const int Planes = Side * Side;

    // Elements that one chunk of a transform makes, about.
    private const long ChunkElements = 32768;

    private readonly FusionGroup _group;
    private readonly LoweringContext _context;
    private readonly WinogradPlan _plan;
    private readonly ElementType _element;
    private readonly int _lanes;

    private WinogradConvolution(FusionGroup group, LoweringContext context, WinogradPlan plan)
    {
        (_group, _context, _plan, _element) = (group, context, plan, plan.Base.Element);
        _lanes = Math.Max(1, context.Options.RegisterBytes / _element.ByteSize());
    }

    private ContractionPlan Base => _plan.Base;

    private string Name => $"{_context.Graph.Name}_{_group.Name}";

    public static void Lower(FusionGroup group, LoweringContext context, WinogradPlan plan, ScheduleUse? use)
    {
        var winograd = new WinogradConvolution(group, context, plan);
        var (outerA, outerB) = (plan.Base.OuterOf(plan.Base.A), plan.Base.OuterOf(plan.Base.B));
        var u = context.Once(
            plan.Base.FactorsOf(plan.Base.A), winograd._element, plan.Base.SizeOf(outerA) * (Planes * plan.MSize * plan.KSize), place => winograd.Filters(place, outerA));
        var v = context.Allocate(winograd._element, plan.Base.SizeOf(outerB) * (Planes * plan.KSize * plan.Tiles));
        winograd.Inputs(v, outerB);
        winograd.Results(winograd.Multiply(u, outerA, v, outerB), use);
    }

    // U, row-major over plane, outer labels, m, k.
    private void Filters(BufferRef place, ValueList<int> outer)
    {
        var kernel = new KernelBuilder(_context, Name + "_filters", new FusionGroup(_group.Name, _group.Strategy, Base.Below, []));
        var (body, buffer) = (kernel.Body, kernel.Buffer("u", _element, BufferAccess.Write, place));
        var lanes = Power(_plan.KSize);
        var (many, k) = (Base.SizeOf(outer) * Base.MSize, _plan.KSize);
        var transforms = new WinogradTransforms(body, new LaneType(_element, lanes));
        Chunks(kernel, many, Planes * k, row =>
        {
            var index = new Dictionary<int, IndexForm>();
            Base.Unravel(kernel.Space, kernel.Space.Counter(body.FloorDiv(row, BodyMath.Index(Base.MSize)), Base.SizeOf(outer)), outer, index);
            Base.Unravel(kernel.Space, kernel.Space.Counter(body.Rem(row, BodyMath.Index(Base.MSize)), Base.MSize), Base.M, index);
            Overlapping(body, k, lanes, start =>
            {
                Base.Unravel(kernel.Space, kernel.Space.Counter(start, SizeExpr.Zero, k, vectorised: lanes > 1), _plan.K, index);
                var taps = new LoopExpr[WinogradTransforms.Taps, WinogradTransforms.Taps];
                Each(taps, (p, q) =>
                {
                    (index[_plan.P], index[_plan.Q]) = (IndexForm.Of(SizeExpr.Constant(p)), IndexForm.Of(SizeExpr.Constant(q)));
                    taps[p, q] = body.Splat(Base.Side(kernel, Base.A, index, lanes, null), lanes);
                });
                var u = WinogradTransforms.Both(taps, transforms.Filter);
                Each(u, (x, y) => body.Store(
                    buffer, body.Add(body.Add(body.Mul(row, BodyMath.Index(k)), start), BodyMath.Index(many * k * ((x * Side) + y))), u[x, y]));
            });
        });
        kernel.Launch(ChunksOf(many, Planes * k), $"winograd: transforms {many} x {k} filters of 3 x 3 to 6 x 6");
    }

    // V, row-major over plane, outer labels, k, tile. Down the columns first, on whole rows of the image, which go to the chunk's stack: what may
    // lie outside is asked there, and every element is read from memory once for a row of tiles.
    private void Inputs(BufferRef place, ValueList<int> outer)
    {
        var kernel = new KernelBuilder(_context, Name + "_inputs", new FusionGroup(_group.Name, _group.Strategy, Base.Below, []));
        var (body, space, buffer) = (kernel.Body, kernel.Space, kernel.Buffer("v", _element, BufferAccess.Write, place));
        var (width, tiles) = ((Outputs * _plan.TileColumns) + Side - Outputs, _plan.TileColumns);
        var (wide, lanes) = (Power(width), Power(tiles));
        var rows = kernel.Local("rows", _element, checked((int)(Side * width)));
        var images = Base.SizeOf(outer) * _plan.KSize;
        var (down, across) = (new WinogradTransforms(body, new LaneType(_element, wide)), new WinogradTransforms(body, new LaneType(_element, lanes)));
        Chunks(kernel, images * _plan.TileRows, Planes * tiles, item =>
        {
            var (image, ty) = (body.FloorDiv(item, BodyMath.Index(_plan.TileRows)), body.Rem(item, BodyMath.Index(_plan.TileRows)));
            var index = new Dictionary<int, IndexForm> { [_plan.P] = IndexForm.Zero, [_plan.Q] = IndexForm.Zero };
            Base.Unravel(space, space.Counter(body.FloorDiv(image, BodyMath.Index(_plan.KSize)), Base.SizeOf(outer)), outer, index);
            Base.Unravel(space, space.Counter(body.Rem(image, BodyMath.Index(_plan.KSize)), _plan.KSize), _plan.K, index);
            var top = space.Counter(ty, _plan.TileRows) * Outputs;
            Overlapping(body, width, wide, start =>
            {
                index[_plan.J] = space.Counter(start, SizeExpr.Zero, width, vectorised: wide > 1);
                GuardedValues.Branch(kernel, wide, () =>
                {
                    var column = new LoopExpr[Side];
                    for (var r = 0; r < Side; r++)
                    {
                        index[_plan.I] = top + IndexForm.Of(SizeExpr.Constant(r));
                        column[r] = body.Splat(Base.Side(kernel, Base.B, index, wide, null), wide);
                    }

                    foreach (var (x, value) in down.Input(column).Index())
                    {
                        body.Store(rows, body.Add(start, BodyMath.Index(x * width)), value);
                    }
                });
            });
            var first = body.Add(body.Mul(image, BodyMath.Index(_plan.Tiles)), body.Mul(ty, BodyMath.Index(tiles)));
            body.For(BodyMath.Index(0), BodyMath.Index(Side), 1, mayBeEmpty: false, x => Overlapping(body, tiles, lanes, start =>
            {
                var from = body.Add(body.Mul(x, BodyMath.Index(width)), body.Mul(start, BodyMath.Index(Outputs)));
                var row = Enumerable.Range(0, Side).Select(s => body.Let(new LoadExpr(
                    new LaneType(_element, lanes), rows, body.Add(from, BodyMath.Index(s)), lanes > 1 ? BodyMath.Index(Outputs) : null))).ToArray();
                foreach (var (y, value) in across.Input(row).Index())
                {
                    var plane = body.Mul(body.Add(body.Mul(x, BodyMath.Index(Side)), BodyMath.Index(y)), BodyMath.Index(images * _plan.Tiles));
                    body.Store(buffer, body.Add(body.Add(plane, first), start), value);
                }
            }));
        });
        kernel.Launch(
            ChunksOf(images * _plan.TileRows, Planes * tiles), $"winograd: transforms {images} images to {_plan.TileRows} x {tiles} tiles of 6 x 6");
    }

    // P, by a graph of one contraction: label 0 is the plane, then the outer ones, m, k, and the tile.
    private BufferRef Multiply(BufferRef u, ValueList<int> outerA, BufferRef v, ValueList<int> outerB)
    {
        var assembler = new GraphAssembler(_context.Graph.Name, []);
        int Label(int outer) => 1 + Base.Outer.ToList().IndexOf(outer);
        var (m, k, t) = (Base.Outer.Count + 1, Base.Outer.Count + 2, Base.Outer.Count + 3);
        TensorType Type(ValueList<int> outer, params long[] sizes) =>
            new(_element, [Planes, .. outer.Select(o => Base.Sizes[o]), .. sizes.Select(s => SizeExpr.Constant(s))]);
        var left = assembler.Add(new InputNode(Type(outerA, _plan.MSize, _plan.KSize), InputKind.Argument, "u"));
        var right = assembler.Add(new InputNode(Type(outerB, _plan.KSize, _plan.Tiles), InputKind.Argument, "v"));
        var products = assembler.Add(new ContractNode(
            Type(Base.Outer, _plan.MSize, _plan.Tiles),
            [left, right],
            [[0, .. outerA.Select(Label), m, k], [0, .. outerB.Select(Label), k, t]],
            [0, .. Base.Outer.Select(Label), m, t]));
        assembler.Output("p", products);
        var group = new FusionGroup(_group.Name + "_products", KernelStrategy.Contraction, [products], [products]);
        var fused = new FusedGraph(assembler.ToGraph(), [group], [], new Dictionary<NodeId, FusedGraph>());
        var context = new LoweringContext(fused, _context.Program, _context.Options) { Parameters = _context.Parameters };
        var place = context.Allocate(_element, fused.Graph[products].Type.Count);
        context.SetPlace(left, new BufferPlace(u));
        context.SetPlace(right, new BufferPlace(v));
        context.SetPlace(products, new BufferPlace(place));
        new ContractionStrategy().Lower(group, context);
        return place;
    }

    // C, and what stands behind it, which wants whole rows: four of them are put together on the chunk's stack.
    private void Results(BufferRef products, ScheduleUse? use)
    {
        var above = _group.Members.Where(m => m != Base.Id && !Base.Below.Contains(m)).ToValueList();
        var kernel = new KernelBuilder(_context, Name, new FusionGroup(_group.Name, _group.Strategy, above, _group.Outputs)) { Use = use };
        foreach (var output in _group.Outputs)
        {
            kernel.Write(output);
        }

        var (body, space, buffer) = (kernel.Body, kernel.Space, kernel.Buffer("p", _element, BufferAccess.Read, products));
        var (tiles, images) = (_plan.TileColumns, Base.OuterSize * Base.MSize);
        var (lanes, width) = (Power(tiles), Outputs * tiles);
        var rows = kernel.Local("rows", _element, checked((int)(Outputs * width)));
        var transforms = new WinogradTransforms(body, new LaneType(_element, lanes));
        Chunks(kernel, images * _plan.TileRows, Planes * tiles, item =>
        {
            var (image, ty) = (body.FloorDiv(item, BodyMath.Index(_plan.TileRows)), body.Rem(item, BodyMath.Index(_plan.TileRows)));
            var first = body.Add(body.Mul(image, BodyMath.Index(_plan.Tiles)), body.Mul(ty, BodyMath.Index(tiles)));
            Overlapping(body, tiles, lanes, start =>
            {
                var p = new LoopExpr[Side, Side];
                Each(p, (x, y) => p[x, y] = body.Let(new LoadExpr(
                    new LaneType(_element, lanes), buffer, body.Add(body.Add(first, start), BodyMath.Index(images * _plan.Tiles * ((x * Side) + y))))));
                var c = WinogradTransforms.Both(p, transforms.Output);
                Each(c, (i, j) => body.Store(
                    rows, body.Add(body.Mul(start, BodyMath.Index(Outputs)), BodyMath.Index((i * width) + j)), c[i, j], lanes > 1 ? BodyMath.Index(Outputs) : null));
            });
            var index = new Dictionary<int, IndexForm>();
            Base.Unravel(space, space.Counter(body.FloorDiv(image, BodyMath.Index(Base.MSize)), Base.OuterSize), Base.Outer, index);
            Base.Unravel(space, space.Counter(body.Rem(image, BodyMath.Index(Base.MSize)), Base.MSize), Base.M, index);
            var (top, height) = (body.Mul(ty, BodyMath.Index(Outputs)), BodyMath.Index(_plan.Height));
            var count = _plan.Height % Outputs == 0 ? BodyMath.Index(Outputs) : body.Min(BodyMath.Index(Outputs), body.Sub(height, top));
            body.For(BodyMath.Index(0), count, 1, mayBeEmpty: false, i =>
            {
                index[_plan.I] = space.Counter(body.Add(top, i), _plan.Height);
                Pieces(body, _plan.Width, (column, piece) =>
                {
                    index[_plan.J] = space.Counter(column, SizeExpr.Zero, _plan.Width, vectorised: piece > 1);
                    var sum = body.Let(new LoadExpr(
                        new LaneType(_element, piece), rows, body.Add(body.Mul(i, BodyMath.Index(width)), column)));
                    Store(kernel, new Coords(Base.Output(index), piece), sum);
                });
            });
        });
        kernel.Launch(
            ChunksOf(images * _plan.TileRows, Planes * tiles),
            $"winograd F(4x4, 3x3): {images} images of {_plan.Height} x {_plan.Width}, {_plan.KSize} channels, a quarter of the multiplications");
    }

    private void Store(KernelBuilder kernel, Coords at, LoopExpr sum)
    {
        kernel.Values.Bind(Base.Id, where => where.Axes == at.Axes
            ? sum
            : throw new CompilerBugException("kernels", $"{kernel.Name}: a sum is wanted outside its tile"));
        var values = _group.Outputs.Select(o => (Id: o, Value: kernel.Values.Emit(o, at))).ToArray();
        foreach (var (id, value) in values)
        {
            kernel.Values.Store(kernel.Write(id), ValueEmitter.RowMajor(at.Axes, Base.Node.Type.Shape), value, at);
        }

        kernel.Values.Bind(Base.Id, null);
    }

    // A row of any length in whole vectors, then in ever smaller ones: 14 = 8 + 4 + 2. Each element is visited once.
    private void Pieces(BodyBuilder body, long count, Action<LoopExpr, int> emit)
    {
        var from = 0L;
        for (var lanes = _lanes; lanes >= 1; lanes /= 2)
        {
            var (piece, to) = (lanes, from + ((count - from) / lanes * lanes));
            if (to > from)
            {
                body.For(BodyMath.Index(from), BodyMath.Index(to), lanes, mayBeEmpty: false, column => emit(column, piece));
            }

            from = to;
        }
    }

    // Vectors over 0 … count-1, the last moved back so that it ends there: some elements are made twice, and alike.
    private static void Overlapping(BodyBuilder body, long count, int lanes, Action<LoopExpr> emit) =>
        body.For(BodyMath.Index(0), BodyMath.Index(count), lanes, mayBeEmpty: false, i =>
            emit(count % lanes == 0 ? i : body.Min(i, BodyMath.Index(count - lanes))));

    private void Chunks(KernelBuilder kernel, SizeExpr items, long elements, Action<LoopExpr> emit)
    {
        var perChunk = PerChunk(elements);
        var first = kernel.Body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        var end = kernel.Body.Min(kernel.Body.Add(first, BodyMath.Index(perChunk)), BodyMath.Index(items));
        kernel.Body.For(first, end, 1, mayBeEmpty: false, emit);
    }

    private SizeExpr ChunksOf(SizeExpr items, long elements) => SizeExpr.CeilDiv(items, PerChunk(elements));

    private long PerChunk(long elements) => Math.Max(1, _context.Options.Limit(ChunkElements) / elements);

    private int Power(long count)
    {
        var lanes = _lanes;
        while (lanes > count)
        {
            lanes /= 2;
        }

        return lanes;
    }

    private static void Each(LoopExpr[,] square, Action<int, int> visit)
    {
        for (var r = 0; r < square.GetLength(0); r++)
        {
            for (var c = 0; c < square.GetLength(1); c++)
            {
                visit(r, c);
            }
        }
    }
}
