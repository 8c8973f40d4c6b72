using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Tests.House;

namespace Lepton.Tests.Language;

/// <summary>
/// Random and mutated texts: whatever they are, the parser gives diagnostics and a tree, never an exception, never an endless wait; and what
/// has no errors is formatted to a text of the same meaning that stays as it is when formatted again.
/// PARSER_FUZZ_COUNT and PARSER_FUZZ_SEED choose another number of texts and another start.
/// </summary>
public class ParserFuzz
{
    private const int CountInTests = 3_000;
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private static readonly string[] Tokens =
    [
        .. "import dim const param fn step optimizer format plan state emit update scan iterate until in on fill where if then else and or not true false"
            .Split(' '),
        .. "sum prod max min mean any all argmax argmin return let for while def grad".Split(' '),
        .. "dense compressed repeated singleton csr bsr(4,2) a b x y1 B N f32 T nn.relu 0 1 12 1_000 2.5e-3 1. .5 0x1 \"a.lep\" \"a".Split(' '),
        .. "( ) [ ] { } ( ) [ ] { } , , : . ... ' ~ -> = = = += *= max= min= == != < <= > >= + - * / % @ ^ ; && || ! ** # // /* */ \" \\ ? $ \u201C \u00D7 \U0001F600"
            .Split(' '),
        "\n", "\n", "\n", "\n", "\n  ", "\r\n", "\t", " ", "\u00A0", "\0", "\uD800",
    ];

    /// <summary>Texts without mistakes: those of the parser's tests and of the error page.</summary>
    public static IReadOnlyList<string> Seeds()
    {
        var page = File.ReadAllText(Repository.PathOf("compiler", "Lepton.Language", "errors.md"));
        return
        [
            .. Regex.Matches(page, "```lep (?:right|wrong)\n(.*?)```", RegexOptions.Singleline).Select(match => match.Groups[1].Value),
            """
            import nn                                   // a library
            dim B, D = 784, H = 128, C = 10
            param w1: f32[D, H] ~ glorot                // a named tensor
            param b1: f32[H]    ~ zeros
            fn relu(x) = max(x, 0)
            fn mlp(x: f32[B, D]) -> (p: f32[B, C]) {
              h[b, j] = relu(sum[k] x[b, k] * w1[k, j] + b1[j])
              z       = h @ w2 + b2                     /* without indices */
              p[b, c] = softmax[c](z[b, c])
            }
            fn softmax[k](z) = e / sum[k] e  where e = exp(z - max[k] z)
            fn lse[k](z) = log(s) + m
              where m = max[k] z
                    s = sum[k] e, e = exp(z - m)
            """,
            """
            fn rnn(x: f32[T, B, K], h0: f32[B, J]) -> (hs: f32[T, B, J], y: f32[N]) {
              scan t in T {
                state h[b, j] = h0[b, j]
                h'[b, j] = tanh(sum[k] x[t, b, k] * wx[k, j] + sum[k] h[b, k] * wh[k, j] + bh[j])
                emit hs[t, b, j] = h'[b, j]
              }
              iterate until norm < 1e-6 max 500 {
                state x[i] = x0[i]
                x'[i] = x[i] / 2 where a = 1, b = 2
                norm = max[i] abs(x[i])
              }
              (q, r) = f(state[a], axis = -1)
              y[i: N / 2] = if i == 0 then x[2 * i] else x[i - 1 else clamp]; hist[bin[i]: 10] += 1
              v = -x^2^-y' * 3 - sum[k] -x[k] * b * prod[j: 3] c[j] @ d % [1, 2.5e-3][i]
                - all[i] not a[i] and not b <= c
              f[b, (o, i, j)] = m[b, s, (h: 8, d), 2:n, :, ::2]
              m[i] max= x[i]
              update params by adam(lr = 1e-3) using grad(loss)
            }
            plan for mlp { minimize 0.6 * time + 0.002 usd/ms * cost, interval when B = 64, N = 1_0
              subject to time <= 100 ms, cost <= 1e-3 usd pin a to opencl:0; pin to to "b c"
              precision bf16 for w1, for }
            format csr[i, j] = i: dense, j: compressed
            format bsr(b, c)[i, j]: i64 = i / b: compressed repeated,
              i % b: dense, j / 4: singleton, j % 4: dense
            fn s(a: f32[N, M] in nn.bsr(4, B) fill -inf) -> f32[N, M] in csr {
              s[i, j]: f32[N, M] in coo fill 0 on a fill -inf = 1 where a' on s = x
            }
            const eps: f32 = 1_000
            """,
        ];
    }

    [Fact]
    public void Any_text_gives_diagnostics_and_a_tree()
    {
        var count = Setting("PARSER_FUZZ_COUNT", CountInTests);
        var first = Setting("PARSER_FUZZ_SEED", 1);
        var slowest = TimeSpan.Zero;
        var seeds = Seeds();
        for (var seed = first; seed < first + count; seed++)
        {
            var text = Text(new Random(seed), seeds);
            var clock = Stopwatch.StartNew();
            try
            {
                Check(text);
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}: {e.Message}\n--- text\n{text}\n---\n{e}");
            }

            // One pause of the machine is no slow text: the time counts when it comes again.
            if (clock.Elapsed > Longest)
            {
                clock.Restart();
                Check(text);
            }

            slowest = clock.Elapsed > slowest ? clock.Elapsed : slowest;
            Assert.True(slowest < Longest, $"seed {seed} takes {slowest}\n{text}");
        }
    }

    private static void Check(string text)
    {
        var source = new SourceText("fuzz.lep", text);
        var report = new DiagnosticReport();
        var tree = TreePrinter.Print(Parser.Parse(source, report));
        Assert.NotEmpty(new DiagnosticPrinter().PrintAll(report.Diagnostics) + "-");
        DiagnosticJson.Print(report.Diagnostics);
        Assert.True(report.HasErrors || !tree.Contains("<missing>"), "something is missing and nobody said so");

        var formatReport = new DiagnosticReport();
        var formatted = Formatter.Format(source, formatReport);
        Assert.Equal(report.HasErrors, formatted == null);
        if (formatted != null)
        {
            var again = new SourceText("fuzz.lep", formatted);
            Assert.Equal(tree, TreePrinter.Print(Parser.Parse(again, report)));
            Assert.Equal(formatted, Formatter.Format(again, report));
            Assert.Empty(report.Diagnostics);
        }
    }

    private static string Text(Random random, IReadOnlyList<string> seeds)
    {
        switch (random.Next(8))
        {
            case 0:
                return Soup(random, random.Next(1, 60));
            case 1:
                return Characters(random, random.Next(1, 100));
            case 2:
                return "fn f(x) {\n" + Soup(random, random.Next(1, 60)) + "\n}\nfn g(x) = x";
            default:
                var text = new StringBuilder(seeds[random.Next(seeds.Count)]);
                for (var i = random.Next(1, 6); i > 0; i--)
                {
                    Mutate(random, text, seeds);
                }

                return text.ToString();
        }
    }

    private static string Soup(Random random, int count)
    {
        var text = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            text.Append(Tokens[random.Next(Tokens.Length)]).Append(random.Next(3) == 0 ? string.Empty : " ");
        }

        return text.ToString();
    }

    private static string Characters(Random random, int count)
    {
        var text = new StringBuilder();
        for (var i = 0; i < count; i++)
        {
            text.Append(random.Next(10) == 0 ? (char)random.Next(0x10000) : (char)random.Next(9, 127));
        }

        return text.ToString();
    }

    private static void Mutate(Random random, StringBuilder text, IReadOnlyList<string> seeds)
    {
        var at = random.Next(text.Length + 1);
        var length = Math.Min(random.Next(12), text.Length - at);
        switch (random.Next(9))
        {
            case 0:
                text.Remove(at, length);
                break;
            case 1:
                text.Insert(at, $" {Tokens[random.Next(Tokens.Length)]} ");
                break;
            case 2:
                text.Remove(at, length).Insert(at, Tokens[random.Next(Tokens.Length)]);
                break;
            case 3:
                var piece = text.ToString(at, length);
                text.Insert(random.Next(text.Length + 1), piece);
                break;
            case 4:
                text.Insert(at, Characters(random, 1));
                break;
            case 5:
                var other = seeds[random.Next(seeds.Count)];
                var start = random.Next(other.Length);
                text.Insert(at, other.AsSpan(start, Math.Min(random.Next(80), other.Length - start)));
                break;
            case 6:
                text.Insert(at, "\n");
                break;
            case 7:
                text.Replace("\n", " ", Math.Min(at, text.Length), length);
                break;
            default:
                text.Insert(at, string.Concat(Enumerable.Repeat(Tokens[random.Next(Tokens.Length)], random.Next(1, 400))));
                break;
        }
    }

    private static int Setting(string name, int otherwise) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : otherwise;
}
