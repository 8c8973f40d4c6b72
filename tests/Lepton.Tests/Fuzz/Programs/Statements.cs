using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Fuzz.Programs;

/// <summary>A statement of a block.</summary>
internal abstract record Statement
{
    /// <summary>What later statements may read.</summary>
    public abstract IReadOnlyList<Variable> Defines { get; }

    /// <summary>The expressions in it.</summary>
    public abstract IReadOnlyList<Expr> Expressions { get; }

    /// <summary>The same statement of other expressions.</summary>
    public abstract Statement With(IReadOnlyList<Expr> expressions);
}

/// <summary><c>in name fill v</c>; a fill value of 0 is not written.</summary>
internal sealed record WrittenFormat(string Name, double Fill);

/// <summary><c>on tensor fill v</c>.</summary>
internal sealed record Support(Variable Tensor, double Fill);

/// <summary><c>name[i, (j, k)] = value</c>; Left null: <c>name = value</c>.</summary>
internal sealed record Equation(Variable Target, ValueList<ValueList<SourceIndex>>? Left, Expr Value) : Statement
{
    public Support? On { get; init; }

    public override IReadOnlyList<Variable> Defines => [Target];

    public override IReadOnlyList<Expr> Expressions => On is null ? [Value] : [Value, new ReadExpr(On.Tensor)];

    public IEnumerable<SourceIndex> Indices => Left?.SelectMany(a => a) ?? [];

    public override Statement With(IReadOnlyList<Expr> expressions) => this with
    {
        Value = expressions[0],
        On = expressions is [_, ReadExpr read] && read.Variable == On?.Tensor ? On : null,
    };
}

/// <summary><c>hist[bin[i], j: 4] += value</c>: a place for each axis, over a loop of all indices that are mentioned.</summary>
internal sealed record ScatterStatement(Variable Target, ScatterKind Kind, ValueList<Subscript> Places, ValueList<SourceIndex> Loop, Expr Value) : Statement
{
    public override IReadOnlyList<Variable> Defines => [Target];

    public override IReadOnlyList<Expr> Expressions => [Value, .. Places.SelectMany(p => p.Expressions)];

    public override Statement With(IReadOnlyList<Expr> expressions)
    {
        var next = 1;
        return this with { Value = expressions[0], Places = [.. Places.Select(p => p.With([.. expressions.Skip((next += p.Expressions.Count) - p.Expressions.Count).Take(p.Expressions.Count)]))] };
    }
}

/// <summary>A state: its first value, and the next.</summary>
internal sealed record State(Variable Name, Equation First, Equation Next);

/// <summary>
/// scan (Step, Emits) or iterate (Until). Stacked: what each emit becomes behind the loop. A scan has Count steps, an iterate at most.
/// </summary>
internal sealed record LoopStatement(
    SourceIndex? Step, SizeExpr Count, ValueList<State> States, ValueList<Equation> Body, ValueList<(Equation One, Variable Stacked)> Emits, Expr? Until) : Statement
{
    public override IReadOnlyList<Variable> Defines => [.. States.Select(s => s.First.Target), .. Emits.Select(e => e.Stacked)];

    public override IReadOnlyList<Expr> Expressions =>
        [.. States.SelectMany(s => new[] { s.First.Value, s.Next.Value }), .. Body.Select(b => b.Value), .. Emits.Select(e => e.One.Value), .. Until is null ? [] : new[] { Until }];

    public override Statement With(IReadOnlyList<Expr> expressions)
    {
        var next = 0;
        return this with
        {
            States = [.. States.Select(s => s with { First = s.First with { Value = expressions[next++] }, Next = s.Next with { Value = expressions[next++] } })],
            Body = [.. Body.Select(b => b with { Value = expressions[next++] })],
            Emits = [.. Emits.Select(e => (e.One with { Value = expressions[next++] }, e.Stacked))],
            Until = Until is null ? null : expressions[next],
        };
    }
}

/// <summary>A typed function with a body of equations; its sizes and names are its own.</summary>
/// <param name="Generic">The element type that is written as T, or null.</param>
internal sealed record BlockFunction(
    string Name, ValueList<Variable> Parameters, ValueList<Statement> Body, ValueList<Variable> Results, ElementType? Generic, bool TypedResults);

/// <summary><c>(u, v) = f(x, y)</c>.</summary>
internal sealed record CallStatement(ValueList<Variable> Targets, BlockFunction Function, ValueList<Expr> Arguments) : Statement
{
    public override IReadOnlyList<Variable> Defines => Targets;

    public override IReadOnlyList<Expr> Expressions => Arguments;

    public override Statement With(IReadOnlyList<Expr> expressions) => this with { Arguments = [.. expressions] };
}

/// <summary>A program with one entry, and what it is run on.</summary>
/// <param name="Sizes">The numbers of all size variables, those of functions included.</param>
/// <param name="Parameters">Inputs that are declared by <c>param</c>.</param>
/// <param name="FileSizes">Whether sizes are declared by <c>dim</c>, so that every function sees them.</param>
/// <param name="Style">Seed of how it is written: spaces, parentheses, order of equations.</param>
internal sealed record SourceProgram(
    int Seed,
    IReadOnlyDictionary<string, long> Sizes,
    ValueList<Variable> Arguments,
    ValueList<Variable> Parameters,
    IReadOnlyDictionary<Variable, TensorValue> Values,
    ValueList<Statement> Body,
    ValueList<Variable> Outputs,
    bool FileSizes,
    int Style)
{
    /// <summary>What stands behind <c>in</c> for arguments, parameters and results, by name.</summary>
    public IReadOnlyDictionary<string, WrittenFormat> Formats { get; init; } = new Dictionary<string, WrittenFormat>();

    public IEnumerable<Variable> Inputs => Arguments.Concat(Parameters);
}
