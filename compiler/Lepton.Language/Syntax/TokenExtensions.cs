using Antlr4.Runtime;
using Antlr4.Runtime.Tree;
using Lepton.Language.Text;

namespace Lepton.Language.Syntax;

internal static class TokenExtensions
{
    /// <summary>The token's stretch of the text; empty for a token that was put in and for the end of the file.</summary>
    public static SourceSpan Span(this IToken token, SourceText source)
    {
        var start = Math.Clamp(token.StartIndex, 0, source.Text.Length);
        return new SourceSpan(source, start, Math.Clamp(token.StopIndex + 1 - start, 0, source.Text.Length - start));
    }

    /// <summary>From a rule's first token to its last; where the rule failed, as far as it came.</summary>
    public static SourceSpan Span(this ParserRuleContext context, SourceText source)
    {
        var start = context.Start.Span(source);
        return context.Stop is { } stop && stop.StopIndex >= context.Start.StartIndex ? start.To(stop.Span(source)) : start;
    }

    public static NameSyntax Name(this ITerminalNode node, SourceText source) => new(node.Symbol.Span(source), node.Symbol.Text);
}
