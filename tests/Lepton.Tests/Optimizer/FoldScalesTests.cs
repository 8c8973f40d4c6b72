using System.Globalization;
using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Optimizer;

namespace Lepton.Tests.Optimizer;

/// <summary>Random chains of scales and shifts by parameters behind a product: what is folded stays within the bound that FoldScales states.</summary>
public class FoldScalesTests
{
    private const double Unit = 1.0 / (1 << 24);
    private const int Rows = 3;
    private const int Depth = 9;
    private const int Columns = 4;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void Folded_chains_stay_within_the_bound(int seed)
    {
        var random = new Random(seed);
        var length = 1 + (seed % 5);
        var ops = Enumerable.Range(0, length).Select(_ => "+-*/"[random.Next(4)]).Append('*').ToArray();
        var chain = ops.Select((op, k) => (op, k)).Aggregate("p[i, j]", (text, step) =>
            step.op is '+' or '*' && random.Next(2) == 0 ? $"(s{step.k}[j] {step.op} {text})" : $"({text} {step.op} s{step.k}[j])");
        var text = string.Concat(ops.Select((_, k) => $"param s{k}: f32[{Columns}] ~ ones\n"))
            + $"param w: f32[{Depth}, {Columns}] ~ glorot\n"
            + $"fn f(x: f32[{Rows}, {Depth}]) -> (y: f32[{Rows}, {Columns}]) {{\n  p = x @ w\n  y[i, j] = {chain}\n}}\n";
        var compilation = Compilation.Of(new SourceText("chain.lep", text));
        Assert.Empty(compilation.Report.Diagnostics);
        var graph = compilation.Graph("f");
        var folded = GraphPasses.Optimize(graph, new PassOptions { Verify = true });

        // Nothing is left of the chain but one term.
        var uses = folded.Nodes.Select((n, i) => (n, i)).First(n => n.n is ContractNode);
        Assert.True(folded.Nodes.Skip(uses.i + 1).Count(n => n is MapNode && n.Type.Shape.Count == 2) <= 1, GraphText.Print(folded));
        var exact = GraphPasses.Optimize(graph, new PassOptions { Exact = true });
        Assert.Contains(exact.Nodes, n => n is MapNode { Op: MapOp.Mul } && n.Type.Shape.Count == 2 && n.Type.Shape[0] == Rows);

        var inputs = graph.Inputs.Select(i => Numbers(random, graph[i].Type)).ToList();
        var (expected, found) = (Interpreter.Run(graph, inputs, _ => 0)[0], Interpreter.Run(folded, inputs, _ => 0)[0]);
        var named = graph.Inputs.Select((id, k) => (((InputNode)graph[id]).Label, inputs[k])).ToDictionary(p => p.Label, p => p.Item2);
        for (var i = 0; i < Rows; i++)
        {
            for (var j = 0; j < Columns; j++)
            {
                var size = Enumerable.Range(0, Depth).Sum(k => Math.Abs(named["x"][(i * Depth) + k].AsDouble * named["w"][(k * Columns) + j].AsDouble));
                for (var k = 0; k < ops.Length; k++)
                {
                    var s = Math.Abs(named[string.Create(CultureInfo.InvariantCulture, $"s{k}")][j].AsDouble);
                    size = ops[k] switch { '*' => size * s, '/' => size / s, _ => size + s };
                }

                var e = (i * Columns) + j;
                Assert.InRange(Math.Abs(expected[e].AsDouble - found[e].AsDouble), 0, 2 * (Depth + ops.Length) * Unit * size);
            }
        }
    }

    private static TensorValue Numbers(Random random, TensorType type)
    {
        var dims = type.Shape.Select(s => s.AsConstant!.Value).ToArray();
        var floats = Enumerable.Range(0, (int)dims.Aggregate(1L, (a, b) => a * b)).Select(_ => (float)((random.NextDouble() + 0.1) * (random.Next(2) == 0 ? -3 : 3))).ToArray();
        return TensorValue.FromBytes(ElementType.F32, dims, System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(floats));
    }
}
