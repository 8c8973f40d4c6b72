using Antlr4.Runtime;
using static Lepton.Language.Syntax.Generated.LeptonParser;
using static Lepton.Language.Syntax.WordRules;

namespace Lepton.Language.Syntax;

internal sealed partial class TokenShaper
{
    private const int LookAhead = 64;

    private enum Start
    {
        /// <summary>No statement starts here.</summary>
        No,

        /// <summary><c>name =</c>: an equation, or a named argument.</summary>
        Named,

        /// <summary><c>h[i, j] =</c>, <c>h' =</c>, <c>x +=</c>, <c>h[i] on a =</c>, <c>state h</c>, <c>fn f</c>.</summary>
        Sure,
    }

    private int TypeAt(int i) => i < _in.Count ? _in[i].Type : TokenConstants.EOF;

    /// <summary>Whether the tokens from here look like the start of an equation, a statement or a declaration.</summary>
    private Start Ahead(int i)
    {
        if (!IsWord(TypeAt(i)))
        {
            return Start.No;
        }

        if (IsForeign(i))
        {
            return Start.Sure;
        }

        if (IsWord(TypeAt(i + 1)) && _in[i + 1].Line == _in[i].Line)
        {
            return _in[i].Type is (>= IMPORT and <= PLAN) or STATE or EMIT or SCAN or ITERATE or UPDATE ? Start.Sure : Start.No;
        }

        var j = i + 1;
        var decorated = TypeAt(j) is PRIME or LBRACKET;
        if (TypeAt(j) == PRIME)
        {
            j++;
        }

        if (TypeAt(j) == LBRACKET)
        {
            var depth = 0;
            for (var end = j + LookAhead; j < end; j++)
            {
                depth += IsOpener(TypeAt(j)) ? 1 : IsCloser(TypeAt(j)) ? -1 : 0;
                if (depth == 0 || TypeAt(j) is TokenConstants.EOF or ASSIGN)
                {
                    break;
                }
            }

            // Where the bracket is not closed, a = behind is a named argument.
            if (depth > 0)
            {
                return Start.No;
            }

            j++;
        }

        return TypeAt(j) switch
        {
            ASSIGN => decorated ? Start.Sure : Start.Named,
            ADD_ASSIGN or MUL_ASSIGN => Start.Sure,
            ON when decorated && IsWord(TypeAt(j + 1)) && TypeAt(TypeAt(j + 2) == PRIME ? j + 3 : j + 2) is ASSIGN or FILL => Start.Sure,
            _ => Start.No,
        };
    }

    /// <summary>Gives a word its final type: the keyword where it stands as one, NAME elsewhere.</summary>
    private void Classify(int i, CommonToken token)
    {
        if (!IsWord(token.Type))
        {
            return;
        }

        // A plan whose braces have been forgotten ends before the next declaration.
        _inPlan &= _open.Count > 0 || !AtStatementStart || !IsDeclarationWord(token.Type);
        if (_inPlan)
        {
            token.Type = _separator == null && LastType is PIN or TO or FOR or WHEN or COMMA ? NAME : PlanWord(token.Text);
            return;
        }

        if (token.Type == NAME)
        {
            return;
        }

        var next = TypeAt(i + 1);
        var nextIsWord = IsWord(next) && _in[i + 1].Line == token.Line;
        var start = AtStatementStart;
        var afterOperand = AfterOperand;
        var keyword = token.Type switch
        {
            IMPORT => start && (nextIsWord || next == STRING || TopLevelKeyword(next)),
            DIM or CONST or PARAM or FN or STEP or OPTIMIZER or FORMAT or PLAN => start && (nextIsWord || TopLevelKeyword(next)),
            STATE or EMIT or UPDATE or SCAN => start && nextIsWord,
            ITERATE => start && !FollowsDefinedName(next),
            UNTIL => LastType == ITERATE,
            IN or ON or FILL => afterOperand,
            _ => Reducer(i, token, next, afterOperand),
        };
        if (!keyword)
        {
            token.Type = NAME;
        }
    }

    /// <summary>Outside every block only a declaration makes sense, so the word is a keyword even in a broken one.</summary>
    private bool TopLevelKeyword(int next) => _open.Count == 0 && !FollowsDefinedName(next);

    /// <summary>`sum[` reduces; `max 500` bounds an iteration; `x max= y` combines; anything else is a name.</summary>
    private bool Reducer(int i, CommonToken token, int next, bool afterOperand)
    {
        if (afterOperand && token.Text is "max" or "min" && next == ASSIGN && _in[i + 1].StartIndex == token.StopIndex + 1 && !AtStatementStart)
        {
            token.Type = token.Text == "max" ? MAX_ASSIGN : MIN_ASSIGN;
            token.StopIndex = _in[i + 1].StopIndex;
            return true;
        }

        if (afterOperand && token.Text == "max" && _iterateHeader)
        {
            token.Type = MAX;
            return true;
        }

        if (next != LBRACKET && !afterOperand && !AtStatementStart && !(_iterateHeader && token.Text == "max"))
        {
            MendReducer(i, token);
        }

        return TypeAt(i + 1) == LBRACKET && _in[i + 1].Line == token.Line;
    }

    /// <summary><c>sum(i, j) x</c> and <c>sum i x</c> are reported and read as <c>sum[i, j] x</c>.</summary>
    private void MendReducer(int i, CommonToken token)
    {
        var last = i + 1;
        var isList = TypeAt(last) == LPAREN;
        if (isList)
        {
            while (TypeAt(last) is LPAREN or COMMA && TypeAt(last + 1) == NAME)
            {
                last += TypeAt(last + 2) == COLON && TypeAt(last + 3) is NAME or INTEGER ? 4 : 2;
            }
        }

        var end = last + 1;
        if (TypeAt(last) != (isList ? RPAREN : NAME) || _in[end].Line != token.Line
            || TypeAt(end) is not (NAME or INTEGER or FLOAT or REDUCER or LPAREN or NOT or IF) || (!isList && TypeAt(end) == LPAREN)
            || (_iterateHeader && _in[end].Text == "max"))
        {
            return;
        }

        var indices = string.Join(", ", _in.Skip(i + 1).Take(last - i).Where(t => t.Type == NAME).Select(t => t.Text));
        var span = token.Span(_source).To(_in[last].Span(_source));
        _report.Add(SyntaxDiagnostics.ReducerBrackets, span, [], help: $"write {token.Text}[{indices}] ...");
        if (isList)
        {
            (_in[i + 1].Type, _in[i + 1].Text) = (LBRACKET, "[");
            (_in[last].Type, _in[last].Text) = (RBRACKET, "]");
        }
        else
        {
            _in.Insert(last + 1, Virtual(RBRACKET, "]", _in[last]));
            _in.Insert(last, Virtual(LBRACKET, "[", token));
        }
    }
}
