using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Loops;

/// <summary>
/// Reads kernels as <see cref="LoopText"/> prints them, one statement per line. What is not a kernel (constants, entries) is passed over.
/// Whether the kernels make sense is the verifier's business.
/// </summary>
public sealed class LoopTextReader
{
    private readonly string[] _lines;
    private readonly Dictionary<int, LaneType> _types = [];
    private int _line;

    private LoopTextReader(string text) => _lines = text.Split('\n').Select(l => l.Trim()).ToArray();

    private string Line => _line < _lines.Length ? _lines[_line] : throw Bad("the text ends too early");

    /// <summary>All kernels of a text. Throws <see cref="FormatException"/> with the line where it is none.</summary>
    public static ValueList<Kernel> Read(string text)
    {
        var reader = new LoopTextReader(text);
        var kernels = new List<Kernel>();
        while (reader._line < reader._lines.Length)
        {
            if (reader.Line.StartsWith("kernel ", StringComparison.Ordinal))
            {
                kernels.Add(reader.ReadKernel());
            }
            else
            {
                reader._line++;
            }
        }

        return kernels.ToValueList();
    }

    private Kernel ReadKernel()
    {
        _types.Clear();
        _types.Add(Kernel.ChunkVariable, LaneType.Index);
        var (head, note) = Cut(Line, "//");
        var words = head.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length != 4 || words[3] != "{" || !Enum.TryParse<KernelStrategy>(words[2], ignoreCase: true, out var strategy))
        {
            throw Bad("'kernel name strategy {' is missing");
        }

        _line++;
        var group = 1;
        var (buffers, locals, sizes) = (new List<KernelBuffer>(), new List<LocalBuffer>(), new Dictionary<string, SizeExpr>());
        for (; ; _line++)
        {
            var (word, rest) = Cut(Line, " ");
            switch (word)
            {
                case "buffer":
                    var (named, element) = Cut(rest, " : ");
                    var parts = named.Split(' ', 3);
                    buffers.Add(new KernelBuffer(parts[2], Element(element), Enum.Parse<BufferAccess>(parts[1], ignoreCase: true)));
                    continue;
                case "group":
                    group = int.Parse(rest, CultureInfo.InvariantCulture);
                    continue;
                case "local" or "shared":
                    var (name, type) = Cut(Cut(rest, " ").Right, " : ");
                    var (of, count) = Cut(type.TrimEnd(']'), "[");
                    locals.Add(new LocalBuffer(name, Element(of), int.Parse(count, CultureInfo.InvariantCulture)) { IsShared = word == "shared" });
                    continue;
                case "chunks" or "flops" or "bytes":
                    sizes[word] = Size(rest.TrimStart('{').TrimEnd('}'));
                    continue;
            }

            break;
        }

        var body = Block();
        _line++;
        return new Kernel(
            words[1],
            strategy,
            buffers.ToValueList(),
            locals.ToValueList(),
            sizes["chunks"],
            body,
            _types.Keys.Max() + 1,
            sizes.GetValueOrDefault("flops", SizeExpr.Zero),
            sizes.GetValueOrDefault("bytes", SizeExpr.Zero),
            note) { Group = group };
    }

    // Statements up to a line that starts with a closing brace, which stays.
    private ValueList<LoopStatement> Block()
    {
        var statements = new List<LoopStatement>();
        while (!Line.StartsWith('}'))
        {
            statements.Add(Statement());
        }

        return statements.ToValueList();
    }

    private LoopStatement Statement()
    {
        var line = new LoopLine(Line, _types, Bad);
        if (Line.StartsWith("// ", StringComparison.Ordinal))
        {
            return new CommentStatement(_lines[_line++][3..]);
        }

        switch (line.Word())
        {
            case "var":
                var declared = line.NewVariable();
                line.Expect("=");
                return Next(new DeclareStatement(declared, Bound(declared, line.Expr())));
            case "for":
                var counter = line.NewVariable();
                _types[counter] = LaneType.Index;
                line.Expect("=");
                var from = line.Expr();
                line.Expect("to");
                var to = line.Expr();
                var step = line.Take("step") ? line.Integer() : 1;
                var unroll = line.Take("unroll");
                line.Expect("{");
                return new ForStatement(counter, from, to, step, Inside(), unroll);
            case "while":
                _line++;
                var headLines = Block();
                var holds = new LoopLine(Line, _types, Bad);
                holds.Expect("}");
                holds.Expect("holds");
                var condition = holds.Expr();
                return new WhileStatement(headLines, condition, Inside());
            case "if":
                var test = line.Expr();
                _line++;
                var then = Block();
                var otherwise = Line == "} else {" ? Inside() : Closed();
                return new IfStatement(test, then, otherwise);
            case ("store" or "stream") and var word:
                var (buffer, index, stride, mask) = line.Place();
                line.Expect("=");
                return Next(new StoreStatement(buffer, index, line.Expr(), stride, mask, word == "stream"));
            case "prefetch":
                var far = line.Take("far");
                var (fetched, place, _, _) = line.Place();
                return Next(new PrefetchStatement(fetched, place, far));
            case "barrier":
                return Next(new BarrierStatement());
            case "fail":
                var bad = line.Expr();
                line.Expect("site");
                var site = (int)line.Integer();
                line.Expect("element");
                var element = line.Expr();
                line.Expect("value");
                var value = line.Expr();
                line.Expect("bound");
                return Next(new FailStatement(bad, site, element, value, line.Expr()));
            default:
                line = new LoopLine(Line, _types, Bad);
                var variable = line.NewVariable();
                if (line.Take(":="))
                {
                    return Next(new AssignStatement(variable, line.Expr()));
                }

                line.Expect("=");
                return Next(new LetStatement(variable, Bound(variable, line.Expr())));
        }
    }

    private LoopStatement Next(LoopStatement statement)
    {
        _line++;
        return statement;
    }

    private ValueList<LoopStatement> Inside()
    {
        _line++;
        var body = Block();
        _line++;
        return body;
    }

    private ValueList<LoopStatement> Closed()
    {
        _line++;
        return [];
    }

    private LoopExpr Bound(int variable, LoopExpr value)
    {
        _types[variable] = value.Type;
        return value;
    }

    private ElementType Element(string name) => ElementTypes.Parse(name) ?? throw Bad($"'{name}' is no element type");

    private SizeExpr Size(string text)
    {
        try
        {
            return SizeParser.Parse(text);
        }
        catch (FormatException)
        {
            throw Bad($"'{text}' is not a size");
        }
    }

    private FormatException Bad(string what) => new($"line {_line + 1}: {what}");

    private static (string Left, string Right) Cut(string text, string at) =>
        text.IndexOf(at, StringComparison.Ordinal) is >= 0 and var i ? (text[..i].Trim(), text[(i + at.Length)..].Trim()) : (text, "");
}
