using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Sparse;

namespace Lepton.Kernels.Sparse;

/// <summary>One loop: a variable, or the number of a block or the place inside one.</summary>
/// <param name="IsFree">Whether the result has it; else it is reduced away.</param>
internal sealed record SparseLoop(int Variable, LevelPart Part, long Block, SizeExpr Size, bool IsFree);

/// <summary>A sparse tensor read at variables; its levels are met in this order by the loops numbered so.</summary>
internal sealed record SparseAccess(StoredAt At, SparseStorage Storage, ValueList<int> Loops);

/// <summary>
/// What a sparse group iterates over, and in which order: the loops, outermost first, meet the levels of every sparse operand in their
/// order. Operands that cannot be met so, and the views of blocks that do not fit, are made dense.
/// </summary>
internal sealed class SparsePlan
{
    private readonly LoweringContext _context;
    private readonly HashSet<NodeId> _members;
    private readonly HashSet<NodeId> _dense = [];

    private SparsePlan(LoweringContext context, FusionGroup group)
    {
        (_context, _members) = (context, [.. group.Members]);
        Root = group.Outputs[0];
        Value = context.Graph[Root] is FormatNode stored ? stored.Source : Root;
        Core = SparseRegion.CoreOf(context.Graph, Root, _members);
    }

    /// <summary>What the group stores.</summary>
    public NodeId Root { get; }

    /// <summary>The value of the result: the root, or what the root puts into a format.</summary>
    public NodeId Value { get; }

    /// <summary>The sum that runs over the reduced loops; null: there are none.</summary>
    public NodeId? Core { get; }

    /// <summary>Whether elementwise work on the core is left to do.</summary>
    public bool HasEpilogue => Core is { } core && core != Value;

    /// <summary>Variables of the result's axes.</summary>
    public ValueList<int> Free { get; private set; }

    /// <summary>For a core: the variables of its summed labels, or of its reduced axes, in order.</summary>
    public ValueList<int> Reduced { get; private set; }

    public Dictionary<int, SizeExpr> Sizes { get; } = [];

    public List<SparseLoop> Loops { get; private set; } = [];

    public List<SparseAccess> Accesses { get; } = [];

    /// <summary>The result where no iteration counts; null: that depends.</summary>
    public Scalar? ResultFill()
    {
        if (Core is not { } core)
        {
            return Fill;
        }

        var neutral = Graph[core] is ReduceNode { Kind: not ReduceKind.Sum } ? null : (Scalar?)Scalar.Of(Graph[core].Type.Element, 0);
        var analysis = new SupportAnalysis(Graph, id => !_members.Contains(id)) { Known = id => id == core ? new Filled(neutral, new StoredAt(core, Free)) : null };
        return analysis.Of(Value, Free) is { Fill: { } fill, Where: StoredAt { Tensor: var tensor } } && tensor == core ? fill : null;
    }

    /// <summary>Where an iteration counts: elsewhere the core's source is neutral, or the result is <see cref="Fill"/>.</summary>
    public Support Where { get; private set; } = Support.Everywhere;

    /// <summary>Without a core: the result where nothing counts.</summary>
    public Scalar? Fill { get; private set; }

    /// <summary>Whether there may be results that no iteration reaches: a free loop meets a level that stores its coordinates.</summary>
    public bool MayLeaveOut => Where != Support.Everywhere && Accesses.Any(a =>
        a.Loops.Select((l, level) => Loops[l].IsFree && a.Storage.Format.Levels[level].Kind != LevelKind.Dense).Any(f => f));

    /// <summary>Takes out a loop that no sparse operand meets: somebody else writes it.</summary>
    public void TakeOut(int variable)
    {
        var gone = Loops.FindIndex(l => l.Variable == variable);
        Loops.RemoveAt(gone);
        for (var a = 0; a < Accesses.Count; a++)
        {
            Accesses[a] = Accesses[a] with { Loops = Accesses[a].Loops.Select(l => l > gone ? l - 1 : l).ToValueList() };
        }
    }

    /// <summary>Whether no free loop stands inside a reduced one.</summary>
    public bool FreeFirst => !Loops.Select(l => l.IsFree).SkipWhile(f => f).Any(f => f);

    private Graph Graph => _context.Graph;

    public static SparsePlan Of(LoweringContext context, FusionGroup group)
    {
        while (true)
        {
            var plan = new SparsePlan(context, group);
            plan._dense.UnionWith(context.Graph.Inputs.Concat(group.Members.SelectMany(m => context.Graph[m].Operands)).Where(n => context.PlaceOf(n) is BufferPlace));
            if (plan.TryOrder() is not { } misfit)
            {
                return plan;
            }

            Densify.Run(context, misfit.Tensor, context.StorageOf(misfit.Tensor)!, misfit.Why);
        }
    }

    // The loops in order; or a tensor that stands in the way.
    private (NodeId Tensor, string Why)? TryOrder()
    {
        var type = Graph[Value].Type;
        Free = Enumerable.Range(0, type.Rank).ToValueList();
        for (var axis = 0; axis < type.Rank; axis++)
        {
            Sizes[axis] = type.Shape[axis];
        }

        var analysis = new SupportAnalysis(Graph, id => !_members.Contains(id) || id == Root && Root != Value);
        Analyse(analysis);
        var found = new HashSet<StoredAt>();
        Find(Value, Free, found);
        var blocks = new Dictionary<int, long>();
        foreach (var at in found)
        {
            var format = _context.StorageOf(at.Tensor)!.Format;
            foreach (var level in format.Levels)
            {
                // Blocks of one are two levels all the same.
                var (variable, block) = (at.Variables[level.Axis], level.Part == LevelPart.Whole ? 0 : level.Block);
                if (!blocks.TryAdd(variable, block) && blocks[variable] != block)
                {
                    return (found.First(f => _context.StorageOf(f.Tensor)!.Format.Levels.Any(l => l.Part != LevelPart.Whole)).Tensor,
                        "its blocks are not those of the others that are read along the same axis");
                }
            }

            // A diagonal is met by no order of levels.
            if (at.Variables.Distinct().Count() < at.Variables.Count)
            {
                return (at.Tensor, "two of its axes are read at one index, and no order of its levels meets a diagonal");
            }
        }

        return Order(found, blocks);
    }

    private (NodeId Tensor, string Why)? Order(HashSet<StoredAt> found, Dictionary<int, long> blocks)
    {
        var loops = new List<SparseLoop>();
        foreach (var variable in Free.Concat(Reduced))
        {
            var (block, isFree) = (blocks.GetValueOrDefault(variable, 0), Free.Contains(variable));
            if (block == 0)
            {
                loops.Add(new SparseLoop(variable, LevelPart.Whole, 1, Sizes[variable], isFree));
            }
            else
            {
                loops.Add(new SparseLoop(variable, LevelPart.Outer, block, SizeExpr.FloorDiv(Sizes[variable], block), isFree));
                loops.Add(new SparseLoop(variable, LevelPart.Inner, block, block, isFree));
            }
        }

        var needs = found.ToDictionary(f => f, f => _context.StorageOf(f.Tensor)!.Format.Levels
            .Select(l => loops.FindIndex(x => x.Variable == f.Variables[l.Axis] && x.Part == l.Part)).ToList());
        var constrained = needs.Values.SelectMany(n => n).ToHashSet();
        var open = Enumerable.Range(0, loops.Count).ToList();
        var order = new List<int>();
        while (open.Count > 0)
        {
            // A loop may come when no sparse operand has an earlier level still open.
            var ready = open.Where(l => needs.Values.All(n => n.IndexOf(l) is var at && (at < 0 || n.Take(at).All(order.Contains)))).ToList();
            if (ready.Count == 0)
            {
                // The tensor whose next level waits longest for others; any will do.
                return (needs.Keys.OrderByDescending(k => needs[k].Count(open.Contains)).ThenBy(k => k.Tensor.Value).First().Tensor,
                    "no order of loops meets its levels and those of the others, each in their order");
            }

            var next = ready.MinBy(l => (loops[l].IsFree ? constrained.Contains(l) ? 1 : 0 : constrained.Contains(l) ? 2 : 3, l));
            order.Add(next);
            open.Remove(next);
        }

        Loops = [.. order.Select(l => loops[l])];
        foreach (var (at, levels) in needs.OrderBy(n => n.Key.Tensor.Value))
        {
            Accesses.Add(new SparseAccess(at, _context.StorageOf(at.Tensor)!, levels.Select(l => order.IndexOf(l)).ToValueList()));
        }

        return null;
    }

    private void Analyse(SupportAnalysis analysis)
    {
        if (Core is not { } core)
        {
            var filled = Sparse(analysis.Of(Value, Free));
            (Fill, Where, Reduced) = (filled.Fill, filled.Where, []);
            return;
        }

        switch (Graph[core])
        {
            case ContractNode contract:
                var names = analysis.Names(contract, Free, out var summed);
                Reduced = summed.Order().ToValueList();
                Where = Support.Everywhere;
                for (var k = 0; k < contract.Factors.Count; k++)
                {
                    var shape = Graph[contract.Factors[k]].Type.Shape;
                    var at = contract.Labels[k].Select(l => names[l]).ToValueList();
                    for (var axis = 0; axis < at.Count; axis++)
                    {
                        Sizes[at[axis]] = shape[axis];
                    }

                    var factor = Sparse(analysis.Of(contract.Factors[k], at));
                    Where = factor.Fill is { } zero && FillAlgebra.IsNeutral(ReduceKind.Sum, zero) ? Support.And(Where, factor.Where) : Where;
                }

                Names = names;
                break;
            case ReduceNode reduce:
                var all = analysis.Unreduced(reduce, Free, out var reduced);
                Reduced = all.Where(reduced.Contains).ToValueList();
                Source = all;
                for (var axis = 0; axis < all.Count; axis++)
                {
                    Sizes[all[axis]] = Graph[reduce.Source].Type.Shape[axis];
                }

                var source = Sparse(analysis.Of(reduce.Source, all));
                Where = source.Fill is { } fill && FillAlgebra.IsNeutral(reduce.Kind, fill) ? source.Where : Support.Everywhere;
                break;
        }
    }

    /// <summary>The variable of each label of a contracted core.</summary>
    public Dictionary<int, int> Names { get; private set; } = [];

    /// <summary>The variables of a reduced core's source.</summary>
    public ValueList<int> Source { get; private set; }

    // What was made dense says nothing of where it is stored: every place of it counts.
    private Filled Sparse(Filled filled)
    {
        var where = filled.Where.Given(s => _dense.Contains(s.Tensor) ? true : null);
        return where == Support.Everywhere ? Filled.Dense : filled with { Where = where };
    }

    // All ways in which members read sparse tensors that are not dense too.
    private void Find(NodeId id, ValueList<int> at, HashSet<StoredAt> found)
    {
        if (!_members.Contains(id) || (id == Root && Root != Value))
        {
            if (_context.StorageOf(id) is not null && !_dense.Contains(id))
            {
                found.Add(new StoredAt(id, at));
            }

            return;
        }

        var analysis = new SupportAnalysis(Graph, _ => false);
        switch (Graph[id])
        {
            case MapNode map:
                foreach (var argument in map.Arguments.Distinct())
                {
                    Find(argument, at, found);
                }

                break;
            case ViewNode view:
                if (analysis.Renamed(view, at) is { } source)
                {
                    Find(view.Source, source, found);
                }

                break;
            case ContractNode contract:
                var names = id == Core ? Names : analysis.Names(contract, at, out _);
                for (var k = 0; k < contract.Factors.Count; k++)
                {
                    Find(contract.Factors[k], contract.Labels[k].Select(l => names[l]).ToValueList(), found);
                }

                break;
            case ReduceNode reduce:
                Find(reduce.Source, id == Core ? Source : analysis.Unreduced(reduce, at, out _), found);
                break;
        }
    }
}
