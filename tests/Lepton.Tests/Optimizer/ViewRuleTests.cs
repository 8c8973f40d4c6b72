using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>The rules about views, each on 1,000 random instances, bit for bit; and what becomes of known chains.</summary>
public sealed class ViewRuleTests
{
    private const int Instances = 1000;
    private static readonly Outside[] Modes = [Outside.Never, Outside.Never, Outside.Never, Outside.Fill, Outside.Clamp, Outside.Wrap, Outside.Reflect];

    // The name of each maker says which rule it is for; a number of nodes that the result must not exceed when the rule fired.
    private static readonly Dictionary<string, Func<GraphAssembler, Random, NodeId>> Makers = new()
    {
        ["view of view"] = (g, r) => RandomView(g, r, RandomView(g, r, Input(g, r))),
        ["guarded view of plain view"] = (g, r) => RandomView(g, r, Transposed(g, r, Input(g, r))),
        ["plain view of guarded view"] = (g, r) => Transposed(g, r, RandomView(g, r, Input(g, r))),
        ["guard that is never needed"] = (g, r) => NeedlessGuard(g, r, Input(g, r)),
        ["view of splat"] = (g, r) => RandomView(g, r, g.Splat(Scalar.Float(ElementType.F32, 2), Shape(r)), fill: 2),
        ["view of iota"] = (g, r) => RandomView(g, r, RandomIota(g, r), allowed: [Outside.Never]),
        ["view of constant"] = (g, r) => RandomView(g, r, RandomConstant(g, r)),
        ["reshape of reshape"] = (g, r) => Flat(g, Ones(g, r, Flat(g, Input(g, r)))),
        ["reshape with ones"] = (g, r) => Ones(g, r, Input(g, r)),
        ["map of repetitions"] = (g, r) => MapOfRepetitions(g, r),
        ["map of windows"] = (g, r) => MapOfWindows(g, r),
        ["map of transposes"] = (g, r) => MapOfTransposes(g, r),
        ["gather of view"] = (g, r) => RandomGather(g, r, r.Next(2) == 0 ? Transposed(g, r, Input(g, r)) : RandomView(g, r, Input(g, r))),
        ["gather without data"] = (g, r) => GatherByIota(g, r),
        ["reduce of transpose"] = (g, r) => RandomReduce(g, r, Transposed(g, r, Input(g, r))),
        ["reduce of repetition"] = (g, r) => RandomReduce(g, r, Repeated(g, r, Input(g, r))),
    };

    public static TheoryData<string> Names => [.. Makers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_rule_fires_and_keeps_the_numbers(string name)
    {
        var fired = 0;
        for (var seed = 0; seed < Instances; seed++)
        {
            var random = new Random(seed);
            var assembler = new GraphAssembler("g", []);
            assembler.Output("y", Makers[name](assembler, random));
            var before = assembler.ToGraph();
            if (GraphVerifier.Problem(before) is not null)
            {
                continue;
            }

            var after = name == "view of constant" ? FoldConstants.Run(before) : ComposeViews.Run(before);
            fired += ReferenceEquals(before, after) ? 0 : 1;

            // Sums in another order are another sum, so reductions see small whole numbers only.
            OptimizerSupport.SameMeaning(before, after, random, _ => 0, small: name.StartsWith("reduce", StringComparison.Ordinal));
        }

        Assert.True(fired >= Instances / 10, $"{name} fired {fired} times");
    }

    [Fact]
    public void A_chain_of_views_is_one_view()
    {
        var graph = new GraphAssembler("chain", ["N", "M"]);
        var (n, m) = (SizeExpr.Variable("N"), SizeExpr.Variable("M"));
        var x = graph.Input("x", new TensorType(ElementType.F32, [n, m]));
        var y = graph.Transpose(x, [1, 0]);
        y = graph.View(y, [m, n], [new AxisAccess(m - 1, [new AffineTerm(0, -1)]), AxisAccess.Axis(1)]);
        y = graph.Broadcast(y, [4, m, n], [1, 2]);
        y = graph.Transpose(y, [2, 0, 1]);
        graph.Output("y", y);
        var after = GraphPasses.Optimize(graph.ToGraph(), new PassOptions { Verify = true });
        Assert.Equal(2, after.Nodes.Count);
        Assert.Equal("view %0 [i0, -1*i2 + (M - 1)]", GraphText.Describe(after.Nodes[1]).Split(" :")[0]);
    }

    [Fact]
    public void Work_is_done_before_values_are_repeated()
    {
        var graph = GraphText.Parse(
            """
            graph g(B) {
              %0 = input argument x : f32[8]
              %1 = view %0 [i1] : f32[B, 8]
              %2 = exp %1 : f32[B, 8]
              %3 = splat 2 : f32[B, 8]
              %4 = mul %2, %3 : f32[B, 8]
              output y = %4
            }

            """);
        var after = GraphPasses.Optimize(graph, new PassOptions { Verify = true });
        Assert.All(after.Nodes.OfType<MapNode>(), m => Assert.Equal(1, m.Type.Rank));
        Assert.Equal(2, after.Nodes.OfType<MapNode>().Count());
    }

    private static ValueList<SizeExpr> Shape(Random random, int rank = -1) =>
        Enumerable.Range(0, rank >= 0 ? rank : random.Next(0, 4)).Select(_ => SizeExpr.Constant(random.Next(8) == 0 ? 0 : random.Next(1, 5))).ToValueList();

    private static NodeId Input(GraphAssembler g, Random random) => g.Input($"x{g.Nodes.Count}", new TensorType(ElementType.F32, Shape(random)));

    // Accesses with up to two terms; where the index can leave the axis a mode is drawn until one fits.
    private static NodeId RandomView(GraphAssembler g, Random random, NodeId source, Outside[]? allowed = null, double? fill = null)
    {
        var sizes = g.TypeOf(source).Shape;
        var shape = Shape(random);
        var access = new AxisAccess[sizes.Count];
        for (var axis = 0; axis < access.Length; axis++)
        {
            access[axis] = RandomAccess(random, sizes[axis].AsConstant!.Value, shape, allowed ?? Modes);
        }

        var list = access.ToValueList();
        Scalar? value = list.Any(a => a.Outside == Outside.Fill) ? Scalar.Float(ElementType.F32, fill ?? (random.Next(2) == 0 ? 0 : 7)) : null;
        return g.Add(new ViewNode(new TensorType(g.TypeOf(source).Element, shape), source, list, value));
    }

    private static AxisAccess RandomAccess(Random random, long size, ValueList<SizeExpr> shape, Outside[] modes)
    {
        for (var attempt = 0; attempt < 12; attempt++)
        {
            var terms = Enumerable.Range(0, shape.Count).OrderBy(_ => random.Next()).Take(random.Next(0, 3)).Order()
                .Select(a => new AffineTerm(a, OptimizerSupport.Pick(random, [1, 1, 1, -1, 2]))).ToValueList();
            var (low, high) = (0L, 0L);
            foreach (var term in terms)
            {
                var end = term.Coefficient.AsConstant!.Value * (shape[term.Axis].AsConstant!.Value - 1);
                (low, high) = (low + Math.Min(end, 0), high + Math.Max(end, 0));
            }

            var mode = OptimizerSupport.Pick(random, modes);
            var offset = mode == Outside.Never ? -low : random.Next(-3, 4);
            if (mode != Outside.Never || (high - low < size))
            {
                return new AxisAccess(offset, terms, mode);
            }
        }

        return new AxisAccess(0, [], size > 0 ? Outside.Never : modes.Contains(Outside.Fill) ? Outside.Fill : Outside.Never);
    }

    private static NodeId Transposed(GraphAssembler g, Random random, NodeId source)
    {
        var shape = g.TypeOf(source).Shape;
        int[] to = [.. Enumerable.Range(0, shape.Count).OrderBy(_ => random.Next())];
        var result = new SizeExpr[to.Length];
        var access = new AxisAccess[to.Length];
        for (var axis = 0; axis < to.Length; axis++)
        {
            result[to[axis]] = shape[axis];
            access[axis] = random.Next(3) == 0
                ? new AxisAccess(shape[axis] - 1, [new AffineTerm(to[axis], -1)])
                : AxisAccess.Axis(to[axis]);
        }

        return g.Add(new ViewNode(new TensorType(g.TypeOf(source).Element, result.ToValueList()), source, access.ToValueList(), null));
    }

    // A permutation of axes, and beside it another one, a repeated line, a counter, or a number.
    private static NodeId MapOfTransposes(GraphAssembler g, Random random)
    {
        var x = Input(g, random);
        var rank = g.TypeOf(x).Rank;
        var y = g.Transpose(x, Enumerable.Range(0, rank).OrderBy(_ => random.Next()).ToValueList());
        var shape = g.TypeOf(y).Shape;
        var line = random.Next(Math.Max(rank, 1));
        var z = rank == 0 ? g.Splat(Scalar.Float(ElementType.F32, 3), shape) : random.Next(4) switch
        {
            0 => g.Splat(Scalar.Float(ElementType.F32, 3), shape),
            1 => g.Cast(g.Iota(shape, line), ElementType.F32),
            2 => g.View(g.Input("line", new TensorType(ElementType.F32, [shape[line]])), shape, [AxisAccess.Axis(line)]),
            _ => g.Transpose(g.Input("z", new TensorType(ElementType.F32, shape.Reverse().ToValueList())), Enumerable.Range(0, rank).Reverse().ToValueList()),
        };
        return g.Map(MapOp.Mul, y, z);
    }

    private static NodeId Repeated(GraphAssembler g, Random random, NodeId source)
    {
        var shape = g.TypeOf(source).Shape;
        var rank = shape.Count + random.Next(1, 3);
        int[] axes = [.. Enumerable.Range(0, rank).OrderBy(_ => random.Next()).Take(shape.Count)];
        var result = Shape(random, rank).ToArray();
        for (var axis = 0; axis < axes.Length; axis++)
        {
            result[axes[axis]] = shape[axis];
        }

        return g.Add(new ViewNode(
            new TensorType(g.TypeOf(source).Element, result.ToValueList()), source, axes.Select(AxisAccess.Axis).ToValueList(), null));
    }

    private static NodeId NeedlessGuard(GraphAssembler g, Random random, NodeId source)
    {
        var shape = g.TypeOf(source).Shape;
        var access = shape.Select((_, a) => AxisAccess.Axis(a) with { Outside = OptimizerSupport.Pick(random, Modes) }).ToValueList();
        Scalar? fill = access.Any(a => a.Outside == Outside.Fill) ? Scalar.Float(ElementType.F32, 3) : null;
        return g.Add(new ViewNode(g.TypeOf(source), source, access, fill));
    }

    private static NodeId RandomIota(GraphAssembler g, Random random)
    {
        var shape = Shape(random, random.Next(1, 4));
        return g.Iota(shape, random.Next(shape.Count));
    }

    private static NodeId RandomConstant(GraphAssembler g, Random random)
    {
        var shape = Shape(random);
        var count = (int)SizeExpr.Product(shape).AsConstant!.Value;
        return g.Constant(new TensorType(ElementType.F32, shape), Enumerable.Range(0, count).Select(i => Scalar.Float(ElementType.F32, i)).ToValueList());
    }

    private static NodeId Flat(GraphAssembler g, NodeId source) =>
        g.Add(new ReshapeNode(new TensorType(ElementType.F32, [g.TypeOf(source).Count]), source));

    private static NodeId Ones(GraphAssembler g, Random random, NodeId source)
    {
        var shape = g.TypeOf(source).Shape.Where(s => s != SizeExpr.One).ToList();
        for (var i = random.Next(0, 3); i > 0; i--)
        {
            shape.Insert(random.Next(shape.Count + 1), SizeExpr.One);
        }

        return g.Add(new ReshapeNode(new TensorType(ElementType.F32, shape.ToValueList()), source));
    }

    private static NodeId MapOfRepetitions(GraphAssembler g, Random random)
    {
        var shape = Shape(random, random.Next(1, 4));
        NodeId Operand()
        {
            if (random.Next(4) == 0)
            {
                return g.Splat(Scalar.Float(ElementType.F32, random.Next(-2, 3)), shape);
            }

            var axis = random.Next(shape.Count);
            var x = g.Input($"x{g.Nodes.Count}", new TensorType(ElementType.F32, [shape[axis]]));
            return g.Add(new ViewNode(new TensorType(ElementType.F32, shape), x, [AxisAccess.Axis(axis)], null));
        }

        return g.Map(OptimizerSupport.Pick(random, [MapOp.Add, MapOp.Mul, MapOp.Max, MapOp.Div]), Operand(), Operand());
    }

    private static NodeId MapOfWindows(GraphAssembler g, Random random)
    {
        var n = random.Next(3, 7);
        var x = g.Input("x", new TensorType(ElementType.F32, [n]));
        var y = g.Input("y", new TensorType(ElementType.F32, [n]));
        var size = random.Next(2, 4);
        var (a, b) = (g.Window(x, 0, n - size + 1, size), g.Window(y, 0, n - size + 1, size));
        return g.Map(MapOp.Mul, g.Map(MapOp.Neg, a), random.Next(2) == 0 ? b : g.Splat(Scalar.Float(ElementType.F32, 0), g.TypeOf(b).Shape));
    }

    private static NodeId RandomGather(GraphAssembler g, Random random, NodeId source)
    {
        var sizes = g.TypeOf(source).Shape;
        var shape = Shape(random);
        var indices = new List<NodeId>();
        var access = new AxisAccess[sizes.Count];
        for (var axis = 0; axis < access.Length; axis++)
        {
            if (random.Next(2) == 0)
            {
                access[axis] = RandomAccess(random, sizes[axis].AsConstant!.Value, shape, Modes);
                continue;
            }

            indices.Add(g.Input($"i{g.Nodes.Count}", new TensorType(ElementType.I32, shape)));
            access[axis] = AxisAccess.FromData(indices.Count - 1, OptimizerSupport.Pick(random, Modes[3..]), -1);
        }

        var list = access.ToValueList();
        Scalar? fill = list.Any(a => a.Outside == Outside.Fill) ? Scalar.Float(ElementType.F32, random.Next(2) * 7) : null;
        return g.Add(new GatherNode(new TensorType(ElementType.F32, shape), source, indices.ToValueList(), list, fill));
    }

    private static NodeId GatherByIota(GraphAssembler g, Random random)
    {
        var shape = Shape(random, random.Next(1, 3));
        var x = g.Input("x", new TensorType(ElementType.F32, [random.Next(1, 6)]));
        var index = random.Next(3) == 0 ? g.Splat(Scalar.Integer(ElementType.I64, random.Next(-2, 6)), shape) : g.Iota(shape, random.Next(shape.Count));
        var mode = OptimizerSupport.Pick(random, Modes[3..]);
        Scalar? fill = mode == Outside.Fill ? Scalar.Float(ElementType.F32, 7) : null;
        return g.Add(new GatherNode(new TensorType(ElementType.F32, shape), x, [index], [AxisAccess.FromData(0, mode, -1)], fill));
    }

    private static NodeId RandomReduce(GraphAssembler g, Random random, NodeId source)
    {
        var rank = g.TypeOf(source).Rank;
        var axes = Enumerable.Range(0, rank).Where(_ => random.Next(2) == 0).ToValueList();
        return g.Reduce(
            OptimizerSupport.Pick(random, [ReduceKind.Sum, ReduceKind.Max, ReduceKind.Prod, ReduceKind.ArgMax, ReduceKind.ArgMin]), source, axes);
    }
}
