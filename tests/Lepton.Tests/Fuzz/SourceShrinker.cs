using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Fuzz.Programs;

namespace Lepton.Tests.Fuzz;

/// <summary>Makes a failing program small: fewer outputs and statements, then parts of expressions in place of the whole, or a number.</summary>
internal static class SourceShrinker
{
    private const int MaxTries = 3000;

    public static SourceProgram Shrink(SourceProgram program, string problem)
    {
        var (kind, tries) = (Kind(problem), 0);
        for (var again = true; again;)
        {
            again = false;
            foreach (var smaller in Smaller(program))
            {
                if (++tries > MaxTries)
                {
                    return program;
                }

                if (Fails(smaller, kind))
                {
                    (program, again) = (smaller, true);
                    break;
                }
            }
        }

        return program;
    }

    // What is refused stays refused for the same reason; wrong numbers stay wrong.
    private static string Kind(string problem) =>
        problem.StartsWith("refused", StringComparison.Ordinal) ? problem[..Math.Min(problem.Length, "refused: error LEP0000".Length)] : problem[..Math.Min(problem.Length, 8)];

    private static bool Fails(SourceProgram program, string kind)
    {
        try
        {
            return SourceCheck.Run(program) is { } problem && Kind(problem) == kind;
        }
        catch (Exception)
        {
            return false; // a change that makes no sense is no smaller program
        }
    }

    private static IEnumerable<SourceProgram> Smaller(SourceProgram program)
    {
        for (var i = program.Outputs.Count - 1; i >= 0 && program.Outputs.Count > 1; i--)
        {
            yield return program with { Outputs = Without(program.Outputs, i) };
        }

        for (var i = program.Body.Count - 1; i >= 0 && program.Body.Count > 1; i--)
        {
            var defined = program.Body[i].Defines;
            if (!program.Outputs.Any(defined.Contains))
            {
                yield return program with { Body = Without(program.Body, i) };
            }
        }

        foreach (var input in program.Inputs.Where(v => !Reads(program.Body).Contains(v)))
        {
            yield return program with { Arguments = [.. program.Arguments.Where(a => a != input)], Parameters = [.. program.Parameters.Where(a => a != input)] };
        }

        for (var i = 0; i < program.Body.Count; i++)
        {
            foreach (var statement in Smaller(program.Body[i]))
            {
                yield return program with { Body = With(program.Body, i, statement) };
            }
        }
    }

    private static IEnumerable<Statement> Smaller(Statement statement)
    {
        if (statement is LoopStatement loop)
        {
            for (var i = 0; i < loop.Body.Count; i++)
            {
                yield return loop with { Body = Without(loop.Body, i) };
            }

            for (var i = 0; i < loop.Emits.Count; i++)
            {
                yield return loop with { Emits = Without(loop.Emits, i) };
            }

            for (var i = 0; i < loop.States.Count && loop.States.Count > 1; i++)
            {
                yield return loop with { States = Without(loop.States, i) };
            }
        }

        if (statement is CallStatement call)
        {
            for (var i = 0; i < call.Function.Body.Count; i++)
            {
                yield return call with { Function = call.Function with { Body = Without(call.Function.Body, i) } };
                foreach (var inner in Smaller(call.Function.Body[i]))
                {
                    yield return call with { Function = call.Function with { Body = With(call.Function.Body, i, inner) } };
                }
            }
        }

        var expressions = statement.Expressions;
        for (var i = 0; i < expressions.Count; i++)
        {
            foreach (var smaller in Smaller(expressions[i]))
            {
                yield return statement.With([.. expressions.Select((e, at) => at == i ? smaller : e)]);
            }
        }
    }

    // A part of the same type, the part that a call or a local name stands for, or a number.
    private static IEnumerable<Expr> Smaller(Expr expr)
    {
        foreach (var part in expr.All().Skip(1))
        {
            if (part.Element == expr.Element && part.Shape == expr.Shape && part is not LetExpr)
            {
                yield return part;
            }
        }

        if (expr is not (LiteralExpr or CastExpr { Source: LiteralExpr } or IndexExpr) && expr.Shape.Count == 0)
        {
            yield return new CastExpr(expr.Element, expr.Element == ElementType.Bool ? new LiteralExpr(Scalar.Bool(true), "true") : new LiteralExpr(Scalar.Of(expr.Element, 1), "1"));
        }

        var children = expr.Children;
        for (var i = 0; i < children.Count; i++)
        {
            foreach (var smaller in Smaller(children[i]))
            {
                yield return expr.With([.. children.Select((c, at) => at == i ? smaller : c)]);
            }
        }
    }

    private static HashSet<Variable> Reads(IEnumerable<Statement> body) =>
        [.. body.SelectMany(s => s.Expressions.Concat(s is CallStatement call ? call.Function.Body.SelectMany(b => b.Expressions) : [])).SelectMany(e => e.All()).OfType<ReadExpr>().Select(r => r.Variable)];

    private static ValueList<T> Without<T>(ValueList<T> list, int at) => [.. list.Where((_, i) => i != at)];

    private static ValueList<T> With<T>(ValueList<T> list, int at, T item) => [.. list.Select((old, i) => i == at ? item : old)];
}
