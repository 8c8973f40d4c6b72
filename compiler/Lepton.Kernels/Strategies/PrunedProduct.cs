using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A vector times weights of which most may be 0, as only the parameters of a run tell. Both forms are compiled; one of them has chunks:
/// <code>
/// once:      count what is not 0;  if that is little: store it (<see cref="PrunedStorage"/>)
/// each run:  x to one place;  sparse = stored and all of x finite;  dense product, (1 - sparse) times;  sparse product, sparse times
/// </code>
/// 0 · inf is nan, so what is not stored counts for nothing only where x is finite. Each sum is in the order of k, in one chain: it is rounded as
/// it is where the zeros are added too.
/// </summary>
internal sealed class PrunedProduct
{
    // Multiplications of the dense product that are worth a chunk.
    private const long ChunkWork = 1 << 17;

    private readonly LoweringContext _context;
    private readonly FusionGroup _group;
    private readonly PrunedPlan _plan;
    private readonly PrunedStorage _storage;
    private readonly string _name;

    private PrunedProduct(FusionGroup group, LoweringContext context, PrunedPlan plan)
    {
        (_group, _context, _plan, _name) = (group, context, plan, $"{context.Graph.Name}_{group.Name}");
        _storage = PrunedStorage.Prepare(group, context, plan);
    }

    /// <param name="dense">Lowers the group as if its weights were dense.</param>
    public static void Lower(FusionGroup group, LoweringContext context, PrunedPlan plan, Action dense)
    {
        var product = new PrunedProduct(group, context, plan);
        var x = context.Allocate(plan.Element, SizeExpr.Constant(plan.Depth));
        var taken = context.Allocate(ElementType.I64, SizeExpr.One);
        product.Look(x, taken);
        var sparse = context.Program.NewCounter() + "_sparse";
        context.Program.Add(new ReadSize(sparse, taken, ElementType.I64));
        context.Where(SizeExpr.One - SizeExpr.Variable(sparse), dense);
        context.Where(SizeExpr.Variable(sparse), () => product.Multiply(x, SizeExpr.Variable(sparse)));
    }

    // x is copied, or computed, and summed up times 0: inf and nan make that nan.
    private void Look(BufferRef x, BufferRef taken)
    {
        var kernel = new KernelBuilder(_context, $"{_name}_look", _group.Below(_context.Graph, _plan.Vector));
        var (body, lanes) = (kernel.Body, _plan.Lanes);
        var (to, answer) = (kernel.Buffer("x", _plan.Element, BufferAccess.Write, x), kernel.Buffer("sparse", ElementType.I64, BufferAccess.Write, taken));
        var isTaken = body.Declare(_storage.IsThere(kernel, _plan));
        body.If(body.Map(MapOp.Equal, ElementType.Bool, body.Read(isTaken), BodyMath.Index(1)), () =>
        {
            var (zeros, zero) = (body.Declare(BodyMath.Number(_plan.Element, 0, lanes)), body.Declare(BodyMath.Number(_plan.Element, 0)));
            var whole = _plan.Depth / lanes * lanes;
            body.For(BodyMath.Index(0), BodyMath.Index(whole), lanes, mayBeEmpty: true, k => Each(k, lanes, zeros));
            body.For(BodyMath.Index(whole), BodyMath.Index(_plan.Depth), 1, mayBeEmpty: true, k => Each(k, 1, zero));
            var sum = body.Map(MapOp.Add, _plan.Element, body.LaneReduce(ReduceKind.Sum, body.Read(zeros)), body.Read(zero));
            var isFinite = body.Map(MapOp.Equal, ElementType.Bool, sum, BodyMath.Number(_plan.Element, 0));
            body.Assign(isTaken, body.Select(isFinite, BodyMath.Index(1), BodyMath.Index(0)));
        });
        body.Store(answer, BodyMath.Index(0), body.Read(isTaken));
        kernel.Cost = (SizeExpr.Zero, SizeExpr.Zero);
        kernel.Launch(SizeExpr.One, $"are the weights stored sparse, and all {_plan.Depth} numbers that they are multiplied by finite?");

        void Each(LoopExpr k, int width, VariableExpr sum)
        {
            var value = _plan.Value(kernel, _plan.Vector, k, null, width);
            body.Store(to, k, value);
            body.Assign(sum, body.Fma(value, BodyMath.Number(_plan.Element, 0, width), sum));
        }
    }

    private void Multiply(BufferRef from, SizeExpr isSparse)
    {
        var kernel = new KernelBuilder(_context, $"{_name}_sparse", _group);
        foreach (var output in _group.Outputs)
        {
            kernel.Write(output);
        }

        var (body, lanes, type) = (kernel.Body, _plan.Lanes, new LaneType(_plan.Element, _plan.Lanes));
        var x = kernel.Buffer("x", _plan.Element, BufferAccess.Read, from);
        var index = _storage.IndexOf(kernel, BufferAccess.Read);
        var values = kernel.Buffer("values", _plan.Element, BufferAccess.Read, _storage.Values);
        var coordinates = new PackedCoordinates(kernel, _plan, _storage.Coordinates);
        var perChunk = Math.Max(1, _context.Options.Limit(ChunkWork) / (_plan.Depth * lanes));
        var first = body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        var end = body.Min(body.Add(first, BodyMath.Index(perChunk)), BodyMath.Index(_plan.Slices));
        body.For(first, end, 1, mayBeEmpty: false, slice =>
        {
            var sums = body.Declare(BodyMath.Number(_plan.Element, 0, lanes));
            var to = PrunedStorage.Load(body, index, body.Add(slice, BodyMath.Index(1)));
            body.For(PrunedStorage.Load(body, index, slice), to, 1, mayBeEmpty: true, step =>
            {
                var place = body.Mul(step, BodyMath.Index(lanes));
                var weights = body.Let(new LoadExpr(type, values, place));
                coordinates.Start(place);

                // x at the lanes' coordinates: loaded one by one, as fast as a gather, or faster.
                var at = body.Together(lanes, lane => body.Let(new LoadExpr(type with { Lanes = 1 }, x, coordinates.Of(lane))));
                body.Assign(sums, body.Let(new FmaExpr(type, at, weights, sums)));
            });
            var n = body.Mul(slice, BodyMath.Index(lanes));
            _plan.EdgeOrNot(body, n, mask => Store(kernel, _plan.Output(kernel, n, mask), body.Read(sums)));
        });
        var (all, stored) = (_plan.Columns * _plan.Depth, _plan.Capacity * lanes);
        kernel.Cost = (isSparse * (2 * stored), isSparse * (stored * _plan.StoredBytes));
        kernel.Launch(SizeExpr.CeilDiv(_plan.Slices, perChunk), Note(all));
    }

    // The coordinates of a step: four of 16 bits come with one load, for loads are what such a product waits for.
    private sealed class PackedCoordinates(KernelBuilder kernel, PrunedPlan plan, BufferRef place)
    {
        private const int PerWord = 4;
        private const long Bits = 16;
        private readonly bool _arePacked = plan.Coordinate == ElementType.I16 && plan.Lanes % PerWord == 0;
        private readonly List<LoopExpr> _words = [];
        private LoopExpr _start = BodyMath.Index(0);

        private BodyBuilder Body => kernel.Body;

        /// <summary>From here on of the step whose first entry is this.</summary>
        public void Start(LoopExpr entry)
        {
            (_start, var words) = (entry, _arePacked ? plan.Lanes / PerWord : 0);
            _words.Clear();
            for (var w = 0; w < words; w++)
            {
                var at = Body.Add(Body.FloorDiv(entry, BodyMath.Index(PerWord)), BodyMath.Index(w));
                _words.Add(Body.Let(new LoadExpr(LaneType.Index, kernel.Buffer("coordinates", ElementType.I64, BufferAccess.Read, place), at)));
            }
        }

        public LoopExpr Of(int lane)
        {
            if (!_arePacked)
            {
                var buffer = kernel.Buffer("coordinates", plan.Coordinate, BufferAccess.Read, place);
                return Body.Cast(Body.Let(new LoadExpr(new LaneType(plan.Coordinate, 1), buffer, Body.Add(_start, BodyMath.Index(lane)))), ElementType.I64);
            }

            var shifted = Body.Bits(BitOp.ShiftRight, _words[lane / PerWord], BodyMath.Index(lane % PerWord * Bits));
            return Body.Bits(BitOp.BitAnd, shifted, BodyMath.Index((1 << (int)Bits) - 1));
        }
    }

    private void Store(KernelBuilder kernel, Coords at, LoopExpr sum)
    {
        kernel.Values.Bind(_plan.Id, where => where.Axes == at.Axes
            ? sum
            : throw new CompilerBugException("kernels", $"{kernel.Name}: a sum is wanted outside its slice"));
        var values = _group.Outputs.Select(o => (Id: o, Value: kernel.Values.Emit(o, at))).ToArray();
        foreach (var (id, value) in values)
        {
            kernel.Values.Store(kernel.Write(id), ValueEmitter.RowMajor(at.Axes, _plan.Node.Type.Shape), value, at);
        }

        kernel.Values.Bind(_plan.Id, null);
    }

    private string Note(long all)
    {
        var width = _context.Graph[_plan.Matrix].Type.Element.ByteSize();
        var (dense, tenth) = (all * width, all * _plan.StoredBytes / 10);
        return $"instead of the dense product: what is not 0 of {_plan.Depth} x {_plan.Columns} weights, {_plan.StoredBytes} bytes each in slices of {_plan.Lanes} columns, "
            + $"if that, with what fills slices up, is at most {_plan.Share} % of them, where it begins to pay; at 10 % it saves {all / 10 * 9} of {all} multiplications "
            + $"and {dense - tenth} of {dense} bytes";
    }
}
