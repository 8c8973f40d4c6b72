using Lepton.Abi;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Graphs;

public sealed class GraphTextTests
{
    private const string Everything =
        """
        graph all(N, M) {
          %0 = input argument x : f32[N, 4]
          %1 = input argument "odd name \"1\"" : i64[M]
          %2 = input parameter w ~ glorot : f32[4, 3]
          %3 = splat 1.5 : f32[N, 4]
          %4 = constant [1, -2, 3] : i32[3]
          %5 = size floordiv(N, 2) + 1 : i64
          %6 = iota 1 : i64[N, M]
          %7 = add %0, %3 : f32[N, 4]
          %8 = cast %7 : f16[N, 4]
          %9 = view %0 [-1*i0 + (N - 1), 2*i1 + i2 - 1 else reflect] : f32[N, 2, 3]
          %10 = view %0 [i0 + 1 else fill, i1] fill -inf : f32[N, 4]
          %11 = reshape %9 : f32[6*N]
          %12 = contract %0[0, 1], %2[1, 2] -> [0, 2] : f32[N, 3]
          %13 = reduce argmax %12 [1] : i64[N]
          %14 = gather %2 [data0 check 0, 2] with %1 : f32[M]
          %15 = scatter add %14, %14 [data0 else fill] with %1 : f32[M]
          %16 = concat %14, %15 axis 0 : f32[2*M]
          %17 = sort %16 axis 0 descending indices : i64[2*M]
          %18 = splat 0 : f32
          %19 = scan [M] states [%18] captures [%14] body sum : f32 {
            %0 = input step t : i64
            %1 = input state s : f32
            %2 = input capture c : f32[M]
            %3 = gather %2 [data0 else clamp] with %0 : f32
            %4 = add %1, %3 : f32
            output s = %4
            output e = %4
          }
          %20 = result %19 1 : f32[M]
          %21 = iterate [10] states [%18] captures [] body until : f32 {
            %0 = input step t : i64
            %1 = input state s : f32
            %2 = splat true : bool
            output s = %1
            output until = %2
          }
          %22 = constant [nan, inf, 1E-07, 0.1] : f64[4]
          %23 = input argument a in csr [dense 0, compressed 1] i32 : f32[N, M]
          %24 = input parameter b ~ zeros in "bsr(4, 2)" [dense 0 / 4, compressed 1 / 2, dense 0 % 4, dense 1 % 2] i64 fill -inf : f32[N, M]
          %25 = add %23, %24 : f32[N, M]
          %26 = format %25 in coo [compressed 0 repeated, singleton 1] i32 fill 1 : f32[N, M]
          inputs %0, %1, %23, %2, %24
          output y = %20
          output z = %17
          output s = %26
          require N == 2*M "N is even"
          require M >= 1 "not empty"
          site 0 "w[y[b], 2]" at "f.lep:1:2" over [M]
        }

        """;

    [Fact]
    public void Reads_what_it_prints()
    {
        var graph = GraphText.Parse(Everything);
        GraphVerifier.Verify(graph);
        Assert.Equal(Everything, GraphText.Print(graph));
        Assert.True(GraphCompare.Same(graph, GraphText.Parse(GraphText.Print(graph))));
    }

    [Fact]
    public void The_calling_order_of_inputs_is_kept()
    {
        var text = "graph g() {\n  %0 = input parameter w : f32\n  %1 = input argument x : f32\n  inputs %1, %0\n}\n";
        Assert.Equal(text, GraphText.Print(GraphText.Parse(text)));
        GraphVerifier.Verify(GraphText.Parse(text));
    }

    [Fact]
    public void An_index_is_not_a_size_variable()
    {
        var access = new AxisAccess(SizeExpr.Variable("i0"), [new AffineTerm(1, SizeExpr.Variable("i1"))]);
        Assert.Equal("(i1)*i1 + (i0)", $"{access}");
        var text = $"graph g(i0, i1) {{\n  %0 = input argument x : f32[9]\n  %1 = view %0 [{access}, ] : f32[1, i1]\n}}\n";
        Assert.Equal(access, ((ViewNode)GraphText.Parse(text).Nodes[1]).Access[0]);
    }

    [Theory]
    [InlineData("graph g() {\n  %1 = splat 0 : f32\n}\n", "line 2")]
    [InlineData("graph g() {\n  %0 = splat 0 : f31\n}\n", "f31")]
    [InlineData("graph g() {\n  %0 = splat 300 : u8\n}\n", "300")]
    [InlineData("graph g() {\n  %0 = splat 1 2 : u8\n}\n", "too much")]
    [InlineData("graph g() {\n  %0 = fold %1 : u8\n}\n", "'fold'")]
    [InlineData("graph g() {\n\n", "line 2: the text ends")]
    [InlineData("graph g() {\n  %0 = view %0 [i] : u8\n}\n", "a number")]
    [InlineData("graph g() {\n  require N 1 \"x\"\n}\n", "line 2")]
    [InlineData("graph \"g", "quote")]
    [InlineData("", "ends")]
    public void Errors_name_the_line(string text, string part) =>
        Assert.Contains(part, Assert.Throws<FormatException>(() => GraphText.Parse(text)).Message);

    [Fact]
    public void Cut_and_mangled_text_gives_format_errors_only()
    {
        var random = new Random(1);
        for (var i = 0; i < 3000; i++)
        {
            var at = random.Next(Everything.Length);
            var text = Everything.Remove(at, random.Next(1, 4) is var n && at + n <= Everything.Length ? n : 1).Insert(at, random.Next(3) == 0 ? "[" : "");
            try
            {
                GraphVerifier.Problem(GraphText.Parse(text));
            }
            catch (FormatException)
            {
            }
        }
    }
}
