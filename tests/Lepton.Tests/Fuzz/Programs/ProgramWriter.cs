using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Fuzz.Programs;

/// <summary>Writes a program as source: declarations and equations in any order, sizes where they are needed.</summary>
internal sealed class ProgramWriter
{
    private readonly SourceProgram _program;
    private readonly Random _style;
    private readonly ExpressionWriter _expressions;

    private ProgramWriter(SourceProgram program)
    {
        _program = program;
        _style = new Random(program.Style);
        _expressions = new ExpressionWriter(_style);
    }

    public static string Write(SourceProgram program) => new ProgramWriter(program).Write();

    private string Write()
    {
        var declarations = new List<string>();
        var used = _program.Inputs.Concat(_program.Outputs).SelectMany(v => v.Shape).SelectMany(s => s.Variables()).Distinct().ToList();
        if (_program.FileSizes)
        {
            declarations.AddRange(_program.Sizes.Keys.Where(n => n.StartsWith('N') || used.Contains(n)).Select(n => $"dim {n}"));
        }

        declarations.AddRange(RandomProgramMaker.DeclarationsFor(_program.Formats.Values.Select(f => f.Name)));
        declarations.AddRange(_program.Parameters.Select(p => $"param {Stored(p)}{(_style.Next(2) == 0 ? " ~ zeros" : "")}"));
        var outputs = _program.Outputs.ToDictionary(o => o.Name);
        var head = $"fn main({string.Join(", ", _program.Arguments.Select(Stored))}) -> ({string.Join(", ", _program.Outputs.Select(Stored))})";
        declarations.Add($"{head} {{\n{Block(_program.Body, outputs, "  ")}}}");
        foreach (var function in _program.Body.OfType<CallStatement>().Select(c => c.Function).DistinctBy(f => f.Name))
        {
            declarations.Add(Function(function));
        }

        // A function's body may call others.
        for (var i = 0; i < _expressions.Calls.Count; i++)
        {
            declarations.Add(_expressions.Function(_expressions.Calls[i]));
        }

        var shuffled = declarations.ToArray();
        _style.Shuffle(shuffled);
        return string.Join("\n\n", shuffled) + "\n";
    }

    private string Stored(Variable variable) => Typed(variable, null) + (_program.Formats.TryGetValue(variable.Name, out var format) ? $" in {format.Name}{Fill(format.Fill, variable.Element)}" : "");

    private static string Typed(Variable variable, ElementType? generic)
    {
        var element = variable.Element == generic ? "T" : variable.Element.Name();
        return variable.Shape.Count == 0 ? $"{variable.Name}: {element}" : $"{variable.Name}: {element}[{string.Join(", ", variable.Shape.Select(ExpressionWriter.Size))}]";
    }

    private string Function(BlockFunction function)
    {
        var results = function.Results.Select(r => function.TypedResults ? Typed(r, function.Generic) : r.Name);
        var declared = function.TypedResults ? function.Results.ToDictionary(r => r.Name) : [];
        return $"fn {function.Name}({string.Join(", ", function.Parameters.Select(p => Typed(p, function.Generic)))}) -> ({string.Join(", ", results)}) {{\n"
            + $"{Block(function.Body, declared, "  ")}}}";
    }

    private string Block(IEnumerable<Statement> statements, IReadOnlyDictionary<string, Variable> declared, string indent)
    {
        var texts = statements.Select(s => Statement(s, declared, indent)).ToArray();
        if (_style.Next(2) == 0)
        {
            _style.Shuffle(texts);
        }

        return string.Concat(texts.Select(t => $"{indent}{t}{(_style.Next(20) == 0 ? "  // as it is" : "")}\n"));
    }

    private string Statement(Statement statement, IReadOnlyDictionary<string, Variable> declared, string indent) => statement switch
    {
        Equation equation => Equation(equation, declared),
        ScatterStatement scatter => Scatter(scatter, declared.ContainsKey(scatter.Target.Name)),
        CallStatement { Targets: [var target] } call => $"{target.Name} = {Call(call)}",
        CallStatement call => $"({string.Join(", ", call.Targets.Select(t => t.Name))}) = {Call(call)}",
        LoopStatement loop => Loop(loop, indent),
        _ => throw new ArgumentException("no such statement"),
    };

    private string Call(CallStatement call) => $"{call.Function.Name}({string.Join(", ", call.Arguments.Select(_expressions.Write))})";

    private string Equation(Equation equation, IReadOnlyDictionary<string, Variable> declared) =>
        $"{Left(equation, equation.Target.Name, declared.ContainsKey(equation.Target.Name) || equation.On?.Tensor.Shape.Count == equation.Left?.Count, null)}{On(equation)} = {_expressions.Definition(equation.Value)}";

    private static string On(Equation equation) => equation.On is not { } on ? ""
        : $" on {on.Tensor.Name}{Fill(on.Fill, equation.Target.Element)}";

    private static string Fill(double fill, ElementType element) => fill == 0 ? "" : $" fill {(element == ElementType.Bool ? "true" : $"{fill:R}")}";

    private static string Left(Equation equation, string name, bool isDeclared, string? first)
    {
        var axes = (equation.Left ?? []).Select(axis => axis.Count == 1
            ? ExpressionWriter.Index(axis[0], [equation.Value], isDeclared)
            : $"({string.Join(", ", axis.Select(i => ExpressionWriter.Index(i, [equation.Value])))})");
        var all = first is null ? axes : axes.Prepend(first);
        return all.Any() ? $"{name}[{string.Join(", ", all)}]" : name;
    }

    private string Scatter(ScatterStatement scatter, bool isDeclared)
    {
        var sign = scatter.Kind switch
        {
            ScatterKind.Add => "+=",
            ScatterKind.Mul => "*=",
            ScatterKind.Max => "max=",
            _ => "min=",
        };
        var places = scatter.Places.Select((p, axis) => (isDeclared && _style.Next(2) == 0 && p is not AffineSubscript { Plain: not null }) || NeedsNothing(scatter, axis)
            ? _expressions.Subscript(p)
            : $"{_expressions.Subscript(p)}: {ExpressionWriter.Size(scatter.Target.Shape[axis])}");
        return $"{scatter.Target.Name}[{string.Join(", ", places)}] {sign} {_expressions.Write(scatter.Value)}";
    }

    // A plain index whose range the value gives is as long as the axis.
    private static bool NeedsNothing(ScatterStatement scatter, int axis) =>
        scatter.Places[axis] is AffineSubscript { Plain: { Written: false } plain } && ExpressionWriter.Index(plain, scatter.Expressions) == plain.Name
            && plain.Size == scatter.Target.Shape[axis];

    private string Loop(LoopStatement loop, string indent)
    {
        var inner = indent + "  ";
        var none = new Dictionary<string, Variable>();
        var head = loop.Step is { } step
            ? $"scan {step.Name} in {ExpressionWriter.Size(loop.Count)}"
            : $"iterate until {_expressions.Write(loop.Until!)} max {ExpressionWriter.Size(loop.Count)}";
        var lines = new List<string>();
        lines.AddRange(loop.States.Select(s => $"state {Equation(s.First, none)}"));
        lines.AddRange(loop.States.Select(s => Equation(s.Next, none)));
        lines.AddRange(loop.Body.Select(e => Equation(e, none)));
        lines.AddRange(loop.Emits.Select(e => $"emit {Left(e.One, e.Stacked.Name, false, loop.Step!.Name)} = {_expressions.Definition(e.One.Value)}"));
        return $"{head} {{\n{string.Concat(lines.Select(l => $"{inner}{l}\n"))}{indent}}}";
    }
}
