using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A scan in which every element of the states goes its way alone: one kernel, with the states in registers through all steps.
/// <code>
/// for i { s = initial[i];  for t to T { s = f(s, captures[i], t);  emits[t, i] = g(s, …) };  final[i] = s }
/// </code>
/// What a step takes from rows of its own, and what it emits, lies one step behind the other: that pays for states of few elements (running
/// sums), where a kernel for each step would take longer to start than to run.
/// </summary>
internal sealed class ElementwiseScan
{
    // A longer body would only spill its registers.
    private const int MostNodes = 256;

    // As many elements as lie in a few cache lines.
    private const long FewElements = 64;

    private readonly LoweringContext _outer;
    private readonly LoweringContext _body;
    private readonly ScanNode _scan;
    private readonly ILookup<int, NodeId> _results;
    private readonly ValueList<SizeExpr> _shape;
    private readonly NodeId[] _states;
    private readonly NodeId? _step;
    private readonly (NodeId Node, int Output)[] _emits;

    private ElementwiseScan(LoweringContext outer, ScanNode scan, FusedGraph body, ILookup<int, NodeId> results)
    {
        (_outer, _scan, _results) = (outer, scan, results);
        _shape = outer.Graph[scan.States[0]].Type.Shape;

        // The steps make up for elements: chunks are smaller than those of one pass. Twice the lanes: one step waits for the one before.
        var steps = Math.Clamp(scan.Count.AsConstant ?? 16, 1, 16);
        var options = outer.Options with { ChunkElements = (int)Math.Max(1, outer.Options.ChunkElements / steps), VectorBytes = 2 * outer.Options.VectorBytes };
        _body = new LoweringContext(body, outer.Program, options) { Parameters = outer.Parameters };
        _states = [.. body.Graph.Inputs.Where(i => Kind(body.Graph, i) == InputKind.State)];
        _step = body.Graph.Inputs.Select(i => (NodeId?)i).FirstOrDefault(i => Kind(body.Graph, i!.Value) == InputKind.Step);
        _emits = [.. Enumerable.Range(_states.Length, body.Graph.Outputs.Count - _states.Length).Where(k => results[k].Any()).Select(k => (body.Graph.Outputs[k].Node, k))];
    }

    private Graph Graph => _body.Graph;

    /// <summary>Emits the kernel if the scan is of this kind. What it captures must have places.</summary>
    /// <param name="results">The result nodes of each output of the body.</param>
    public static bool TryLower(LoweringContext context, FusionGroup group, NodeId loop, ILookup<int, NodeId> results)
    {
        if (context.Graph[loop] is not ScanNode { States.Count: > 0 } node)
        {
            return false;
        }

        var scan = new ElementwiseScan(context, node, context.Fused.Bodies[loop], results);
        if (!scan.IsElementwise())
        {
            return false;
        }

        scan.Lower(group);
        return true;
    }

    private static InputKind Kind(Graph graph, NodeId input) => ((InputNode)graph[input]).Kind;

    private bool IsElementwise()
    {
        // Rows of a step are read, and emits stored, as fast as memory goes when step follows step, and across all rows when not.
        var isSmall = SizeExpr.Product(_shape).AsConstant <= FewElements || Graph.Nodes.Any(IsAlongSteps);
        if (Graph.Nodes.Count > MostNodes || _scan.States.Any(s => _outer.Graph[s].Type.Shape != _shape)
            || _emits.Any(e => !isSmall || Graph[e.Node].Type.Shape != _shape))
        {
            return false;
        }

        var ofState = new bool[Graph.Nodes.Count];
        for (var i = 0; i < ofState.Length; i++)
        {
            var node = Graph.Nodes[i];
            ofState[i] = node is InputNode { Kind: InputKind.State } || node.Operands.Any(o => ofState[o.Value]);
            var computable = node switch
            {
                InputNode or SplatNode or ConstantNode or SizeNode or IotaNode or MapNode => true,
                ViewNode view => !ofState[i] || IsSame(view),
                ReshapeNode or ConcatNode => !ofState[i],
                GatherNode gather => isSmall && !ofState[i] && gather.Access.All(a => a.Data < 0 || (a.Outside == Outside.Never && a.Site < 0)),
                _ => false,
            };
            if (!computable)
            {
                return false;
            }
        }

        return true;
    }

    // x[…, t]: what an element takes in the next step lies beside what it takes in this one.
    private bool IsAlongSteps(Node node) =>
        node is GatherNode { Access: [.., { Data: >= 0 and var data }] } gather
        && (gather.Indices[data] == _step || (Graph[gather.Indices[data]] is ViewNode { Source: var source } && source == _step));

    // x[i, j, …], which stands for a second output with the same value.
    private bool IsSame(ViewNode view) =>
        view.Type.Shape == Graph[view.Source].Type.Shape && view.Access.Select((a, axis) => a.AsPlainAxis == axis).All(same => same);

    private void Lower(FusionGroup group)
    {
        var captures = Graph.Inputs.Where(i => Kind(Graph, i) is not (InputKind.State or InputKind.Step));
        foreach (var (input, capture) in captures.Zip(_scan.Captures))
        {
            _body.SetPlace(input, _outer.PlaceOf(capture)!);
        }

        foreach (var state in _scan.States.Where(s => _outer.Graph[s] is not SplatNode && _outer.PlaceOf(s) is null))
        {
            GraphLowering.Materialize(_outer, state);
        }

        var members = Graph.Nodes.Select((n, i) => (Node: n, Id: new NodeId(i)))
            .Where(m => m.Node is MapNode or ViewNode or ReshapeNode or ConcatNode or GatherNode)
            .Select(m => m.Id);
        var next = Graph.Outputs.Take(_states.Length).Select(o => o.Node).ToArray();
        var kernel = new FusionGroup(group.Name, KernelStrategy.Map, members.ToValueList(), next.Concat(_emits.Select(e => e.Node)).Distinct().ToValueList());
        var stores = next.Select((node, k) => new NestStore(node, Target(k, []), index => index))
            .Concat(_emits.Select(e => new NestStore(e.Node, Target(e.Output, [_scan.Count]), index => [IndexForm.Zero, .. index])))
            .ToList();
        MapNest.Emit(_body, group.Name, kernel, _shape, stores, new NestScan(_scan.Count, Stand, (builder, at) => Element(builder, at, stores)));
    }

    // Where output k goes, final states and stacked emits; all results of that output are there from then on.
    private NestTarget Target(int k, ValueList<SizeExpr> stacked)
    {
        var own = Graph[Graph.Outputs[k].Node].Type;
        var type = new TensorType(own.Element, [.. stacked, .. own.Shape]);
        var place = _results[k].Select(_outer.PlaceOf).OfType<BufferPlace>().FirstOrDefault() ?? new BufferPlace(_outer.Allocate(type.Element, type.Count));
        foreach (var result in _results[k])
        {
            _outer.SetPlace(result, place);
        }

        return NestTarget.Of(type, place);
    }

    // For the plan: states and step are variables of which nothing is known.
    private void Stand(KernelBuilder kernel)
    {
        foreach (var state in _states)
        {
            Bind(state, BodyMath.Number(Graph[state].Type.Element, 0));
        }

        if (_step is { } step)
        {
            Bind(step, BodyMath.Index(0));
        }

        void Bind(NodeId node, LoopExpr start)
        {
            var value = kernel.Body.Read(kernel.Body.Declare(start));
            kernel.Values.Bind(node, _ => value);
        }
    }

    // One element, or one vector of elements, from its initial states to the final ones.
    private void Element(KernelBuilder kernel, Coords at, List<NestStore> stores)
    {
        var (body, values) = (kernel.Body, kernel.Values);
        var address = ValueEmitter.RowMajor(at.Axes, _shape);
        var states = _scan.States.Select(s => body.Declare(body.Splat(Initial(kernel, s, address, at), at.Lanes))).ToArray();
        body.For(BodyMath.Index(0), BodyMath.Index(_scan.Count), 1, mayBeEmpty: !(_scan.Count.LowerBound() >= 1), step =>
        {
            for (var k = 0; k < states.Length; k++)
            {
                var now = body.Read(states[k]);
                values.Bind(_states[k], where => where.Axes == at.Axes ? now : throw new CompilerBugException("kernels", $"{kernel.Name} mixes elements"));
            }

            if (_step is { } number)
            {
                values.Bind(number, _ => step);
            }

            var results = stores.Select(s => values.Emit(s.Value, at)).ToArray();
            for (var k = 0; k < states.Length; k++)
            {
                // A state is stored between steps in what it is declared as, and half floats round there.
                var element = Graph[_states[k]].Type.Element;
                var next = element is ElementType.F16 or ElementType.BF16 ? kernel.RoundTo(element, results[k]) : results[k];
                body.Assign(states[k], body.Splat(next, at.Lanes));
            }

            for (var k = states.Length; k < stores.Count; k++)
            {
                var line = (kernel.Space.Counter(step, _scan.Count) * SizeExpr.Product(_shape)) + address;
                values.Store(stores[k].Target.Buffer(kernel), line, results[k], at);
            }

            // Nothing of a step is known outside it.
            Array.ForEach(_states, state => values.Bind(state, null));
            if (_step is { } over)
            {
                values.Bind(over, null);
            }
        });
        for (var k = 0; k < states.Length; k++)
        {
            values.Store(stores[k].Target.Buffer(kernel), address, body.Read(states[k]), at);
        }
    }

    private LoopExpr Initial(KernelBuilder kernel, NodeId state, IndexForm address, Coords at)
    {
        var element = _outer.Graph[state].Type.Element;
        return (_outer.Graph[state], _outer.PlaceOf(state)) switch
        {
            (SplatNode splat, _) => BodyMath.Number(splat.Value),
            (_, SizePlace size) => BodyMath.Index(size.Size),
            (_, BufferPlace place) => kernel.Values.Load(kernel.Buffer("initial", element, BufferAccess.Read, place.Ref), element, address, at),
            _ => throw new CompilerBugException("kernels", $"a state of {kernel.Name} has no place"),
        };
    }
}
