using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The rows of the source that some rows of windows reach, on the chunk's stack, with what lies outside filled in and the columns of each
/// phase side by side: position q = Least + s·k + phase is column k of its phase, so a tap of neighbouring windows is one plain load.
/// <code>
/// source, s = 2, Least = -1:   ░ 0 1 2 3 4 5 6      in the tile:   phase 0  ░ 1 3 5     phase 1  0 2 4 6
/// </code>
/// Each element of the source is loaded, or computed, once for all windows of the tile.
/// </summary>
internal sealed class WindowTile
{
    // A loop over so few vectors is written out.
    private const int FewVectors = 4;

    private readonly KernelBuilder _kernel;
    private readonly WindowPlan _plan;
    private readonly ViewNode _view;
    private readonly LaneType _type;
    private readonly long _rows;
    private readonly long _columns;
    private readonly long _phase;
    private readonly int _buffer;
    private readonly Dictionary<IndexForm, LoopExpr> _loaded = [];

    // Columns _inside … _insideEnd-1 lie inside with all their phases; none when they would not fill a vector.
    private readonly long _inside;
    private readonly long _insideEnd;

    /// <param name="rows">The most rows of windows that are staged at a time.</param>
    public WindowTile(KernelBuilder kernel, WindowPlan plan, int lanes, long rows)
    {
        (_kernel, _plan, _view) = (kernel, plan, (ViewNode)kernel.Graph[plan.View]);
        _type = new LaneType(kernel.Graph[_view.Source].Type.Element.ComputeType(), lanes);
        _rows = plan.Row?.Reach(rows) ?? 1;
        (_columns, _phase) = Columns(plan, lanes);
        var column = plan.Column;
        _inside = (Math.Max(0, -column.Least) + column.Stride - 1) / column.Stride;
        _insideEnd = Math.Min(_columns, Math.Max(0, column.Size - column.Least) / column.Stride);
        if (_insideEnd - _inside < lanes)
        {
            (_inside, _insideEnd) = (_columns, _columns);
        }

        _buffer = kernel.Local("rows", _type.Element, checked((int)(_rows * RowLength(plan, lanes))));
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    private int Lanes => _type.Lanes;

    private long Stride => _plan.Column.Stride;

    // What lies outside is the same in all rows: written once for a chunk. Then only some single elements are left beside the whole vectors.
    private bool HasFixedEnds => _plan.Column.Outside is Outside.Fill or Outside.Never && _inside < _columns;

    /// <summary>Elements of one row of a tile.</summary>
    public static long RowLength(WindowPlan plan, int lanes) => plan.Column.Stride * Columns(plan, lanes).Phase;

    /// <summary>What all tiles of a chunk have in common.</summary>
    public void Prepare()
    {
        if (HasFixedEnds && _plan.Column.Outside == Outside.Fill)
        {
            Blank(BodyMath.Index(0), BodyMath.Index(0), BodyMath.Index(_rows));
        }
    }

    /// <summary>Fills the tile for a plane's rows of windows first … first + count - 1.</summary>
    /// <param name="planes">The indices of the result's axes; those that windows slide along do not matter.</param>
    public void Stage(IndexForm[] planes, IndexForm first, LoopExpr count)
    {
        _loaded.Clear();
        if (_plan.Row is not { } row)
        {
            Columns(rows => rows(IndexForm.Zero, IndexForm.Zero, true), planes);
            return;
        }

        var start = (first * row.Stride) + IndexForm.Of(SizeExpr.Constant(row.Least));
        var from = Space.ToScalar(start);
        var to = Body.Add(from, Body.Add(Body.Mul(Body.Sub(count, BodyMath.Index(1)), BodyMath.Index(row.Stride)), BodyMath.Index(row.Most - row.Least + 1)));
        if (row.Outside is not (Outside.Never or Outside.Fill))
        {
            var top = SizeExpr.Constant((row.Stride * (row.Count - 1)) + row.Most + 1);
            Columns(rows => Body.For(from, to, 1, mayBeEmpty: true, p => rows(Space.Counter(p, SizeExpr.Constant(row.Least), top, false), start, false)), planes);
            return;
        }

        var (low, high) = (from, to);
        if (row.Outside == Outside.Fill && (row.Least < 0 || (row.Stride * (row.Count - 1)) + row.Most >= row.Size))
        {
            low = Body.Min(Body.Max(from, BodyMath.Index(0)), to);
            high = Body.Max(Body.Min(to, BodyMath.Index(row.Size)), low);
            Blank(from, from, low);
            Blank(from, high, to);
        }

        Columns(rows => Body.For(low, high, 1, mayBeEmpty: true, p => rows(Space.Counter(p, SizeExpr.Zero, row.Size, false), start, true)), planes);
    }

    /// <summary>The value of the view for a vector of windows: a load from the tile.</summary>
    /// <param name="first">The first row of windows of the tile.</param>
    /// <param name="column">The column of the windows, with its lanes.</param>
    public LoopExpr Load(Coords at, IndexForm first, IndexForm column)
    {
        var address = Position(_plan.Column, at) - (column * Stride) - IndexForm.Of(SizeExpr.Constant(_plan.Column.Least));
        var tap = address.AsSize?.AsConstant ?? throw new CompilerBugException("kernels", $"{_kernel.Name}: a window is read where it does not slide");
        var place = column + IndexForm.Of(SizeExpr.Constant((tap % Stride * _phase) + (tap / Stride)));
        if (_plan.Row is { } row)
        {
            place += (Position(row, at) - (first * row.Stride) - IndexForm.Of(SizeExpr.Constant(row.Least))) * (_phase * Stride);
        }

        if (!_loaded.TryGetValue(place, out var value))
        {
            value = Body.Let(new LoadExpr(_type, _buffer, Space.ToScalar(IndexForm.From(place.Offset, place.Terms, SizeExpr.Zero))));
            _loaded.Add(place, value);
        }

        return value;
    }

    /// <summary>Loads of a new place in the code are made anew.</summary>
    public void Forget() => _loaded.Clear();

    private static (long Columns, long Phase) Columns(WindowPlan plan, int lanes)
    {
        var columns = plan.Column.Count + ((plan.Column.Most - plan.Column.Least) / plan.Column.Stride);
        return (columns, (columns + (2 * lanes) - 1) / lanes * lanes);
    }

    // Rows that lie outside as a whole.
    private void Blank(LoopExpr start, LoopExpr from, LoopExpr to) => Body.For(from, to, 1, mayBeEmpty: true, p =>
    {
        var row = Body.Mul(Body.Sub(p, start), BodyMath.Index(_phase * Stride));
        Body.For(BodyMath.Index(0), BodyMath.Index(_phase * Stride), Lanes, mayBeEmpty: false, k => Body.Store(_buffer, Body.Add(row, k), Fill(Lanes)));
    });

    // Columns that reach outside first: where they are whole vectors, the others write some of their elements again.
    private void Columns(Action<Action<IndexForm, IndexForm, bool>> rows, IndexForm[] planes)
    {
        if (!HasFixedEnds)
        {
            Ends(0, _inside);
            Ends(_insideEnd, _columns);
        }
        else if (Single().ToArray() is { Length: > 0 } single)
        {
            rows((p, start, isInside) =>
            {
                foreach (var (k, phase) in single)
                {
                    var value = Source(planes, p, IndexForm.Of(SizeExpr.Constant(_plan.Column.Least + (Stride * k) + phase)), isInside, true, 1);
                    Body.Store(_buffer, Body.Add(Space.ToScalar((p - start) * (_phase * Stride)), BodyMath.Index((phase * _phase) + k)), value);
                }
            });
        }

        var (from, last) = (_inside, _insideEnd - Lanes);
        if (last >= from)
        {
            rows((p, start, isInside) => Body.For(BodyMath.Index(from), BodyMath.Index(_insideEnd), Lanes, mayBeEmpty: false, k =>
                Group(planes, p, start, isInside, Body.Min(k, BodyMath.Index(last)), true), unroll: _insideEnd - _inside <= FewVectors * Lanes));
        }

        void Ends(long first, long end)
        {
            if (first < end)
            {
                Body.For(BodyMath.Index(first), BodyMath.Index(end), Lanes, mayBeEmpty: false, k => rows((p, start, isInside) => Group(planes, p, start, isInside, k, false)));
            }
        }
    }

    // Elements inside whose column is not inside with all its phases.
    private IEnumerable<(long Column, long Phase)> Single()
    {
        for (var k = 0L; k < _columns; k++)
        {
            for (var phase = 0L; phase < Stride && (k < _inside || k >= _insideEnd); phase++)
            {
                if (_plan.Column.Least + (Stride * k) + phase is var q && q >= 0 && q < _plan.Column.Size)
                {
                    yield return (k, phase);
                }
            }
        }
    }

    // Columns k … k + lanes - 1 of all phases.
    private void Group(IndexForm[] planes, IndexForm p, IndexForm start, bool rowInside, LoopExpr k, bool columnsInside)
    {
        var column = Space.Counter(k, _columns);
        var vectors = new LoopExpr[Stride];
        for (var t = 0; t < vectors.Length; t++)
        {
            var q = (column * Stride) + IndexForm.Of(SizeExpr.Constant(_plan.Column.Least + ((long)t * Lanes))) + IndexForm.LaneNumber();
            vectors[t] = Source(planes, p, q, rowInside, columnsInside, Lanes);
        }

        var row = Space.ToScalar((p - start) * (_phase * Stride));
        for (var phase = 0; phase < vectors.Length; phase++)
        {
            Body.Store(_buffer, Body.Add(Body.Add(row, k), BodyMath.Index(phase * _phase)), Phase(vectors, phase));
        }
    }

    // Every s-th lane of s vectors, from lane number phase on.
    private LoopExpr Phase(LoopExpr[] vectors, int phase)
    {
        var value = vectors[0];
        for (var t = 1; t < vectors.Length; t++)
        {
            var (end, number) = (t * Lanes, t);
            value = Body.Let(new ShuffleExpr(_type, value, vectors[t], Enumerable.Range(0, Lanes).Select(lane =>
            {
                var wanted = (lane * vectors.Length) + phase;
                return wanted >= end + Lanes ? 0 : wanted >= end ? wanted - end + Lanes : number == 1 ? wanted : lane;
            }).ToValueList()));
        }

        return value;
    }

    // The source's elements at (p, q + lane) of a plane, and what stands for those outside.
    private LoopExpr Source(IndexForm[] planes, IndexForm p, IndexForm q, bool rowInside, bool columnsInside, int lanes)
    {
        var axes = new IndexForm[_view.Access.Count];
        var all = planes.Concat(_plan.Windows.Select(_ => IndexForm.Zero)).ToValueList();
        LoopExpr? inside = null;
        var shape = _kernel.Graph[_view.Source].Type.Shape;
        for (var axis = 0; axis < axes.Length; axis++)
        {
            var (access, isColumn, isRow) = (_view.Access[axis], axis == _plan.Column.Axis, axis == _plan.Row?.Axis);
            var form = isColumn ? q : isRow ? p : Space.Position(_plan.Seen.Access[axis], all, lanes);

            // Columns that nobody wants may lie outside of what is never read there.
            var outside = isColumn && access.Outside == Outside.Never ? Outside.Fill : access.Outside;
            (axes[axis], var reached) = (isColumn && columnsInside) || (isRow && rowInside) ? (form, null) : OutsideRules.Reach(_kernel, form, outside, shape[axis], lanes);
            inside = Body.And(inside, reached);
        }

        var at = new Coords(axes.ToValueList(), lanes, inside);
        var value = Body.Splat(GuardedValues.Emit(_kernel, [(_view.Source, at)])[0], lanes);
        var isFilled = inside is null || _view.Fill is not { } fill || (fill.Bits == 0 && _kernel.Values.IsLoaded(_view.Source) && !(lanes > 1 && Space.IsUniform(axes[_plan.Column.Axis])));
        return isFilled ? value : Body.Select(inside!, value, Fill(lanes));
    }

    private LoopExpr Fill(int lanes) => BodyMath.Number(_view.Fill ?? Scalar.Of(_kernel.Graph[_view.Source].Type.Element, 0), lanes);

    private IndexForm Position(WindowAxis axis, Coords at) => Space.Position(_view.Access[axis.Axis], at.Axes, Lanes);
}
