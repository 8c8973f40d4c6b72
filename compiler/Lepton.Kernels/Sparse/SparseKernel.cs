using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// One kernel of a sparse group. Where all free loops stand outside of all reduced ones, sums are in registers, several vectors of the last
/// axis at a time if no sparse operand has that axis; else they are in the result, which was filled before:
/// <code>
/// for i:  for columns of a tile:  sums = 0;  for entries k of row i:  sums ⊕= value;   epilogue, store       rows
/// for k:  for entries i of k:  y[i] ⊕= value                                                                scattered
/// </code>
/// The innermost loop runs in lanes: over columns, over entries (the others are gathered), or over a dense axis that is summed.
/// </summary>
internal sealed class SparseKernel
{
    // Vectors of a tile of columns: half the registers, the rest are factors.
    private const int TileVectors = 8;

    private readonly LoweringContext _context;
    private readonly SparsePlan _plan;
    private readonly ISparseTarget _target;
    private readonly int _firstReduced;
    private readonly int _rowLoop;
    private readonly int _vector = -1;
    private readonly bool _isScattered;
    private IndexForm? _column;
    private VariableExpr[] _sums = [];
    private VariableExpr? _laneSums;
    private int _lanes = 1;

    // Of the outermost loop: what this chunk runs through.
    private (LoopExpr From, LoopExpr To)? _range;

    private SparseKernel(LoweringContext context, string name, FusionGroup group, SparsePlan plan, ISparseTarget target)
    {
        (_context, _plan, _target) = (context, plan, target);
        Builder = new KernelBuilder(context, $"{context.Graph.Name}_{name}", group);
        var last = plan.Free.Count - 1;
        if (last >= 0 && plan.Accesses.All(a => !a.At.Variables.Contains(last)) && target is DenseTarget && plan.Loops.Count > 1)
        {
            _vector = last;
            plan.TakeOut(last);
        }

        _isScattered = plan.Core is not null && !plan.FreeFirst;
        _rowLoop = plan.Loops.FindLastIndex(l => l.IsFree);
        _firstReduced = plan.Loops.FindIndex(l => !l.IsFree) is >= 0 and var first ? first : plan.Loops.Count;
        Builder.InnerLanes = context.Options.RegisterBytes / Math.Max(4, target.Element.ComputeType().ByteSize());
        _rowLoop = _isScattered ? _firstReduced : _rowLoop;
        Loops = new CoIteration(Builder, plan, Inside)
        {
            MostLanes = plan.Core is null && !HasInnerLoops() && target is AppendTarget or PatternTarget or CountTarget { Marks: null } ? Builder.InnerLanes : 1,
        };
    }

    public KernelBuilder Builder { get; }

    public CoIteration Loops { get; }

    /// <summary>Whether results may be left out by the free loops: the target was filled before.</summary>
    public bool LeavesOut => _plan.Where != Support.Everywhere && (_isScattered || _plan.Core is null || Loops.IsSparseBefore(_firstReduced));

    private BodyBuilder Body => Builder.Body;

    /// <summary>Emits and launches the kernel; <paramref name="before"/> runs before the launch is listed.</summary>
    /// <param name="head">Written at the head of each chunk.</param>
    /// <param name="inOrder">One chunk: places in the target are handed out one after the other.</param>
    /// <param name="pieces">The outermost loop is reduced, and cut into so many chunks.</param>
    public static void Emit(
        LoweringContext context,
        string name,
        FusionGroup group,
        SparsePlan plan,
        ISparseTarget target,
        Action<bool>? before = null,
        long? mostChunks = null,
        Action<SparseKernel>? head = null,
        bool inOrder = false,
        SizeExpr? pieces = null)
    {
        var kernel = new SparseKernel(context, name, group, plan, target);
        head?.Invoke(kernel);
        var (chunks, note) = kernel.Chunked(mostChunks, inOrder, pieces);
        before?.Invoke(kernel.LeavesOut);
        kernel.Builder.Cost = SparseCost.Of(context, group, plan, target);
        kernel.Builder.Remarks = target is ICountTarget ? [] : SparseRemarks.Of(context, group, plan, target);
        kernel.Builder.Launch(chunks, note);
    }

    /// <summary>The element type that sums have.</summary>
    public ElementType SumElement => _context.Graph[_plan.Core!.Value].Type.Element.ComputeType();

    /// <summary>What sums start from.</summary>
    public LoopExpr Neutral => _context.Graph[_plan.Core!.Value] is ReduceNode reduce
        ? Reducers.Neutral(reduce.Kind, _context.Graph[reduce.Source].Type.Element)
        : BodyMath.Number(SumElement, 0);

    /// <summary>The result's index where one axis is at another place than the loops are.</summary>
    public Coords ResultAt(int axis, IndexForm place) => new(_plan.Free.Select(v => v == axis ? place : Loops.Index(v)).ToValueList(), 1);

    /// <summary>The result, from the core's sum.</summary>
    public LoopExpr Finish(LoopExpr sum, Coords at)
    {
        Builder.Values.Bind(_plan.Core!.Value, _ => sum);
        var value = Builder.Values.Emit(_plan.Value, at);
        Builder.Values.Bind(_plan.Core.Value, null);
        return value;
    }

    private (SizeExpr Chunks, string Note) Chunked(long? mostChunks, bool inOrder, SizeExpr? pieces)
    {
        if (inOrder || _plan.Loops.Count == 0 || (!_plan.Loops[0].IsFree && pieces is null))
        {
            Inside(0);
            return (SizeExpr.One, "in order");
        }

        var cut = SparseCut.Of(_context.Options, Body, Loops, _plan, mostChunks, pieces);
        _range = cut.Range;
        Action all = _isScattered || _plan.Loops[0].IsFree ? () => Loops.Loop(0, _range) : () => Inside(0);
        if (pieces is null || _range is not null)
        {
            all();
        }
        else
        {
            // It cannot be cut: the first piece is all of it.
            Body.If(Body.Map(MapOp.Equal, ElementType.Bool, BodyBuilder.Chunk, BodyMath.Index(0)), all);
        }

        return (pieces ?? cut.Chunks, cut.Note + (_isScattered ? ", scattered" : ""));
    }

    private void Inside(int number)
    {
        if (_target is RowTarget { IsInRows: true } rows && number == _rowLoop)
        {
            var row = rows.Row(this);
            rows.Begin(this, row);
            Within(number);
            rows.End(this, row);
        }
        else
        {
            Within(number);
        }
    }

    private void Within(int number)
    {
        if (number == _firstReduced && _plan.Core is not null && !_isScattered)
        {
            if (_target is ICountTarget)
            {
                _target.Store(this, BodyMath.Index(1), Coordinates(0, 1));
            }
            else
            {
                Columns();
            }
        }
        else if (_target is BoundTarget bound && number == _plan.Loops.FindLastIndex(l => l.IsFree))
        {
            bound.More(this, Loops.DriverOf(number)?.Range(Body, number) is var (first, end) ? Body.Sub(end, first) : BodyMath.Index(_plan.Loops[number].Size));
        }
        else if (number == _plan.Loops.Count)
        {
            Leaf();
        }
        else if (_plan.Core is not null && !_isScattered && number == _plan.Loops.Count - 1 && _vector < 0)
        {
            Innermost(number);
        }
        else
        {
            Loops.Loop(number);
        }
    }

    // All free loops but that of the columns are open.
    private void Columns()
    {
        if (_vector < 0)
        {
            Sum(1, 1, null);
            return;
        }

        var size = _plan.Sizes[_vector];
        var lanes = Lanes(size);
        var tile = lanes * TileVectors;
        var (whole, vectors) = (size - SizeExpr.Mod(size, tile), size - SizeExpr.Mod(size, lanes));
        if (whole != SizeExpr.Zero)
        {
            Body.For(BodyMath.Index(0), BodyMath.Index(whole), tile, mayBeEmpty: true, c => Sum(TileVectors, lanes, c));
        }

        if (vectors != whole)
        {
            Body.For(BodyMath.Index(whole), BodyMath.Index(vectors), lanes, mayBeEmpty: true, c => Sum(1, lanes, c));
        }

        if (vectors != size)
        {
            Body.For(BodyMath.Index(vectors), BodyMath.Index(size), 1, mayBeEmpty: true, c => Sum(1, 1, c));
        }
    }

    private void Sum(int count, int lanes, LoopExpr? column)
    {
        var core = _plan.Core!.Value;
        _column = column is null ? null : Builder.Space.Counter(column, _plan.Sizes[_vector], vectorised: lanes > 1);
        _lanes = lanes;
        _sums = [.. Enumerable.Range(0, count).Select(_ => InlineReduction.Start(Builder, core, lanes))];
        _laneSums = _vector < 0 && EntryLanes() > 1 ? InlineReduction.Start(Builder, core, EntryLanes()) : null;
        if (_firstReduced == _plan.Loops.Count)
        {
            Leaf();
        }
        else if (_vector < 0 && _firstReduced == _plan.Loops.Count - 1)
        {
            Innermost(_firstReduced);
        }
        else
        {
            Loops.Loop(_firstReduced, _firstReduced == 0 ? _range : null);
        }

        for (var w = 0; w < count; w++)
        {
            var at = Result(w);
            var sum = Body.Read(_sums[w]);
            if (_laneSums is not null)
            {
                sum = Combine(core, sum, Body.LaneReduce(KindOf(core), Body.Read(_laneSums)));
            }

            _target.Store(this, _target is ICountTarget ? sum : Finish(sum, at), at);
        }
    }

    // The last loop, reduced: in lanes where one operand's entries, or a dense axis, are all there is to run through.
    private void Innermost(int number)
    {
        var lanes = EntryLanes();
        var range = number == 0 ? _range : null;
        if (_laneSums is null || lanes == 1)
        {
            Loops.Loop(number, range);
            return;
        }

        var loop = _plan.Loops[number];
        if (Loops.DriverOf(number) is { } driver)
        {
            var entries = range ?? driver.Range(Body, number);
            var tail = Loops.EntriesInLanes(number, driver, entries, lanes, () => Step(_laneSums, Coordinates(0, lanes)));
            Loops.Loop(number, (tail, entries.To));
            return;
        }

        if (_plan.Accesses.Any(a => a.Loops.Contains(number)))
        {
            Loops.Loop(number, range);
            return;
        }

        var whole = loop.Size - SizeExpr.Mod(loop.Size, lanes);
        Body.For(BodyMath.Index(0), BodyMath.Index(whole), lanes, mayBeEmpty: true, k =>
        {
            Loops.Set(number, Builder.Space.Counter(k, loop.Size, vectorised: true));
            Step(_laneSums, Coordinates(0, lanes));
            Loops.Set(number, null);
        });
        if (whole != loop.Size)
        {
            Loops.Loop(number, (BodyMath.Index(whole), BodyMath.Index(loop.Size)));
        }
    }

    private void Leaf()
    {
        if (Loops.Counts() is { } counts)
        {
            Body.If(counts, Element);
        }
        else
        {
            Element();
        }
    }

    private void Element()
    {
        if (_plan.Core is { } core && !_isScattered)
        {
            for (var w = 0; w < _sums.Length; w++)
            {
                Step(_sums[w], Coordinates(w, _lanes));
            }

            return;
        }

        if (_vector < 0)
        {
            Put(Loops.Lanes);
            return;
        }

        var size = _plan.Sizes[_vector];
        var lanes = Lanes(size);
        var vectors = size - SizeExpr.Mod(size, lanes);
        Body.For(BodyMath.Index(0), BodyMath.Index(vectors), lanes, mayBeEmpty: true, c => Column(c, lanes));
        if (vectors != size)
        {
            Body.For(BodyMath.Index(vectors), BodyMath.Index(size), 1, mayBeEmpty: true, c => Column(c, 1));
        }

        void Column(LoopExpr c, int width)
        {
            _column = Builder.Space.Counter(c, size, vectorised: width > 1);
            Put(width);
        }
    }

    private void Put(int lanes)
    {
        var at = Coordinates(0, lanes);
        if (_plan.Core is null)
        {
            _target.Store(this, _target is ICountTarget ? BodyMath.Index(1) : Builder.Values.EmitLanes(_plan.Value, at), at);
            return;
        }

        ((IScatterTarget)_target).Add(this, at, was =>
        {
            var sum = Body.Declare(was);
            Step(sum, at);
            return Body.Read(sum);
        });
    }

    private void Step(VariableExpr sum, Coords at) =>
        InlineReduction.Step(Builder, _plan.Core!.Value, at, [.. _plan.Reduced.Select(Loops.Index)], sum);

    private Coords Result(int vector) => Coordinates(vector, _lanes);

    // The result's index, with the columns of the tile's vector.
    private Coords Coordinates(int vector, int lanes) => new(
        _plan.Free.Select(v => v == _vector ? _column! + IndexForm.Of(SizeExpr.Constant(vector * (long)lanes)) : Loops.Index(v)).ToValueList(), lanes);

    private LoopExpr Combine(NodeId core, LoopExpr a, LoopExpr b) => Reducers.Combine(Body, KindOf(core), a, b);

    private ReduceKind KindOf(NodeId core) => _context.Graph[core] is ReduceNode reduce ? reduce.Kind : ReduceKind.Sum;

    private int Lanes(SizeExpr size)
    {
        var lanes = _context.Options.RegisterBytes / Math.Max(4, _target.Element.ComputeType().ByteSize());
        while (size.AsConstant is { } n && lanes > n && lanes > 1)
        {
            lanes /= 2;
        }

        return Math.Max(1, lanes);
    }

    // Lanes of the innermost reduced loop; 1 where something inside it has loops of its own.
    private int EntryLanes()
    {
        var number = _plan.Loops.Count - 1;
        if (number < _firstReduced || _plan.Loops[number].Part != LevelPart.Whole || HasInnerLoops())
        {
            return 1;
        }

        var isDense = _plan.Accesses.All(a => !a.Loops.Contains(number));
        return isDense || Loops.CouldDrive(number) ? Lanes(_plan.Loops[number].Size) : 1;
    }

    private bool HasInnerLoops() => Builder.Group.Members.Any(m => m != _plan.Core && _context.Graph[m] is ContractNode or ReduceNode);
}
