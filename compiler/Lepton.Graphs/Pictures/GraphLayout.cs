using Lepton.Abi;

namespace Lepton.Graphs.Pictures;

/// <summary>One operation as it is drawn: a box with the operation above and the type below.</summary>
internal sealed record Box(NodeId Node, string Title, string Detail, int Layer)
{
    public const double Height = 40;

    public double X { get; set; }

    public double Y { get; set; }

    public double Width { get; } = 16 + (7 * Math.Max(Title.Length, Detail.Length));

    public double Middle => X + (Width / 2);
}

/// <summary>
/// A layered picture of one graph: a node stands one layer below the lowest of its operands; in each layer, nodes are ordered by where their
/// operands are (two sweeps). Numbers (splats, sizes) are written into their users instead of being drawn.
/// </summary>
internal sealed class GraphLayout
{
    private const double Gap = 24;
    private const double LayerStep = 84;

    private readonly Dictionary<NodeId, Box> _boxes = [];
    private readonly List<(NodeId From, NodeId To)> _edges = [];

    public GraphLayout(Graph graph)
    {
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            var id = new NodeId(i);
            if (IsNumber(node) && !graph.Outputs.Any(o => o.Node == id))
            {
                continue;
            }

            var operands = node.Operands.Distinct().Where(_boxes.ContainsKey).ToList();
            var layer = operands.Count == 0 ? 0 : operands.Max(o => _boxes[o].Layer) + 1;
            _boxes.Add(id, new Box(id, Title(graph, id), Detail(graph, id), layer));
            _edges.AddRange(operands.Select(o => (o, id)));
        }

        var layers = _boxes.Values.GroupBy(b => b.Layer).OrderBy(g => g.Key).Select(g => g.ToList()).ToList();
        Place(layers);
    }

    public IReadOnlyCollection<Box> Boxes => _boxes.Values;

    public IEnumerable<(Box From, Box To)> Edges => _edges.Select(e => (_boxes[e.From], _boxes[e.To]));

    public double Width { get; private set; }

    public double Height { get; private set; }

    private static bool IsNumber(Node node) => node is SplatNode or SizeNode;

    private static string Title(Graph graph, NodeId id)
    {
        var node = graph[id];
        var numbers = string.Join(", ", node.Operands.Where(o => IsNumber(graph[o])).Select(o => graph[o] is SplatNode s ? $"{s.Value}" : $"{((SizeNode)graph[o]).Size}"));
        var name = node switch
        {
            InputNode input => input.Label,
            ReduceNode reduce => reduce.Kind.ToString().ToLowerInvariant(),
            ResultNode result => $"result {result.Index}",
            ScanNode scan => $"scan {scan.Count}",
            IterateNode iterate => $"iterate {iterate.Max}",
            _ => node.Name,
        };
        return $"{id} {name}{(numbers.Length > 0 ? $" ({numbers})" : "")}";
    }

    private static string Detail(Graph graph, NodeId id)
    {
        var outputs = string.Join(", ", graph.Outputs.Where(o => o.Node == id).Select(o => o.Name));
        return $"{graph[id].Type}{(outputs.Length > 0 ? $" = {outputs}" : "")}";
    }

    private void Place(List<List<Box>> layers)
    {
        var above = _edges.ToLookup(e => e.To, e => _boxes[e.From]);
        var below = _edges.ToLookup(e => e.From, e => _boxes[e.To]);
        for (var i = 0; i < layers.Count; i++)
        {
            Row(layers[i], i);
        }

        // Down by the operands' middles, then up by the users', then down again.
        for (var sweep = 0; sweep < 3; sweep++)
        {
            var near = sweep == 1 ? below : above;
            for (var i = 0; i < layers.Count; i++)
            {
                var at = sweep == 1 ? layers.Count - 1 - i : i;
                layers[at] = layers[at].OrderBy(b => near[b.Node].Select(n => n.Middle).DefaultIfEmpty(b.Middle).Average()).ToList();
                Row(layers[at], at);
            }
        }

        Width = layers.Count == 0 ? 0 : layers.Max(l => l[^1].X + l[^1].Width);
        Height = layers.Count * LayerStep;
        foreach (var layer in layers)
        {
            var shift = (Width - layer[^1].X - layer[^1].Width) / 2;
            layer.ForEach(b => b.X += shift);
        }
    }

    private static void Row(List<Box> layer, int number)
    {
        double x = 0;
        foreach (var box in layer)
        {
            (box.X, box.Y) = (x, number * LayerStep);
            x += box.Width + Gap;
        }
    }
}
