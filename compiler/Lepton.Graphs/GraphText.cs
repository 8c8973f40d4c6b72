using System.Text;
using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>
/// The text form of graphs, one line per node; <see cref="Parse"/> reads what <see cref="Print(Graph)"/> writes. Linear in the graph.
/// <code>
/// graph wave(N) {
///   %0 = input argument x : f32[N]
///   %1 = sin %0 : f32[N]
///   %2 = view %1 [-1*i0 + (N - 1)] : f32[N]
///   %3 = contract %1[0], %2[0] -> [] : f32
///   output y = %3
///   require N >= 1 "why"
///   site 0 "z[b, y[b]]" at "f.lep:1:2" over [B]
/// }
/// </code>
/// </summary>
public static class GraphText
{
    public static string Print(Graph graph)
    {
        var text = new StringBuilder();
        text.Append("graph ").Append(Word(graph.Name)).Append('(').AppendJoin(", ", graph.Dims).Append(") {\n");
        Lines(text, graph, "  ");
        text.Append("}\n");
        return text.ToString();
    }

    /// <summary>Reads a graph. Throws <see cref="FormatException"/> with the line where the text is no graph; rules are the verifier's.</summary>
    public static Graph Parse(string text) => new GraphTextReader(text).ReadGraph();

    /// <summary>One node as its line has it, without its number and without the body of a loop: for messages and pictures.</summary>
    public static string Describe(Node node)
    {
        var text = new StringBuilder();
        node.Accept(new LinePrinter(text));
        return text.ToString();
    }

    /// <summary>A name as it stands when it is a plain word, else in quotes.</summary>
    internal static string Word(string name) =>
        name.Length > 0 && !char.IsDigit(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '\'' or '$') ? name : Quote(name);

    internal static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            quoted.Append(c switch
            {
                '"' or '\\' => $"\\{c}",
                '\n' => "\\n",
                < ' ' or '\u2028' or '\u2029' or '\u0085' => $"\\u{(int)c:x4}",
                _ => $"{c}",
            });
        }

        return quoted.Append('"').ToString();
    }

    private static void Lines(StringBuilder text, Graph graph, string indent)
    {
        var printer = new LinePrinter(text);
        for (var i = 0; i < graph.Nodes.Count; i++)
        {
            var node = graph.Nodes[i];
            text.Append(indent).Append('%').Append(i).Append(" = ");
            node.Accept(printer);
            text.Append(" : ").Append(node.Type);
            if (node is ScanNode or IterateNode)
            {
                text.Append(" {\n");
                Lines(text, node is ScanNode scan ? scan.Body : ((IterateNode)node).Body, indent + "  ");
                text.Append(indent).Append('}');
            }

            text.Append('\n');
        }

        // Only where the calling order is not that of the numbers.
        if (!graph.Inputs.SequenceEqual(graph.Inputs.OrderBy(i => i.Value)))
        {
            text.Append(indent).Append("inputs ").AppendJoin(", ", graph.Inputs).Append('\n');
        }

        foreach (var output in graph.Outputs)
        {
            text.Append(indent).Append("output ").Append(Word(output.Name)).Append(" = ").Append(output.Node).Append('\n');
        }

        foreach (var c in graph.Constraints)
        {
            text.Append(indent).Append($"require {c.Left} {(c.AtLeast ? ">=" : "==")} {c.Right} {Quote(c.Reason)}\n");
        }

        for (var i = 0; i < graph.Sites.Count; i++)
        {
            var site = graph.Sites[i];
            text.Append(indent).Append($"site {i} {Quote(site.Text)} at {Quote(site.Location)} over {site.Shape}\n");
        }
    }

    private sealed class LinePrinter(StringBuilder text) : NodeVisitor<StringBuilder>
    {
        public override StringBuilder Visit(InputNode node) =>
            text.Append("input ").Append(node.Kind.ToString().ToLowerInvariant()).Append(' ').Append(Word(node.Label))
                .Append(node.Initializer is { } how ? $" ~ {Word(how)}" : "").Append(Stored(node.Format))
                .Append(node.Given is { } given ? $" from {given.Name()}" : "");

        public override StringBuilder Visit(SplatNode node) => text.Append("splat ").Append(Number(node.Value));

        public override StringBuilder Visit(ConstantNode node) => text.Append("constant [").AppendJoin(", ", node.Values.Select(Number)).Append(']');

        public override StringBuilder Visit(SizeNode node) => text.Append("size ").Append(node.Size);

        public override StringBuilder Visit(IotaNode node) => text.Append("iota ").Append(node.Axis);

        public override StringBuilder Visit(MapNode node) => text.Append(node.Name).Append(' ').AppendJoin(", ", node.Arguments);

        public override StringBuilder Visit(ViewNode node) => text.Append($"view {node.Source} {node.Access}{Fill(node.Fill)}");

        public override StringBuilder Visit(FormatNode node) => text.Append("format ").Append(node.Source).Append(Stored(node.Format));

        public override StringBuilder Visit(ReshapeNode node) => text.Append("reshape ").Append(node.Source);

        public override StringBuilder Visit(ContractNode node) =>
            text.Append("contract ").AppendJoin(", ", node.Factors.Zip(node.Labels, (f, l) => $"{f}{l}")).Append(" -> ").Append(node.Output);

        public override StringBuilder Visit(ReduceNode node) =>
            text.Append("reduce ").Append(node.Kind.ToString().ToLowerInvariant()).Append(' ').Append(node.Source).Append(' ').Append(node.Axes);

        public override StringBuilder Visit(GatherNode node) =>
            text.Append($"gather {node.Source} {node.Access} with ").AppendJoin(", ", node.Indices).Append(Fill(node.Fill));

        public override StringBuilder Visit(ScatterNode node)
        {
            text.Append($"scatter {node.Kind.ToString().ToLowerInvariant()} {node.Base}, {node.Updates} {node.Access}");
            return node.Indices.Count == 0 ? text : text.Append(" with ").AppendJoin(", ", node.Indices);
        }

        public override StringBuilder Visit(ConcatNode node) => text.Append("concat ").AppendJoin(", ", node.Parts).Append(" axis ").Append(node.Axis);

        public override StringBuilder Visit(SortNode node) =>
            text.Append($"sort {node.Source} axis {node.Axis}{(node.Descending ? " descending" : "")}{(node.Indices ? " indices" : "")}");

        public override StringBuilder Visit(ScanNode node) => Loop(node.Name, node.Count, node.States, node.Captures, node.Body);

        public override StringBuilder Visit(IterateNode node) => Loop(node.Name, node.Max, node.States, node.Captures, node.Body);

        public override StringBuilder Visit(ResultNode node) => text.Append($"result {node.Source} {node.Index}");

        // in csr [dense 0, compressed 1] i32 fill 0
        private static string Stored(TensorFormat? format) => format is null
            ? ""
            : $" in {Word(format.Name)} [{string.Join(", ", format.Levels.Select(Level))}] {format.Index.Name()}{Fill(format.Fill)}";

        private static string Level(FormatLevel level) =>
            level.Kind.ToString().ToLowerInvariant() + $" {level.Axis}"
            + level.Part switch { LevelPart.Whole => "", LevelPart.Outer => $" / {level.Block}", _ => $" % {level.Block}" }
            + (level.Unique ? "" : " repeated");

        private static string Fill(Scalar? fill) => fill is { } value ? $" fill {Number(value)}" : "";

        // A nan keeps its bits, since numbers of graphs compare by bits.
        private static string Number(Scalar value) =>
            value.Type.IsFloat() && double.IsNaN(value.AsDouble) && value.Bits != BitConverter.DoubleToInt64Bits(double.NaN) ? $"nan({value.Bits:x16})" : $"{value}";

        private StringBuilder Loop(string name, SizeExpr count, ValueList<NodeId> states, ValueList<NodeId> captures, Graph body) =>
            text.Append($"{name} [{count}] states {states} captures {captures} body {Word(body.Name)}");
    }
}
