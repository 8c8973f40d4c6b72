using System.Globalization;
using System.Text;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>The text of one function while it is written: values get fresh names, stack memory goes to the entry block, the current block is known.</summary>
internal sealed class FunctionText
{
    private readonly StringBuilder _entry = new();
    private readonly StringBuilder _body = new();
    private int _next;

    /// <summary>The label of the block that is being written; what a phi names.</summary>
    public string Block { get; private set; } = "start";

    public string NewName() => "%v" + (_next++).ToString(CultureInfo.InvariantCulture);

    public string NewLabel(string hint) => hint + (_next++).ToString(CultureInfo.InvariantCulture);

    /// <summary>Writes <c>name = instruction</c>; gives the name.</summary>
    public string Value(string instruction)
    {
        var name = NewName();
        Line($"{name} = {instruction}");
        return name;
    }

    /// <summary>Lanes from … from + count - 1 of a vector of <paramref name="lanes"/>.</summary>
    public string Slice(string lane, int lanes, string vector, int from, int count)
    {
        var type = IrTypes.Vector(lane, lanes);
        var numbers = string.Join(", ", Enumerable.Range(from, count).Select(i => $"i32 {i}"));
        return Value($"shufflevector {type} {vector}, {type} poison, <{count} x i32> <{numbers}>");
    }

    /// <summary>Stack memory for the whole function.</summary>
    public string Alloca(string type, int align)
    {
        var name = NewName();
        _entry.Append($"  {name} = alloca {type}, align {align}\n");
        return name;
    }

    public void Line(string instruction) => _body.Append("  ").Append(instruction).Append('\n');

    /// <summary>Lines as they stand, each with its end.</summary>
    public void Lines(string lines) => _body.Append(lines);

    /// <summary>How much of the body has been written.</summary>
    public int Length => _body.Length;

    /// <summary>Puts what <paramref name="rewrite"/> makes of it in the place of all that was written since <paramref name="start"/>.</summary>
    public void Replace(int start, Func<string, string> rewrite)
    {
        var text = rewrite(_body.ToString(start, _body.Length - start));
        _body.Length = start;
        _body.Append(text);
    }

    public void Label(string label)
    {
        Block = label;
        _body.Append(label).Append(":\n");
    }

    /// <summary>The block started here, reached from the present one too.</summary>
    public void FallInto(string label)
    {
        Line($"br label %{label}");
        Label(label);
    }

    /// <summary>The whole function: entry block with the stack memory, then the body.</summary>
    public string Define(string signature) => $"define {signature} nounwind {{\nentry:\n{_entry}  br label %start\nstart:\n{_body}}}\n";
}
