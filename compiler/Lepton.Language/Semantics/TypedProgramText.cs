using System.Text;
using Lepton.Abi;

namespace Lepton.Language.Semantics;

/// <summary>
/// The text form of a typed program, for people and tests: <c>%3 f32{b#0, j#1}[] = map add %1 %2</c> is a value with open labels b and j.
/// </summary>
public static class TypedProgramText
{
    public static string Print(TypedProgram program)
    {
        var text = new StringBuilder();
        text.Append($"program {program.Name}\n");
        foreach (var entry in program.Entries)
        {
            text.Append('\n').Append(Print(entry));
        }

        return text.ToString();
    }

    public static string Print(TypedEntry entry)
    {
        var text = new StringBuilder();
        text.Append($"entry {entry.Name}({string.Join(", ", entry.Dims)})\n");
        foreach (var constraint in entry.Constraints)
        {
            text.Append($"  require {constraint.Left} {(constraint.AtLeast ? ">=" : "==")} {constraint.Right}    // {constraint.Reason}\n");
        }

        for (var i = 0; i < entry.Sites.Count; i++)
        {
            text.Append($"  site {i}: {entry.Sites[i].Text} over {entry.Sites[i].Shape}\n");
        }

        Body(text, entry.Body, "  ");
        foreach (var result in entry.Results)
        {
            text.Append($"  result {result.Name} = %{result.Value.Value}{Stored(result.Format)}\n");
        }

        return text.ToString();
    }

    private static void Body(StringBuilder text, IReadOnlyList<TypedOp> ops, string indent)
    {
        foreach (var op in ops)
        {
            text.Append($"{indent}%{op.Id.Value} {Type(op.Type)} = {Operation(op)}\n");
            var (body, states) = op switch
            {
                TypedScan scan => (scan.Body, scan.States),
                TypedIterate iterate => (iterate.Body, iterate.States),
                _ => ([], []),
            };
            foreach (var state in states)
            {
                text.Append($"{indent}  state {state.Name}: %{state.Current.Value} from %{state.Initial.Value} next %{state.Next.Value}\n");
            }

            // Loops nest as deep as blocks are written, so this recursion is bounded by the parser.
            Body(text, body, indent + "  ");
            switch (op)
            {
                case TypedScan { Emits.Count: > 0 } scan:
                    text.Append($"{indent}  emit {Values(scan.Emits)}\n");
                    break;
                case TypedIterate iterate:
                    text.Append($"{indent}  until %{iterate.Until.Value}\n");
                    break;
                default:
                    break;
            }
        }
    }

    private static string Type(ValueType type) =>
        type.Element.Name() + (type.Labels.Count == 0 ? "" : $"{{{string.Join(", ", type.Labels)}}}") + $"[{string.Join(", ", type.Shape)}]";

    private static string Values(IEnumerable<ValueId> values) => string.Join(" ", values.Select(v => $"%{v.Value}"));

    private static string Lower<T>(T value)
        where T : Enum => value.ToString().ToLowerInvariant();

    private static string Operation(TypedOp op) => op switch
    {
        TypedInput o => $"{Lower(o.Kind)} {o.Name}{(o.Initializer is null ? "" : " ~ " + o.Initializer)}{Stored(o.Format)}",
        TypedLiteral o => $"literal {o.Value}",
        TypedConstant o => $"constant [{string.Join(", ", o.Values)}]",
        TypedSize o => $"size {o.Size}",
        TypedIndex o => $"index {o.Label} of {o.Label.Size}",
        TypedMap o => $"map {o.Op} {Values(o.Arguments)}",
        TypedReduce o => $"reduce {Lower(o.Reducer)} %{o.Source.Value} over {Labels(o.Over)}",
        TypedReduceAxes o => $"reduce {Lower(o.Reducer)} %{o.Source.Value} axes {o.Axes}{(o.KeepDims ? " keepdims" : "")}",
        TypedAccess o => $"access %{o.Source.Value}[{Subscripts(o.Subscripts)}]{(o.Fill is { } fill ? $" fill %{fill.Value}" : "")}",
        TypedTabulate o => $"tabulate %{o.Source.Value} {Labels(o.Axes)}",
        TypedTranspose o => $"transpose %{o.Source.Value} {o.Permutation}",
        TypedReshape o => $"reshape %{o.Source.Value}",
        TypedBroadcast o => $"broadcast %{o.Source.Value}",
        TypedMatMul o => $"matmul %{o.Left.Value} %{o.Right.Value}",
        TypedConcat o => $"concat {Values(o.Parts)} axis {o.Axis}",
        TypedSort o => $"{(o.Indices ? "argsort" : "sort")} %{o.Source.Value} axis {o.Axis}{(o.Descending ? " descending" : "")}",
        TypedScatter o => $"scatter {Lower(o.Kind)} %{o.Updates.Value} over {Labels(o.Over)} into [{Subscripts(o.Subscripts)}]"
            + (o.Base is { } start ? $" base %{start.Value}" : ""),
        TypedBodyInput o => $"input {o.Name}",
        TypedScan o => $"scan %{o.Step.Value} in {o.Count}",
        TypedIterate o => $"iterate %{o.Step.Value} max {o.Max}",
        TypedLoopResult o => $"result {o.Index} of %{o.Loop.Value}",
        _ => op.GetType().Name,
    };

    private static string Stored(TensorFormat? format) => format is null ? "" : $" in {format}";

    private static string Labels(IEnumerable<IndexLabel> labels) => "[" + string.Join(", ", labels.Select(l => $"{l}: {l.Size}")) + "]";

    private static string Subscripts(IReadOnlyList<TypedSubscript> subscripts) => string.Join(", ", subscripts.Select(Subscript));

    private static string Subscript(TypedSubscript subscript) => subscript switch
    {
        AffineSubscript s => Affine(s) + Outside(s.Outside),
        DataSubscript s => $"%{s.Index.Value}{(s.Site >= 0 ? $" check {s.Site}" : "")}{Outside(s.Outside)}",
        SliceSubscript s => s is { Step: 1 } ? $"{s.Start}:+{s.Count}" : $"{s.Start}:+{s.Count}:{s.Step}",
        _ => "?",
    };

    private static string Affine(AffineSubscript subscript)
    {
        var terms = subscript.Terms.Select(t => t.Coefficient == SizeExpr.One ? t.Label.ToString() : $"({t.Coefficient})*{t.Label}").ToList();
        if (subscript.Offset != SizeExpr.Zero || terms.Count == 0)
        {
            terms.Add($"{subscript.Offset}");
        }

        return string.Join(" + ", terms);
    }

    private static string Outside(TypedOutside outside) => outside == TypedOutside.Never ? "" : $" else {Lower(outside)}";
}
