using System.Diagnostics;
using System.Text;
using Lepton.Abi;
using Lepton.Graphs;
using static Lepton.Tests.Language.SemanticsHarness;

namespace Lepton.Tests.Language;

/// <summary>scan, iterate, and programs that are long.</summary>
public sealed class SemanticsLoopTests
{
    [Fact]
    public void A_running_sum() => Gives(
        "fn f(x: f32[T]) -> (ys: f32[T], s: f32) { scan t in T { state s = 0 \n s' = s + x[t] \n emit ys[t] = s' } }", F32([4], 1, 3, 6, 10), Count(4));

    [Fact]
    public void A_recurrent_net() => Gives(
        """
        fn f(x: f32[T, B, X], h0: f32[B, H], wx: f32[X, H], wh: f32[H, H]) -> (hs: f32[T, B, H]) {
          scan t in T {
            state h[b, j] = h0[b, j]
            h'[b, j] = sum[k] x[t, b, k] * wx[k, j] + sum[k] h[b, k] * wh[k, j]
            emit hs[t, b, j] = h'[b, j]
          }
        }
        """,
        F32([2, 1, 2], 5, 6, 25, 26), Count(2, 1, 2), F32([1, 2], 1, 1), F32([2, 2], 1, 0, 0, 1), F32([2, 2], 2, 2, 2, 2));

    [Fact]
    public void The_step_is_an_index_that_is_proved_inside()
    {
        var entry = Good("fn f(x: f32[T]) -> (y: f32) { scan t in T - 1 { state y = 0 \n y' = y + x[t + 1] - x[t] } }").Entries[0];
        Assert.Empty(entry.Sites);
        Assert.Equal("LEP2005", Assert.Single(Errors("fn f(x: f32[T]) -> (y: f32) { scan t in T { state y = 0 \n y' = y + x[t + 1] } }")).Split(' ')[0]);
    }

    [Fact]
    public void A_literal_state_takes_type_and_shape_of_its_next_value()
    {
        Gives("fn f(x: f16[T, N]) -> (y) { scan t in T { state y = 0 \n y' = y + x[t] } }",
            TensorValue.OfFloats(ElementType.F16, [2], [4, 6]), TensorValue.OfFloats(ElementType.F16, [2, 2], [1, 2, 3, 4]));
        Gives("fn f(x: f32[T]) -> (n, y: f32) { scan t in T { state n = 0 \n n' = n + 1 \n state y = 0 \n y' = y + x[t] * 0.5^n } }",
            TensorValue.OfIntegers(ElementType.I64, [], [3]), Count(3));
    }

    [Fact]
    public void Loops_nest_and_work_below_an_index()
    {
        Gives("fn f(x: f32[T, U]) -> (y: f32) { scan t in T { state y = 0 \n scan u in U { state z = 0 \n z' = z + x[t, u] } \n y' = y + z * z } }",
            F32([], 58), Count(2, 2));
        Gives("fn total(x) -> (s) { scan t in size(x, 0) { state s = 0 \n s' = s + x[t] } }\nfn f(x: f32[N, M]) -> (y: f32[N]) { y[i] = total(x[i]) }",
            F32([2], 3, 7), Count(2, 2));
    }

    [Fact]
    public void Newton_iterates_until_it_is_near() => Gives(
        "fn f(a: f32) -> (x: f32) { iterate until abs(x' - x) < 1e-6 max 50 { state x = a \n x' = (x + a / x) / 2 } }", F32([], Math.Sqrt(2)), F32([], 2));

    [Fact]
    public void Triangular_solve() => Gives(
        """
        fn f(l: f32[N, N], b: f32[N]) -> (y: f32[N]) {
          scan t in N {
            state y[i: N] = 0
            y'[i] = if i == t then (b[t] - sum[j] l[t, j] * y[j]) / l[t, t] else y[i]
          }
        }
        """,
        F32([2], 2, 1), F32([2, 2], 2, 0, 3, 4), F32([2], 4, 10));

    [Fact]
    public void Kmeans_binds() => Good(
        """
        fn f(x: f32[N, D], c0: f32[K, D]) -> (c: f32[K, D], a: i64[N]) {
          iterate until shift < 1e-4 max 100 {
            state c = c0
            state a[i: N] = 0
            d[i, k] = sum[j] (x[i, j] - c[k, j])^2
            a'[i] = argmin[k] d[i, k]
            n[a'[i]: K] += 1.0
            s[a'[i]: K, j] += x[i, j]
            c'[k, j] = s[k, j] / max(n[k], 1)
            shift = max(abs(c' - c))
          }
        }
        """);

    [Fact]
    public void A_hundred_thousand_equations_bind_in_linear_time()
    {
        // Written backwards, so that the order has to be found.
        static string Chain(int n)
        {
            var text = new StringBuilder("fn f(x: f32[N]) -> (y: f32[N]) {\n").Append($"y = a{n}\n");
            for (var i = n; i > 0; i--)
            {
                text.Append($"a{i} = a{i - 1} * 1.5 + x\n");
            }

            return text.Append("a0 = x\n}\n").ToString();
        }

        Assert.Equal(ElementType.F32, Bind(Chain(100)).Program.Entries[0].Body[^1].Type.Element);
        Assert.True(TimeOf(Chain(100_000)) < TimeOf(Chain(10_000)) * 30 + TimeSpan.FromSeconds(1));
    }

    [Fact]
    public void A_hundred_thousand_terms_bind()
    {
        var text = "fn f(x: f32[N]) -> (y) { y = x" + string.Concat(Enumerable.Repeat(" + x", 100_000)) + " }";
        Assert.Equal(100_001, Bind(text).Program.Entries[0].Body.Count);
        var numbers = "fn f(x: f32[N]) -> (y) { y = x + (N" + string.Concat(Enumerable.Repeat(" + 0.5 - N", 50_000)) + ") }";
        Assert.Single(Bind(numbers).Program.Entries);
    }

    [Fact]
    public void Calls_that_grow_without_end_are_refused()
    {
        var deep = "fn f0(x) = x\n" + string.Concat(Enumerable.Range(1, 200).Select(i => $"fn f{i}(x) = f{i - 1}(x)\n")) + "fn f(x: f32) -> f32 = f200(x)";
        Assert.Equal("LEP4006", Assert.Single(Errors(deep)).Split(' ')[0]);
        var wide = "fn f0(x) = x + 1\n" + string.Concat(Enumerable.Range(1, 40).Select(i => $"fn f{i}(x) = f{i - 1}(x) * f{i - 1}(x)\n")) + "fn f(x: f32) -> f32 = f40(x)";
        Assert.Equal("LEP4019", Assert.Single(Errors(wide)).Split(' ')[0]);
    }

    [Fact]
    public void Loops_within_loops_within_loops()
    {
        var nested = string.Concat(Enumerable.Range(0, 20).Select(i => $"scan t{i} in 2 {{ state s{i} = 0\n"))
            + string.Concat(Enumerable.Range(0, 20).Reverse().Select(i => $"s{i}' = s{i} + 1\n }}\n"));
        Assert.Single(Good($"fn f() -> (s0: i64) {{ {nested} }}").Entries);
    }

    [Fact]
    public void A_dim_that_only_a_range_uses_is_a_size_of_the_entry() =>
        Assert.Equal(["N", "M"], Good("dim M\nfn f(x: f32[N]) -> (y: f32[N]) { y = x * sum[i: M] sin(f32(i)) }").Entries[0].Dims);

    private static TimeSpan TimeOf(string text)
    {
        var watch = Stopwatch.StartNew();
        Assert.False(Bind(text).Report.HasErrors);
        return watch.Elapsed;
    }
}
