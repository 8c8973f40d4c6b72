using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Support;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>A vector times parameters of which some are 0: whatever form is taken, the interpreter's numbers.</summary>
public sealed class PrunedTests
{
    private const int Lanes = 8;
    private const int Share = 40;

    /// <summary>A row of shares of zeros, in percent; sizes around the lanes; the form is the one that the count says.</summary>
    [Theory]
    [InlineData(2, 2)]
    [InlineData(5, 3)]
    [InlineData(7, 8)]
    [InlineData(33, 16)]
    [InlineData(40, 37)]
    public void As_many_zeros_as_one_likes(int depth, int columns)
    {
        foreach (var zeros in (int[])[0, 20, 50, 90, 100])
        {
            var w = Weights(zeros + depth, zeros, depth, columns);
            var isSparse = StepsOf(w, depth, columns) <= (long)Steps(columns) * depth * Share / 100;
            Assert.True(zeros > 0 || !isSparse);
            Assert.Equal(isSparse, IsSparse(Layer(depth, columns), Random(ElementType.F32, 1, depth), w, Random(ElementType.F32, 2, columns)));
        }
    }

    [Fact]
    public void One_full_column_fills_its_slice_up()
    {
        var w = new double[20 * 24];
        for (var k = 0; k < 20; k++)
        {
            w[(k * 24) + 9] = k + 1;
        }

        // 20 steps of the second slice alone are few enough; two such slices are not.
        Assert.True(IsSparse(Layer(20, 24), Random(ElementType.F32, 1, 20), F32([20, 24], w), Random(ElementType.F32, 2, 24)));
        w[5] = w[(19 * 24) + 5] = 1;
        Assert.True(IsSparse(Layer(20, 24), Random(ElementType.F32, 1, 20), F32([20, 24], w), Random(ElementType.F32, 2, 24)));
        for (var k = 0; k < 20; k++)
        {
            w[(k * 24) + 5] = -1;
        }

        Assert.False(IsSparse(Layer(20, 24), Random(ElementType.F32, 1, 20), F32([20, 24], w), Random(ElementType.F32, 2, 24)));
    }

    /// <summary>0 · inf is nan: a vector that is not finite takes the dense form. Weights may be what they like.</summary>
    [Fact]
    public void Infinities_and_nan()
    {
        foreach (var (bad, at) in ((double, int)[])[(double.PositiveInfinity, 0), (double.NegativeInfinity, 18), (double.NaN, 7)])
        {
            var x = Enumerable.Range(0, 19).Select(i => i == at ? bad : i - 9.5).ToArray();
            Assert.False(IsSparse(Layer(19, 12), F32([19], x), Weights(3, 95, 19, 12), Random(ElementType.F32, 2, 12)));
            var zeros = Weights(4, 95, 19, 12);
            var w = Enumerable.Range(0, (int)zeros.Count).Select(i => i == at ? bad : zeros[i].AsDouble).ToArray();
            Assert.True(IsSparse(Layer(19, 12), Random(ElementType.F32, 1, 19), F32([19, 12], w), Random(ElementType.F32, 2, 12)));
        }
    }

    /// <summary>A dense product of few terms could lie over what is subtracted from it; the sparse one has to be where the same readers look.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(95)]
    public void The_result_has_one_place_in_both_forms(int zeros)
    {
        var graph = GraphText.Parse("""
            graph g() {
              %0 = input argument x : f32[3]
              %1 = input parameter w : f32[3, 20]
              %2 = input argument b : f32[20]
              %3 = sin %2 : f32[20]
              %4 = contract %0[0], %1[0, 1] -> [1] : f32[20]
              %5 = sub %4, %3 : f32[20]
              %6 = sort %5 axis 0 : f32[20]
              output y = %6
            }
            """);
        static FusionGroup Group(string name, KernelStrategy strategy, params int[] members) =>
            new(name, strategy, members.Select(m => new NodeId(m)).ToValueList(), [new NodeId(members[^1])]);
        var fused = new FusedGraph(
            graph, [Group("sin", KernelStrategy.Map, 3), Group("product", KernelStrategy.Contraction, 4, 5), Group("sort", KernelStrategy.Sort, 6)], [], new Dictionary<NodeId, FusedGraph>());
        Assert.Equal(zeros > 50, IsSparse(fused, Random(ElementType.F32, 1, 3), Weights(5, zeros, 3, 20), Random(ElementType.F32, 2, 20)));
    }

    /// <summary>Weights the other way round, with heads, of other types, computed; x computed; one row of a batch.</summary>
    [Theory]
    [InlineData("f32[21]; f32[13, 21]", "contract %0[0], %1[1, 0] -> [1] : f32[13]", "21", "13, 21")]
    [InlineData("f32[21]; f32[3, 21, 7]", "contract %0[0], %1[1, 0, 2] -> [1, 2] : f32[3, 7]", "21", "3, 21, 7")]
    [InlineData("f32[21]; f32[3, 21, 7]", "contract %0[0], %1[1, 0, 2] -> [2, 1] : f32[7, 3]", "21", "3, 21, 7")]
    [InlineData("f32[3, 5]; f32[5, 18, 3]", "contract %0[0, 1], %1[1, 2, 0] -> [2] : f32[18]", "3, 5", "5, 18, 3")]
    [InlineData("f32[1, 21]; f32[21, 13]", "contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[1, 13]", "1, 21", "21, 13")]
    [InlineData("f64[21]; f64[21, 13]", "contract %0[0], %1[0, 1] -> [1] : f64[13]", "21", "21, 13")]
    [InlineData("f16[21]; f16[21, 13]", "contract %0[0], %1[0, 1] -> [1] : f16[13]", "21", "21, 13")]
    [InlineData("f32[21]; f32[21, 13]", "exp %0 : f32[21]; mul %1, %1 : f32[21, 13]; contract %2[0], %3[0, 1] -> [1] : f32[13]; exp %4 : f32[13]", "21", "21, 13")]
    public void Other_shapes(string inputs, string lines, string x, string w)
    {
        long[] Dims(string sizes) => sizes.Split(", ").Select(long.Parse).ToArray();
        var types = inputs.Split(';', StringSplitOptions.TrimEntries);
        var all = lines.Split(';', StringSplitOptions.TrimEntries).Select((l, i) => $"%{i + 2} = {l}").ToArray();
        var graph = GraphText.Parse(
            $"graph g() {{\n%0 = input argument x : {types[0]}\n%1 = input parameter w : {types[1]}\n{string.Join('\n', all)}\noutput y = %{all.Length + 1}\n}}\n");
        var element = ElementTypes.All.Single(e => e.Name() == types[0][..3]);
        var weights = Dims(w);
        Assert.True(IsSparse(graph, Random(element, 1, Dims(x)), Weights(5, 92, element, weights)));
        Assert.False(IsSparse(graph, Random(element, 1, Dims(x)), Weights(5, 10, element, weights)));
    }

    /// <summary>Machine code: one module, sets of parameters in turn, any number of threads, always the same bits.</summary>
    [Fact]
    public void Sets_of_parameters_in_turn_and_threads()
    {
        const int Depth = 150, Columns = 203;
        var graph = Layer(Depth, Columns);
        foreach (var cpu in NativeRunner.Targets.Values)
        {
            var options = Lepton.Compiler.Compilation.OptionsFor(cpu) with { SparseShare = Share, Miniature = 1024 };
            using var module = NativeRunner.Load(KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), options), cpu);
            var first = new Dictionary<int, byte[]>();
            for (var run = 0; run < 12; run++)
            {
                var zeros = new[] { 90, 20, 100, 50 }[run % 4];
                TensorValue[] inputs = [Random(ElementType.F32, 1, Depth), Weights(6, zeros, Depth, Columns), Random(ElementType.F32, 2, Columns)];
                TensorValue[] native = [inputs[0], inputs[2], inputs[1]];
                var y = NativeRunner.Run(module.Entries.First(), native, new Dictionary<string, long>(), new[] { 1, 2, 4 }[run / 4])[0];
                Assert.Null(Difference(Interpreter.Run(graph, inputs)[0], y, 1e-4));
                Assert.Equal(first.TryAdd(zeros, y.ToBytes()) ? y.ToBytes() : first[zeros], y.ToBytes());
            }
        }
    }

    [Fact]
    public void Small_weights_and_weights_that_a_run_brings_stay_dense()
    {
        Assert.DoesNotContain(KernelLowering.Run(RowwiseTests.OneGroup(Layer(100, 100), KernelStrategy.Contraction)).Kernels, k => k.Name.EndsWith("_sparse", StringComparison.Ordinal));
        Assert.Contains(KernelLowering.Run(RowwiseTests.OneGroup(Layer(600, 600), KernelStrategy.Contraction)).Kernels, k => k.Name.EndsWith("_sparse", StringComparison.Ordinal));
        var given = GraphText.Parse(GraphText.Print(Layer(600, 600)).Replace("parameter", "argument"));
        Assert.Single(KernelLowering.Run(RowwiseTests.OneGroup(given, KernelStrategy.Contraction)).Kernels);
    }

    private static Graph Layer(int depth, int columns) => GraphText.Parse($$"""
        graph g() {
          %0 = input argument x : f32[{{depth}}]
          %1 = input parameter w : f32[{{depth}}, {{columns}}]
          %2 = input argument b : f32[{{columns}}]
          %3 = contract %0[0], %1[0, 1] -> [1] : f32[{{columns}}]
          %4 = add %3, %2 : f32[{{columns}}]
          %5 = splat 0 : f32[{{columns}}]
          %6 = max %4, %5 : f32[{{columns}}]
          output y = %6
        }
        """);

    // Runs the loops, compares, and says which form they took.
    private static bool IsSparse(Graph graph, params TensorValue[] inputs) => IsSparse(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), inputs);

    private static bool IsSparse(FusedGraph fused, params TensorValue[] inputs)
    {
        var options = new KernelOptions { SparseShare = Share, Miniature = 1 << 16 };
        var (graph, module) = (fused.Graph, KernelLowering.Run(fused, options));
        var manifest = module.Entries[0].Manifest;
        var expected = Interpreter.Run(graph, inputs)[0];
        var order = graph.Inputs.Select((id, i) => (((InputNode)graph[id]).Kind, i)).OrderBy(p => p.Kind).Select(p => inputs[p.i].ToBytes());
        var (result, dims) = (new byte[expected.ToBytes().Length], new Dictionary<string, long>());
        Assert.Null(LoopInterpreter.Run(module, manifest.Name, [.. order, result], dims));
        Assert.Null(Difference(expected, TensorValue.FromBytes(expected.Element, [.. expected.Dims], result), 1e-4));
        return dims.Single(d => d.Key.EndsWith("_sparse", StringComparison.Ordinal)).Value == 1;
    }

    private static int Steps(int columns) => (columns + Lanes - 1) / Lanes;

    // The longest column of each slice, summed up.
    private static long StepsOf(TensorValue w, int depth, int columns) => Enumerable.Range(0, Steps(columns)).Sum(s =>
        Enumerable.Range(s * Lanes, Math.Min(Lanes, columns - (s * Lanes))).Max(n => Enumerable.Range(0, depth).Count(k => w[(k * columns) + n].AsDouble != 0)));

    private static TensorValue Weights(int seed, int zeros, params long[] shape) => Weights(seed, zeros, ElementType.F32, shape);

    private static TensorValue Weights(int seed, int zeros, ElementType element, long[] shape)
    {
        var random = new Random(seed);
        var count = shape.Aggregate(1L, (a, b) => a * b);
        return TensorValue.Of(element, shape, [.. Enumerable.Range(0, (int)count).Select(_ => random.Next(100) < zeros ? 0 : random.NextDouble() + 0.5)]);
    }
}
