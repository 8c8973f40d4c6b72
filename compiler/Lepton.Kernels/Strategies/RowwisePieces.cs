using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Few long rows: each pass is two kernels. The first cuts rows into pieces whose length follows from sizes alone, and stores the state of each
/// piece; the second joins the states of a row's pieces in order. Results of one pass are loaded by the next.
/// </summary>
internal sealed class RowwisePieces
{
    // As many rows as this keep all cores busy without being cut.
    private const long FewUnits = 16;

    // Shorter rows are not worth a second kernel.
    private const long LongRow = 65536;

    // Elements of a piece: a multiple of lanes times chains.
    private const long PieceElements = 16384;

    private readonly FusionGroup _group;
    private readonly LoweringContext _context;
    private readonly RowwisePlan _plan;
    private readonly RowwiseLayout _layout;
    private readonly RowwiseWidth _width;
    private readonly long _pieceElements;
    private readonly SizeExpr _pieces;
    private readonly SizeExpr _perPiece;
    private readonly bool _cutsInner;
    private readonly Dictionary<NodeId, BufferRef> _results = [];

    private RowwisePieces(FusionGroup group, LoweringContext context, RowwisePlan plan, RowwiseLayout layout)
    {
        (_group, _context, _layout) = (group, context, layout);
        _plan = plan with { Kept = plan.Kept.Where(k => k.Output is not null).ToValueList() };
        _width = RowwiseWidth.Of(context, group, plan, layout);
        _cutsInner = layout.AlongRow && layout.OuterReduced.Count == 0;
        var across = layout.AlongRow ? layout.Length(plan) : SizeExpr.Constant(_width.Tile);
        long together = _width.Lanes * _width.Chains;
        _pieceElements = context.Options.Limit(PieceElements / together) * together;
        _perPiece = _cutsInner ? _pieceElements : SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(_pieceElements, SizeExpr.Max(SizeExpr.One, across)));
        _pieces = SizeExpr.CeilDiv(_cutsInner ? layout.Length(plan) : layout.ReducedCount(plan), _perPiece);
    }

    public static bool Suits(RowwisePlan plan, RowwiseLayout layout, RowwiseWidth width, KernelOptions options)
    {
        var units = layout.AlongRow ? plan.Rows : layout.KeptCount(plan) * SizeExpr.CeilDiv(layout.Length(plan), width.Tile);
        return units.AsConstant <= FewUnits && !(plan.RowLength.AsConstant < options.Limit(LongRow));
    }

    public static void Lower(FusionGroup group, LoweringContext context, RowwisePlan plan, RowwiseLayout layout)
    {
        var pieces = new RowwisePieces(group, context, plan, layout);
        var last = plan.Reductions.Max(r => r.Pass);
        for (var pass = 0; pass < plan.Passes; pass++)
        {
            var states = pieces.Pieces(pass);
            if (states.Count > 0)
            {
                pieces.Join(pass, states, pass == last);
            }
        }
    }

    // Chunk = piece number p of unit u, p fastest; state of row r at p·rows + r.
    private List<BufferRef[]> Pieces(int pass)
    {
        var (kernel, loops, units) = Start($"pass{pass}");
        foreach (var store in _plan.Stores.Where(s => !s.PerRow && s.Pass == pass))
        {
            kernel.Write(store.Id);
        }

        var folds = _plan.Reductions.Where(r => r.Pass == pass).ToArray();
        var states = folds.Select(f => f.Fold.Parts.Select(p => _context.Allocate(p, _plan.Rows * _pieces)).ToArray()).ToList();
        var body = kernel.Body;
        var unit = body.FloorDiv(BodyBuilder.Chunk, BodyMath.Index(_pieces));
        var piece = body.Rem(BodyBuilder.Chunk, BodyMath.Index(_pieces));
        var from = body.Mul(piece, BodyMath.Index(_perPiece));
        var count = BodyMath.Index(_cutsInner ? _layout.Length(_plan) : _layout.ReducedCount(_plan));
        var mine = new RowwiseRange(from, body.Min(body.Add(from, BodyMath.Index(_perPiece)), count));
        var all = new RowwiseRange(BodyMath.Index(0), BodyMath.Index(_cutsInner ? SizeExpr.One : _layout.Length(_plan)));
        units.Unit(loops, unit, (numbers, rows) =>
        {
            LoadResults(kernel, pass, numbers, rows);
            var joined = _cutsInner ? loops.Pass(pass, rows, default, mine) : loops.Pass(pass, rows, mine, all);
            for (var r = 0; r < rows.Count; r++)
            {
                var address = numbers[r] + (kernel.Space.Counter(piece, _pieces) * _plan.Rows);
                ForEachPart(kernel, folds, states, BufferAccess.Write, (f, part, buffer) =>
                    kernel.Values.Store(buffer, address, joined[r][f][part], loops.At(rows[r])));
            }
        });

        kernel.Launch(units.Count * _pieces, $"{_width.Describe(_plan, _layout)}, pass {pass} in pieces of {_pieceElements}");
        return states;
    }

    private void Join(int pass, List<BufferRef[]> states, bool isLast)
    {
        var (kernel, loops, units) = Start($"join{pass}");
        if (isLast)
        {
            foreach (var store in _plan.Stores.Where(s => s.PerRow))
            {
                kernel.Write(store.Id);
            }
        }

        var (body, folds) = (kernel.Body, _plan.Reductions.Where(r => r.Pass == pass).ToArray());
        units.ForEach(loops, BodyMath.Index(0), BodyMath.Index(units.Count), (numbers, rows) =>
        {
            LoadResults(kernel, pass, numbers, rows);
            var joined = rows.Select(r => folds.Select(f => f.Fold.Neutral(r.Lanes).Select(body.Declare).ToArray()).ToArray()).ToArray();
            body.For(BodyMath.Index(0), BodyMath.Index(_pieces), 1, mayBeEmpty: true, piece =>
            {
                for (var r = 0; r < rows.Count; r++)
                {
                    var address = numbers[r] + (kernel.Space.Counter(piece, _pieces) * _plan.Rows);
                    var next = folds.Select(f => new LoopExpr[f.Fold.Parts.Count]).ToArray();
                    ForEachPart(kernel, folds, states, BufferAccess.Read, (f, part, buffer) => next[f][part] =
                        body.Splat(kernel.Values.Load(buffer, folds[f].Fold.Parts[part], address, loops.At(rows[r])), rows[r].Lanes));
                    for (var f = 0; f < folds.Length; f++)
                    {
                        var state = folds[f].Fold.Join(body, [.. joined[r][f]], next[f]);
                        for (var part = 0; part < state.Length; part++)
                        {
                            body.Assign(joined[r][f][part], state[part]);
                        }
                    }
                }
            });
            RowwiseUnits.Know(_plan, pass, rows, [.. joined.Select(j => j.Select(s => s.Select(body.Read).ToArray()).ToArray())]);
            for (var r = 0; r < rows.Count; r++)
            {
                foreach (var fold in folds)
                {
                    var (value, at) = (rows[r].Values[fold.Id], loops.At(rows[r]));
                    kernel.Values.Store(Result(kernel, fold, BufferAccess.Write), numbers[r], value, at);
                }
            }

            if (isLast)
            {
                loops.StoreRows(rows);
            }
        });

        kernel.Launch(SizeExpr.Min(SizeExpr.One, units.Count), $"joins {_pieces} pieces of each row");
    }

    private (KernelBuilder Kernel, RowwiseLoops Loops, RowwiseUnits Units) Start(string what)
    {
        var kernel = new KernelBuilder(_context, $"{_context.Graph.Name}_{_group.Name}_{what}", _group);
        kernel.AssumePositive(_plan.Rows);
        return (kernel, new RowwiseLoops(kernel, _plan, _layout, _width.Lanes, _width.Chains), new RowwiseUnits(kernel, _plan, _layout, _width));
    }

    private void LoadResults(KernelBuilder kernel, int pass, IReadOnlyList<IndexForm> numbers, IReadOnlyList<RowwiseRows> rows)
    {
        foreach (var fold in _plan.Reductions.Where(r => r.Pass < pass))
        {
            for (var r = 0; r < rows.Count; r++)
            {
                var (buffer, at) = (Result(kernel, fold, BufferAccess.Read), new Coords([], rows[r].Lanes, rows[r].Mask));
                rows[r].Values[fold.Id] = kernel.Values.Load(buffer, fold.Fold.Parts[^1], numbers[r], at);
            }
        }
    }

    private int Result(KernelBuilder kernel, RowwiseReduction fold, BufferAccess access)
    {
        if (!_results.TryGetValue(fold.Id, out var place))
        {
            place = _context.Allocate(fold.Fold.Parts[^1], _plan.Rows);
            _results.Add(fold.Id, place);
        }

        return kernel.Buffer($"result{fold.Id.Value}", fold.Fold.Parts[^1], access, place);
    }

    private static void ForEachPart(
        KernelBuilder kernel, RowwiseReduction[] folds, List<BufferRef[]> states, BufferAccess access, Action<int, int, int> visit)
    {
        for (var f = 0; f < folds.Length; f++)
        {
            for (var part = 0; part < states[f].Length; part++)
            {
                visit(f, part, kernel.Buffer($"state{folds[f].Id.Value}_{part}", folds[f].Fold.Parts[part], access, states[f][part]));
            }
        }
    }
}
