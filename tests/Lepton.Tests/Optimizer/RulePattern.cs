using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Optimizer;

/// <summary>
/// Left-hand sides of rules, as text: <c>mul(neg(x), ?)</c> with <c>x y z</c> of the chosen element type T, <c>b c</c> bools, <c>n m</c>
/// integers of any type, <c>?</c> a random number of T, <c>#min #max</c> the ends of T's range, plain numbers, and <c>cast(f64, x)</c>.
/// </summary>
internal sealed class RulePattern(string text, GraphAssembler graph, ElementType type, Random random, SizeExpr size)
{
    private static readonly ElementType[] Integers = [.. ElementTypes.All.Where(t => t.IsInteger())];
    private readonly Dictionary<string, NodeId> _leaves = [];
    private readonly Dictionary<Node, NodeId> _nodes = [];
    private int _at;

    public NodeId Build()
    {
        var result = Expression();
        return _at == text.Length ? result : throw new FormatException($"'{text[_at..]}' is left of {text}");
    }

    private NodeId Expression()
    {
        var word = Word();
        if (_at == text.Length || text[_at] != '(')
        {
            return Leaf(word);
        }

        _at++;
        ElementType? to = null;
        if (word == "cast")
        {
            to = Word() is var name && name == "T" ? type : ElementTypes.Parse(name)!.Value;
            Expect(',');
        }

        var arguments = new List<NodeId> { Expression() };
        while (text[_at] == ',')
        {
            _at++;
            arguments.Add(Expression());
        }

        Expect(')');

        // Made by hand: the makers of the graph leave out casts that change nothing.
        var op = MapOps.Parse(word)!.Op;
        var types = arguments.Select(a => graph.TypeOf(a).Element).ToArray();
        var element = op.ResultType(types, to) ?? throw new FormatException($"{word} of {string.Join(", ", types)} in {text}");
        var node = new MapNode(new TensorType(element, [size]), op, arguments.ToValueList());
        if (!_nodes.TryGetValue(node, out var id))
        {
            _nodes.Add(node, id = graph.Add(node));
        }

        return id;
    }

    private NodeId Leaf(string word)
    {
        if (word == "?")
        {
            return graph.Splat(OptimizerSupport.Number(random, type), [size]);
        }

        if (_leaves.TryGetValue(word, out var known))
        {
            return known;
        }

        return _leaves[word] = word switch
        {
            "x" or "y" or "z" => graph.Input(word, new TensorType(type, [size])),
            "b" or "c" => graph.Input(word, new TensorType(ElementType.Bool, [size])),
            "n" or "m" => graph.Input(word, new TensorType(OptimizerSupport.Pick(random, Integers), [size])),
            "true" or "false" => graph.Splat(Scalar.Bool(word == "true"), [size]),
            "#min" or "#max" => graph.Splat(End(word == "#max"), [size]),
            "#2" => graph.Splat(Scalar.Float(type, Math.ScaleB(random.Next(2) == 0 ? 1 : -1, random.Next(-130, 130))), [size]),
            _ => graph.Splat(Number(double.Parse(word, CultureInfo.InvariantCulture)), [size]),
        };
    }

    private Scalar Number(double value) => type.IsFloat() ? Scalar.Float(type, value) : Scalar.Of(type, (long)value);

    private Scalar End(bool top) => type.IsFloat()
        ? Scalar.Float(type, top ? double.PositiveInfinity : double.NegativeInfinity)
        : type == ElementType.Bool ? Scalar.Bool(top)
        : type == ElementType.U8 ? Scalar.Integer(type, top ? 255 : 0)
        : Scalar.Integer(type, top ? (1L << ((type.ByteSize() * 8) - 2)) - 1 + (1L << ((type.ByteSize() * 8) - 2)) : -1L << ((type.ByteSize() * 8) - 1));

    private string Word()
    {
        while (text[_at] == ' ')
        {
            _at++;
        }

        var start = _at;
        while (_at < text.Length && text[_at] is not ('(' or ')' or ',' or ' '))
        {
            _at++;
        }

        return text[start.._at];
    }

    private void Expect(char c)
    {
        if (text[_at++] != c)
        {
            throw new FormatException($"'{c}' expected in {text} at {_at}");
        }
    }
}
