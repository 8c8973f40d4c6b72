using System.Xml.Linq;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Pictures;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Graphs;

public sealed class GraphPictureTests
{
    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    private static readonly Graph Chain = GraphText.Parse(
        "graph \"a<b\"(N) {\n%0 = input argument x : f32[N]\n%1 = splat 2 : f32[N]\n%2 = mul %0, %1 : f32[N]\n%3 = sin %2 : f32[N]\n%4 = add %3, %0 : f32[N]\noutput y = %4\n}\n");

    [Fact]
    public void Svg_has_a_box_per_operation_and_a_line_per_use()
    {
        var svg = XDocument.Parse(GraphPicture.Svg(Chain));
        var boxes = svg.Descendants(s_svg + "rect").Where(r => r.Attribute("x") is not null).ToList();
        Assert.Equal(4, boxes.Count);
        Assert.Equal(4, svg.Descendants(s_svg + "path").Count());
        Assert.Contains(svg.Descendants(s_svg + "text"), t => t.Value == "%2 mul (2)");
        Assert.Contains(svg.Descendants(s_svg + "text"), t => t.Value == "f32[N] = y");

        // Every box stands below its operands.
        var heights = boxes.Select(b => (double)b.Attribute("y")!).ToList();
        Assert.Equal(heights.Order().Distinct(), heights);
    }

    [Fact]
    public void Boxes_of_one_layer_do_not_overlap()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var layout = new GraphLayoutProbe(RandomGraphs.Make(seed).Graph);
            Assert.All(layout.Rows, row => Assert.All(row.Zip(row.Skip(1)), p => Assert.True(p.First.Right < p.Second.Left)));
        }
    }

    [Fact]
    public void Groups_have_colours_and_bodies_their_own_picture()
    {
        var fused = new FusedGraph(
            Chain,
            [new FusionGroup("first", KernelStrategy.Map, [new NodeId(2)], [new NodeId(2)]), new FusionGroup("second", KernelStrategy.Map, [new NodeId(3), new NodeId(4)], [new NodeId(4)])],
            [],
            new Dictionary<NodeId, FusedGraph>());
        var svg = XDocument.Parse(GraphPicture.Svg(fused));
        var colours = svg.Descendants(s_svg + "rect").Where(r => r.Attribute("x") is not null).Select(r => (string)r.Attribute("fill")!).ToList();
        Assert.Equal("#ffffff", colours[0]);
        Assert.Equal(colours[2], colours[3]);
        Assert.NotEqual(colours[1], colours[2]);
        var page = GraphPicture.Html(fused);
        Assert.Contains("second", page);
        Assert.Contains("graph &quot;a&lt;b&quot;(N)", page);
        Assert.DoesNotContain("<b\"", page);
    }

    [Fact]
    public void Dot_names_every_node_and_edge()
    {
        var dot = GraphPicture.Dot(Chain);
        Assert.Contains("g0_2 -> g0_3;", dot);
        Assert.Contains("[label=\"%3 sin\\nf32[N]\"", dot);
        Assert.Equal(4, dot.Split("->").Length - 1);
    }

    [Fact]
    public void Every_random_graph_can_be_drawn()
    {
        for (var seed = 0; seed < 100; seed++)
        {
            var graph = RandomGraphs.Make(seed).Graph;
            XDocument.Parse(GraphPicture.Svg(graph));
            Assert.Equal(GraphPicture.Dot(graph).Count(c => c == '{'), GraphPicture.Dot(graph).Count(c => c == '}'));
        }
    }

    // Reads the rows back from the drawing.
    private sealed class GraphLayoutProbe
    {
        public GraphLayoutProbe(Graph graph)
        {
            var first = XDocument.Parse(GraphPicture.Svg(graph)).Root!.Elements(s_svg + "g").First();
            Rows = first.Descendants(s_svg + "rect")
                .Select(r => ((double)r.Attribute("y")!, Left: (double)r.Attribute("x")!, Right: (double)r.Attribute("x")! + (double)r.Attribute("width")!))
                .GroupBy(r => r.Item1, r => (r.Left, r.Right))
                .Select(g => g.OrderBy(r => r.Left).ToList())
                .ToList();
        }

        public List<List<(double Left, double Right)>> Rows { get; }
    }
}
