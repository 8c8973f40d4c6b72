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
/// The last vector and the last rows of a block lie over those before them: no tail, no masks.
/// </summary>
internal sealed class WindowReduction
{
    private const long MostRows = 4;

    // Taps that are worth a chunk, for each element of a chunk of an elementwise kernel.
    private const long TapsPerElement = 4;

    private readonly KernelBuilder _kernel;
    private readonly WindowPlan _plan;
    private readonly WindowTile? _tile;
    private readonly int _lanes;
    private readonly long _height;
    private readonly long _blocks;
    private readonly int _rows;

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
        if (plan.IsStaged(context, group))
        {
            var bytes = WindowTile.RowLength(plan, _lanes) * context.Graph[plan.View].Type.Element.ComputeType().ByteSize();
            var most = plan.Row is { } row ? Math.Max(1, ((context.Options.Limit(WindowPlan.TileBytes) / bytes) - (row.Most - row.Least + 1)) / row.Stride + 1) : 1;
            _blocks = CeilDiv(_height, most);
            _tile = new WindowTile(_kernel, plan, _lanes, CeilDiv(_height, _blocks));
        }
        else
        {
            _blocks = Math.Max(1, _height * plan.Column.Count / context.Options.ChunkElements);
        }

        _rows = (int)Math.Min(MostRows, _height / _blocks);
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

    private void Emit()
    {
        var planes = SizeExpr.Product(_plan.Planes.Select(a => _plan.Shape[a]));
        var units = planes * _blocks;
        var work = CeilDiv(_height, _blocks) * _plan.Column.Count * (WindowPlan.Taps(_plan.Windows, 0) + TapsPerElement);
        var perChunk = Math.Max(1, _kernel.Context.Options.ChunkElements * TapsPerElement / work);
        _tile?.Prepare();
        var first = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(perChunk));
        var end = Body.Min(Body.Add(first, BodyMath.Index(perChunk)), BodyMath.Index(units));
        Body.For(first, end, 1, mayBeEmpty: false, unit =>
        {
            var blocks = BodyMath.Index(_blocks);
            var (plane, block) = (Body.FloorDiv(unit, blocks), Body.Rem(unit, blocks));
            var (from, to) = (Start(block), Start(Body.Add(block, BodyMath.Index(1))));
            Unit(Unravel(Space.Counter(plane, planes)), from, to);
        });
        _kernel.Launch(SizeExpr.CeilDiv(units, perChunk), Note());
    }

    // Blocks of rows of nearly one length.
    private LoopExpr Start(LoopExpr block) => Body.FloorDiv(Body.Mul(block, BodyMath.Index(_height)), BodyMath.Index(_blocks));

    private void Unit(IndexForm[] at, LoopExpr from, LoopExpr to)
    {
        var first = Space.FormOf(from, SizeExpr.Zero, _height);
        _tile?.Stage(at, first, Body.Sub(to, from));
        Body.For(from, to, _rows, mayBeEmpty: false, i =>
        {
            // The last tile of rows, and the last vector, do again what was done before.
            var row = Space.Counter(Body.Min(i, Body.Sub(to, BodyMath.Index(_rows))), SizeExpr.Constant(_height - _rows + 1));
            Body.For(BodyMath.Index(0), BodyMath.Index(_plan.Column.Count), _lanes, mayBeEmpty: false, j =>
            {
                var column = Space.Counter(Body.Min(j, BodyMath.Index(_plan.Column.Count - _lanes)), _plan.Column.Count, vectorised: true);
                _tile?.Forget();
                Windows(at, first, row, column);
            });
        });
    }

    private void Windows(IndexForm[] planes, IndexForm first, IndexForm row, IndexForm column)
    {
        var at = Enumerable.Range(0, _rows).Select(u =>
        {
            var axes = planes.ToArray();
            axes[_plan.Column.Result] = column;
            if (_plan.Row is { } slides)
            {
                axes[slides.Result] = row + IndexForm.Of(SizeExpr.Constant(u));
            }

            return new Coords(axes.ToValueList(), _lanes);
        }).ToArray();
        var sums = at.Select(_ => InlineReduction.Start(_kernel, _plan.Id, _lanes)).ToArray();
        if (_tile is not null)
        {
            _kernel.Values.Bind(_plan.View, where => _tile.Load(where, first, column));
        }

        Taps(at, sums, 0, new IndexForm[_plan.Windows.Count]);
        _kernel.Values.Bind(_plan.View, null);
        for (var u = 0; u < _rows; u++)
        {
            Store(at[u], Body.Read(sums[u]));
        }
    }

    // Summed axes in their order; the last ones, as many as may be, are written out.
    private void Taps(Coords[] at, VariableExpr[] sums, int axis, IndexForm[] index)
    {
        if (WindowPlan.Taps(_plan.Windows, axis) > WindowPlan.Unrolled)
        {
            Body.For(BodyMath.Index(0), BodyMath.Index(_plan.Windows[axis]), 1, mayBeEmpty: false, tap =>
            {
                index[axis] = Space.Counter(tap, _plan.Windows[axis]);
                _tile?.Forget();
                Taps(at, sums, axis + 1, index);
            });
            return;
        }

        var taps = new List<(long Row, int Number, int Window, IndexForm[] Index)>();
        var count = (int)WindowPlan.Taps(_plan.Windows, axis);
        for (var u = 0; u < at.Length; u++)
        {
            for (var number = 0; number < count; number++)
            {
                var (tap, rest, reach) = (index.ToArray(), (long)number, u * (_plan.Row?.Stride ?? 0));
                for (var w = _plan.Windows.Count - 1; w >= axis; w--)
                {
                    var i = rest % _plan.Windows[w];
                    rest /= _plan.Windows[w];
                    tap[w] = IndexForm.Of(SizeExpr.Constant(i));
                    reach += i * (_plan.Row?.Taps[w] ?? 0);
                }

                taps.Add((reach, number, u, tap));
            }
        }

        // Row by row of the source, so that what is loaded serves all windows at once; where that is the order of every window's taps.
        var byRow = taps.OrderBy(t => t.Row).ThenBy(t => t.Number).ThenBy(t => t.Window).ToList();
        var keepsOrder = byRow.GroupBy(t => t.Window).All(g => g.Zip(g.Skip(1)).All(p => p.First.Number < p.Second.Number));
        foreach (var tap in keepsOrder ? byRow : taps.OrderBy(t => t.Number).ThenBy(t => t.Window).ToList())
        {
            InlineReduction.Step(_kernel, _plan.Id, at[tap.Window], tap.Index, sums[tap.Window]);
        }
    }

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

    private IndexForm[] Unravel(IndexForm number)
    {
        var axes = new IndexForm[_plan.Shape.Count];
        Array.Fill(axes, IndexForm.Zero);
        var planes = _plan.Planes.ToArray();
        for (var i = planes.Length - 1; i >= 0; i--)
        {
            axes[planes[i]] = i == 0 ? number : Space.Mod(number, _plan.Shape[planes[i]]);
            number = i == 0 ? number : Space.Div(number, _plan.Shape[planes[i]]);
        }

        return axes;
    }

    private string Note()
    {
        var windows = string.Join(" x ", _plan.Windows.Where(w => w > 1));
        var steps = _plan.Row is { } row ? $"{row.Stride} x {_plan.Column.Stride}" : $"{_plan.Column.Stride}";
        var staged = _tile is null ? "" : $", {CeilDiv(_height, _blocks)} rows of them staged at a time";
        return $"windows of {windows} in steps of {steps}, {_rows} x {_lanes} in registers{staged}";
    }

    private static long CeilDiv(long a, long b) => (a + b - 1) / b;
}
