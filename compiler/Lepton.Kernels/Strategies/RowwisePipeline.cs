using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The passes over neighbouring rows in one loop: pass p runs over row r - p. What bounds one pass (loads from memory, multiplications, the
/// divider) is idle in another, and a row comes from memory while the one before it is computed with.
/// <code>
/// step r:      pass 0: row r      pass 1: row r - 1      pass 2: row r - 2      all in the same loop over j
/// first and last steps of a chunk: the passes that have a row, one behind the other
/// </code>
/// Each pass does to its row what it does alone, so results are the same.
/// </summary>
internal sealed class RowwisePipeline
{
    // Steps at the ends of a chunk are not worth more than a quarter of it.
    public const long LeastRows = 8;

    // Registers hold the states and the values of all passes at once.
    private const int MostMembers = 16;
    private const int MostStates = 4;

    private readonly KernelBuilder _kernel;
    private readonly RowwisePlan _plan;
    private readonly RowwiseLoops _loops;
    private readonly RowwiseUnits _units;
    private readonly RowwiseRange _inner;

    // _known[p]: what the row of pass p has from the passes before.
    private readonly Dictionary<NodeId, VariableExpr>[] _known;
    private readonly Dictionary<NodeId, VariableExpr> _found = [];

    private RowwisePipeline(KernelBuilder kernel, RowwisePlan plan, RowwiseLoops loops, RowwiseUnits units, RowwiseRange inner)
    {
        (_kernel, _plan, _loops, _units, _inner) = (kernel, plan, loops, units, inner);
        _known = [.. Enumerable.Range(0, plan.Passes).Select(p => plan.Reductions.Where(r => r.Pass < p).ToDictionary(r => r.Id, Variable))];
    }

    private BodyBuilder Body => _kernel.Body;

    /// <summary>
    /// Whether there are passes and rows enough; a kept value must lie in a row of its own, or be wanted in the last pass from the one before it:
    /// then each element is read before that of the next row takes its place.
    /// </summary>
    public static bool Suits(FusionGroup group, RowwisePlan plan, RowwiseLayout layout, SizeExpr perChunk) =>
        plan.Passes > 1 && layout.AlongRow && layout.OuterReduced.Count == 0 && perChunk.AsConstant >= LeastRows && !(plan.Rows.AsConstant < plan.Passes)
        && group.Members.Count <= MostMembers && plan.Reductions.Sum(r => r.Fold.Parts.Count) <= MostStates
        && plan.Kept.All(k => k.Output is not null || k.First == plan.Passes - 2);

    public static void Emit(
        KernelBuilder kernel, RowwisePlan plan, RowwiseLoops loops, RowwiseUnits units, RowwiseRange inner, LoopExpr from, LoopExpr to)
    {
        var pipeline = new RowwisePipeline(kernel, plan, loops, units, inner);
        foreach (var reduction in plan.Reductions)
        {
            pipeline._found[reduction.Id] = pipeline.Variable(reduction);
        }

        var lag = BodyMath.Index(plan.Passes - 1);
        kernel.Body.For(from, kernel.Body.Add(to, lag), 1, mayBeEmpty: false, step => pipeline.Step(step, from, to, lag));
    }

    private VariableExpr Variable(RowwiseReduction reduction) => Body.Declare(BodyMath.Number(reduction.Fold.Parts[^1], 0));

    private void Step(LoopExpr step, LoopExpr from, LoopExpr to, LoopExpr lag)
    {
        var passes = Enumerable.Range(0, _plan.Passes).Reverse().ToArray();
        var full = Body.And(Has(_plan.Passes - 1), Has(0))!;
        Body.If(full, () => Run(passes, step), () => Array.ForEach(passes, p => Body.If(Body.And(Has(p), null)!, () => Run([p], step))));

        // The row of pass p is that of pass p + 1 in the next step.
        foreach (var p in passes.SkipLast(1))
        {
            foreach (var reduction in _plan.Reductions.Where(r => r.Pass < p))
            {
                Body.Assign(_known[p][reduction.Id], Body.Read(reduction.Pass == p - 1 ? _found[reduction.Id] : _known[p - 1][reduction.Id]));
            }
        }

        LoopExpr Has(int pass)
        {
            var row = Body.Sub(step, BodyMath.Index(pass));
            return Body.And(Body.Map(MapOp.GreaterEqual, ElementType.Bool, row, from), Body.Less(row, to))!;
        }
    }

    private void Run(int[] passes, LoopExpr step)
    {
        var work = new List<(int Pass, RowwiseRows Rows)>();
        _loops.Forget();
        foreach (var pass in passes)
        {
            var rows = _units.Row(_loops, Body.Sub(step, BodyMath.Index(pass)));
            foreach (var (id, value) in _known[pass])
            {
                rows.Values[id] = Body.Read(value);
            }

            work.Add((pass, rows));
        }

        var states = _loops.Passes([.. work], new RowwiseRange(BodyMath.Index(0), BodyMath.Index(1)), _inner);
        foreach (var (n, (pass, rows)) in work.Index())
        {
            RowwiseUnits.Know(_plan, pass, [rows], [states[n]]);
            foreach (var reduction in _plan.Reductions.Where(r => r.Pass == pass))
            {
                Body.Assign(_found[reduction.Id], rows.Values[reduction.Id]);
            }

            if (pass == _plan.Passes - 1)
            {
                _loops.StoreRows([rows]);
            }
        }
    }
}
