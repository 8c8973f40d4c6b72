using Antlr4.Runtime;
using Antlr4.Runtime.Misc;
using Lepton.Abi;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>The mends of the common slips, most of them habits of another language.</summary>
internal static class SyntaxHelp
{
    private const string TextHelp = "text in quotes is only the path of an import";
    private const string SeveralResults = "each of several results has a name: (a: f32[N], b: f32)";

    private static readonly string[] Declarations = ["import", "dim", "const", "param", "fn", "format"];
    private static readonly string[] PlanItems = ["minimize", "subject", "pin", "precision"];
    private static readonly string[] Reducers = ["sum", "prod", "max", "min", "mean", "any", "all", "argmax", "argmin"];
    private static readonly string[] Reserved = ["where", "if", "then", "else", "and", "or", "not", "true", "false"];

    public static string ForDeclaration(IToken found) => found.Text switch
    {
        "from" => "a library is imported whole: `import nn`",
        "with" or "using" or "use" or "include" => "a library is imported with `import nn`",
        _ => NameSuggestion.Help(found.Text, Declarations) ?? "a file has `import`, `dim`, `const`, `param`, `format` and `fn` declarations",
    };

    /// <param name="parser">Where it stands now.</param>
    /// <param name="found">The token that does not fit.</param>
    /// <param name="expected">What would.</param>
    public static string? For(Antlr4.Runtime.Parser parser, IToken found, IntervalSet expected)
    {
        var tokens = (ITokenStream)parser.InputStream;
        IToken? Before(int count) => found.TokenIndex >= count ? tokens.Get(found.TokenIndex - count) : null;
        var (previous, context) = (Before(1), parser.RuleContext);
        if (context is AssignContext or DefinitionContext or EquationContext && expected.Contains(ASSIGN))
        {
            if (found.Type == LBRACKET && Before(2) is { Type: ON })
            {
                return $"without indices: the axes of {previous!.Text} are those of the left side, in their order";
            }

            return Before(2) is { Type: STATE } ? "a state has a first value: state s = 0" : ForMissingAssign(previous, found);
        }

        if (found.Type == LPAREN && previous is { Type: NAME } && ElementTypes.Parse(previous.Text) != null && !expected.Contains(INTEGER))
        {
            return $"a shape stands in brackets: {previous.Text}[N]";
        }

        if (context is TypeContext or ParameterContext or ParametersContext && found.Type == NAME && previous is { Type: NAME })
        {
            return "a type stands behind its name: x: f32[N]";
        }

        if (previous is { Type: NAME } && Before(2) is not { Type: DOT } && Array.Find(Reserved, r => IsMiswritten(previous, r)) is { } word)
        {
            return $"write `{word}`";
        }

        if (previous is { Type: RPAREN } && Before(2) is { Type: NAME } cast && Before(3) is { Type: LPAREN } && ElementTypes.Parse(cast.Text) != null)
        {
            return $"a conversion is a call: {cast.Text}(...)";
        }

        if (previous is { Type: NAME } && Array.Find(Reducers, r => previous.Text.StartsWith(r + "_", StringComparison.Ordinal)) is { } reducer)
        {
            return $"the indices of a reducer stand in brackets: {reducer}[{previous.Text[(reducer.Length + 1)..]}] ...";
        }

        return ForPlan(found, expected, context) ?? ForPlace(previous, found, expected, context) ?? Words(found);
    }

    private static bool IsMiswritten(IToken token, string word) => token.Text != word && token.Text.Equals(word, StringComparison.OrdinalIgnoreCase);

    /// <summary>A line of a block that is no equation.</summary>
    private static string ForMissingAssign(IToken? previous, IToken found) => found.Type switch
    {
        COMMA => "several names on the left stand in parentheses: (a, b) = f(x)",
        LBRACKET => "all indices of a left side stand in one bracket: y[i, j]",
        NAME when previous is { Type: NAME } && ElementTypes.Parse(previous.Text) != null => $"a type stands behind its name: {found.Text}: {previous.Text}",
        _ => "a block holds equations, `y = ...`; a result is the equation of its name",
    };

    private static string? Words(IToken found) => found.Type switch
    {
        NAME when found.Text is "for" => "an index on the left does it for each: `y[i] = ...`",
        NAME when found.Text is "as" => "a conversion is a call: f32(x)",
        NAME when found.Text is "is" => "a comparison is written `==`",
        WHERE => "a choice is `if c then a else b`, or select(c, a, b)",
        STRING or PRIME => TextHelp,
        TILDE => "write `not`",
        ELLIPSIS => "write `:` for each of the other axes",
        _ => null,
    };

    private static string? ForPlan(IToken found, IntervalSet expected, RuleContext context) => context switch
    {
        PlanDeclarationContext when expected.Contains(FOR) || expected.Contains(LBRACE) => "a plan is for an entry: plan for f { minimize time }",
        PlanDeclarationContext { ChildCount: 3 } => "a plan is for an entry: plan for f { minimize time }",
        PlanDeclarationContext plan when found.Type is MINUS or DOT or SLASH && plan.GetChild(plan.ChildCount - 1) is PinItemContext => "a device whose name is more than a word stands in quotes: pin k to \"edge-box\"",
        PlanDeclarationContext or GoalsContext when found.Type is MINUS or SLASH => "a goal is a sum of products: 0.6 * time + 0.4 * cost",
        PlanDeclarationContext => NameSuggestion.Help(found.Text, PlanItems) ?? "a plan has `minimize`, `subject to`, `pin ... to ...` and `precision ... for ...`",
        PinItemContext => "a pin names a kernel and a device: pin embedding to gpu0",
        PrecisionItemContext => "precision bf16 for w1, w2",
        LimitItemContext or LimitContext or QuantityContext { Parent: LimitContext } => "a limit is a metric and a quantity: subject to time <= 100 ms",
        _ => null,
    };

    private static string? ForPlace(IToken? previous, IToken found, IntervalSet expected, RuleContext context) => found.Type switch
    {
        SEP when previous is { Type: ASSIGN } => "an expression may start on the next line if that line does not look like an equation",
        LBRACE when previous is { Type: ASSIGN } => "a block has no `=` before it: fn f(x: f32[N]) -> (y: f32[N]) { y = ... }",
        PLUS when expected.Contains(INTEGER) => "there is no sign `+`",
        LBRACKET when previous is { Type: SEP } => "a subscript stands on the line of what it belongs to",
        LPAREN when context is ResultContext => SeveralResults,
        LBRACKET when context is ResultsContext => SeveralResults,
        RPAREN when context is ResultContext => "a function has a result: -> f32[N], or -> (y: f32[N])",
        NAME when found.Text is "elif" or "elseif" => "write `else if`",
        NAME when found.Text == "as" && context is FileContext file && file.GetChild(file.ChildCount - 1) is ImportDeclarationContext => "an import keeps its name",
        LT when expected.Contains(LPAREN) && context is not ExpressionContext => "a type variable is not declared: x: T[N]",
        _ when context is FunctionContext && expected.Contains(LBRACE) => "a body stands behind `=`, or in braces: { y = ... }",
        ASSIGN when context is FileContext => "the value a parameter starts with stands behind `~`",
        _ when context is BinderContext or ReducerContext => "a range starts at 0 and has a size: sum[i: N]",
        _ when previous is { Type: DOT } => "operators work element by element: x * y",
        _ when Array.IndexOf(Reserved, found.Text) >= 0 && expected.Contains(NAME) && !expected.Contains(INTEGER) => $"`{found.Text}` is a reserved word",
        _ when Array.IndexOf(Reducers, found.Text) >= 0 && expected.Contains(NAME) && !expected.Contains(INTEGER) => $"`{found.Text}[...]` is a reduction: give the value another name",
        COMMA when context is FileContext => "each declaration but `dim` has a line of its own",
        _ when context is FormatDeclarationContext or LevelContext or IndexParametersContext { Parent: FormatDeclarationContext } || ErrorWording.IsBehindFormat(context) => "a format has axes, and a level for each: format csr[i, j] = i: dense, j: compressed",
        COLON when context is FileContext => "a dim has no type: dim N, or dim N = 3",
        ELSE when context is ExpressionContext => "`if` has a `then` before its `else`",
        IF when previous != null && WordRules.EndsOperand(previous.Type) => "a choice is written `if c then a else b`",
        _ when expected.Contains(THEN) && !expected.Contains(NAME) => "a choice is written `if c then a else b`",
        _ when context is ExpressionContext && expected.Contains(ELSE) && !expected.Contains(NAME) => "a choice has both values: if c then a else b",
        _ => null,
    };
}
