using Antlr4.Runtime;
using Antlr4.Runtime.Tree;
using Lepton.Language.Text;
using static Lepton.Language.Syntax.Generated.LeptonParser;

namespace Lepton.Language.Syntax;

internal sealed partial class ExpressionBuilder
{
    private ExpressionSyntax Primary(PrimaryContext primary)
    {
        var span = primary.Span(source);
        switch (primary)
        {
            case NameExpressionContext name:
                return new NameExpressionSyntax(span, QualifiedName(name), name.PRIME() != null);
            case NumberContext number when number.GetText().Length == 0: // a bad one, which has been reported
                return new MissingExpressionSyntax(span);
            case NumberContext number:
                return new NumberSyntax(span, number.GetText(), number.INTEGER() != null);
            case TruthContext truth:
                return new BoolSyntax(span, truth.TRUE() != null);
            case ListContext list:
                return new ListSyntax(span, [.. list.expression().Select(Build)]);
            case GroupContext group:
                var items = group.groupItem();
                if (items.Length == 1 && items[0].COLON() == null)
                {
                    return Build(items[0].expression(0), items[0]);
                }

                report.Add(SyntaxDiagnostics.GroupOutOfPlace, span, [], help: "x[(i, j)] splits or joins an axis; a list is [a, b], and several results have several equations");
                return new MissingExpressionSyntax(span);
            default:
                return Missing(primary);
        }
    }

    private NameSyntax QualifiedName(NameExpressionContext context)
    {
        var names = context.NAME();
        var span = names[0].Symbol.Span(source).To(names[^1].Symbol.Span(source));
        return new NameSyntax(span, names.Length == 1 ? names[0].Symbol.Text : string.Join('.', names.Select(name => name.Symbol.Text)));
    }

    /// <summary>
    /// The members of <c>(o, i, j)</c> or <c>(h: 8, d)</c> where an expression is nothing else than that, none of them after a mistake; null for
    /// every other expression.
    /// </summary>
    public IReadOnlyList<IndexBinderSyntax>? Group(ExpressionContext? expression)
    {
        ParserRuleContext? context = expression;
        while (context is { exception: null, ChildCount: 1 } && context.GetChild(0) is ParserRuleContext inner)
        {
            context = inner;
        }

        if (context is not GroupContext { exception: null } group || (group.groupItem() is [var only] && only.COLON() == null))
        {
            return null;
        }

        var members = new List<IndexBinderSyntax>();
        var good = true;
        foreach (var item in group.groupItem())
        {
            var member = Build(item.expression(0), item);
            if (member is NameExpressionSyntax { Prime: false } name)
            {
                members.Add(new IndexBinderSyntax(item.Span(source), name.Name, item.expression(1) is { } size ? Build(size) : null));
            }
            else
            {
                good = false;
                if (member is not MissingExpressionSyntax)
                {
                    report.Add(SyntaxDiagnostics.GroupMember, item.Span(source), [], help: "write an index, with its size where it is needed: (h: 8, d)");
                }
            }
        }

        return good ? members : [];
    }

    private ExpressionSyntax Postfix(PostfixContext postfix)
    {
        // A call without one of its arguments would be a second mistake for the binder.
        if (postfix.children.Any(child => child is ParserRuleContext { exception: not null }))
        {
            return Missing(postfix);
        }

        var primary = (PrimaryContext)postfix.GetChild(0);
        var value = Build(primary);
        var next = 1;
        if (primary is NameExpressionContext { exception: null } callee && callee.PRIME() == null)
        {
            var subscripts = postfix.GetChild(1) as SubscriptsContext;
            var arguments = postfix.GetChild(subscripts != null ? 2 : 1) as ArgumentsContext;
            if (arguments != null)
            {
                next = subscripts != null ? 3 : 2;
                value = Call(QualifiedName(callee), subscripts, arguments);
            }
        }

        for (; next < postfix.ChildCount; next++)
        {
            var trailer = (ParserRuleContext)postfix.GetChild(next);
            var span = postfix.Start.Span(source).To(trailer.Span(source));
            if (trailer is SubscriptsContext subscripts)
            {
                value = new AccessSyntax(span, value, [.. subscripts.subscript().Select(Subscript)]);
            }
            else
            {
                report.Add(SyntaxDiagnostics.NotCallable, trailer.Start.Span(source), [], help: "a product needs its `*`");
                value = new MissingExpressionSyntax(span);
            }
        }

        return value;
    }

    private ExpressionSyntax Call(NameSyntax callee, SubscriptsContext? subscripts, ArgumentsContext arguments)
    {
        var span = callee.Span.To(arguments.Span(source));
        if (callee.Text == "grad")
        {
            return new LaterExpressionSyntax(span, "grad");
        }

        return new CallSyntax(
            span,
            callee,
            [.. subscripts?.subscript().Select(IndexArgument) ?? []],
            [.. arguments.argument().Select(argument => new ArgumentSyntax(
                argument.Span(source), argument.NAME()?.Name(source), Build(argument.expression(), argument)))]);
    }

    /// <summary><c>softmax[c](...)</c>, <c>softmax[axis = -1](...)</c>.</summary>
    private ArgumentSyntax IndexArgument(SubscriptContext subscript)
    {
        var span = subscript.Span(source);
        if (subscript.slice() != null || subscript.ELSE() != null)
        {
            report.Add(
                SyntaxDiagnostics.WrongSubscript, span, [subscript.slice() != null ? "a slice" : "an `else`", "the index arguments of a call"]);
            return new ArgumentSyntax(span, null, new MissingExpressionSyntax(span));
        }

        return new ArgumentSyntax(span, subscript.NAME()?.Name(source), Build(subscript.expression(0), subscript));
    }

    private SubscriptSyntax Subscript(SubscriptContext subscript)
    {
        var span = subscript.Span(source);
        if (subscript.exception != null)
        {
            return new SubscriptSyntax(span, Missing(subscript), OutsideMode.None, null, null, []);
        }

        if (subscript.NAME() != null)
        {
            report.Add(
                SyntaxDiagnostics.WrongSubscript, span, ["`name = value`", "a subscript"], help: "index arguments belong to a call: softmax[axis = 1](z)");
            return new SubscriptSyntax(span, new MissingExpressionSyntax(span), OutsideMode.None, null, null, []);
        }

        var first = subscript.expression(0);
        if (subscript.slice() is { } slice)
        {
            return new SubscriptSyntax(span, null, OutsideMode.None, null, Slice(span, first, slice), []);
        }

        if (Group(first) is { } group)
        {
            if (subscript.ELSE() is { } misplaced)
            {
                report.Add(SyntaxDiagnostics.WrongSubscript, misplaced.Symbol.Span(source), ["an `else`", "a group of axes"]);
            }

            return new SubscriptSyntax(span, group.Count == 0 ? Missing(subscript) : null, OutsideMode.None, null, null, group);
        }

        if (subscript.ELSE() == null)
        {
            return new SubscriptSyntax(span, Build(first), OutsideMode.None, null, null, []);
        }

        var fill = Build(subscript.expression(1));
        var mode = fill is NameExpressionSyntax { Prime: false } name && subscript.expression(1).ChildCount == 1 && subscript.expression(1).Stop == subscript.expression(1).Start
            ? name.Name.Text switch
            {
                "clamp" => OutsideMode.Clamp,
                "wrap" => OutsideMode.Wrap,
                "reflect" => OutsideMode.Reflect,
                _ => OutsideMode.Fill,
            }
            : OutsideMode.Fill;
        return new SubscriptSyntax(span, Build(first), mode, mode == OutsideMode.Fill ? fill : null, null, []);
    }

    /// <summary>start : stop : step, where the first colon tells start from stop and the second stop from step.</summary>
    private SliceSyntax Slice(SourceSpan span, ExpressionContext? start, SliceContext slice)
    {
        ExpressionSyntax? stop = null;
        ExpressionSyntax? step = null;
        var colons = 0;
        foreach (var child in slice.children)
        {
            if (child is ITerminalNode)
            {
                colons++;
            }
            else if (colons == 1)
            {
                stop = Build((ExpressionContext)child);
            }
            else
            {
                step = Build((ExpressionContext)child);
            }
        }

        return new SliceSyntax(span, start == null ? null : Build(start), stop, step);
    }
}
