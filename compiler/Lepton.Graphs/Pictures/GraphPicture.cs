using System.Globalization;
using System.Net;
using System.Text;
using Lepton.Abi;

namespace Lepton.Graphs.Pictures;

/// <summary>
/// Pictures of graphs for people: Graphviz DOT, one self-contained SVG, or an HTML page. With a fused graph, the nodes of a group have its
/// colour. The bodies of loops are pictures of their own below.
/// </summary>
public static class GraphPicture
{
    private const double Margin = 20;
    private const double TitleHeight = 30;

    public static string Dot(Graph graph) => Dot(graph, null);

    public static string Dot(FusedGraph fused) => Dot(fused.Graph, fused);

    public static string Svg(Graph graph) => Svg(graph, null);

    public static string Svg(FusedGraph fused) => Svg(fused.Graph, fused);

    public static string Html(Graph graph) => Html(graph, null);

    public static string Html(FusedGraph fused) => Html(fused.Graph, fused);

    private static string Dot(Graph graph, FusedGraph? fused)
    {
        var text = new StringBuilder();
        text.Append($"digraph {GraphText.Quote(graph.Name)} {{\n  node [shape=box, style=filled, fillcolor=white, fontname=\"monospace\"];\n");
        var number = 0;
        foreach (var (title, part, colours) in Parts(graph, fused))
        {
            var layout = new GraphLayout(part);
            var prefix = $"g{number++}_";
            text.Append($"  subgraph cluster_{prefix} {{\n    label={GraphText.Quote(title)};\n");
            foreach (var box in layout.Boxes)
            {
                // \n inside a label is DOT's own line break.
                var label = $"{GraphText.Quote(box.Title)[..^1]}\\n{GraphText.Quote(box.Detail)[1..]}";
                text.Append($"    {prefix}{box.Node.Value} [label={label}, fillcolor=\"{colours.GetValueOrDefault(box.Node, "#ffffff")}\"];\n");
            }

            foreach (var (from, to) in layout.Edges)
            {
                text.Append($"    {prefix}{from.Node.Value} -> {prefix}{to.Node.Value};\n");
            }

            text.Append("  }\n");
        }

        return text.Append("}\n").ToString();
    }

    private static string Svg(Graph graph, FusedGraph? fused)
    {
        var body = new StringBuilder();
        var (width, top) = (0.0, Margin);
        foreach (var (title, part, colours) in Parts(graph, fused))
        {
            var layout = new GraphLayout(part);
            body.Append($"<g transform=\"translate({Number(Margin)} {Number(top)})\">\n<text x=\"0\" y=\"14\" class=\"title\">{Escape(title)}</text>\n");
            body.Append($"<g transform=\"translate(0 {Number(TitleHeight)})\">\n");
            foreach (var (from, to) in layout.Edges)
            {
                Edge(body, from, to);
            }

            foreach (var box in layout.Boxes)
            {
                Draw(body, part, box, colours.GetValueOrDefault(box.Node, "#ffffff"));
            }

            body.Append("</g>\n</g>\n");
            width = Math.Max(width, Math.Max(layout.Width, title.Length * 9));
            top += TitleHeight + layout.Height + Margin;
        }

        return $$"""
            <svg xmlns="http://www.w3.org/2000/svg" width="{{Number(width + (2 * Margin))}}" height="{{Number(top)}}" font-family="monospace" font-size="11">
            <style>rect { stroke: #555; } .title { font-size: 14px; font-weight: bold; } path { fill: none; stroke: #999; } text { fill: #111; }</style>
            <rect width="100%" height="100%" fill="#fafafa" stroke="none"/>
            {{body}}</svg>

            """;
    }

    private static string Html(Graph graph, FusedGraph? fused)
    {
        var groups = new StringBuilder();
        if (fused is not null)
        {
            groups.Append("<h2>Groups, in launch order</h2>\n<table>\n");
            for (var i = 0; i < fused.Groups.Count; i++)
            {
                var group = fused.Groups[i];
                groups.Append($"<tr><td style=\"background: {Colour(i)}\">{Escape(group.Name)}</td><td>{group.Strategy}</td>");
                groups.Append($"<td>{Escape(string.Join(' ', group.Members))}</td><td>stores {Escape(string.Join(' ', group.Outputs))}</td></tr>\n");
            }

            groups.Append("</table>\n");
        }

        return $$"""
            <!DOCTYPE html>
            <html lang="en"><head><meta charset="utf-8"><title>{{Escape(graph.Name)}}</title>
            <style>body { font-family: sans-serif; margin: 2em; } td { padding: 2px 10px; font-family: monospace; } .picture { overflow: auto; border: 1px solid #ccc; }</style>
            </head><body>
            <h1>{{Escape(graph.Name)}}</h1>
            <div class="picture">
            {{Svg(graph, fused)}}</div>
            {{groups}}<h2>Text</h2>
            <pre>{{Escape(GraphText.Print(graph))}}</pre>
            </body></html>

            """;
    }

    // The graph, then every body, outermost first.
    private static IEnumerable<(string Title, Graph Graph, Dictionary<NodeId, string> Colours)> Parts(Graph graph, FusedGraph? fused)
    {
        var open = new Queue<(string Title, Graph Graph, FusedGraph? Fused)>([($"{graph.Name}({string.Join(", ", graph.Dims)})", graph, fused)]);
        while (open.TryDequeue(out var part))
        {
            var colours = new Dictionary<NodeId, string>();
            for (var i = 0; part.Fused is not null && i < part.Fused.Groups.Count; i++)
            {
                foreach (var member in part.Fused.Groups[i].Members)
                {
                    colours.TryAdd(member, Colour(i));
                }
            }

            yield return (part.Title, part.Graph, colours);
            for (var i = 0; i < part.Graph.Nodes.Count; i++)
            {
                var body = part.Graph.Nodes[i] switch
                {
                    ScanNode scan => scan.Body,
                    IterateNode iterate => iterate.Body,
                    _ => null,
                };
                if (body is not null)
                {
                    open.Enqueue(($"body of %{i}: {body.Name}", body, part.Fused?.Bodies.GetValueOrDefault(new NodeId(i))));
                }
            }
        }
    }

    private static void Edge(StringBuilder svg, Box from, Box to)
    {
        var (y1, y2) = (from.Y + Box.Height, to.Y);
        var bend = (y2 - y1) / 2;
        svg.Append($"<path d=\"M{Number(from.Middle)} {Number(y1)} C{Number(from.Middle)} {Number(y1 + bend)} {Number(to.Middle)} {Number(y2 - bend)} {Number(to.Middle)} {Number(y2)}\"/>\n");
    }

    private static void Draw(StringBuilder svg, Graph graph, Box box, string colour)
    {
        var round = graph[box.Node] is InputNode ? 12 : 3;
        svg.Append($"<g><title>{Escape($"{box.Node} = {GraphText.Describe(graph[box.Node])} : {graph[box.Node].Type}")}</title>");
        svg.Append($"<rect x=\"{Number(box.X)}\" y=\"{Number(box.Y)}\" width=\"{Number(box.Width)}\" height=\"{Number(Box.Height)}\" rx=\"{round}\" fill=\"{colour}\"/>");
        svg.Append($"<text x=\"{Number(box.X + 8)}\" y=\"{Number(box.Y + 16)}\">{Escape(box.Title)}</text>");
        svg.Append($"<text x=\"{Number(box.X + 8)}\" y=\"{Number(box.Y + 31)}\">{Escape(box.Detail)}</text></g>\n");
    }

    // Golden-angle steps around the colour wheel: neighbours in launch order differ most.
    private static string Colour(int group)
    {
        var hue = group * 137.508 % 360 / 60;
        int Channel(double offset)
        {
            var k = (offset + hue) % 6;
            return (int)(255 * (0.95 - (0.28 * Math.Max(0, Math.Min(Math.Min(k, 4 - k), 1)))));
        }

        return $"#{Channel(5):x2}{Channel(3):x2}{Channel(1):x2}";
    }

    private static string Number(double value) => value.ToString("0.#", CultureInfo.InvariantCulture);

    private static string Escape(string text) => WebUtility.HtmlEncode(text);
}
