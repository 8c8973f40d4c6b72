using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Optimizer;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>Random windows that slide over random tensors: loops run statement by statement, and machine code, against the interpreter of graphs.</summary>
public sealed class WindowTests
{
    private static readonly string[] Reducers = ["sum", "prod", "max", "min"];
    private static readonly string[] Modes = ["", "fill", "clamp", "wrap", "reflect"];

    // By hand: LEPTON_FUZZ_WINDOWS=first-last.
    [Fact]
    public void Random_windows()
    {
        var windows = 0;
        var seeds = KernelHarness.Seeds("LEPTON_FUZZ_WINDOWS", 29).ToArray();
        foreach (var seed in seeds)
        {
            windows += new Program(seed).Check() ? 1 : 0;
        }

        Assert.True(windows > seeds.Length / 2, $"{windows} of {seeds.Length} were windows");
    }

    /// <summary>Sizes below a vector, below the window, and 1; whatever kernel is chosen.</summary>
    [Fact]
    public void Every_small_size()
    {
        for (var n = 1; n < 20; n++)
        {
            foreach (var (window, stride, pad) in ((int, int, int)[])[(2, 2, 0), (3, 2, 1), (3, 1, 1), (5, 3, 2), (3, 4, 0)])
            {
                var count = ((n + (2 * pad) - window) / stride) + 1;
                if (n + (2 * pad) >= window)
                {
                    var access = $"{stride}*i1 + i3 - {pad} else fill, {stride}*i2 + i4 - {pad} else fill".Replace("1*", "").Replace(" - 0", "");
                    RowwiseTests.CheckSizes(
                        KernelStrategy.Rowwise,
                        $"f32[{{C=3}}, {n}, {n}]",
                        $"view %0 [i0, {access}] fill -inf : f32[{{C=3}}, {count}, {count}, {window}, {window}]; reduce max %1 [3, 4] : f32[{{C=3}}, {count}, {count}]",
                        "%2",
                        [KernelHarness.Random(ElementType.F32, n, 3, n, n)]);
                }
            }
        }
    }

    /// <summary>Rows far apart do not fit a chunk's stack, or would be set aside again and again; far rows of a small image do.</summary>
    [Theory]
    [InlineData(2, 9000, 8, false)]
    [InlineData(2, 100, 200, false)]
    [InlineData(3, 2, 200, true)]
    [InlineData(200, 1, 16, false)]
    public void Rows_far_apart(int window, int apart, int columns, bool staged)
    {
        var height = (apart * (window - 1)) + 12;
        var note = RowwiseTests.CheckSizes(
            KernelStrategy.Rowwise,
            $"f32[{height}, {columns}]",
            $"view %0 [i0 + {apart}*i2, i1 + i3 - 1 else fill] fill 2 : f32[12, {columns}, {window}, 2]; reduce min %1 [2, 3] : f32[12, {columns}]".Replace("+ 1*", "+ "),
            "%2",
            [KernelHarness.Random(ElementType.F32, window, height, columns)]);
        Assert.Equal(staged, note.Contains("staged", StringComparison.Ordinal));
    }

    /// <summary>A row of windows that does not fill a vector takes one under a mask where masks have registers of their own, and else more of fewer lanes.</summary>
    [Theory]
    [InlineData(13, 64, 16)]
    [InlineData(13, 32, 8)]
    [InlineData(8, 64, 8)]
    [InlineData(5, 64, 8)]
    [InlineData(5, 32, 4)]
    [InlineData(33, 64, 16)]
    public void Lanes_of_short_rows(int columns, int registerBytes, int lanes)
    {
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument x : f32[3, 9, {{(2 * columns) + 1}}]
              %1 = view %0 [i0, 2*i1 + i3, 2*i2 + i4] : f32[3, 4, {{columns}}, 3, 3]
              %2 = reduce max %1 [3, 4] : f32[3, 4, {{columns}}]
              output y = %2
            }
            """);
        var x = KernelHarness.Random(ElementType.F32, columns, 3, 9, (2 * columns) + 1);
        var module = KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Rowwise), new KernelOptions { RegisterBytes = registerBytes });
        Assert.Null(KernelHarness.Difference(Interpreter.Run(graph, [x], _ => 0)[0], KernelHarness.Run(module, graph, [x], _ => 0).Results[0], 0));
        Assert.Contains($" x {lanes} in registers", Assert.Single(module.Kernels).Note);
    }

    /// <summary>Pools over contractions of few taps, of which nothing is stored; and what becomes of them where the sizes do not suit.</summary>
    [Fact]
    public void Random_pools_behind_convolutions()
    {
        var (pooled, seeds) = (0, KernelHarness.Seeds("LEPTON_FUZZ_POOLS", 15).ToArray());
        foreach (var seed in seeds)
        {
            var random = new Random(seed);
            int Next(int least, int most) => random.Next(least, most + 1);
            var (batch, filters, r, s) = (Next(1, 3), Next(1, 9), Next(1, 4), Next(1, 4));
            var (u, v, a, b) = (Next(1, 3), Next(1, 3), Next(1, 3), Next(1, 3));
            var (i, j, c, d) = (Next(1, 9), Next(1, 20), Next(0, 2), Next(0, 2));
            var (height, width) = (((i - 1) * a) + u + c, ((j - 1) * b) + v + d);
            var (step, pad) = (Next(1, 2), Next(0, 1));
            var mode = pad == 0 ? "" : random.Next(2) == 0 ? " else fill" : " else clamp";
            var (rows, columns) = (Math.Max(1, (step * (height - 1)) + r - (2 * pad)), Math.Max(1, (step * (width - 1)) + s - (2 * pad)));
            var type = seed % 3 == 0 ? "f64" : "f32";
            var kind = (string[])["max", "min", "sum"] is var kinds ? kinds[random.Next(3)] : "";
            var isSymbolic = random.Next(2) == 0;
            var n = isSymbolic ? "B" : $"{batch}";
            string Step(int by, string of) => by == 1 ? of : $"{by}*{of}";
            var text = $$"""
                graph g({{(isSymbolic ? "B" : "")}}) {
                  %0 = input argument x : {{type}}[{{n}}, {{rows}}, {{columns}}]
                  %1 = input argument w : {{type}}[{{filters}}, {{r}}, {{s}}]
                  %2 = input parameter p : {{type}}[{{filters}}]
                  %3 = view %0 [i0, {{Step(step, "i1")}} + i3 - {{pad}}{{mode}}, {{Step(step, "i2")}} + i4 - {{pad}}{{mode}}]{{(mode.EndsWith("fill", StringComparison.Ordinal) ? " fill 0" : "")}} : {{type}}[{{n}}, {{height}}, {{width}}, {{r}}, {{s}}]
                  %4 = contract %3[0, 2, 3, 4, 5], %1[1, 4, 5] -> [0, 1, 2, 3] : {{type}}[{{n}}, {{filters}}, {{height}}, {{width}}]
                  %5 = view %2 [i1] : {{type}}[{{n}}, {{filters}}, {{height}}, {{width}}]
                  %6 = add %4, %5 : {{type}}[{{n}}, {{filters}}, {{height}}, {{width}}]
                  %7 = splat 0 : {{type}}[{{n}}, {{filters}}, {{height}}, {{width}}]
                  %8 = {{(random.Next(2) == 0 ? "max %6, %7" : "abs %6")}} : {{type}}[{{n}}, {{filters}}, {{height}}, {{width}}]
                  %9 = view %8 [i0, i1, {{Step(a, "i2")}} + i4, {{Step(b, "i3")}} + i5] : {{type}}[{{n}}, {{filters}}, {{i}}, {{j}}, {{u}}, {{v}}]
                  %10 = reduce {{kind}} %9 [4, 5] : {{type}}[{{n}}, {{filters}}, {{i}}, {{j}}]
                  %11 = abs %10 : {{type}}[{{n}}, {{filters}}, {{i}}, {{j}}]
                  output y = %11
                }
                """.Replace(" - 0", "");
            var graph = GraphText.Parse(text);
            GraphVerifier.Verify(graph);
            var element = type == "f64" ? ElementType.F64 : ElementType.F32;
            TensorValue[] inputs = [KernelHarness.Random(element, seed, batch, rows, columns), KernelHarness.Random(element, seed + 1, filters, r, s), KernelHarness.Random(element, seed + 2, filters)];
            var dims = isSymbolic ? new Dictionary<string, long> { ["B"] = batch } : [];
            var expected = Interpreter.Run(graph, inputs, o => dims[o])[0];
            var (target, cpu) = NativeRunner.Targets.ElementAt(seed % NativeRunner.Targets.Count);
            foreach (var fused in (FusedGraph[])[RowwiseTests.OneGroup(graph, KernelStrategy.Window), GraphPasses.Run(graph, new PassOptions { Verify = true })])
            {
                var module = KernelLowering.Run(fused, Compilation.OptionsFor(cpu));
                using var native = NativeRunner.Load(module, cpu);
                foreach (var actual in (TensorValue[])[KernelHarness.Run(module, graph, inputs, o => dims[o]).Results[0], NativeRunner.Run(native.Entries.First(), inputs, dims, threads: 2)[0]])
                {
                    var wrong = KernelHarness.Difference(expected, actual, element == ElementType.F64 ? 1e-12 : 1e-4);
                    Assert.True(wrong is null, $"seed {seed}, {target}: {wrong}\n{text}");
                }

                pooled += module.Kernels.Any(k => k.Note.Contains("over a contraction", StringComparison.Ordinal)) ? 1 : 0;
            }
        }

        Assert.True(pooled > seeds.Length / 2, $"{pooled} of {2 * seeds.Length} were pools over contractions");
    }

    /// <summary>x, seen through windows, with something before and behind; or windows times weights, summed.</summary>
    private sealed class Program
    {
        private readonly Random _random;
        private readonly int _seed;
        private readonly string _text;
        private readonly TensorValue[] _inputs;
        private readonly bool _isContract;
        private readonly ElementType _element;
        private readonly bool _isSymbolic;
        private readonly int _batch;

        public Program(int seed)
        {
            (_seed, _random) = (seed, new Random(seed));
            _isContract = _random.Next(3) == 0;
            _element = _isContract ? Pick(ElementType.F32, ElementType.F64, ElementType.I32) : Pick(ElementType.F32, ElementType.F32, ElementType.F64, ElementType.I32, ElementType.I8, ElementType.U8, ElementType.I64, ElementType.Bool, ElementType.F16);
            var isTall = _random.Next(4) > 0;
            var column = new Slide(_random, 40, "i2", "i4");
            var row = isTall ? new Slide(_random, 14, "i1", "i3") : new Slide("i1", "i3");
            (_batch, _isSymbolic) = (_random.Next(1, 4), _random.Next(2) == 0);
            var type = _element.Name();
            var b = _isSymbolic ? "B" : $"{_batch}";
            var fill = row.Mode == "fill" || column.Mode == "fill" ? $" fill {(_element == ElementType.Bool ? "true" : _element.IsFloat() ? Pick("0", "-inf", "1.5", "nan") : Pick("0", "7"))}" : "";
            var (source, result) = ($"{type}[{b}, {row.Size}, {column.Size}]", $"{type}[{b}, {row.Count}, {column.Count}]");
            var windows = $"{type}[{b}, {row.Count}, {column.Count}, {row.Window}, {column.Window}]";
            var lines = new List<string> { $"input argument x : {source}", $"input argument w : {type}[{b}, {row.Window}, {column.Window}]", $"input argument z : {result}" };
            var x = _random.Next(3) == 0 && _element is not (ElementType.Bool or ElementType.U8) ? Add(lines, $"neg %0 : {source}") : 0;
            var view = Add(lines, $"view %{x} [i0, {row.Access}, {column.Access}]{fill} : {windows}");
            if (_random.Next(4) == 0 && _element.IsFloat() && _element != ElementType.F16)
            {
                view = Add(lines, $"abs %{view} : {windows}");
            }

            var reducer = _element == ElementType.Bool ? Pick("any", "all") : Pick(Reducers);
            var all = _random.Next(2) == 0;
            var sum = _isContract
                ? Add(lines, $"contract %{view}[0, 1, 2, {(all ? "3, 4" : "4, 3")}], %1[0, {(all ? "3, 4" : "4, 3")}] -> [0, 1, 2] : {result}")
                : Add(lines, $"reduce {reducer} %{view} [3, 4] : {result}");
            var last = _random.Next(2) == 0 ? Add(lines, $"{(_element == ElementType.Bool ? "or" : "add")} %{sum}, %2 : {result}") : sum;
            var outputs = _random.Next(3) == 0 && last != sum ? $"output y = %{last}\noutput s = %{sum}" : $"output y = %{last}";
            _text = $"graph g({(_isSymbolic ? "B" : "")}) {{\n{string.Join('\n', lines.Select((l, i) => $"%{i} = {l}"))}\n{outputs}\n}}\n";
            _inputs = [Values(1, _batch, row.Size, column.Size), Values(2, _batch, row.Window, column.Window), Values(3, _batch, row.Count, column.Count)];
        }

        /// <summary>Whether it became a kernel of windows.</summary>
        public bool Check()
        {
            var graph = GraphText.Parse(_text);
            GraphVerifier.Verify(graph);
            var dims = _isSymbolic ? new Dictionary<string, long> { ["B"] = _batch } : [];
            var expected = Interpreter.Run(graph, _inputs, d => dims[d]);
            var strategy = _isContract ? KernelStrategy.Contraction : KernelStrategy.Rowwise;
            var tolerance = _element == ElementType.F64 ? 1e-12 : 1e-4;
            var what = $"seed {_seed}\n{_text}";
            var (target, cpu) = NativeRunner.Targets.ElementAt(_seed % NativeRunner.Targets.Count);
            var fused = RowwiseTests.OneGroup(graph, strategy);
            var module = KernelLowering.Run(fused, Compilation.OptionsFor(cpu) with { Eager = _seed % 5 == 0 });
            Compare(KernelHarness.Run(module, graph, _inputs, d => dims[d]).Results, "loops");
            using var native = NativeRunner.Load(module, cpu);
            var one = NativeRunner.Run(native.Entries.First(), _inputs, dims);
            Compare(one, target);
            foreach (var threads in (int[])[2, 4])
            {
                var more = NativeRunner.Run(native.Entries.First(), _inputs, dims, threads: threads);
                Assert.Equal(one.Select(v => v.ToBytes()), more.Select(v => v.ToBytes()));
            }

            return module.Kernels.Any(k => k.Strategy == KernelStrategy.Window);

            void Compare(IReadOnlyList<TensorValue> actual, string where)
            {
                for (var i = 0; i < expected.Count; i++)
                {
                    var wrong = KernelHarness.Difference(expected[i], actual[i], tolerance);
                    Assert.True(wrong is null, $"{where}, {what}{wrong}");
                }
            }
        }

        private static int Add(List<string> lines, string line)
        {
            lines.Add(line);
            return lines.Count - 1;
        }

        private T Pick<T>(params T[] choices) => choices[_random.Next(choices.Length)];

        // Numbers around 1, so that products stay small; a nan now and then.
        private TensorValue Values(int number, params long[] shape)
        {
            var value = KernelHarness.Random(_element, (_seed * 10) + number, shape);
            if (!_element.IsFloat())
            {
                return value;
            }

            var numbers = Enumerable.Range(0, (int)value.Count).Select(i => value[i].AsDouble * 0.8).ToArray();
            if (number == 1 && _random.Next(3) == 0)
            {
                numbers[_random.Next(numbers.Length)] = Pick(double.NaN, double.PositiveInfinity, double.NegativeInfinity);
            }

            return TensorValue.Of(_element, shape, numbers);
        }
    }

    /// <summary>How windows slide along one axis of x.</summary>
    private sealed class Slide
    {
        public Slide(string index, string tap)
        {
            (Size, Count, Window, Mode) = (1, 1, 1, "");
            Access = $"{index} + {tap}";
        }

        public Slide(Random random, int most, string index, string tap)
        {
            (Count, Window) = (random.Next(1, most), random.Next(1, 5));
            var (stride, step) = (random.Next(1, 5), random.Next(4) == 0 ? random.Next(-2, 4) : 1);
            step = step == 0 ? 1 : step;
            Mode = Modes[random.Next(Modes.Length)];
            var (least, reach) = (Math.Min(0, step * (Window - 1)), (stride * (Count - 1)) + Math.Max(0, step * (Window - 1)));
            var offset = Mode.Length == 0 ? -least : random.Next(-3, 3);
            Size = Mode.Length == 0 ? reach + offset + 1 + random.Next(3) : Math.Max(1, reach + random.Next(-3, 4));
            Access = $"{(stride == 1 ? "" : $"{stride}*")}{index} + {(step == 1 ? "" : $"{step}*")}{tap}{(offset == 0 ? "" : offset > 0 ? $" + {offset}" : $" - {-offset}")}{(Mode.Length == 0 ? "" : $" else {Mode}")}";
        }

        public int Size { get; }

        public int Count { get; }

        public int Window { get; }

        public string Mode { get; }

        public string Access { get; }
    }
}
