using Antlr4.Runtime;
using Antlr4.Runtime.Tree;
using Lepton.Abi;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>
/// Makes the syntax tree from the parser's contexts. A context in which a mistake was found has its Exception set and may lack any of its
/// parts; the mistake has been reported. What has no name is left out, what has no value gets a <see cref="MissingExpressionSyntax"/>.
/// </summary>
/// <param name="gaps">Places behind which something stood that was left out, in order: a value around one is not what was meant.</param>
/// <param name="lost">Texts that were left out; the parser adds to them while statements are built.</param>
internal sealed class TreeBuilder(SourceText source, List<int> gaps, List<(int First, int Last)> lost, DiagnosticReport report)
{
    private readonly ExpressionBuilder _expressions = new(source, report);

    public FileSyntax File(FileContext file)
    {
        var declarations = new List<DeclarationSyntax>();
        foreach (var child in file.children ?? [])
        {
            if (child is DeclarationContext declaration)
            {
                var before = declarations.Count;
                declarations.AddRange(Declaration(declaration));
                if (declarations.Count == before)
                {
                    var span = declaration.Span(source);
                    lost.Add((span.Start, span.End));
                }
            }
        }

        // What is left out inside or behind a function that says so itself is that function's.
        var isIncomplete = !lost.TrueForAll(l => declarations.FindLast(d => d.Span.Start <= l.First) is FunctionSyntax { IsIncomplete: true });
        return new FileSyntax(new SourceSpan(source, 0, source.Text.Length), declarations, isIncomplete);
    }

    private IEnumerable<DeclarationSyntax> Declaration(DeclarationContext declaration)
    {
        var span = declaration.Span(source);
        switch (declaration)
        {
            case ImportDeclarationContext { exception: null } import:
                var target = import.STRING() is { } text
                    ? new NameSyntax(text.Symbol.Span(source), text.GetText()[1..^1])
                    : import.NAME().Name(source);
                return [new ImportSyntax(span, target, import.STRING() != null)];
            case DimDeclarationContext dims:
                return dims.dim().Where(dim => dim.NAME() != null).Select(Dim);
            case ConstDeclarationContext constant when constant.NAME() != null:
                return [new ConstSyntax(span, constant.NAME().Name(source), Type(constant.type()), Value(constant, constant.expression()))];
            case ParamDeclarationContext param when param.NAME() != null && Type(param.type()) is { } type:
                return [new ParamSyntax(span, param.NAME().Name(source), type, Optional(param.expression()))];
            case FunctionContext function when function.NAME() != null:
                return [Function(span, function)];
            case FormatDeclarationContext { exception: null } format when format.NAME(0) != null && format.level().All(level => level.exception == null):
                return [Format(span, format)];
            case PlanDeclarationContext plan when plan.NAME() != null:
                return [new PlanBuilder(source).Plan(span, plan)];
            case LaterDeclarationContext later:
                return [new LaterDeclarationSyntax(later.Start.Span(source), later.GetText())];
            default:
                return [];
        }
    }

    private DimSyntax Dim(DimContext dim) => new(dim.Span(source), dim.NAME().Name(source), dim.ASSIGN() == null ? null : Value(dim, dim.expression()));

    private FunctionSyntax Function(SourceSpan span, FunctionContext function)
    {
        var indices = Names(function.indexParameters()?.NAME());
        var parameters = Parts<ParameterContext>(function.parameters())
            .Where(parameter => parameter.NAME() != null)
            .Select(parameter => new ParameterSyntax(
                parameter.Span(source),
                parameter.NAME().Name(source),
                Type(parameter.type()),
                parameter.ASSIGN() == null ? null : Value(parameter, parameter.expression())))
            .ToList();
        var block = function.block();
        var statements = block != null ? Block(block) : Definitions(function.definitions()).ToList<StatementSyntax>();
        var body = block != null ? null : Value(function, function.expression());
        var isIncomplete = function.exception != null
            || new ParserRuleContext?[] { function.indexParameters(), function.parameters(), function.results() }.Any(part => part?.exception != null)
            || Parts<ParameterContext>(function.parameters()).Any(parameter => parameter.exception != null)
            || Parts<ResultContext>(function.results()).Any(result => result.exception != null)
            || lost.Exists(l => Within(l, span));
        return new FunctionSyntax(span, function.NAME().Name(source), indices, parameters, Results(function.results()), body, statements, isIncomplete);
    }

    private static bool Within((int First, int Last) lost, SourceSpan span) => lost.First >= span.Start && lost.First < span.End;

    private List<ResultSyntax> Results(ResultsContext? results)
    {
        if (results == null)
        {
            return [];
        }

        if (results.type() is { } single)
        {
            return Type(single) is { } type ? [new ResultSyntax(results.Span(source), null, type)] : [];
        }

        return [.. Parts<ResultContext>(results)
            .Where(result => result.NAME() != null)
            .Select(result => new ResultSyntax(result.Span(source), result.NAME().Name(source), Type(result.type())))];
    }

    /// <summary>Null where none is written or it could not be parsed.</summary>
    private TypeSyntax? Type(TypeContext? type)
    {
        if (type is null or { exception: not null } || type.format() is { exception: not null } || Parts<ShapeItemContext>(type).Any(item => item.exception != null))
        {
            return null;
        }

        var shape = Parts<ShapeItemContext>(type)
            .Select(item => item.ELLIPSIS() != null
                ? new ShapeItemSyntax(item.Span(source), null, item.NAME().Name(source))
                : new ShapeItemSyntax(item.Span(source), _expressions.Build(item.expression()), null))
            .ToList();
        return new TypeSyntax(type.Span(source), type.NAME().Name(source), shape, Storage(type.format()));
    }

    private StorageSyntax? Storage(FormatContext? format)
    {
        if (format == null)
        {
            return null;
        }

        var values = format.expression();
        var blocks = values.Length - (format.FILL() == null ? 0 : 1);
        return new StorageSyntax(
            format.Span(source),
            Qualified(format.NAME()),
            [.. values.Take(blocks).Select(_expressions.Build)],
            format.FILL() == null ? null : Value(format, values.ElementAtOrDefault(blocks)));
    }

    private NameSyntax Qualified(ITerminalNode[] parts) =>
        new(parts[0].Symbol.Span(source).To(parts[^1].Symbol.Span(source)), string.Join('.', parts.Select(part => part.GetText())));

    private FormatSyntax Format(SourceSpan span, FormatDeclarationContext format) => new(
        span,
        format.NAME(0).Name(source),
        Names(format.blocks()?.NAME()),
        Names(format.indexParameters()?.NAME()),
        format.NAME(1)?.Name(source),
        [.. format.level().Select(Level)]);

    // i / b: kind modifier
    private LevelSyntax Level(LevelContext level)
    {
        var names = level.NAME();
        var part = level.SLASH() != null ? LevelPart.Outer : level.PERCENT() != null ? LevelPart.Inner : LevelPart.Whole;
        ExpressionSyntax? block = part == LevelPart.Whole ? null
            : level.INTEGER() is { } number ? new NumberSyntax(number.Symbol.Span(source), number.GetText(), isInteger: true)
            : new NameExpressionSyntax(names[1].Symbol.Span(source), names[1].Name(source), prime: false);
        var kind = block is NameExpressionSyntax ? 2 : 1;
        return new LevelSyntax(level.Span(source), names[0].Name(source), part, block, names[kind].Name(source), names.ElementAtOrDefault(kind + 1)?.Name(source));
    }

    private List<StatementSyntax> Block(BlockContext? block)
    {
        var statements = new List<StatementSyntax>();
        foreach (var context in Parts<StatementContext>(block))
        {
            if (context.Syntax is { } statement)
            {
                statements.Add(statement);
            }
        }

        return statements;
    }

    /// <summary>The statement without its value: more stands behind it than could be read.</summary>
    public static StatementSyntax? Broken(StatementSyntax? statement) => statement switch
    {
        EquationSyntax e => new EquationSyntax(e.Span, e.Targets, e.Operator, new MissingExpressionSyntax(e.Value.Span with { Length = 0 }), e.Where),
        StateSyntax s => new StateSyntax(s.Span, (EquationSyntax)Broken(s.Equation)!),
        EmitSyntax e => new EmitSyntax(e.Span, (EquationSyntax)Broken(e.Equation)!),
        _ => statement,
    };

    /// <summary>Called at the end of each statement, so the statements inside this one are finished; see <see cref="StatementwiseParser"/>.</summary>
    public StatementSyntax? Statement(StatementContext statement)
    {
        var made = Made(statement);
        if (made == null)
        {
            var span = statement.Span(source);
            lost.Add((span.Start, span.End));
        }

        return made;
    }

    private StatementSyntax? Made(StatementContext statement)
    {
        var span = statement.Span(source);
        switch (statement)
        {
            case EquationStatementContext { ChildCount: > 0 } equation:
                // An expression alone, `y` or `a, b = f(x)`: what it would define is not known.
                return Parts<DefinitionContext>(equation.equation()).FirstOrDefault()?.assign() is { exception: null } ? Equation(equation.equation()) : null;
            case StateContext state:
                return Equation(state.equation()) is { } initial ? new StateSyntax(span, initial) : null;
            case EmitContext emit:
                return Equation(emit.equation()) is { } stacked ? new EmitSyntax(span, stacked) : null;
            case ScanContext scan when scan.NAME() != null:
                return new ScanSyntax(span, scan.NAME().Name(source), Value(scan, scan.expression()), Block(scan.block()));
            case IterateContext iterate:
                var until = iterate.expression(0);
                var max = iterate.MAX() != null ? Value(iterate, iterate.expression(1)) : null;
                return new IterateSyntax(span, Value(iterate, until), max, Block(iterate.block()));
            case LaterStatementContext:
                return new LaterStatementSyntax(span, "update");
            default:
                return null;
        }
    }

    private EquationSyntax? Equation(EquationContext? equation)
    {
        if (equation == null || Parts<DefinitionContext>(equation).FirstOrDefault() is not { } main)
        {
            return null;
        }

        var where = Parts<DefinitionContext>(equation).Skip(1).Select(local => Definition(local, local.Span(source), [])).OfType<EquationSyntax>().ToList();
        return Definition(main, equation.Span(source), where);
    }

    private IEnumerable<EquationSyntax> Definitions(DefinitionsContext? definitions) =>
        Parts<DefinitionContext>(definitions).Select(local => Definition(local, local.Span(source), [])).OfType<EquationSyntax>();

    private EquationSyntax? Definition(DefinitionContext definition, SourceSpan span, IReadOnlyList<EquationSyntax> where)
    {
        var written = Parts<TargetContext>(definition).Where(target => target.NAME() != null).ToList();
        if (written.Count == 0)
        {
            return null;
        }

        return new EquationSyntax(span, [.. written.Select(Target)], Operator(definition.assign()), Value(definition, definition.expression()), where);
    }

    private TargetSyntax Target(TargetContext target)
    {
        var subscripts = target.LBRACKET() == null ? null : Parts<TargetIndexContext>(target).Select(TargetIndex).ToList();
        return new TargetSyntax(target.Span(source), target.NAME().Name(source), target.PRIME() != null, subscripts, Type(target.type()), Support(target.support()));
    }

    private SupportSyntax? Support(SupportContext? support)
    {
        if (support?.NAME() is not { } name)
        {
            return null;
        }

        var tensor = new NameExpressionSyntax(
            name.Symbol.Span(source).To((support.PRIME() ?? name).Symbol.Span(source)), name.Name(source), support.PRIME() != null);
        return new SupportSyntax(support.Span(source), tensor, support.FILL() == null ? null : Value(support, support.expression()));
    }

    private TargetIndexSyntax TargetIndex(TargetIndexContext axis)
    {
        var group = _expressions.Group(axis.expression(0));
        var index = group switch
        {
            null => _expressions.Build(axis.expression(0), axis),
            [] => _expressions.Missing(axis),
            _ => null,
        };
        return new TargetIndexSyntax(axis.Span(source), index, group ?? [], Optional(axis.expression(1)));
    }

    private static EquationOperator Operator(AssignContext? assign) => assign?.Start.Type switch
    {
        ADD_ASSIGN => EquationOperator.Add,
        MUL_ASSIGN => EquationOperator.Multiply,
        MAX_ASSIGN => EquationOperator.Max,
        MIN_ASSIGN => EquationOperator.Min,
        _ => EquationOperator.Define,
    };

    /// <summary>The value that must be there, or the place where it is missing.</summary>
    private ExpressionSyntax Value(ParserRuleContext owner, ExpressionContext? expression) =>
        expression != null && !HasGap(expression) ? _expressions.Build(expression) : new MissingExpressionSyntax(owner.Span(source) with { Length = 0 });

    private bool HasGap(ExpressionContext expression)
    {
        if (gaps.Count == 0)
        {
            return false;
        }

        var span = expression.Span(source);
        var at = gaps.BinarySearch(span.Start);
        at = at < 0 ? ~at : at;
        return at < gaps.Count && gaps[at] < span.End;
    }

    private ExpressionSyntax? Optional(ExpressionContext? expression) => expression == null ? null : _expressions.Build(expression);

    private List<NameSyntax> Names(ITerminalNode[]? names) => [.. (names ?? []).Select(name => name.Name(source))];

    private static IEnumerable<T> Parts<T>(ParserRuleContext? context) => context?.children?.OfType<T>() ?? [];
}
