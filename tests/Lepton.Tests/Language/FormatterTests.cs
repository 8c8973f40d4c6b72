using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Tests.Language;

public class FormatterTests
{
    private static string Format(string text)
    {
        var report = new DiagnosticReport();
        var formatted = Formatter.Format(new SourceText("test.lep", text), report);
        Assert.Empty(report.Diagnostics);
        Assert.NotNull(formatted);
        Assert.Equal(formatted, Formatter.Format(new SourceText("test.lep", formatted), report));
        Assert.Equal(ParserTests.Tree(text), ParserTests.Tree(formatted));
        return formatted;
    }

    [Theory]
    [InlineData("fn  f ( x,y = 2 ) = - x ^ 2+ f( x ) [ i ] *( a )", "fn f(x, y = 2) = -x^2 + f(x)[i] * (a)")]
    [InlineData("fn f(x) = sum [k]-x[ k ]-  sum[ k:3 ](a)", "fn f(x) = sum[k] -x[k] - sum[k: 3] (a)")]
    [InlineData("fn f(x) = x[ 2 : n , : , : : 2 , : - 1 ]", "fn f(x) = x[2:n, :, ::2, :-1]")]
    [InlineData("fn f(x:T[ ... S,K ]) -> T [...S]=x", "fn f(x: T[...S, K]) -> T[...S] = x")]
    [InlineData("fn f(x)->(a:f32,b){}", "fn f(x) -> (a: f32, b) { }")]
    [InlineData("fn f(x) = if  not a then[1,2][ i ]else g . h ( k=3 )", "fn f(x) = if not a then [1, 2][i] else g.h(k = 3)")]
    [InlineData("fn f(m : f32[N]in csr) = x [i-1 else-inf]^ - h '", "fn f(m: f32[N] in csr) = x[i - 1 else -inf]^-h'")]
    [InlineData("dim  A,B=3*A\n\n\n\nimport   \"x.lep\"", "dim A, B = 3 * A\n\nimport \"x.lep\"")]
    [InlineData("format bsr ( b,c ) [i,j] :i64=i/b:dense,j/c : compressed  repeated", "format bsr(b, c)[i, j]: i64 = i / b: dense, j / c: compressed repeated")]
    [InlineData("fn f(m:f32[N]in bsr ( 4,2 )fill - inf) = m", "fn f(m: f32[N] in bsr(4, 2) fill -inf) = m")]
    [InlineData("fn f(m) = y where y [i]on m fill-1 = 2", "fn f(m) = y where y[i] on m fill -1 = 2")]
    public void One_line(string text, string formatted) => Assert.Equal(formatted + "\n", Format(text));

    [Fact]
    public void Blocks_are_indented_and_neighbours_aligned() => Assert.Equal(
        """
        param w: f32[A, B] ~ zeros
        param bias: f32    ~ ones
        fn f(x) {
          y[i: N / 2]      = x[2 * i]
          z                = y
          hist[bin[i]: 10] += 1
          m[i]             max= x[i]

          (q, r) = g(x)
          scan t in T {
            state h[j] = 0
            h'[j]      = h[j]
            emit hs[t] = h' where a = 1, b = 2
          }
          iterate until n < 1 max 5 {
            state n = 3
          }
          last = 1
        }

        """,
        Format("param w:f32[A,B]~zeros\nparam bias : f32 ~ ones\nfn f(x)\n{\n\n  y[i : N/2]=x[2*i];z=y\n hist [bin[i]:10] += 1\nm[i] max= x[i]\n\n\n (q,r)=g(x)\nscan t in T{state h[j]=0\nh'[j]=h[j]\nemit hs[t]=h' where a=1,b=2 }\niterate until n<1\n max 5{state n=3}\nlast=1\n\n}"));

    [Fact]
    public void Comments_are_kept_where_they_stand() => Assert.Equal(
        """
        // head

        /* block
           of two lines */
        fn f(x) {  // opens
          // own
          a   = x  // one
          bcd = x  // two

          e = x + // inner
              y  // three
          g = /* in */ x
          // last
        }  // closes
        // end

        """,
        Format("// head\n\n\n/* block\n   of two lines */\nfn f(x) { // opens\n// own\na = x// one\nbcd = x     // two\n\n  e = x + // inner\n y // three\n g = /* in */ x\n// last\n} // closes\n// end"));

    [Fact]
    public void The_lines_of_a_where_stand_below_each_other() => Assert.Equal(
        """
        fn lse[k](z) = log(s) + m
          where m = max[k] z
                s = sum[k] e, e = exp(z - m)

        fn g(x) = e where e = x

        """,
        Format("fn lse[k](z) = log(s)+m where m = max[k] z\n s = sum[k] e, e = exp(z-m)\n\nfn g(x) = e\n where e = x"));

    [Fact]
    public void Long_lines_are_broken_at_their_loosest_operators()
    {
        var term = new string('a', 30);
        var text = Format($"fn f(x) = {term} * {term} + {term} * {term} - g({term}, {term}, {term}, {term})");
        Assert.Equal(
            $"fn f(x) = {term} * {term}\n    + {term} * {term}\n    - g({term}, {term},\n    {term}, {term})\n",
            text);
        Assert.All(text.Split('\n'), line => Assert.True(line.Length <= 100));
    }

    [Fact]
    public void Texts_of_later_versions_stay_as_they_are()
    {
        const string Text = "optimizer o for mlp {  // why\n    pin   a to gpu0\n}\n\nfn f(x) {\n  update params by  adam(lr = 1)\n  y = x\n}\n";
        Assert.Equal(Text, Format(Text));
    }

    [Theory]
    [InlineData("optimizer\nstep T minimize time\n")]
    [InlineData("optimizer /* in */ adam { }\n")]
    [InlineData("dim B\n// a\r// b\n")]
    [InlineData("fn f(on) {\n  emit v6[t, i: 4, j: N0] =\n      sum[k: 3] on'[1 else clamp, i + 18, i64(on[i + 4 - k, i + 10, t]) else 0]\n  w[i] on v6' fill 2 = 1\n}\n")]
    [InlineData("fn f(x) {\n  v6 =\n      x9[:, max(i64(v4[40, 0, 0]), 5) else 1.75,\n      if bool(true) then i64(v4[5, 0, 0]) else i64(u8(1)) else 1.75, :,\n      argmin(bf16(x7[:, :]), axis = [0, 1]) else clamp]\n}\n")]
    public void What_the_fuzzer_found_stays_as_it_is(string text) => Assert.Equal(text, Format(text));

    [Fact]
    public void Windows_line_ends_become_plain() => Assert.Equal("fn f(x) {\n  // a\n  /* b\n  c */\n  y = x\n}\n", Format("fn f(x) {\r\n  // a \r\n  /* b \r\n  c */\r\n  y = x\r\n}\r\n"));

    [Fact]
    public void A_wrong_file_is_left_alone()
    {
        var report = new DiagnosticReport();
        Assert.Null(Formatter.Format(new SourceText("a.lep", "fn f(x) = "), report));
        Assert.Equal("LEP1001", Assert.Single(report.Diagnostics).Kind.Code);
    }

    public static TheoryData<string> Files() =>
        [.. Directory.EnumerateFiles(House.Repository.Root, "*.lep", SearchOption.AllDirectories).Where(file => !file.Contains("/bin/") && !file.Contains("/errors/")), .. ParserFuzz.Seeds().Distinct()];

    [Theory]
    [MemberData(nameof(Files))]
    public void Formatting_twice_is_formatting_once(string fileOrText)
    {
        var text = fileOrText.EndsWith(".lep", StringComparison.Ordinal) && File.Exists(fileOrText) ? File.ReadAllText(fileOrText) : fileOrText;
        ParserTests.Parse(text, out var report);
        Assert.True(report.HasErrors || Format(text).Length > 0);
    }
}
