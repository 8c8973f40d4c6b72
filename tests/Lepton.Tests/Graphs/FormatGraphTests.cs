using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Building;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Tests.House;
using Xunit;

namespace Lepton.Tests.Graphs;

/// <summary>Formats on their way from a program's text to its graph: arguments, parameters and results have them, nothing between.</summary>
public sealed class FormatGraphTests
{
    private static Graph Build(string text, params (string Name, string Text)[] imports)
    {
        var report = new DiagnosticReport();
        var file = Parser.Parse(new SourceText("test.lep", text), report);
        var texts = imports.Append(("formats", File.ReadAllText(Repository.PathOf("stdlib", "formats.lep")))).ToDictionary();
        var program = Binder.Bind(file, new TextSourceLoader(texts), report);
        Assert.Empty(report.Diagnostics);
        var graph = GraphBuilder.Build(program.Entries[^1]);
        GraphVerifier.Verify(graph);
        return graph;
    }

    private static TensorFormat? Stored(Graph graph, string output) => (graph[graph.Outputs.Single(o => o.Name == output).Node] as FormatNode)?.Format;

    [Fact]
    public void The_library_has_the_formats_that_the_runtime_knows()
    {
        (string Name, int Rank, TensorFormat Format)[] known =
        [
            ("csr", 2, TensorFormat.Csr), ("csc", 2, TensorFormat.Csc), ("dcsr", 2, TensorFormat.Dcsr), ("bsr(4, 2)", 2, TensorFormat.Bsr(4, 2)),
            .. Enumerable.Range(1, 4).SelectMany(r => new[] { ("coo", r, TensorFormat.Coo(r)), ("csf", r, TensorFormat.Csf(r)) }),
        ];
        foreach (var (name, rank, format) in known)
        {
            var input = Build($"fn f(a: f32[{string.Join(", ", Enumerable.Repeat("8", rank))}] in {name}) -> f32 = sum(a)");
            var made = ((InputNode)input[input.Inputs[0]]).Format;
            Assert.Equal((format, format.Name), (made, made!.Name));
        }
    }

    [Fact]
    public void Arguments_and_parameters_are_stored_as_their_types_say()
    {
        var graph = Build("""
            format wide[i, j]: i64 = j: compressed repeated, i: singleton
            dim B = 2, M
            param w: f32[4, M] in bsr(2 * B, B) fill 1 ~ ones
            fn f(a: f32[N, M] in wide, x: f32[M]) -> (y: f32[N]) {
              y[i] = sum[j] a[i, j] * x[j] + w[3, 1]
            }
            """);
        var formats = graph.Inputs.Select(i => ((InputNode)graph[i]).Format).ToList();
        Assert.Equal(TensorFormat.Coo(2) with { Levels = [new(LevelKind.Compressed, 1, Unique: false), new(LevelKind.Singleton, 0)], Index = ElementType.I64 }, formats[0]);
        Assert.Null(formats[1]);
        Assert.Equal(TensorFormat.Bsr(4, 2).WithFill(Scalar.Float(ElementType.F32, 1)), formats[2]);
        Assert.Null(Stored(graph, "y"));

        // Blocks cut an axis without a rest: of one with a symbolic size the entry asks that.
        Assert.Contains(graph.Constraints, c => c is { AtLeast: false } && c.Left == SizeExpr.Mod(SizeExpr.Variable("M"), 2) && c.Reason.StartsWith("M is cut into blocks of 2", StringComparison.Ordinal));
    }

    [Fact]
    public void A_files_own_formats_come_before_those_of_imports_and_these_before_the_librarys()
    {
        const string Own = "format csr[i, j] = j: compressed, i: compressed";
        const string Imported = "format csc[i, j] = i: dense, j: dense\nformat csr[i, j] = i: dense, j: dense\nformat deep[i, j, k] = k: dense, j: dense, i: compressed";
        var graph = Build($"import lib\n{Own}\nfn f(a: f32[2, 2] in csr, b: f32[2, 2] in csc, c: f32[2, 2] in lib.csr, d: f32[2, 2] in coo, e: f32[2, 2, 2] in deep) -> f32 = sum(a)", ("lib", Imported));
        string[] expected = ["Compressed 1, Compressed 0", "Dense 0, Dense 1", "Dense 0, Dense 1", "Compressed 0, Singleton 1", "Dense 2, Dense 1, Compressed 0"];
        Assert.Equal(expected, graph.Inputs.Select(i => string.Join(", ", ((InputNode)graph[i]).Format!.Levels.Select(l => $"{l.Kind} {l.Axis}"))));
    }

    [Fact]
    public void A_result_is_stored_as_its_type_says_or_as_what_it_stands_on()
    {
        var minus = Scalar.Float(ElementType.F32, double.NegativeInfinity);
        var graph = Build("""
            fn inner(a: f32[N, M] in coo) -> f32[N, M] in csc = 2 * a

            fn f(a: f32[N, M] in csr, x: f32[N, M]) -> (typed: f32[N, M] in csc, filled: f32[N, M] in coo, dense: f32[N, M], s, d, t, called, a2) {
              s[i, j] on a fill -inf = x[i, j]
              d[i, j] on x           = a[i, j]
              t[i, j] on s           = 1.0
              typed                  = a + x
              filled                 = s
              dense                  = s
              called                 = inner(a)
              a2                     = a
            }
            """);
        Assert.Equal(TensorFormat.Csc, Stored(graph, "typed"));
        Assert.Equal(TensorFormat.Coo(2).WithFill(minus), Stored(graph, "filled"));
        Assert.Equal(TensorFormat.Csr.WithFill(minus), Stored(graph, "s"));
        Assert.Equal(TensorFormat.Csr, Stored(graph, "t"));
        Assert.Equal(TensorFormat.Csr, Stored(graph, "a2"));
        Assert.Equal(TensorFormat.Csc, Stored(graph, "called"));
        Assert.Null(Stored(graph, "dense"));
        Assert.Null(Stored(graph, "d"));

        // Nothing between the inputs and the results is stored in a format.
        Assert.Equal(6, graph.Nodes.Count(n => n is FormatNode));
    }
}
