using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Small windows that slide over a tensor: the rows that some windows reach are staged (<see cref="WindowTile"/>), then vectors of
/// neighbouring windows are reduced, several rows at a time, tap by tap in registers.
/// <code>
/// for plane, block of rows:   stage;   for 4 rows of windows, vector of columns:   for taps: sums ⊕= tile;   epilogue, store
/// </code>
/// The last vector and the last rows of a block lie over those before them: no tail. A mask is only where one vector takes more than a row.
/// </summary>
internal sealed class WindowReduction
{
    // Sums that are in registers at a time; what else is needed are weights.
    private const long MostSums = 4;

    // Taps that are worth a chunk, for each element of a chunk of an elementwise kernel.
    private const long TapsPerElement = 4;

    private readonly KernelBuilder _kernel;
    private readonly WindowPlan _plan;
    private readonly WindowTile? _tile;
    private readonly int _lanes;
    private readonly long _height;
    private readonly long _blocks;
    private readonly int _rows;
    private readonly int _own;

    private WindowReduction(FusionGroup group, LoweringContext context, WindowPlan plan)
    {
        _plan = plan;
        _kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group with { Strategy = KernelStrategy.Window });
        foreach (var output in group.Outputs)
        {
            _kernel.Write(output);
        }

        _kernel.AssumePositive(SizeExpr.Product(plan.Shape));
        _lanes = plan.Lanes(context);
        _height = plan.Row?.Count ?? 1;
        _own = plan.OwnWindows(context.Graph);
        if (plan.IsStaged(group))
        {
            _blocks = CeilDiv(_height, plan.RowsAtATime(context, context.Options.Limit(WindowPlan.TileBytes)));
            _tile = new WindowTile(_kernel, plan, _lanes, CeilDiv(_height, _blocks));
        }
        else
        {
            _blocks = Math.Clamp(_height * plan.Column.Count / context.Options.ChunkElements, 1, Math.Max(1, _height));
        }

        var sums = plan.Inner is null ? 1 : WindowPlan.Taps(plan.Windows, 0) / WindowPlan.Taps(plan.Windows, _own);
        _rows = (int)Math.Clamp(MostSums / sums, 1, _height / _blocks);
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    public static bool TryLower(FusionGroup group, LoweringContext context, NodeId id)
    {
        if (WindowPlan.Of(context, group, id) is not { } plan)
        {
            return false;
        }

        new WindowReduction(group, context, plan).Emit();
        return true;
    }

    // unit = (plane, block of rows, some of the planes that share them); a chunk is some units.
    private void Emit()
    {
        var (planes, shared) = (SizeOf(_plan.Planes), SizeOf(_plan.Shared));
        var target = _kernel.Context.Options.ChunkElements * TapsPerElement;
        var work = CeilDiv(_height, _blocks) * _plan.Column.Count * (WindowPlan.Taps(_plan.Windows, 0) + TapsPerElement);
        var together = Math.Max(1, target / work);
        var parts = SizeExpr.CeilDiv(shared, together);
        var units = planes * _blocks * parts;
        var perChunk = shared == SizeExpr.One ? together : 1;
        _tile?.Prepare();
        var first = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        var end = Body.Min(Body.Add(first, BodyMath.Index(perChunk)), BodyMath.Index(units));
        Body.For(first, end, 1, mayBeEmpty: false, unit =>
        {
            var (above, part) = (Body.FloorDiv(unit, BodyMath.Index(parts)), Body.Rem(unit, BodyMath.Index(parts)));
            var (plane, block) = (Body.FloorDiv(above, BodyMath.Index(_blocks)), Body.Rem(above, BodyMath.Index(_blocks)));
            var (from, to) = (Start(block), Start(Body.Add(block, BodyMath.Index(1))));
            var at = new IndexForm[_plan.Shape.Count];
            Array.Fill(at, IndexForm.Zero);
            Unravel(at, Space.Counter(plane, planes), [.. _plan.Planes]);
            var rows = Space.FormOf(from, SizeExpr.Zero, _height);
            _tile?.Stage(at, rows, Body.Sub(to, from));
            if (shared == SizeExpr.One)
            {
                Rows(at, rows, from, to);
                return;
            }

            var start = Body.Mul(part, BodyMath.Index(together));
            Body.For(start, Body.Min(Body.Add(start, BodyMath.Index(together)), BodyMath.Index(shared)), 1, mayBeEmpty: false, number =>
            {
                Unravel(at, Space.Counter(number, shared), [.. _plan.Shared]);
                Rows(at, rows, from, to);
            });
        });
        _kernel.Launch(SizeExpr.CeilDiv(units, perChunk), Note());

        SizeExpr SizeOf(IEnumerable<int> axes) => SizeExpr.Product(axes.Select(a => _plan.Shape[a]));
    }

    // Blocks of rows of nearly one length.
    private LoopExpr Start(LoopExpr block) => Body.FloorDiv(Body.Mul(block, BodyMath.Index(_height)), BodyMath.Index(_blocks));

    private void Rows(IndexForm[] at, IndexForm first, LoopExpr from, LoopExpr to) => Body.For(from, to, _rows, mayBeEmpty: false, i =>
    {
        // The last tile of rows, and the last vector, do again what was done before.
        var row = Space.Counter(Body.Min(i, Body.Sub(to, BodyMath.Index(_rows))), SizeExpr.Constant(_height - _rows + 1));
        if (_lanes > _plan.Column.Count)
        {
            _tile?.Forget();
            var lanes = Body.Let(new RampExpr(new LaneType(ElementType.I64, _lanes), BodyMath.Index(0), BodyMath.Index(1)));
            Windows(at, first, row, IndexForm.LaneNumber(), Body.Less(lanes, BodyMath.Index(_plan.Column.Count)));
            return;
        }

        Body.For(BodyMath.Index(0), BodyMath.Index(_plan.Column.Count), _lanes, mayBeEmpty: false, j =>
        {
            var column = Space.Counter(Body.Min(j, BodyMath.Index(_plan.Column.Count - _lanes)), _plan.Column.Count, vectorised: true);
            _tile?.Forget();
            Windows(at, first, row, column, null);
        });
    });

    private void Windows(IndexForm[] planes, IndexForm first, IndexForm row, IndexForm column, LoopExpr? mask)
    {
        var at = Enumerable.Range(0, _rows).Select(u =>
        {
            var axes = planes.ToArray();
            axes[_plan.Column.Result] = column;
            if (_plan.Row is { } slides)
            {
                axes[slides.Result] = row + IndexForm.Of(SizeExpr.Constant(u));
            }

            return new Coords(axes.ToValueList(), _lanes, mask);
        }).ToArray();
        if (_tile is not null)
        {
            _kernel.Values.Bind(_plan.View, where => _tile.Load(where, first, column));
        }

        var results = at.Select((a, u) => new WindowSum(_kernel, _plan.Id, a, u * (_plan.Row?.Stride ?? 0))).ToArray();
        if (_plan.Inner is { } inner)
        {
            Pool(inner, at, results);
        }
        else
        {
            Sum(results, 0, _plan.Windows, new IndexForm[_plan.Windows.Count]);
        }

        _kernel.Values.Bind(_plan.View, null);
        for (var u = 0; u < _rows; u++)
        {
            Store(at[u], results[u].Result());
        }
    }

    // The contraction at all places of the windows first, then what is made of it.
    private void Pool(NodeId inner, Coords[] at, WindowSum[] results)
    {
        var between = (ViewNode)_kernel.Graph[_plan.Between!.Value];
        var own = _plan.Windows.Take(_own).ToValueList();
        var sums = new Dictionary<ValueList<IndexForm>, WindowSum>();
        for (var u = 0; u < _rows; u++)
        {
            foreach (var tap in Numbers(own))
            {
                var seen = InlineReduction.Source((ReduceNode)_kernel.Graph[_plan.Id], between.Type.Rank, at[u], Forms(tap));
                var place = seen.With(between.Access.Select(a => Space.Position(a, seen.Axes, _lanes)));
                var row = _plan.Row is { } r ? (u * r.Stride) + tap.Select((t, w) => t * r.Taps[w]).Sum() : 0;
                if (!sums.ContainsKey(place.Axes))
                {
                    sums.Add(place.Axes, new WindowSum(_kernel, inner, place, row));
                }
            }
        }

        var windows = _plan.Windows.Skip(_own).ToValueList();
        Sum([.. sums.Values], 0, windows, new IndexForm[windows.Count]);
        var values = sums.ToDictionary(s => s.Key, s => s.Value.Result());
        _kernel.Values.Bind(inner, where => values[where.Axes]);
        foreach (var tap in Numbers(own))
        {
            foreach (var result in results)
            {
                result.Add(Forms(tap));
            }
        }

        _kernel.Values.Bind(inner, null);
    }

    // Summed axes in their order; the last ones, as many as may be, are written out.
    private void Sum(IReadOnlyList<WindowSum> sums, int axis, ValueList<long> windows, IndexForm[] index)
    {
        if (WindowPlan.Taps(windows, axis) > WindowPlan.Unrolled)
        {
            Body.For(BodyMath.Index(0), BodyMath.Index(windows[axis]), 1, mayBeEmpty: false, tap =>
            {
                index[axis] = Space.Counter(tap, windows[axis]);
                _tile?.Forget();
                Sum(sums, axis + 1, windows, index);
            });
            return;
        }

        var first = _plan.Windows.Count - windows.Count;
        var steps = new List<(long Row, int Number, int Sum, IndexForm[] Index)>();
        foreach (var (tap, number) in Numbers(windows.Skip(axis).ToValueList()).Select((t, n) => (t, n)))
        {
            var row = tap.Select((t, w) => t * (_plan.Row?.Taps[first + axis + w] ?? 0)).Sum();
            for (var s = 0; s < sums.Count; s++)
            {
                steps.Add((sums[s].Row + row, number, s, [.. index.Take(axis), .. Forms(tap)]));
            }
        }

        // Row by row of the source, so that what is loaded serves all sums at once; where that is the order of every sum.
        var byRow = steps.OrderBy(t => t.Row).ThenBy(t => t.Number).ThenBy(t => t.Sum).ToList();
        var keepsOrder = byRow.GroupBy(t => t.Sum).All(g => g.Zip(g.Skip(1)).All(p => p.First.Number < p.Second.Number));
        foreach (var step in keepsOrder ? byRow : steps)
        {
            sums[step.Sum].Add(step.Index);
        }

        foreach (var sum in sums)
        {
            sum.Settle();
        }
    }

    // All indices of some axes, in order.
    private static IEnumerable<long[]> Numbers(ValueList<long> sizes)
    {
        for (var number = 0L; number < WindowPlan.Taps(sizes, 0); number++)
        {
            var (index, rest) = (new long[sizes.Count], number);
            for (var w = sizes.Count - 1; w >= 0; w--)
            {
                (index[w], rest) = (rest % sizes[w], rest / sizes[w]);
            }

            yield return index;
        }
    }

    private static IndexForm[] Forms(long[] index) => [.. index.Select(i => IndexForm.Of(SizeExpr.Constant(i)))];

    private void Store(Coords at, LoopExpr sum)
    {
        _kernel.Values.Bind(_plan.Id, _ => sum);
        var values = _kernel.Group.Outputs.Select(o => (Id: o, Value: _kernel.Values.Emit(o, at))).ToArray();
        foreach (var (id, value) in values)
        {
            _kernel.Values.Store(_kernel.Write(id), ValueEmitter.RowMajor(at.Axes, _plan.Shape), value, at);
        }

        _kernel.Values.Bind(_plan.Id, null);
    }

    private void Unravel(IndexForm[] at, IndexForm number, int[] axes)
    {
        for (var i = axes.Length - 1; i >= 0; i--)
        {
            at[axes[i]] = i == 0 ? number : Space.Mod(number, _plan.Shape[axes[i]]);
            number = i == 0 ? number : Space.Div(number, _plan.Shape[axes[i]]);
        }
    }

    private string Note()
    {
        var windows = string.Join(" x ", _plan.Windows.Take(_own).Where(w => w > 1));
        var inner = _plan.Inner is null ? "" : $" over a contraction of {string.Join(" x ", _plan.Windows.Skip(_own).Where(w => w > 1))} that is never stored";
        var steps = _plan.Row is { } row ? $"{row.Stride} x {_plan.Column.Stride}" : $"{_plan.Column.Stride}";
        var staged = _tile is null ? "" : $", {CeilDiv(_height, _blocks)} rows of them staged at a time";
        return $"windows of {windows}{inner} in steps of {steps}, {_rows} x {_lanes} in registers{staged}";
    }

    private static long CeilDiv(long a, long b) => (a + b - 1) / b;
}
