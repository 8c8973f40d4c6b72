using Lepton.Abi;
using Lepton.Language.Semantics;
using ValueType = Lepton.Language.Semantics.ValueType;

namespace Lepton.Graphs.Building;

/// <summary>
/// The typed program as a graph. A value with open labels is a tensor with one more axis per label: x[b, k] * w[k, j] is two views over
/// [b, k, j] and a product. Nothing is simplified here; passes do that.
/// </summary>
public static class GraphBuilder
{
    /// <summary>Builds the entry of that name.</summary>
    public static Graph Build(TypedProgram program, string entry) => Build(program.Entries.First(e => e.Name == entry));

    public static Graph Build(TypedEntry entry)
    {
        var scope = new BuilderScope(new GraphAssembler(entry.Name, entry.Dims), null);
        foreach (var constraint in entry.Constraints)
        {
            scope.Graph.Require(constraint);
        }

        // The calling order: arguments, then parameters.
        foreach (var input in entry.Body.OfType<TypedInput>().OrderBy(i => i.Kind))
        {
            var kind = input.Kind == TypedInputKind.Argument ? InputKind.Argument : InputKind.Parameter;
            var node = input.Stored is { } stored
                ? scope.Graph.Cast(scope.Graph.Add(new InputNode(Tensor(input.Type).WithElement(stored), kind, input.Name, input.Initializer) { Given = input.Type.Element }), input.Type.Element)
                : scope.Graph.Input(input.Name, Tensor(input.Type), kind, input.Initializer, input.Format);
            scope.Define(input.Id, node, input.Type);
        }

        Body(scope, entry.Body, entry.Sites);
        foreach (var result in entry.Results)
        {
            var value = scope.Value(result.Value);
            var node = scope.Arrange(value, [], value.Type.Shape);
            scope.Graph.Output(result.Name, result.Format is { } format ? scope.Graph.Format(node, format) : node);
        }

        return scope.Graph.ToGraph();
    }

    internal static void Body(BuilderScope scope, IReadOnlyList<TypedOp> body, ValueList<SiteManifest> sites)
    {
        foreach (var op in body)
        {
            if (op is TypedInput || (op is TypedBodyInput && scope.Has(op.Id)))
            {
                continue;
            }

            if (op is TypedScan or TypedIterate)
            {
                scope.DefineLoop(op.Id, LoopBuilder.Build(scope, op, sites));
                continue;
            }

            var node = Build(scope, op, sites);
            var built = scope.Graph.TypeOf(node);
            if (built.Element != op.Type.Element || built.Rank != op.Type.Labels.Count + op.Type.Shape.Count)
            {
                throw new CompilerBugException("graph", $"{op.GetType().Name} {op.Id.Value} became {built}, not {Tensor(op.Type)}");
            }

            scope.Define(op.Id, node, op.Type);
        }
    }

    internal static TensorType Tensor(ValueType type) => new(type.Element, BuilderScope.Sizes(type.Labels, type.Shape));

    private static NodeId Build(BuilderScope scope, TypedOp op, ValueList<SiteManifest> sites)
    {
        var graph = scope.Graph;
        var labels = op.Type.Labels.Count;
        switch (op)
        {
            case TypedLiteral literal:
                return graph.Splat(literal.Value);
            case TypedConstant constant:
                return graph.Constant(Tensor(op.Type), constant.Values);
            case TypedSize size:
                return graph.Size(size.Size);
            case TypedIndex index:
                return graph.Iota([index.Label.Size], 0);
            case TypedMap map:
                return Map(scope, map);
            case TypedReduce reduce:
                return ReduceBuilder.Labels(scope, reduce);
            case TypedReduceAxes reduce:
                return ReduceBuilder.Axes(scope, reduce);
            case TypedAccess access:
                return AccessBuilder.Access(scope, access, sites);
            case TypedScatter scatter:
                return AccessBuilder.Scatter(scope, scatter, sites);
            case TypedMatMul product:
                return ReduceBuilder.MatMul(scope, product);
            case TypedTabulate tabulate:
                // [labels that stay, new axes in their order, shape]
                var source = scope.Value(tabulate.Source);
                return scope.Arrange(source, [.. op.Type.Labels, .. tabulate.Axes], source.Type.Shape);
            case TypedTranspose transpose:
                return graph.Transpose(
                    scope.Arrange(transpose.Source, op.Type.Labels, scope.Value(transpose.Source).Type.Shape),
                    Enumerable.Range(0, labels).Concat(transpose.Permutation.Select(a => a + labels)).ToValueList());
            case TypedReshape reshape:
                return graph.Reshape(
                    scope.Arrange(reshape.Source, op.Type.Labels, scope.Value(reshape.Source).Type.Shape), BuilderScope.Sizes(op.Type.Labels, op.Type.Shape));
            case TypedBroadcast broadcast:
                return scope.Arrange(broadcast.Source, op.Type.Labels, op.Type.Shape);
            case TypedConcat concat:
                return graph.Concat(
                    concat.Parts.Select(p => scope.Arrange(p, op.Type.Labels, scope.Value(p).Type.Shape)).ToValueList(), concat.Axis + labels);
            case TypedSort sort:
                return graph.Sort(scope.Arrange(sort.Source, op.Type.Labels, op.Type.Shape), sort.Axis + labels, sort.Descending, sort.Indices);
            case TypedLoopResult result:
                return LoopBuilder.Result(scope, result);
            default:
                throw new CompilerBugException("graph", $"the typed program holds a {op.GetType().Name} that has no place here");
        }
    }

    private static NodeId Map(BuilderScope scope, TypedMap map)
    {
        var arguments = map.Arguments.Select(a => scope.Arrange(a, map.Type.Labels, map.Type.Shape)).ToArray();
        var info = MapOps.Parse(map.Op) ?? throw new CompilerBugException("graph", $"the typed program names an operation '{map.Op}' that the graph lacks");
        return info.Op == MapOp.Cast ? scope.Graph.Cast(arguments[0], map.Type.Element) : scope.Graph.Map(info.Op, arguments);
    }
}
