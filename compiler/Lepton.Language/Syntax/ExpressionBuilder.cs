using Antlr4.Runtime;
using Antlr4.Runtime.Tree;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

/// <summary>Expressions of the syntax tree from the parser's contexts: flat runs of operators, and reducers that take in the rest of their product.</summary>
internal sealed partial class ExpressionBuilder(SourceText source, DiagnosticReport report)
{
    /// <summary>A part of a context: where it is not there, a mistake has been found in the context.</summary>
    public ExpressionSyntax Build(ParserRuleContext? part, ParserRuleContext context) => part == null ? Missing(context) : Build(part);

    public ExpressionSyntax Build(ParserRuleContext context)
    {
        // A number is a sum of one product of one term of ...: down to the first rule that says something.
        while (context is { exception: null, ChildCount: 1 } && context.GetChild(0) is ParserRuleContext inner)
        {
            context = inner;
        }

        return context switch
        {
            { exception: not null } => Missing(context),
            ExpressionContext choice when choice.IF() != null => new IfSyntax(
                choice.Span(source), Build(choice.expression(0)), Build(choice.expression(1)), Build(choice.expression(2))),
            ExpressionContext or SumContext => Run(context),
            ConjunctionContext conjunction => Conjunction(conjunction),
            ComparisonContext comparison => Comparison(comparison),
            ProductContext product => Product(product, 0),
            TermContext term => Term([term], [], 0),
            PostfixContext postfix => Postfix(postfix),
            PrimaryContext primary => Primary(primary),
            _ => throw new InvalidOperationException($"no expression: {context.GetType().Name}"),
        };
    }

    public MissingExpressionSyntax Missing(ParserRuleContext context) => new(context.Start.Span(source) with { Length = 0 });

    /// <summary>operand (operator operand)*, of one precedence level.</summary>
    private BinarySyntax Run(ParserRuleContext context)
    {
        var rest = new List<BinaryTail>(context.ChildCount / 2);
        for (var i = 1; i + 1 < context.ChildCount; i += 2)
        {
            rest.Add(Tail((ITerminalNode)context.GetChild(i), Build((ParserRuleContext)context.GetChild(i + 1))));
        }

        return new BinarySyntax(context.Span(source), Build((ParserRuleContext)context.GetChild(0)), rest);
    }

    private BinaryTail Tail(ITerminalNode sign, ExpressionSyntax operand) => new(OperatorOf(sign.Symbol.Type), sign.Symbol.Span(source), operand);

    private ExpressionSyntax Comparison(ComparisonContext comparison)
    {
        if (comparison.ChildCount <= 3)
        {
            return Run(comparison);
        }

        var second = ((ITerminalNode)comparison.GetChild(3)).Symbol;
        report.Add(SyntaxDiagnostics.ChainedComparison, second.Span(source), [], help: "write `a < b and b < c`");
        return Missing(comparison);
    }

    /// <summary>not a and not b: each `not` binds its comparison.</summary>
    private ExpressionSyntax Conjunction(ConjunctionContext conjunction)
    {
        var child = 0;
        var first = Negation(conjunction, ref child);
        var rest = new List<BinaryTail>();
        while (child < conjunction.ChildCount)
        {
            var sign = (ITerminalNode)conjunction.GetChild(child++);
            rest.Add(Tail(sign, Negation(conjunction, ref child)));
        }

        return rest.Count == 0 ? first : new BinarySyntax(conjunction.Span(source), first, rest);
    }

    private ExpressionSyntax Negation(ConjunctionContext conjunction, ref int child)
    {
        var start = child;
        while (conjunction.GetChild(child) is ITerminalNode)
        {
            child++;
        }

        var value = Build((ParserRuleContext)conjunction.GetChild(child));
        for (var i = child++ - 1; i >= start; i--)
        {
            value = Unary((ITerminalNode)conjunction.GetChild(i), UnaryOperator.Not, value);
        }

        return value;
    }

    private UnarySyntax Unary(ITerminalNode sign, UnaryOperator @operator, ExpressionSyntax operand)
    {
        var span = sign.Symbol.Span(source);
        return new UnarySyntax(span.To(operand.Span), @operator, operand);
    }

    // a * sum[k] b * c  =  a * (sum[k] (b * c)): a term with a reducer is the last one, and its body is the rest of the product.

    /// <summary>The product of the terms from one on.</summary>
    private ExpressionSyntax Product(ProductContext product, int start)
    {
        var terms = product.term();
        return Term(terms, [.. product.children.OfType<ITerminalNode>()], start);
    }

    private ExpressionSyntax Term(TermContext[] terms, ITerminalNode[] signs, int start)
    {
        if (terms[start].exception == null && HasReducer(terms[start]))
        {
            return Reduction(terms, signs, start);
        }

        var first = Factor(terms[start], 0);
        var rest = Rest(terms, signs, start);
        return rest.Count == 0 ? first : new BinarySyntax(terms[start].Span(source).To(rest[^1].Operand.Span), first, rest);
    }

    /// <summary>The operators and operands behind a term, up to and including the first that reduces.</summary>
    private List<BinaryTail> Rest(TermContext[] terms, ITerminalNode[] signs, int start)
    {
        var rest = new List<BinaryTail>();
        for (var i = start + 1; i < terms.Length; i++)
        {
            if (terms[i].exception == null && HasReducer(terms[i]))
            {
                rest.Add(Tail(signs[i - 1], Reduction(terms, signs, i)));
                break;
            }

            rest.Add(Tail(signs[i - 1], Factor(terms[i], 0)));
        }

        return rest;
    }

    private ExpressionSyntax Reduction(TermContext[] terms, ITerminalNode[] signs, int at)
    {
        var term = terms[at];
        var last = Base(term) - 1;
        while (term.GetChild(last) is not ReducerContext)
        {
            last--;
        }

        var body = Factor(term, last + 1);
        if (Rest(terms, signs, at) is { Count: > 0 } rest)
        {
            var start = term.GetChild(last + 1) is ITerminalNode sign ? sign.Symbol.Span(source) : ((ParserRuleContext)term.GetChild(last + 1)).Span(source);
            body = new BinarySyntax(start.To(rest[^1].Operand.Span), body, rest);
        }

        for (var i = last; i >= 0; i--)
        {
            body = term.GetChild(i) is ReducerContext reducer
                ? new ReduceSyntax(
                    reducer.Span(source).To(body.Span), reducer.REDUCER().Name(source), [.. reducer.binder().Where(binder => binder.NAME() != null).Select(Binder)], body)
                : Prefixed((ITerminalNode)term.GetChild(i), body);
        }

        return body;
    }

    /// <summary>The first operand of a term: signs and reducers are before it, powers behind.</summary>
    private static int Base(TermContext term)
    {
        var child = 0;
        while (term.GetChild(child) is not PostfixContext)
        {
            child++;
        }

        return child;
    }

    private static bool HasReducer(TermContext term)
    {
        for (var i = 0; i < term.ChildCount && term.GetChild(i) is not PostfixContext; i++)
        {
            if (term.GetChild(i) is ReducerContext)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>A term's power with the signs before it, from one child on.</summary>
    private ExpressionSyntax Factor(TermContext term, int firstSign)
    {
        if (term.exception != null)
        {
            return Missing(term);
        }

        var operand = Base(term);
        var value = Power(term, operand);
        for (var i = operand - 1; i >= firstSign; i--)
        {
            value = Prefixed((ITerminalNode)term.GetChild(i), value);
        }

        return value;
    }

    private UnarySyntax Prefixed(ITerminalNode sign, ExpressionSyntax value) =>
        Unary(sign, sign.Symbol.Type == NOT ? UnaryOperator.Not : UnaryOperator.Negate, value);

    private IndexBinderSyntax Binder(BinderContext binder) =>
        new(binder.Span(source), binder.NAME().Name(source), binder.expression() is { } size ? Build(size) : null);

    /// <summary>a ^ -b ^ c  =  a ^ (-(b ^ c)).</summary>
    private ExpressionSyntax Power(TermContext term, int operand)
    {
        var value = Build((ParserRuleContext)term.GetChild(term.ChildCount - 1));
        for (var i = term.ChildCount - 2; i > operand; i--)
        {
            var sign = (ITerminalNode)term.GetChild(i);
            if (sign.Symbol.Type == MINUS)
            {
                value = Unary(sign, UnaryOperator.Negate, value);
                continue;
            }

            var context = (ParserRuleContext)term.GetChild(--i);
            value = new BinarySyntax(context.Span(source).To(value.Span), Build(context), [Tail(sign, value)]);
        }

        return value;
    }

    private static BinaryOperator OperatorOf(int type) => type switch
    {
        OR => BinaryOperator.Or,
        AND => BinaryOperator.And,
        EQ => BinaryOperator.Equal,
        NE => BinaryOperator.NotEqual,
        LT => BinaryOperator.Less,
        LE => BinaryOperator.LessEqual,
        GT => BinaryOperator.Greater,
        GE => BinaryOperator.GreaterEqual,
        PLUS => BinaryOperator.Add,
        MINUS => BinaryOperator.Subtract,
        STAR => BinaryOperator.Multiply,
        SLASH => BinaryOperator.Divide,
        PERCENT => BinaryOperator.Remainder,
        AT => BinaryOperator.MatrixProduct,
        CARET => BinaryOperator.Power,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
