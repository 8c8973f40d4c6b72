using Lepton.Abi;
using Lepton.Language.Semantics;
using ValueType = Lepton.Language.Semantics.ValueType;

namespace Lepton.Graphs.Building;

/// <summary>Scans and iterates of the typed program: the body becomes a graph of its own.</summary>
internal static class LoopBuilder
{
    public static NodeId Build(BuilderScope scope, TypedOp loop, ValueList<SiteManifest> sites)
    {
        var (step, states, body) = loop switch
        {
            TypedScan scan => (scan.Step, scan.States, scan.Body),
            TypedIterate iterate => (iterate.Step, iterate.States, iterate.Body),
            _ => throw new CompilerBugException("graph", $"{loop.GetType().Name} is no loop"),
        };
        var name = $"{(loop is TypedScan ? "scan" : "iterate")}_{loop.Id.Value}";
        var inner = new BuilderScope(new GraphAssembler(name, scope.Root.Dims), scope);
        var declared = body.OfType<TypedBodyInput>().ToDictionary(i => i.Id, i => i.Type);

        inner.Define(step, inner.Graph.Input("step", TensorType.Scalar(ElementType.I64), InputKind.Step), new ValueType(ElementType.I64, [], []));
        var initial = new List<NodeId>();
        foreach (var state in states)
        {
            // The body says over which labels and shape a state lives; its first value may have fewer.
            var type = declared.GetValueOrDefault(state.Current) ?? scope.Value(state.Initial).Type;
            initial.Add(scope.Arrange(state.Initial, type.Labels, type.Shape));
            inner.Define(state.Current, inner.Graph.Input(state.Name, GraphBuilder.Tensor(type), InputKind.State), type);
        }

        GraphBuilder.Body(inner, body, sites);
        foreach (var state in states)
        {
            var type = inner.Value(state.Current).Type;
            inner.Graph.Output(state.Name, inner.Arrange(state.Next, type.Labels, type.Shape));
        }

        if (loop is TypedScan scanned)
        {
            foreach (var emit in scanned.Emits)
            {
                inner.Graph.Output($"emit{emit.Value}", inner.Value(emit).Node);
            }

            return scope.Graph.Scan(scanned.Count, initial.ToValueList(), inner.Captures, inner.Graph.ToGraph());
        }

        var iterated = (TypedIterate)loop;
        inner.Graph.Output("until", inner.Value(iterated.Until).Node);
        return scope.Graph.Iterate(iterated.Max, initial.ToValueList(), inner.Captures, inner.Graph.ToGraph());
    }

    public static NodeId Result(BuilderScope scope, TypedLoopResult result)
    {
        var loop = scope.Loop(result.Loop);
        var node = scope.Graph.Result(loop, result.Index);
        if (scope.Graph[loop] is not ScanNode scan || result.Index < scan.States.Count || result.Type.Labels.Count == 0)
        {
            return node;
        }

        // Emits are stacked in front of the labels; the new axis is the first positional one: [t, b, …] to [b, t, …].
        var labels = result.Type.Labels.Count;
        var rest = Enumerable.Range(labels + 1, scope.Graph.TypeOf(node).Rank - labels - 1);
        return scope.Graph.Transpose(node, Enumerable.Range(1, labels).Append(0).Concat(rest).ToValueList());
    }
}
