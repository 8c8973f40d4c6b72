using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;

namespace Lepton.Kernels.Strategies;

/// <summary>A contraction's group emitted once, into a builder that is thrown away, with a symbol for each label: what its addresses are like.</summary>
internal sealed class ContractionTrial
{
    // Stands for the result among the factors.
    private const int Result = -1;

    private readonly ContractNode _node;
    private readonly Dictionary<int, int> _symbols = [];
    private readonly HashSet<(int Factor, IndexForm Form)> _addresses = [];
    private readonly HashSet<(int Factor, IndexForm Form)> _forms = [];
    private readonly HashSet<(int Factor, int Symbol)> _opaque = [];
    private readonly HashSet<(int Factor, int Symbol)> _guarded = [];
    private readonly HashSet<NodeId>[] _below;
    private readonly IndexSpace _space;

    public ContractionTrial(LoweringContext context, FusionGroup group, NodeId contract)
    {
        Graph = context.Graph;
        _node = (ContractNode)Graph[contract];
        Sizes = ContractionPlan.SizesOf(Graph, _node);
        var trial = new KernelBuilder(context, "trial", group);
        _space = trial.Space;
        foreach (var output in group.Outputs)
        {
            trial.Write(output);
        }

        Loops(trial, [.. Sizes.Keys.Order()], 0, () => Emit(trial, context, group, contract));
        foreach (var (factor, address) in _addresses.Where(a => trial.Space.HasQuotient(a.Form)))
        {
            _opaque.UnionWith(trial.Space.BaseSymbols(address).Where(s => address.Coefficient(s) == SizeExpr.Zero).Select(s => (factor, s)));
        }

        _below = [.. _node.Factors.Select(f => group.Below(Graph, f).Members.ToHashSet())];
    }

    public Graph Graph { get; }

    public IReadOnlyDictionary<int, SizeExpr> Sizes { get; }

    /// <summary>All outputs are computed from the contract at their own index.</summary>
    public bool Fits { get; private set; } = true;

    /// <summary>Whether the labels, in this order, can be one in some factors: every address moves size(b) times as far along a as along b.</summary>
    public bool Merge(ValueList<int> factors, ValueList<int> labels) =>
        labels.Count < 2 || Enumerable.Range(1, labels.Count - 1).All(i => Merge(factors, labels[i - 1], labels[i]));

    public bool Merge(ValueList<int> factors, int a, int b) =>
        !_opaque.Any(o => factors.Contains(o.Factor) && (o.Symbol == _symbols[a] || o.Symbol == _symbols[b]))
        && _addresses.Where(x => factors.Contains(x.Factor)).All(x => x.Form.Coefficient(_symbols[a]) == x.Form.Coefficient(_symbols[b]) * Sizes[b]);

    /// <summary>Whether two neighbouring labels of the result can be one where it is stored and where the epilogue reads.</summary>
    public bool MergeInResult(int a, int b) => Merge([Result], a, b);

    /// <summary>Whether elements lie side by side along a label, or are the same.</summary>
    public bool IsContiguous(ValueList<int> factors, int label) => _addresses.Where(a => factors.Contains(a.Factor))
        .All(a => a.Form.Coefficient(_symbols[label]) is var c && (c == SizeExpr.Zero || c == SizeExpr.One));

    /// <summary>How many elements one more of a label is further on in memory; null: not known, or not the same everywhere.</summary>
    public long? Stride(ValueList<int> factors, int label) =>
        _addresses.Where(a => factors.Contains(a.Factor)).Select(a => a.Form.Coefficient(_symbols[label]).AsConstant).Distinct().ToArray() is [{ } stride] ? Math.Abs(stride) : null;

    /// <summary>Whether a factor comes straight from memory: nothing is computed on the way, and nothing may lie outside.</summary>
    public bool IsPlain(int factor) =>
        Graph[_node.Factors[factor]].Type.Element.ByteSize() >= sizeof(float) && !_guarded.Any(g => g.Factor == factor)
        && _below[factor].All(n => Graph[n] is ViewNode or ReshapeNode);

    /// <summary>Whether factors are views of one tensor: what may lie outside of it is then all that is read.</summary>
    public bool IsOneView(ValueList<int> factors) => factors.Count == 1 && _below[factors[0]].All(n => Graph[n] is ViewNode);

    /// <summary>Whether it depends on the label if something of these factors lies outside its tensor.</summary>
    public bool IsGuarded(ValueList<int> factors, int label) => factors.Any(f => _guarded.Contains((f, _symbols[label])));

    /// <summary>Whether only label + tap counts, as where a filter slides: one more of the one is one less of the other.</summary>
    public bool Slides(ValueList<int> factors, int label, int tap) => _forms.Concat(_addresses).Where(f => factors.Contains(f.Factor))
        .All(f => !_space.HasQuotient(f.Form) && f.Form.Coefficient(_symbols[label]) == f.Form.Coefficient(_symbols[tap]));

    /// <summary>Whether a node is computed on the way to a factor.</summary>
    public bool IsBelow(NodeId node) => _below.Any(b => b.Contains(node));

    private void Emit(KernelBuilder trial, LoweringContext context, FusionGroup group, NodeId contract)
    {
        var (space, now) = (trial.Space, Result);
        trial.Space.OnOpaque = form =>
        {
            _forms.Add((now, form));
            _opaque.UnionWith(space.BaseSymbols(form).Select(s => (now, s)));
        };
        trial.Values.OnLoad = (_, address) => _addresses.Add((now, address));
        trial.OnGuard = (form, _) => _guarded.UnionWith(space.BaseSymbols(form).Select(s => (now, s)));
        var index = Sizes.Keys.ToDictionary(l => l, l => Sizes[l] == SizeExpr.One ? IndexForm.Zero : IndexForm.Of(_symbols[l]));
        for (var f = 0; f < _node.Factors.Count; f++)
        {
            // In a scope of its own: what another factor has read already would not be seen here.
            now = f;
            trial.Body.Within(true, () => trial.Values.Emit(_node.Factors[f], new Coords(_node.Labels[f].Select(l => index[l]).ToValueList(), 1)));
        }

        now = Result;
        var at = new Coords(_node.Output.Select(l => index[l]).ToValueList(), 1);
        trial.Values.Bind(contract, where =>
        {
            Fits &= where.Axes == at.Axes;
            return BodyMath.Number(_node.Type.Element, 1);
        });
        foreach (var output in group.Outputs)
        {
            Fits &= context.Graph[output].Type.Shape == _node.Type.Shape;
            if (Fits)
            {
                trial.Values.Emit(output, at);
                _addresses.Add((Result, ValueEmitter.RowMajor(at.Axes, _node.Type.Shape)));
            }
        }
    }

    private void Loops(KernelBuilder trial, int[] labels, int next, Action body)
    {
        if (next == labels.Length)
        {
            body();
            return;
        }

        trial.Body.For(BodyMath.Index(0), BodyMath.Index(Sizes[labels[next]]), 1, false, i =>
        {
            _symbols[labels[next]] = trial.Space.SymbolOf(i, SizeExpr.Zero, Sizes[labels[next]]);
            Loops(trial, labels, next + 1, body);
        });
    }
}
