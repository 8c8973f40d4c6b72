using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>One row, or (lanes along kept axes) a vector of rows: where they are, and what is known of them.</summary>
/// <param name="Axes">The indices of the kept axes of the plan's shape; the others are set by the loops of a pass.</param>
internal sealed record RowwiseRows(IndexForm[] Axes, int Lanes, LoopExpr? Mask)
{
    /// <summary>The results of the reductions so far.</summary>
    public Dictionary<NodeId, LoopExpr> Values { get; } = [];
}

/// <summary>From … To of a loop.</summary>
internal readonly record struct RowwiseRange(LoopExpr From, LoopExpr To);

/// <summary>
/// The loops of one pass over rows. Order of a reduction along a row, the same on every target: element i goes to lane i mod w of chain
/// (i div w) mod c; chains are joined pairwise, then the lanes by halving. w and c follow from types and sizes alone.
/// </summary>
internal sealed class RowwiseLoops
{
    private readonly KernelBuilder _kernel;
    private readonly RowwisePlan _plan;
    private readonly RowwiseLayout _layout;
    private readonly RowwiseAhead _ahead;
    private readonly int _chains;
    private readonly int _lanes;
    private readonly List<RowwiseRows> _rows = [];
    private readonly Dictionary<NodeId, int> _locals = [];
    private readonly HashSet<NodeId> _streamed;

    public RowwiseLoops(KernelBuilder kernel, RowwisePlan plan, RowwiseLayout layout, int lanes, int chains, bool fetchAhead = false)
    {
        (_kernel, _plan, _layout, _lanes, _chains) = (kernel, plan, layout, lanes, chains);
        _ahead = new RowwiseAhead(kernel, plan, layout, fetchAhead);
        _streamed = plan.RowLength.AsConstant % lanes != 0 ? []
            : [.. plan.Stores.Where(s => !s.PerRow && plan.Kept.All(k => k.Output != s.Id) && layout.PassesCaches(kernel.Context, plan, s.Id)).Select(s => s.Id)];
        foreach (var reduction in plan.Reductions)
        {
            kernel.Values.Bind(reduction.Id, at => ValueAt(reduction.Id, at));
        }

        foreach (var kept in plan.Kept.Where(k => k.Output is null))
        {
            var length = (int)plan.RowLength.AsConstant!.Value;
            _locals.Add(kept.Id, kernel.Local("kept", kernel.Graph[kept.Id].Type.Element.ComputeType(), length));
        }
    }

    private BodyBuilder Body => _kernel.Body;

    private IndexSpace Space => _kernel.Space;

    /// <summary>Makes rows known: reductions that are asked for at their place have their values from then on.</summary>
    public RowwiseRows Rows(IndexForm[] axes, int lanes, LoopExpr? mask)
    {
        var rows = new RowwiseRows(axes, lanes, mask);
        _rows.Add(rows);
        return rows;
    }

    public void Forget() => _rows.Clear();

    /// <summary>The place of the rows among all rows.</summary>
    public Coords At(RowwiseRows rows) => new(Kept(rows.Axes), rows.Lanes, rows.Mask);

    /// <summary>
    /// One pass: folds the reductions and stores the outputs that belong to it. Answers the states of its reductions for each of the rows, of
    /// as many lanes as the rows have.
    /// </summary>
    /// <param name="outer">Of the number over the reduced axes that are not in the run.</param>
    /// <param name="inner">Of the number over the run, when it lies along the row.</param>
    public LoopExpr[][][] Pass(int pass, IReadOnlyList<RowwiseRows> rows, RowwiseRange outer, RowwiseRange inner) =>
        Passes([.. rows.Select(r => (pass, r))], outer, inner);

    /// <summary>Passes over several rows in the same loops, each over a row of its own.</summary>
    public LoopExpr[][][] Passes((int Pass, RowwiseRows Rows)[] work, RowwiseRange outer, RowwiseRange inner)
    {
        var states = Passes(work, outer, inner, quick: true);
        for (var n = 0; n < work.Length; n++)
        {
            var folds = Folds(work[n].Pass, quick: true);
            LoopExpr? suspect = null;
            foreach (var (f, fold) in folds.Index().Where(f => f.Item.Fold.IsQuick))
            {
                var isSuspect = fold.Fold.IsSuspect(Body, states[n][f]);
                suspect = suspect is null || isSuspect is null ? suspect ?? isSuspect : Body.Map(MapOp.Or, ElementType.Bool, suspect, isSuspect);
                states[n][f] = fold.Fold.ToCareful(Body, states[n][f]);
            }

            if (suspect is not null)
            {
                var known = states[n].Select(s => s.Select(Body.Declare).ToArray()).ToArray();
                Body.If(suspect, () =>
                {
                    foreach (var (variable, value) in known.SelectMany(v => v).Zip(Passes([work[n]], outer, inner, quick: false)[0].SelectMany(v => v)))
                    {
                        Body.Assign(variable, value);
                    }
                });
                states[n] = [.. known.Select(k => k.Select(Body.Read).ToArray())];
            }
        }

        return states;
    }

    private bool HasShortPositions => _layout.IsInOrder && _plan.RowLength.AsConstant is >= 1 and <= int.MaxValue;

    // A pass that stores something is not run again with careful folds.
    private RowwiseReduction[] Folds(int pass, bool quick) =>
    [
        .. _plan.Reductions.Where(r => r.Pass == pass).Select(r =>
            quick && _plan.Stores.All(s => s.PerRow || s.Pass != pass) && _plan.Kept.All(k => k.First != pass) && r.Fold.Quick(HasShortPositions) is { } fold
                ? r with { Fold = fold }
                : r),
    ];

    /// <summary>The only pass, over some of the outer reduced elements, from states that others have led to.</summary>
    public LoopExpr[][][] Continue(IReadOnlyList<RowwiseRows> rows, RowwiseRange outer, LoopExpr[][][] states) =>
        Passes([.. rows.Select(r => (0, r))], outer, default, quick: false, states);

    private LoopExpr[][][] Passes((int Pass, RowwiseRows Rows)[] work, RowwiseRange outer, RowwiseRange inner, bool quick, LoopExpr[][][]? from = null)
    {
        var chains = _layout.AlongRow ? Chains(inner) : 1;
        var folds = work.Select(w => Folds(w.Pass, quick)).ToArray();
        var states = work.Select((w, n) => Enumerable.Range(0, chains).Select(_ => folds[n].Select((fold, f) =>
            (from?[n][f] ?? fold.Fold.Neutral(_layout.AlongRow ? _lanes : w.Rows.Lanes)).Select(Body.Declare).ToArray()).ToArray()).ToArray()).ToArray();
        OuterLoop(outer, number =>
        {
            var starts = work.Select(w =>
            {
                var axes = (IndexForm[])w.Rows.Axes.Clone();
                RowwiseLayout.Unravel(Space, number, _layout.OuterReduced, _plan.Shape, axes);
                return axes;
            }).ToArray();
            if (!_layout.AlongRow)
            {
                Together(work.Length, n => Step(
                    work[n].Pass, folds[n], states[n][0], new Coords(starts[n].ToValueList(), work[n].Rows.Lanes, work[n].Rows.Mask)));
                return;
            }

            InnerLoop(inner, chains, (start, chain, mask) =>
            {
                var form = Space.Counter(start, SizeExpr.Zero, _layout.Length(_plan), vectorised: _lanes > 1);
                var steps = work.Select((w, n) =>
                {
                    var along = (IndexForm[])starts[n].Clone();
                    RowwiseLayout.Unravel(Space, form, _layout.Run, _plan.Shape, along);
                    var at = new Coords(along.ToValueList(), _lanes, mask);
                    return _ahead.Watch(w.Pass, chain, at, () => Step(w.Pass, folds[n], states[n][chain], at));
                }).ToArray();
                return () => Array.ForEach(steps, s => s());
            });
        });

        return [.. states.Select((s, n) => Join(folds[n], s))];
    }

    /// <summary>The outputs that have one element per row.</summary>
    public void StoreRows(IReadOnlyList<RowwiseRows> all)
    {
        foreach (var rows in all)
        {
            var at = At(rows);
            foreach (var store in _plan.Stores.Where(s => s.PerRow))
            {
                Store(store.Id, at, at.Axes, _plan.RowShape, null);
            }
        }
    }

    // All values are emitted before any is folded or stored: then their arithmetic interleaves, and they share the checks of their functions.
    private static void Together(int count, Func<int, Action> step) => Array.ForEach([.. Enumerable.Range(0, count).Select(step)], s => s());

    // One element, or one vector of elements, of the rows: emits the values, and answers what folds and stores them.
    private Action Step(int pass, RowwiseReduction[] folds, VariableExpr[][] states, Coords at)
    {
        var keeps = _plan.Kept.Where(k => k.First < pass).ToArray();
        foreach (var kept in keeps)
        {
            var value = LoadKept(kept, at);
            _kernel.Values.Bind(kept.Id, where => where.Axes == at.Axes ? value : throw Elsewhere(kept.Id));
        }

        // All values before any store: a store may end a kept value's life.
        var stored = _plan.Stores.Where(s => !s.PerRow && s.Pass == pass).ToArray();
        var first = _plan.Kept.Where(k => k.First == pass).ToArray();
        (NodeId, Coords)[] wanted =
        [
            .. folds.SelectMany(f => f.Factors.Select(x => (x.Node, at.With(x.Axes.Select(a => at.Axes[a]))))),
            .. stored.Select(s => (s.Id, IndexOf(s.Id, at, at.Axes, _plan.Shape))),
            .. first.Select(k => (k.Id, at)),
        ];
        var values = new Queue<LoopExpr>(GuardedValues.Emit(_kernel, wanted));
        var steps = folds.Select(f => f.Factors.Select(_ => values.Dequeue()).ToArray()).ToArray();
        var stores = stored.Select(s => (s.Id, Value: values.Dequeue())).ToArray();
        var news = first.Select(k => (Kept: k, Value: values.Dequeue())).ToArray();
        foreach (var kept in keeps)
        {
            _kernel.Values.Bind(kept.Id, null);
        }

        return () => Fold(folds, states, steps, news, stores, at);
    }

    private void Fold(
        RowwiseReduction[] folds,
        VariableExpr[][] states,
        LoopExpr[][] steps,
        (RowwiseKept Kept, LoopExpr Value)[] news,
        (NodeId Id, LoopExpr Value)[] stores,
        Coords at)
    {
        for (var f = 0; f < folds.Length; f++)
        {
            var fold = folds[f].Fold;
            var position = fold.HasPosition ? Position(at) : null;
            LoopExpr[] old = [.. states[f]];
            var next = fold.Step(Body, old, steps[f], position, _layout.IsInOrder);
            for (var part = 0; part < next.Length; part++)
            {
                // Lanes that lie outside the row keep what they have; those outside the kept axes are of no interest.
                var value = _layout.AlongRow && at.Mask is { } mask ? Body.Select(mask, next[part], old[part]) : next[part];
                next[part] = value;
            }

            for (var part = 0; part < next.Length; part++)
            {
                Body.Assign(states[f][part], next[part]);
            }
        }

        foreach (var (kept, value) in news)
        {
            StoreKept(kept, value, at);
        }

        foreach (var (id, value) in stores)
        {
            Store(id, at, at.Axes, _plan.Shape, value);
        }
    }

    private LoopExpr[][] Join(RowwiseReduction[] folds, VariableExpr[][][] chains)
    {
        var joined = new LoopExpr[folds.Length][];
        for (var f = 0; f < folds.Length; f++)
        {
            var left = chains.Select(c => c[f].Select(Body.Read).ToArray()).ToList();
            for (; left.Count > 1; left = [.. left.Chunk(2).Select(p => p.Length == 2 ? folds[f].Fold.Join(Body, p[0], p[1]) : p[0])])
            {
            }

            joined[f] = _layout.AlongRow ? folds[f].Fold.FoldLanes(Body, left[0]) : left[0];
        }

        return joined;
    }

    private void OuterLoop(RowwiseRange range, Action<IndexForm> body)
    {
        var count = _layout.ReducedCount(_plan);
        if (count == SizeExpr.One)
        {
            body(IndexForm.Zero);
        }
        else
        {
            Body.For(range.From, range.To, 1, mayBeEmpty: true, i => body(Space.Counter(i, count)));
        }
    }

    private int Chains(RowwiseRange inner)
    {
        var chains = _chains;
        while (Constant(inner) is { } length && chains > 1 && length < chains * _lanes)
        {
            chains /= 2;
        }

        return chains;
    }

    private static long? Constant(RowwiseRange range) =>
        BodyMath.AsSize(range.From) is { } from && BodyMath.AsSize(range.To) is { } to ? (to - from).AsConstant : null;

    // |c·w|c·w|…|w|w|rest|: blocks of all chains, then single vectors, then one vector under a mask.
    private void InnerLoop(RowwiseRange range, int chains, Func<LoopExpr, int, LoopExpr?, Action> step)
    {
        var from = range.From;
        if (chains > 1)
        {
            from = Whole(chains * _lanes);
            Loop(range.From, from, chains * _lanes, i => Together(chains, c => step(Body.Add(i, BodyMath.Index(c * _lanes)), c, null)));
        }

        var end = Whole(_lanes);
        Loop(from, end, _lanes, i => step(i, 0, null)());
        if (_lanes == 1 || end == range.To)
        {
            return;
        }

        void Rest()
        {
            var ramp = Body.Let(new RampExpr(new LaneType(ElementType.I64, _lanes), end, BodyMath.Index(1)));
            step(end, 0, Body.Less(ramp, range.To))();
        }

        if (Constant(range) is not null)
        {
            Rest();
        }
        else
        {
            Body.If(Body.Less(end, range.To), Rest);
        }

        LoopExpr Whole(int block) => Body.Sub(range.To, Body.Rem(Body.Sub(range.To, range.From), BodyMath.Index(block)));
    }

    private void Loop(LoopExpr from, LoopExpr to, int step, Action<LoopExpr> body)
    {
        if (Constant(new RowwiseRange(from, to)) is { } length && length <= step)
        {
            if (length > 0)
            {
                body(from);
            }

            return;
        }

        Body.For(from, to, step, mayBeEmpty: true, body);
    }

    private LoopExpr ValueAt(NodeId reduction, Coords at)
    {
        foreach (var rows in _rows)
        {
            if (rows.Values.TryGetValue(reduction, out var value) && Kept(rows.Axes) == at.Axes)
            {
                return value;
            }
        }

        throw Elsewhere(reduction);
    }

    private ValueList<IndexForm> Kept(IndexForm[] axes) => axes.Where((_, axis) => !_plan.IsReduced(axis)).ToValueList();

    private LoopExpr Position(Coords at) => Space.ToValue(
        ValueEmitter.RowMajor(_plan.Axes.Select(a => at.Axes[a]).ToValueList(), _plan.Axes.Select(a => _plan.Shape[a]).ToValueList()), at.Lanes);

    private Coords IndexOf(NodeId node, Coords at, ValueList<IndexForm> index, ValueList<SizeExpr> shape) =>
        at.With(ReshapeRules.SourceIndex(Space, index, shape, _kernel.Graph[node].Type.Shape));

    private void Store(NodeId node, Coords at, ValueList<IndexForm> index, ValueList<SizeExpr> shape, LoopExpr? value)
    {
        var type = _kernel.Graph[node].Type;
        var where = IndexOf(node, at, index, shape);
        _kernel.Values.Store(_kernel.Write(node), ValueEmitter.RowMajor(where.Axes, type.Shape), value ?? _kernel.Values.Emit(node, where), where, _streamed.Contains(node));
    }

    private LoopExpr LoadKept(RowwiseKept kept, Coords at)
    {
        var (buffer, address) = KeptPlace(kept, at);
        return _kernel.Values.Load(buffer, _kernel.Graph[kept.Id].Type.Element.ComputeType(), address, at);
    }

    private void StoreKept(RowwiseKept kept, LoopExpr value, Coords at)
    {
        var (buffer, address) = KeptPlace(kept, at);
        _kernel.Values.Store(buffer, address, value, at);
    }

    private (int Buffer, IndexForm Address) KeptPlace(RowwiseKept kept, Coords at) => kept.Output is { } home
        ? (_kernel.ReadWrite(home), ValueEmitter.RowMajor(at.Axes, _plan.Shape))
        : (_locals[kept.Id], ValueEmitter.RowMajor(
            _plan.Axes.Select(a => at.Axes[a]).ToValueList(), _plan.Axes.Select(a => _plan.Shape[a]).ToValueList()));

    private CompilerBugException Elsewhere(NodeId node) => new("kernels", $"node {node} is wanted outside its row in {_kernel.Name}");
}
