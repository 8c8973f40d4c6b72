using System.Numerics;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The innermost work of a product: a tile of Rows × Columns sums in registers, and what happens to finished sums. Every element is summed over
/// k in order within a block, blocks in order: the same whatever the tile.
/// </summary>
internal sealed class ContractionTile
{
    // An epilogue of more operations than this is written once and loops over the tile's rows; a shorter one follows the sums in registers.
    private const int LightEpilogue = 8;

    private readonly KernelBuilder _kernel;
    private readonly ContractionPlan _plan;
    private readonly ContractionSchedule _schedule;
    private readonly ContractionEdges _edges;
    private readonly int? _scratch;

    public ContractionTile(KernelBuilder kernel, ContractionPlan plan, ContractionSchedule schedule)
    {
        (_kernel, _plan, _schedule, _edges) = (kernel, plan, schedule, new ContractionEdges(kernel.Body, plan, schedule));
        var above = kernel.Group.Members.Where(m => m != plan.Id && !plan.Below.Contains(m)).Select(m => kernel.Graph[m]).OfType<MapNode>().ToArray();
        if (plan.IsTransposed || above.Length > LightEpilogue || above.Any(m => m.Op.Info().Transcendental))
        {
            _scratch = kernel.Local("tile", plan.Element, (schedule.Rows + schedule.Lanes - 1) / schedule.Lanes * schedule.Lanes * schedule.Columns);
        }
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    private LaneType Vector => new(_plan.Element, _schedule.Lanes);

    /// <summary>sums[i, v] = Σ_{from ≤ k &lt; to} a(k, i) · b(k, v), from 0 or from what an earlier block of k left behind.</summary>
    /// <param name="partial">Where the earlier sums are; null: there are none.</param>
    /// <param name="isFirst">Whether this is the first block of k.</param>
    /// <param name="a">A scalar (of narrow integers a group), from k and the row.</param>
    /// <param name="b">A vector, from k and the number of the vector.</param>
    public VariableExpr[,] Sum(
        int rows,
        int vectorCount,
        (int Buffer, LoopExpr Place)? partial,
        LoopExpr? isFirst,
        LoopExpr from,
        LoopExpr to,
        Func<LoopExpr, int, LoopExpr> a,
        Func<LoopExpr, int, LoopExpr> b)
    {
        var sums = Zeros(rows, vectorCount);
        if (partial is { } earlier)
        {
            Body.If(Body.Not(isFirst!), () => Each(sums, (i, v) =>
                Body.Assign(sums[i, v], Body.Let(new LoadExpr(Vector, earlier.Buffer, At(earlier.Place, i, v))))));
        }

        Add(sums, from, to, a, b);
        return sums;
    }

    /// <summary>Sums of nothing yet.</summary>
    public VariableExpr[,] Zeros(int rows, int vectors)
    {
        var sums = new VariableExpr[rows, vectors];
        Each(sums, (i, v) => sums[i, v] = Body.Declare(BodyMath.Number(_plan.Element, 0, _schedule.Lanes)));
        return sums;
    }

    /// <summary>sums[i, v] += Σ_{from ≤ k &lt; to} a(k, i) · b(k, v), in order.</summary>
    public void Add(VariableExpr[,] sums, LoopExpr from, LoopExpr to, Func<LoopExpr, int, LoopExpr> a, Func<LoopExpr, int, LoopExpr> b, bool unroll = false)
    {
        if (_plan.Narrow is { } narrow)
        {
            AddNarrow(new NarrowPanels(_kernel, _plan, narrow), narrow.LeftOffset != 0, sums, from, to, a, b);
            return;
        }

        var (rows, vectorCount) = (sums.GetLength(0), sums.GetLength(1));
        Body.For(from, to, 1, mayBeEmpty: true, k =>
        {
            var vectors = Enumerable.Range(0, vectorCount).Select(v => Body.Splat(b(k, v), _schedule.Lanes)).ToArray();
            for (var i = 0; i < rows; i++)
            {
                var scalar = Body.Splat(a(k, i), _schedule.Lanes);
                for (var v = 0; v < vectorCount; v++)
                {
                    Body.Assign(sums[i, v], Body.Let(new FmaExpr(Vector, scalar, vectors[v], sums[i, v])));
                }
            }
        }, unroll);
    }

    // Where A has an offset, Σ offset·b is summed as one more row, and taken away at the end.
    private void AddNarrow(
        NarrowPanels panels, bool hasOffset, VariableExpr[,] sums, LoopExpr from, LoopExpr to, Func<LoopExpr, int, LoopExpr> a, Func<LoopExpr, int, LoopExpr> b)
    {
        var (rows, vectorCount, lanes) = (sums.GetLength(0), sums.GetLength(1), _schedule.Lanes);
        var offsets = hasOffset ? Zeros(1, vectorCount) : null;
        Body.For(from, to, 1, mayBeEmpty: true, k =>
        {
            var vectors = Enumerable.Range(0, vectorCount).Select(v => b(k, v)).ToArray();
            for (var i = 0; i < rows; i++)
            {
                AddRow(sums, i, panels.Splat(a(k, i), lanes), vectors);
            }

            if (offsets is not null)
            {
                AddRow(offsets, 0, panels.Offset(lanes), vectors);
            }
        });
        if (offsets is not null)
        {
            Each(sums, (i, v) => Body.Assign(sums[i, v], Body.Map(MapOp.Sub, _plan.Element, Body.Read(sums[i, v]), Body.Read(offsets[0, v]))));
        }

        void AddRow(VariableExpr[,] into, int i, LoopExpr row, LoopExpr[] vectors)
        {
            for (var v = 0; v < vectorCount; v++)
            {
                Body.Assign(into[i, v], panels.Dot(row, vectors[v], into[i, v]));
            }
        }
    }

    /// <summary>Keeps sums for the next block of k.</summary>
    public void Keep(VariableExpr[,] sums, int buffer, LoopExpr place) =>
        Each(sums, (i, v) => Body.Store(buffer, At(place, i, v), Body.Read(sums[i, v])));

    /// <summary>Stores the group's outputs from finished sums: rows m … that exist, columns n … n + Columns - 1 that exist.</summary>
    /// <param name="edge">Whether columns behind the last are among them; null: that is not known.</param>
    public void Finish(VariableExpr[,] sums, LoopExpr outer, LoopExpr m, LoopExpr n, bool? edge)
    {
        var (rows, vectors) = (sums.GetLength(0), sums.GetLength(1));
        if (_plan.IsTransposed)
        {
            FinishTransposed(sums, outer, m, n);
            return;
        }

        if (_scratch is { } scratch)
        {
            Keep(sums, scratch, BodyMath.Index(0));
            var end = _edges.AllRowsExist ? BodyMath.Index(rows) : Body.Min(BodyMath.Index(rows), Body.Sub(BodyMath.Index(_plan.MSize), m));
            Body.For(BodyMath.Index(0), end, 1, mayBeEmpty: false, i => EdgeOrNot(masked =>
                Row(outer, Body.Add(m, i), n, vectors, masked, v => Body.Let(new LoadExpr(
                    Vector, scratch, Body.Add(Body.Mul(i, BodyMath.Index(_schedule.Columns)), BodyMath.Index(v * _schedule.Lanes)))))));
            return;
        }

        EdgeOrNot(masked =>
        {
            for (var i = 0; i < rows; i++)
            {
                var (number, row) = (i, Body.Add(m, BodyMath.Index(i)));
                void Store() => Row(outer, row, n, vectors, masked, v => Body.Read(sums[number, v]));
                if (i == 0 || _edges.AllRowsExist)
                {
                    Store();
                }
                else
                {
                    Body.If(Body.Less(row, BodyMath.Index(_plan.MSize)), Store);
                }
            }
        });

        void EdgeOrNot(Action<bool> emit)
        {
            if (edge is { } known)
            {
                emit(known);
            }
            else
            {
                _edges.EdgeOrNot(n, emit);
            }
        }
    }

    // Column by column of the tile: its rows are neighbours in the result.
    private void FinishTransposed(VariableExpr[,] sums, LoopExpr outer, LoopExpr m, LoopExpr n)
    {
        var (rows, columns, scratch) = (sums.GetLength(0), sums.GetLength(1) * _schedule.Lanes, _scratch!.Value);
        Keep(sums, scratch, BodyMath.Index(0));
        var rowEnd = Body.Add(m, BodyMath.Index(rows));
        rowEnd = _edges.AllRowsExist ? rowEnd : Body.Min(rowEnd, BodyMath.Index(_plan.MSize));
        Body.For(BodyMath.Index(0), Body.Min(BodyMath.Index(columns), Body.Sub(BodyMath.Index(_plan.NSize), n)), 1, mayBeEmpty: false, column =>
        {
            var index = new Dictionary<int, IndexForm>();
            _plan.Unravel(Space, Space.Counter(outer, _plan.OuterSize), _plan.Outer, index);
            _plan.Unravel(Space, Space.Counter(Body.Add(n, column), _plan.NSize), _plan.N, index);
            for (var first = 0; first < rows; first += _schedule.Lanes)
            {
                var lanes = Math.Min(_schedule.Lanes, (int)BitOperations.RoundUpToPowerOf2((uint)(rows - first)));
                var start = Body.Add(m, BodyMath.Index(first));
                var isFull = _edges.AllRowsExist && first + lanes <= rows;
                var mask = isFull ? null : _edges.Mask(start, lanes, rowEnd);
                var sum = Body.Let(new LoadExpr(
                    new LaneType(_plan.Element, lanes),
                    scratch,
                    Body.Add(column, BodyMath.Index(first * _schedule.Columns)),
                    lanes > 1 ? BodyMath.Index(_schedule.Columns) : null));
                _plan.Unravel(Space, Space.Counter(start, SizeExpr.Zero, _plan.MSize, vectorised: lanes > 1), _plan.M, index);
                Store(new Coords(_plan.Output(index), lanes, mask), sum);
            }
        });
    }

    private void Row(LoopExpr outer, LoopExpr m, LoopExpr n, int vectors, bool masked, Func<int, LoopExpr> sum)
    {
        var index = new Dictionary<int, IndexForm>();
        _plan.Unravel(Space, Space.Counter(outer, _plan.OuterSize), _plan.Outer, index);
        _plan.Unravel(Space, Space.Counter(m, _plan.MSize), _plan.M, index);
        for (var v = 0; v < vectors; v++)
        {
            var start = Body.Add(n, BodyMath.Index(v * _schedule.Lanes));
            if (v > 0 && _plan.NSize.AsConstant is { } size && size <= v * _schedule.Lanes)
            {
                continue;
            }

            _plan.Unravel(Space, Space.Counter(start, SizeExpr.Zero, _plan.NSize, vectorised: _schedule.Lanes > 1), _plan.N, index);
            Store(new Coords(_plan.Output(index), _schedule.Lanes, masked ? _edges.Mask(start) : null), sum(v));
        }
    }

    private void Store(Coords at, LoopExpr sum)
    {
        _kernel.Values.Bind(_plan.Id, where => where.Axes == at.Axes
            ? sum
            : throw new CompilerBugException("kernels", $"{_kernel.Name}: a sum is wanted outside its tile"));

        // All values first: an output may be read by nothing here, but its store must not stand between two loads.
        var values = _kernel.Group.Outputs.Select(o => (Id: o, Value: _kernel.Values.Emit(o, at))).ToArray();
        foreach (var (id, value) in values)
        {
            _kernel.Values.Store(_kernel.Write(id), ValueEmitter.RowMajor(at.Axes, _plan.Node.Type.Shape), value, at);
        }

        _kernel.Values.Bind(_plan.Id, null);
    }

    private static void Each(VariableExpr[,] sums, Action<int, int> visit)
    {
        for (var i = 0; i < sums.GetLength(0); i++)
        {
            for (var v = 0; v < sums.GetLength(1); v++)
            {
                visit(i, v);
            }
        }
    }

    private LoopExpr At(LoopExpr place, int i, int v) => Body.Add(place, BodyMath.Index((i * _schedule.Columns) + (v * _schedule.Lanes)));
}
