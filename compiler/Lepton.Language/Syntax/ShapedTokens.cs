using Antlr4.Runtime;

namespace Lepton.Language.Syntax;

/// <summary>What the parser reads, and what the formatter needs besides.</summary>
/// <param name="Tokens">Balanced, with SEP tokens, EOF last.</param>
/// <param name="Depths">For each token how many brackets are open around it; an opening and its closing bracket have the same number.</param>
/// <param name="Comments">All comments, in order.</param>
/// <param name="Skipped">Texts of later versions, from just behind the keyword to the last token: first and last character.</param>
/// <param name="Lost">Texts that were reported and left out, here or later by the parser: first and last character.</param>
/// <param name="Unclosed">Texts between a ( or [ that is never closed and where it was given up: what is wrong in them comes from that.</param>
/// <param name="BehindGaps">Tokens just behind something that was reported and left out.</param>
/// <param name="Deepest">How deep the tree will be at most. Beyond the limit the tokens end there and must not be parsed.</param>
internal sealed record ShapedTokens(
    List<IToken> Tokens,
    List<int> Depths,
    IReadOnlyList<CommonToken> Comments,
    IReadOnlyList<(int First, int Last)> Skipped,
    List<(int First, int Last)> Lost,
    IReadOnlyList<(int First, int Last)> Unclosed,
    IReadOnlySet<IToken> BehindGaps,
    int Deepest)
{
    public bool TooDeep => Deepest > NestingMeter.Limit;
}
