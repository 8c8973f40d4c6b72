using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Tests.Language;

/// <summary>Each construct and the tree it gives, as <see cref="TreePrinter"/> writes it.</summary>
public class ParserTests
{
    internal static FileSyntax Parse(string text, out DiagnosticReport report)
    {
        report = new DiagnosticReport();
        return Parser.Parse(new SourceText("test.lep", text), report);
    }

    internal static string Tree(string text)
    {
        var file = Parse(text, out var report);
        Assert.Empty(report.Diagnostics);
        return TreePrinter.Print(file).TrimEnd();
    }

    /// <summary>The tree of one expression.</summary>
    private static string Expression(string text)
    {
        var file = Parse($"const c = {text}", out var report);
        Assert.Empty(report.Diagnostics);
        return TreePrinter.Print(((ConstSyntax)file.Declarations.Single()).Value);
    }

    /// <summary>The trees of a block's statements.</summary>
    private static string Block(string text)
    {
        var tree = Tree($"fn f() {{\n{text}\n}}");
        return tree["(fn f () ".Length..^1];
    }

    [Theory]
    [InlineData("a + b - c", "(a + b - c)")]
    [InlineData("a - b - c", "(- a b c)")]
    [InlineData("a + b * c", "(+ a (* b c))")]
    [InlineData("(a + b) * c", "(* (+ a b) c)")]
    [InlineData("a @ b / c % d", "(a @ b / c % d)")]
    [InlineData("-x^2", "(neg (^ x 2))")]
    [InlineData("a^b^c", "(^ a (^ b c))")]
    [InlineData("2^-x", "(^ 2 (neg x))")]
    [InlineData("2^-x^y", "(^ 2 (neg (^ x y)))")]
    [InlineData("--x", "(neg (neg x))")]
    [InlineData("a - -b", "(- a (neg b))")]
    [InlineData("-a * b", "(* (neg a) b)")]
    [InlineData("a < b and not c == d or e", "(or (and (< a b) (not (== c d))) e)")]
    [InlineData("not not a", "(not (not a))")]
    [InlineData("a <= b", "(<= a b)")]
    [InlineData("a >= b + 1", "(>= a (+ b 1))")]
    [InlineData("a != true", "(!= a true)")]
    [InlineData("if a then b else c + d", "(if a b (+ c d))")]
    [InlineData("if a then b else if c then d else e", "(if a b (if c d e))")]
    [InlineData("1_000 + 2.5e-3 + 1e6 + 0.5", "(+ 1_000 2.5e-3 1e6 0.5)")]
    [InlineData("-inf + nan", "(+ (neg inf) nan)")]
    [InlineData("[1, [2, x], []]", "(list 1 (list 2 x) (list))")]
    public void Operators(string text, string tree) => Assert.Equal(tree, Expression(text));

    [Theory]
    [InlineData("sum[k] a[k] * b[k] + c", "(+ (sum[k] (* (at a k) (at b k))) c)")]
    [InlineData("sum[k] -x[k]", "(sum[k] (neg (at x k)))")]
    [InlineData("sum[k] a / b @ c % d ^ 2 < e", "(< (sum[k] (a / b @ c % (^ d 2))) e)")]
    [InlineData("2 * sum[k] a * max[j] b * c - d", "(- (* 2 (sum[k] (* a (max[j] (* b c))))) d)")]
    [InlineData("-sum[k] a", "(neg (sum[k] a))")]
    [InlineData("sum[k] - sum[l] a * b", "(sum[k] (neg (sum[l] (* a b))))")]
    [InlineData("sum[k, l: N / 2] a", "(sum[k l:(/ N 2)] a)")]
    [InlineData("all[i] not a[i] and b", "(and (all[i] (not (at a i))) b)")]
    [InlineData("argmax[i] x[i] + argmin[i] x[i]", "(+ (argmax[i] (at x i)) (argmin[i] (at x i)))")]
    [InlineData("prod[i] min[j] mean[k] any[l] x", "(prod[i] (min[j] (mean[k] (any[l] x))))")]
    [InlineData("max(x, 0) + sum(x, axis = 1) + max", "(+ (call max x 0) (call sum x axis=1) max)")]
    public void Reducers(string text, string tree) => Assert.Equal(tree, Expression(text));

    [Theory]
    [InlineData("x[b, i + r - 1 else 0]", "(at x b (i + r - 1) else 0)")]
    [InlineData("x[i else clamp, j else wrap, k else reflect, l else inf]", "(at x i else clamp j else wrap k else reflect l else inf)")]
    [InlineData("x[if a then b else c else (clamp)]", "(at x (if a b c) else clamp)")]
    [InlineData("x[2:n, :, ::2, :-1, a:b:c]", "(at x 2:n : ::2 :(neg 1) a:b:c)")]
    [InlineData("x[b, s, (h: 8, d)]", "(at x b s (group h:8 d))")]
    [InlineData("x[(i)]", "(at x i)")]
    [InlineData("z[b, y[b]]", "(at z b (at y b))")]
    [InlineData("concat(a, b)[i]", "(at (call concat a b) i)")]
    [InlineData("a[0][1]", "(at (at a 0) 1)")]
    [InlineData("softmax[c](z[b, c])", "(call softmax [c] (at z b c))")]
    [InlineData("softmax[axis = -1](z)", "(call softmax [axis=(neg 1)] z)")]
    [InlineData("nn.relu(x) + nn.eps", "(+ (call nn.relu x) nn.eps)")]
    [InlineData("f()", "(call f)")]
    [InlineData("h' + h'[b, j]", "(+ h' (at h' b j))")]
    [InlineData("grad(loss, w) + 1", "(+ (later grad) 1)")]
    public void Accesses_and_calls(string text, string tree) => Assert.Equal(tree, Expression(text));

    [Theory]
    [InlineData("import nn", "(import nn)")]
    [InlineData("import \"./a.lep\"", "(import \"./a.lep\")")]
    [InlineData("dim B, D = 784", "(dim B)\n(dim D 784)")]
    [InlineData("const eps: f32 = 1e-5", "(const eps:f32 1e-5)")]
    [InlineData("param w: f32[D, H + 1] ~ normal(0, 0.1)", "(param w:f32[D (+ H 1)] ~(call normal 0 0.1))")]
    [InlineData("param w: f32", "(param w:f32)")]
    [InlineData("fn f(x) = x", "(fn f (x) x)")]
    [InlineData("fn f(x: T[...S, K], s = 1) -> T[...S] = x", "(fn f (x:T[...S K] s=1) (-> _:T[...S]) x)")]
    [InlineData("fn f(m: f32[N, M] in csr) -> (a: f32, b) { a = 1\nb = 2 }", "(fn f (m:f32[N M] in csr) (-> a:f32 b) (= a 1) (= b 2))")]
    [InlineData("fn f[k](z) = e / sum[k] e  where e = exp(z - max[k] z)", "(fn f[k] (z) (/ e (sum[k] e)) (= e (call exp (- z (max[k] z)))))")]
    [InlineData("fn f(z) = a where a = b,\n b = c\n c = z\n\nfn g(x) = x", "(fn f (z) a (= a b) (= b c) (= c z))\n(fn g (x) x)")]
    [InlineData("fn f()\n  -> f32\n{\n}\n", "(fn f () (-> _:f32))")]
    [InlineData("", "")]
    public void Declarations(string text, string tree) => Assert.Equal(tree, Tree(text));

    [Theory]
    [InlineData("y[i: N / 2] = x[2 * i]", "(= (y i:(/ N 2)) (at x (* 2 i)))")]
    [InlineData("f[b, (o, i: 3)] = m[b, o, i]", "(= (f b (group o i:3)) (at m b o i))")]
    [InlineData("hist[bin[i]: 10] += 1", "(+= (hist (at bin i):10) 1)")]
    [InlineData("a *= 2\nb max= 3\nc[i] min= x[i]", "(*= a 2) (max= b 3) (min= (c i) (at x i))")]
    [InlineData("(q, r) = f(x)", "(= q r (call f x))")]
    [InlineData("y: f32[N] = x", "(= y:f32[N] x)")]
    [InlineData("y = a where a = 1, b = 2\nz = 3", "(= y a where (= a 1) (= b 2)) (= z 3)")]
    [InlineData("scan t in T - 1 {\nstate h[j] = 0\nh'[j] = h[j] + x[t, j]\nemit hs[t, j] = h'[j]\n}", "(scan t (- T 1) (state (= (h j) 0)) (= (h' j) (+ (at h j) (at x t j))) (emit (= (hs t j) (at h' j))))")]
    [InlineData("iterate until n < 1e-6 max 500 { state n = 1\nn' = n / 2 }", "(iterate (< n 1e-6) max 500 (state (= n 1)) (= n' (/ n 2)))")]
    [InlineData("iterate until max[i] x[i] < eps\n  max K { }", "(iterate (< (max[i] (at x i)) eps) max K)")]
    [InlineData("iterate until done { }", "(iterate done)")]
    public void Statements(string text, string tree) => Assert.Equal(tree, Block(text));

    [Theory]
    [InlineData("a = b\n(q, r) = f(x)", "(= a b) (= q r (call f x))")]
    [InlineData("a = b\n  - c\n  * d", "(= a (- b (* c d)))")]
    [InlineData("a =\n  b +\n  c", "(= a (+ b c))")]
    [InlineData("a = f(x,\n  k = 3,\n  [1,\n  2])", "(= a (call f x k=3 (list 1 2)))")]
    [InlineData("a = b; c = d;; e = f;", "(= a b) (= c d) (= e f)")]
    [InlineData("a = if b\n then c\n else d", "(= a (if b c d))")]
    [InlineData("a = sum[k]\n  x[k]", "(= a (sum[k] (at x k)))")]
    [InlineData("a = b // c\n/* d */ e = /* f */ g", "(= a b) (= e g)")]
    [InlineData("a = b\r\nc = d\r\n", "(= a b) (= c d)")]
    [InlineData("a = b /* over\nlines */ c = d", "(= a b) (= c d)")]
    public void Line_breaks_end_statements(string text, string trees) => Assert.Equal(trees, Block(text));

    [Theory]
    [InlineData("state = 0\nemit = state\nupdate[i] = emit", "(= state 0) (= emit state) (= (update i) emit)")]
    [InlineData("max = 3\nmin' = max\nsum = max + min", "(= max 3) (= min' max) (= sum (+ max min))")]
    [InlineData("in = 1\non = in\nfill = on * step", "(= in 1) (= on in) (= fill (* on step))")]
    [InlineData("scan = iterate + until\niterate = dim\nfn = param", "(= scan (+ iterate until)) (= iterate dim) (= fn param)")]
    [InlineData("scan in in in { state state = 1 }", "(scan in in (state (= state 1)))")]
    [InlineData("a = sum[in] in[in] * max", "(= a (sum[in] (* (at in in) max)))")]
    [InlineData("a = f(max=3, min = 2)", "(= a (call f max=3 min=2))")]
    public void Keywords_are_contextual(string text, string trees) => Assert.Equal(trees, Block(text));

    [Theory]
    [InlineData("optimizer adam(lr = 1e-3) for w, g {\n state t = 0\n t' = t + { 1 } ) weird 1 ms\n}\nfn f(x) = x", "(later optimizer)\n(fn f (x) x)")]
    [InlineData("step t(x) -> (l: f32)\n{ l = x }\nfn f(x) = x", "(later step)\n(fn f (x) x)")]
    [InlineData("fn f(x) {\n update params by adam(lr = 1) using grad(loss)\n y = x\n}", "(fn f (x) (later update) (= y x))")]
    public void Later_versions_are_skipped(string text, string trees) => Assert.Equal(trees, Tree(text));

    [Theory]
    [InlineData("format csr[i, j] = i: dense, j: compressed\nfn f(x) = x", "(format csr (i j) (i dense) (j compressed))\n(fn f (x) x)")]
    [InlineData("format coo[i, j]: i64 = i: compressed repeated,\n  j: singleton", "(format coo (i j):i64 (i compressed repeated) (j singleton))")]
    [InlineData("format b(c)[i] = i / c: dense, i % c: dense", "(format b(c) (i) (i / c dense) (i % c dense))")]
    [InlineData("format b[i] = i / 4: compressed, i % 4: dense", "(format b (i) (i / 4 compressed) (i % 4 dense))")]
    [InlineData("param w: f32[N] in lib.b(4, 2 * B) fill -inf ~ zeros", "(param w:f32[N] in lib.b(4 (* 2 B)) fill (neg inf) ~zeros)")]
    [InlineData("fn f(a: f32[N] in coo fill 1 = b) -> f32[N] in coo = a", "(fn f (a:f32[N] in coo fill 1=b) (-> _:f32[N] in coo) a)")]
    [InlineData("fn f(a) {\n s[i, j]: f32[N, M] in csr on a fill -inf = 1\n t on s' = fill\n}", "(fn f (a) (= (s i j):f32[N M] in csr on a fill (neg inf) 1) (= t on s' fill))")]
    public void Formats(string text, string trees) => Assert.Equal(trees, Tree(text));

    [Fact]
    public void Spans_are_the_text_of_the_node()
    {
        const string Text = "fn f(x) {\n  // \U0001F600\n  y[i] = (a + b) * sum[k] -c[k, 2:n] @ d'\n}";
        var function = (FunctionSyntax)Parse(Text, out _).Declarations.Single();
        var equation = (EquationSyntax)function.Statements.Single();
        Assert.Equal("y[i] = (a + b) * sum[k] -c[k, 2:n] @ d'", equation.Span.Text);
        Assert.Equal("y[i]", equation.Targets[0].Span.Text);
        var product = (BinarySyntax)equation.Value;
        Assert.Equal("(a + b) * sum[k] -c[k, 2:n] @ d'", product.Span.Text);
        Assert.Equal("a + b", product.First.Span.Text);
        Assert.Equal("*", product.Rest[0].OperatorSpan.Text);
        var reduce = (ReduceSyntax)product.Rest[0].Operand;
        Assert.Equal("sum[k] -c[k, 2:n] @ d'", reduce.Span.Text);
        Assert.Equal("k", reduce.Indices[0].Span.Text);
        Assert.Equal("-c[k, 2:n] @ d'", reduce.Body.Span.Text);
        Assert.Equal((3, 3), equation.Span.StartPosition);
    }
}
