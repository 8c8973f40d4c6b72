using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Building;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Xunit;

namespace Lepton.Tests.Graphs;

/// <summary>Programs as text, through parser, binder, graph builder and interpreter; every graph is verified and read back from its text form.</summary>
public sealed class SourceToGraphTests
{
    private static TensorValue F32(long[] shape, params double[] values) => TensorValue.Of(ElementType.F32, shape, values);

    private static TensorValue I32(long[] shape, params double[] values) => TensorValue.Of(ElementType.I32, shape, values);

    private static TensorValue I64(long[] shape, params double[] values) => TensorValue.Of(ElementType.I64, shape, values);

    private static TensorValue F64(long[] shape, params double[] values) => TensorValue.Of(ElementType.F64, shape, values);

    private static IReadOnlyList<TensorValue> Run(string source, params TensorValue[] inputs)
    {
        var report = new DiagnosticReport();
        var program = Binder.Bind(Parser.Parse(new SourceText("test.lep", source), report), new TextSourceLoader(new Dictionary<string, string>()), report);
        Assert.True(!report.HasErrors, string.Join("\n", report.Diagnostics.Select(d => $"{d.Kind.Code} {d.Message} at {d.Span.StartPosition}")));
        var graph = GraphBuilder.Build(program.Entries[^1]);
        GraphVerifier.Verify(graph);
        Assert.True(GraphCompare.Same(graph, GraphText.Parse(GraphText.Print(graph))), GraphText.Print(graph));
        return Interpreter.Run(graph, inputs);
    }

    private static void Gives(TensorValue expected, string source, params TensorValue[] inputs)
    {
        var actual = Run(source, inputs)[0];
        Assert.True(expected.Same(actual), $"{actual}, not {expected}");
    }

    private static void GivesAbout(TensorValue expected, string source, params TensorValue[] inputs)
    {
        var actual = Run(source, inputs)[0];
        Assert.Equal(expected.Dims, actual.Dims);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].AsDouble, actual[i].AsDouble, 1e-6);
        }
    }

    [Fact]
    public void Affine() => Gives(
        F32([2], 9, 16), "fn affine(a: f32[N], b: f32[N]) -> (y: f32[N]) {\n  y = a * b + 1\n}\n", F32([2], 2, 3), F32([2], 4, 5));

    [Fact]
    public void Wave() => GivesAbout(
        F32([3], WaveAt(1), WaveAt(2), WaveAt(3)), "fn wave(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)\n", F32([3], 1, 2, 3));

    private static double WaveAt(double x) => (float)(Math.Sin(x) + Math.Cos(x * x) + Math.Exp(x));

    [Fact]
    public void Matrix_product_in_both_notations()
    {
        const string Source =
            """
            fn f(a: f32[M, K], b: f32[K, N]) -> (c: f32[M, N], d: f32[M, N]) {
              c[i, j] = sum[k] a[i, k] * b[k, j]
              d = a @ b
            }
            """;
        var (a, b) = (F32([2, 3], 1, 2, 3, 4, 5, 6), F32([3, 2], 1, 0, 0, 1, 1, 1));
        var results = Run(Source, a, b);
        Assert.True(results[0].Same(F32([2, 2], 4, 5, 10, 11)) && results[1].Same(results[0]), $"{results[0]} {results[1]}");
    }

    [Fact]
    public void Softmax_over_an_axis()
    {
        const string Source =
            """
            fn softmax[k](z) = e / sum[k] e  where e = exp(z - max[k] z)
            fn f(x: f64[B, C]) -> (p: f64[B, C], q: f64[B, C]) {
              p[b, c] = softmax[c](x[b, c])
              q = softmax[axis = -1](x)
            }
            """;
        var results = Run(Source, F64([2, 2], 0, Math.Log(3), 5, 5));
        foreach (var result in results)
        {
            var numbers = result.AsFloats.ToArray();
            Assert.Equal(0.25, numbers[0], 1e-12);
            Assert.Equal(0.75, numbers[1], 1e-12);
            Assert.Equal(0.5, numbers[3], 1e-12);
        }
    }

    [Fact]
    public void Stencils_outside_of_the_tensor()
    {
        const string Source =
            """
            fn f(x: f32[N]) -> (a: f32[N], b: f32[N], c: f32[N], d: f32[N]) {
              a[i] = x[i - 1 else 0] + x[i + 1 else 0]
              b[i] = x[i - 1 else clamp] + x[i + 1 else clamp]
              c[i] = x[i - 1 else wrap] + x[i + 1 else wrap]
              d[i] = x[i - 1 else reflect] + x[i + 1 else reflect]
            }
            """;
        var results = Run(Source, F32([4], 1, 2, 3, 4));
        Assert.True(results[0].Same(F32([4], 2, 4, 6, 3)), $"{results[0]}");
        Assert.True(results[1].Same(F32([4], 3, 4, 6, 7)), $"{results[1]}");
        Assert.True(results[2].Same(F32([4], 6, 4, 6, 4)), $"{results[2]}");
        Assert.True(results[3].Same(F32([4], 4, 4, 6, 6)), $"{results[3]}");
    }

    [Fact]
    public void Convolution_and_pooling()
    {
        const string Source =
            """
            fn f(x: f32[6], w: f32[3]) -> (y: f32[4], p: f32[3]) {
              y[i] = sum[r] x[i + r] * w[r]
              p[i] = max[r: 2] x[2 * i + r]
            }
            """;
        var results = Run(Source, F32([6], 1, 2, 3, 4, 5, 6), F32([3], 1, 0, -1));
        Assert.True(results[0].Same(F32([4], -2, -2, -2, -2)), $"{results[0]}");
        Assert.True(results[1].Same(F32([3], 2, 4, 6)), $"{results[1]}");
    }

    [Fact]
    public void Groups_join_and_split_axes()
    {
        const string Source =
            """
            fn f(m: f32[B, 2, 3]) -> (f: f32[B, 6], g: f32[B, 3, 2]) {
              f[b, (i, j)] = m[b, i, j]
              g[b, j, i] = f[b, (i: 2, j)]
            }
            """;
        var results = Run(Source, F32([1, 2, 3], 1, 2, 3, 4, 5, 6));
        Assert.True(results[0].Same(F32([1, 6], 1, 2, 3, 4, 5, 6)), $"{results[0]}");
        Assert.True(results[1].Same(F32([1, 3, 2], 1, 4, 2, 5, 3, 6)), $"{results[1]}");
    }

    [Fact]
    public void Gathers_report_the_element()
    {
        const string Source =
            """
            fn f(z: f32[B, 3], y: i32[B]) -> (p: f32[B]) {
              p[b] = z[b, y[b]]
            }
            """;
        var (z, y) = (F32([2, 3], 1, 2, 3, 4, 5, 6), I32([2], 2, 0));
        Assert.True(Run(Source, z, y)[0].Same(F32([2], 3, 4)));
        var error = Assert.Throws<GraphRunException>(() => Run(Source, z, I32([2], 2, -1)));
        Assert.Equal((1L, -1L, 3L), (error.Element, error.Index, error.Bound));
        Assert.Contains("z[b, y[b]]", error.Message);
    }

    [Fact]
    public void Histogram() => Gives(
        I32([4], 1, 3, 0, 1),
        "fn f(bin: i32[N]) -> (hist: i32[4]) {\n  hist[bin[i]] += 1\n}\n",
        I32([5], 1, 0, 1, 3, 1));

    [Fact]
    public void Index_values_and_conditions() => Gives(
        F32([2, 2], 1, 0, 0, 1), "fn f() -> (eye: f32[2, 2]) {\n  eye[i: 2, j: 2] = if i == j then 1 else 0\n}\n");

    [Fact]
    public void Slices_concat_and_sort()
    {
        const string Source =
            """
            fn f(x: f32[6]) -> (a: f32[3], b: f32[9], c: f32[6]) {
              a = x[::2]
              b = concat(x, a)
              c = sort(x)
            }
            """;
        var results = Run(Source, F32([6], 3, 1, 2, 6, 5, 4));
        Assert.True(results[0].Same(F32([3], 3, 2, 5)), $"{results[0]}");
        Assert.True(results[1].Same(F32([9], 3, 1, 2, 6, 5, 4, 3, 2, 5)), $"{results[1]}");
        Assert.True(results[2].Same(F32([6], 1, 2, 3, 4, 5, 6)), $"{results[2]}");
    }

    [Fact]
    public void A_scan_runs_a_recurrence()
    {
        const string Source =
            """
            fn f(x: f32[T, B], h0: f32[B]) -> (hs: f32[T, B], h: f32[B]) {
              scan t in T {
                state h[b] = h0[b]
                h'[b] = 2 * h[b] + x[t, b]
                emit hs[t, b] = h'[b]
              }
            }
            """;
        var results = Run(Source, F32([3, 2], 1, 10, 2, 20, 3, 30), F32([2], 0, 1));
        Assert.True(results[0].Same(F32([3, 2], 1, 12, 4, 44, 11, 118)), $"{results[0]}");
        Assert.True(results[1].Same(F32([2], 11, 118)), $"{results[1]}");
    }

    [Fact]
    public void An_iterate_runs_until_its_condition()
    {
        const string Source =
            """
            fn root(a: f64) -> (x: f64) {
              iterate until done max 100 {
                state x = a
                x' = (x + a / x) / 2
                done = abs(x' - x) < 1e-14
              }
            }
            """;
        GivesAbout(F64([], Math.Sqrt(2)), Source, F64([], 2));
    }

    [Fact]
    public void Random_numbers_are_those_of_the_counter()
    {
        var result = Run("fn f(n: f32[N]) -> (u: f32[N, 3]) {\n  u[i, j: 3] = uniform(42, i, j) + 0 * n[i]\n}\n", F32([2], 0, 0))[0];
        Assert.Equal(Philox.Uniform(42, [1, 2]), result[5].AsDouble);
    }

    [Fact]
    public void Argmax_mean_any()
    {
        const string Source =
            """
            fn f(x: f32[2, 3]) -> (a: i64[2], m: f32, n: f32[2], z: bool) {
              a[i] = argmax[j] x[i, j]
              m = mean(x)
              n[i] = mean[j] x[i, j]
              z = any[i, j] (x[i, j] > 5)
            }
            """;
        var results = Run(Source, F32([2, 3], 1, 3, 2, 6, 4, 5));
        Assert.True(results[0].Same(I64([2], 1, 0)), $"{results[0]}");
        Assert.True(results[1].Same(F32([], 3.5)), $"{results[1]}");
        Assert.True(results[2].Same(F32([2], 2, 5)), $"{results[2]}");
        Assert.True(results[3].Same(TensorValue.Of(ElementType.Bool, [], 1)), $"{results[3]}");
    }
}
