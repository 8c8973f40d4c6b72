using Lepton.Abi;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Graphs;

public sealed class GraphVerifierTests
{
    private const string Inputs =
        """
          %0 = input argument x : f32[N, 4]
          %1 = input argument y : i64[M]
          %2 = input argument z : f32[4, 3]

        """;

    [Theory]
    [InlineData("%3 = add %0, %2 : f32[N, 4]", "not of the result's shape")]
    [InlineData("%3 = add %0, %0 : f64[N, 4]", "gives f32")]
    [InlineData("%3 = add %0, %1 : f32[N, 4]", "does not take")]
    [InlineData("%3 = add %0 : f32[N, 4]", "does not take")]
    [InlineData("%3 = and %0, %0 : bool[N, 4]", "does not take")]
    [InlineData("%3 = sqrt %1 : i64[M]", "does not take")]
    [InlineData("%3 = add %0, %4 : f32[N, 4]\n%4 = add %0, %0 : f32[N, 4]", "not before it")]
    [InlineData("%3 = view %0 [i0] : f32[N]", "1 accesses for the axes")]
    [InlineData("%3 = view %0 [i0, 4] : f32[N]", "reaches 4..4")]
    [InlineData("%3 = view %0 [i0 + 1, i1] : f32[N, 4]", "reaches 1..1 in an axis of 1 for N = 1")]
    [InlineData("%3 = view %0 [i0, i2] : f32[N, 4]", "sorted by axis")]
    [InlineData("%3 = view %0 [i0, i1 + i0] : f32[N, 1]", "sorted by axis")]
    [InlineData("%3 = view %0 [i0, 0*i1] : f32[N, 4]", "coefficient zero")]
    [InlineData("%3 = view %0 [i0, data0] : f32[N]", "no data indices")]
    [InlineData("%3 = view %0 [i0 else fill, i1] : f32[N, 4]", "fill value")]
    [InlineData("%3 = view %0 [i0, i1] fill 1 : f32[N, 4]", "fill value")]
    [InlineData("%3 = view %0 [i0 - 1 else wrap, 0] : f32[7]", "not empty")]
    [InlineData("%3 = view %0 [i0, i1] : i32[N, 4]", "keeps the element type")]
    [InlineData("%3 = reshape %0 : f32[3*N]", "not as many")]
    [InlineData("%3 = constant [1, 2] : f32[3]", "2 values")]
    [InlineData("%3 = constant [1, 2] : f32[N]", "constant is constant")]
    [InlineData("%3 = iota 1 : i64[N]", "no axis 1")]
    [InlineData("%3 = iota 0 : i32[N]", "iota is i64")]
    [InlineData("%3 = size N : i32", "i64 scalar")]
    [InlineData("%3 = size Q : i64", "Q is not a size variable")]
    [InlineData("%3 = splat 0 : f32[N, 0 - 2]", "a size of -2")]
    [InlineData("%3 = contract %0[0, 1], %2[0, 1] -> [0] : f32[N]", "label 0 is both")]
    [InlineData("%3 = contract %0[0, 0], %2[1, 2] -> [0] : f32[N]", "none twice")]
    [InlineData("%3 = contract %0[0, 1], %2[1, 2] -> [0, 3] : f32[N, 3]", "output label")]
    [InlineData("%3 = contract %0[0, 1], %2[1, 2] -> [2, 0] : f32[N, 3]", "output labels give")]
    [InlineData("%3 = reduce sum %0 [1, 0] : f32", "sorted")]
    [InlineData("%3 = reduce sum %0 [2] : f32", "inside")]
    [InlineData("%3 = reduce any %0 [0] : bool[4]", "does not take")]
    [InlineData("%3 = reduce argmax %0 [1] : f32[N]", "is i64")]
    [InlineData("%3 = reduce sum %0 [1] : f32[4]", "another shape")]
    [InlineData("%3 = gather %2 [data0 check 0, 1] with %1 : f32[M]", "no site 0")]
    [InlineData("%3 = gather %2 [data1, 1] with %1 : f32[M]", "not used")]
    [InlineData("%3 = gather %2 [i0, 1] with %1 : f32[4]", "not of the shape")]
    [InlineData("%3 = gather %2 [data0 + 1, 1] with %1 : f32[M]", "line")]
    [InlineData("%3 = gather %2 [data0 else clamp, data0 check 0] with %0 : f32[N, 4]", "i64 or i32")]
    [InlineData("%3 = scatter add %2, %1 [data0, 0] with %1 : f32[4, 3]", "base's element type")]
    [InlineData("%3 = concat %0, %2 axis 0 : f32[N + 4, 4]", "the other axes agree")]
    [InlineData("%3 = concat %0, %0 axis 0 : f32[N, 4]", "add up to 2*N")]
    [InlineData("%3 = sort %0 axis 2 : f32[N, 4]", "no axis 2")]
    [InlineData("%3 = sort %0 axis 0 indices : f32[N, 4]", "i64 positions")]
    [InlineData("%3 = result %0 0 : f32[N, 4]", "of a scan")]
    [InlineData("%3 = format %0 in csr [dense 0, compressed 1] i32 : f32[4, N]", "is not f32[4, N]")]
    [InlineData("%3 = format %0 in csr [dense 0, compressed 1] i32 : f64[N, 4]", "is not f64[N, 4]")]
    [InlineData("%3 = format %0 in csr [dense 0] i32 : f32[N, 4]", "axis 1 has neither")]
    [InlineData("%3 = format %0 in csr [dense 0, compressed 2] i32 : f32[N, 4]", "there are 2")]
    [InlineData("%3 = format %0 in coo [compressed 0, singleton 1] i32 : f32[N, 4]", "no repeated coordinates")]
    [InlineData("%3 = format %0 in coo [compressed 0 repeated, dense 1] i32 : f32[N, 4]", "no singleton follows")]
    [InlineData("%3 = format %0 in bsr [dense 0 / 0, compressed 1, dense 0 % 0] i32 : f32[N, 4]", "blocks of 0")]
    [InlineData("%3 = format %0 in csr [dense 0, compressed 1] i16 : f32[N, 4]", "not i16")]
    [InlineData("%3 = input state a in csr [dense 0, compressed 1] i32 : f32[N, 4]", "states have no formats")]
    [InlineData("output a = %0\noutput a = %1", "two outputs")]
    [InlineData("output a = %9", "not there")]
    [InlineData("inputs %0, %1", "not in the list")]
    [InlineData("inputs %0, %1, %2, %0", "twice")]
    [InlineData("%3 = input argument x : f32", "two inputs are called x")]
    [InlineData("%3 = input parameter p : f32\n%4 = input argument q : f32", "stands behind")]
    [InlineData("%3 = input state s : f32", "State of an entry")]
    [InlineData("require Q == N \"why\"", "Q is not")]
    public void Broken_rules_are_found(string lines, string part)
    {
        string problem;
        try
        {
            problem = GraphVerifier.Problem(GraphText.Parse("graph g(N, M) {\n" + Inputs + lines + "\n}\n")) ?? "";
        }
        catch (FormatException e)
        {
            problem = e.Message;
        }

        Assert.Contains(part, problem);
    }

    private static string Loop(string head, string body) =>
        "graph g(N) {\n%0 = input argument x : f32[N]\n%1 = splat 0 : f32\n%2 = " + head + " {\n" + body + "\n}\n}\n";

    [Theory]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64", "the body has 1 inputs")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input capture s : f32\noutput s = %1", "is a State")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f64\noutput s = %1", "body input 1 is f32, not f64")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %0", "state 0 is f32, not i64")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32", "0 outputs")]
    [InlineData("scan [N] states [%1] captures [] body b : f32[N]", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %1", "first result")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\n%2 = sqrt %0 : f32\noutput s = %1", "graph b, %2")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %1\n}\n%3 = sin %2 : f32\n%4 = iterate [1] states [] captures [] body b : bool {\n%0 = input step t : i64", "the loop %2 itself")]
    [InlineData("scan [-1] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %1", "negative")]
    [InlineData("iterate [5] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %1", "and until")]
    [InlineData("iterate [5] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %1\noutput u = %1", "bool scalar")]
    [InlineData("scan [N] states [%1] captures [] body b : f32", "%0 = input step t : i64\n%1 = input state s : f32\noutput s = %1\nsite 0 \"a\" at \"b\" over []", "of its own")]
    public void Broken_loops_are_found(string head, string body, string part) =>
        Assert.Contains(part, GraphVerifier.Problem(GraphText.Parse(Loop(head, body))) ?? "");

    [Fact]
    public void The_pass_is_named()
    {
        var graph = GraphText.Parse("graph g(N) {\n  %0 = input argument x : f32[N]\n  %1 = sqrt %0 : f32\n}\n");
        var bug = Assert.Throws<CompilerBugException>(() => GraphVerifier.Verify(graph, "fold"));
        Assert.Equal("fold", bug.Pass);
        Assert.Contains("%1 = sqrt", bug.Message);
    }

    [Fact]
    public void Constraints_make_sizes_equal()
    {
        const string Text = "graph g(N, M) {{\n  %0 = input argument x : f32[N]\n  %1 = reshape %0 : f32[M, 2]\n{0}}}\n";
        Assert.NotNull(GraphVerifier.Problem(GraphText.Parse(string.Format(Text, ""))));
        Assert.Null(GraphVerifier.Problem(GraphText.Parse(string.Format(Text, "  require N == 2*M \"even\"\n"))));
    }

    [Fact]
    public void The_assembler_refuses_what_cannot_be()
    {
        var graph = new GraphAssembler("g", []);
        var x = graph.Input("x", new TensorType(ElementType.F32, [2, 3]));
        var y = graph.Input("y", new TensorType(ElementType.F32, [3, 2]));
        Assert.Throws<CompilerBugException>(() => graph.Map(MapOp.Add, x, y));
        Assert.Throws<CompilerBugException>(() => graph.Transpose(x, [0, 0]));
        Assert.Equal(new TensorType(ElementType.F32, [3, 2]), graph.TypeOf(graph.Map(MapOp.Add, graph.Transpose(x, [1, 0]), y)));
        Assert.Equal(x, graph.Transpose(x, [0, 1]));
        Assert.Equal(x, graph.Reshape(x, [2, 3]));
        Assert.Equal(x, graph.Cast(x, ElementType.F32));
        Assert.Equal(new TensorType(ElementType.F32, [2, 2, 2]), graph.TypeOf(graph.Window(x, 1, 2, 2)));
        Assert.Equal(new TensorType(ElementType.F32, [2, 7]), graph.TypeOf(graph.Pad(x, [0, 1], [0, 3], Scalar.Float(ElementType.F32, 0))));
    }
}
