using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Reads the text form of graphs, line by line.</summary>
internal sealed class GraphTextReader(string text)
{
    private int _end;
    private int _lineNumber;
    private LineReader _line = new("", 0);

    /// <summary>Reads exactly one graph.</summary>
    public Graph ReadGraph()
    {
        Next();
        _line.Expect("graph");
        var name = _line.Name();
        var dims = new List<string>();
        _line.Expect("(");
        while (!_line.Take(")"))
        {
            dims.Add(_line.Word());
            _line.Take(",");
        }

        _line.Expect("{");
        _line.End();
        var graph = ReadBody(name, dims.ToValueList());
        while (_end < text.Length)
        {
            Next();
            _line.End();
        }

        return graph;
    }

    private void Next()
    {
        if (_end >= text.Length)
        {
            throw new FormatException($"line {_lineNumber}: the text ends inside a graph");
        }

        var end = text.IndexOf('\n', _end);
        end = end < 0 ? text.Length : end;
        _line = new LineReader(text[_end..end], ++_lineNumber);
        _end = end + 1;
    }

    // The lines up to the closing brace, which stays behind the cursor.
    private Graph ReadBody(string name, ValueList<string> dims)
    {
        var nodes = new List<Node>();
        var inputs = new List<NodeId>();
        ValueList<NodeId>? order = null;
        var outputs = new List<GraphOutput>();
        var constraints = new List<SizeConstraint>();
        var sites = new List<SiteManifest>();
        while (true)
        {
            Next();
            if (_line.Take("}"))
            {
                _line.End();
                break;
            }

            if (_line.Peek == '\0')
            {
                continue;
            }

            if (_line.Peek == '%')
            {
                var id = _line.Id();
                if (id.Value != nodes.Count)
                {
                    throw _line.Bad($"%{nodes.Count} comes next");
                }

                _line.Expect("=");
                nodes.Add(ReadNode(dims));
                if (nodes[^1] is InputNode)
                {
                    inputs.Add(id);
                }

                continue;
            }

            switch (_line.Word())
            {
                case "inputs":
                    order = _line.Ids();
                    break;
                case "output":
                    var outputName = _line.Name();
                    _line.Expect("=");
                    outputs.Add(new GraphOutput(outputName, _line.Id()));
                    break;
                case "require":
                    var left = _line.Size();
                    var atLeast = _line.Take(">=");
                    if (!atLeast)
                    {
                        _line.Expect("==");
                    }

                    constraints.Add(new SizeConstraint(left, _line.Size(), atLeast, _line.Name()));
                    break;
                case "site":
                    if (_line.Integer() != sites.Count)
                    {
                        throw _line.Bad($"site {sites.Count} comes next");
                    }

                    var access = _line.Name();
                    _line.Expect("at");
                    var location = _line.Name();
                    _line.Expect("over");
                    sites.Add(new SiteManifest(access, location, _line.Shape()));
                    break;
                case var other:
                    throw _line.Bad($"'{other}' begins no line of a graph");
            }

            _line.End();
        }

        return new Graph(name, dims, [.. nodes], order ?? inputs.ToValueList(), outputs.ToValueList(), constraints.ToValueList(), sites.ToValueList());
    }

    private Node ReadNode(ValueList<string> dims)
    {
        // The type decides how numbers are read, and stands at the end.
        var type = _line.CutType(out var isLoop);
        var word = _line.Word();
        if (MapOps.Parse(word) is { } map)
        {
            return Ended(new MapNode(type, map.Op, _line.Ids()));
        }

        switch (word)
        {
            case "input":
                var kind = _line.Enum<InputKind>();
                var label = _line.Name();
                return Ended(new InputNode(type, kind, label, _line.Take("~") ? _line.Name() : null) { Format = Stored(type), Given = Given() });
            case "splat":
                return Ended(new SplatNode(type, _line.Number(type.Element)));
            case "constant":
                return Ended(new ConstantNode(type, _line.List(() => _line.Number(type.Element))));
            case "size":
                return Ended(new SizeNode(_line.Size()) with { Type = type });
            case "iota":
                return Ended(new IotaNode(type, _line.Integer()));
            case "view":
                return Ended(new ViewNode(type, _line.Id(), _line.Accesses(), Fill(type)));
            case "reshape":
                return Ended(new ReshapeNode(type, _line.Id()));
            case "format":
                return Ended(new FormatNode(type, _line.Id(), Stored(type) ?? throw _line.Bad("expected 'in'")));
            case "contract":
                var factors = new List<NodeId>();
                var labels = new List<ValueList<int>>();
                do
                {
                    factors.Add(_line.Id());
                    labels.Add(_line.List(_line.Integer));
                }
                while (_line.Take(","));
                _line.Expect("->");
                return Ended(new ContractNode(type, factors.ToValueList(), labels.ToValueList(), _line.List(_line.Integer)));
            case "reduce":
                return Ended(new ReduceNode(type, _line.Enum<ReduceKind>(), _line.Id(), _line.List(_line.Integer)));
            case "gather":
                var source = _line.Id();
                var access = _line.Accesses();
                _line.Expect("with");
                return Ended(new GatherNode(type, source, _line.Ids(), access, Fill(type)));
            case "scatter":
                var scatter = _line.Enum<ScatterKind>();
                var start = _line.Id();
                _line.Expect(",");
                var updates = _line.Id();
                var places = _line.Accesses();
                return Ended(new ScatterNode(type, scatter, start, updates, _line.Take("with") ? _line.Ids() : [], places));
            case "concat":
                var parts = _line.Ids();
                _line.Expect("axis");
                return Ended(new ConcatNode(type, parts, _line.Integer()));
            case "sort":
                var sorted = _line.Id();
                _line.Expect("axis");
                return Ended(new SortNode(type, sorted, _line.Integer(), _line.Take("descending"), _line.Take("indices")));
            case "result":
                return Ended(new ResultNode(type, _line.Id(), _line.Integer()));
            case "scan" or "iterate" when isLoop:
                _line.Expect("[");
                var count = _line.Size();
                _line.Expect("]");
                _line.Expect("states");
                var states = _line.List(_line.Id);
                _line.Expect("captures");
                var captures = _line.List(_line.Id);
                _line.Expect("body");
                var name = _line.Name();
                _line.End();
                var body = ReadBody(name, dims);
                return word == "scan" ? new ScanNode(type, count, states, captures, body) : new IterateNode(type, count, states, captures, body);
            default:
                throw _line.Bad($"there is no operation '{word}'");
        }
    }

    private ElementType? Given() => _line.Take("from") ? ElementTypes.Parse(_line.Word()) ?? throw _line.Bad("expected the type of the values that are rounded") : null;

    private TensorFormat? Stored(TensorType type)
    {
        if (!_line.Take("in"))
        {
            return null;
        }

        var name = _line.Name();
        var levels = _line.List(Level);
        var index = ElementTypes.Parse(_line.Word()) ?? throw _line.Bad("expected the type of positions and coordinates");
        return new TensorFormat(name, levels, index, Fill(type));
    }

    private FormatLevel Level()
    {
        var (kind, axis) = (_line.Enum<LevelKind>(), _line.Integer());
        var part = _line.Take("/") ? LevelPart.Outer : _line.Take("%") ? LevelPart.Inner : LevelPart.Whole;
        return new FormatLevel(kind, axis, part, part == LevelPart.Whole ? 1 : _line.Integer(), !_line.Take("repeated"));
    }

    private Scalar? Fill(TensorType type) => _line.Take("fill") ? _line.Number(type.Element) : null;

    private Node Ended(Node node)
    {
        _line.End();
        return node;
    }
}
