using Antlr4.Runtime;
using Lepton.Language.Syntax.Generated;

namespace Lepton.Language.Syntax.Generated
{
    internal partial class LeptonParser
    {
        public partial class StatementContext
        {
            /// <summary>The finished statement; its contexts are gone by then.</summary>
            public StatementSyntax? Syntax { get; set; }
        }
    }
}

namespace Lepton.Language.Syntax
{
    /// <summary>
    /// Builds each statement's tree as soon as it is parsed and lets its contexts go. There are some thirty contexts to an operand: kept to
    /// the end of the file they would cost more time in garbage collection than the whole of parsing.
    /// </summary>
    internal sealed class StatementwiseParser : LeptonParser
    {
        private readonly TreeBuilder _builder;
        private readonly SyntaxErrorStrategy _errors;

        public StatementwiseParser(ListTokenStream tokens, TreeBuilder builder, SyntaxErrorStrategy errors)
            : base(tokens)
        {
            _builder = builder;
            _errors = errors;
            ErrorHandler = errors;
            RemoveErrorListeners();
        }

        public override void ExitRule()
        {
            var context = (ParserRuleContext)RuleContext;
            base.ExitRule(); // sets Stop, without which a context has no span
            if (context is StatementContext statement)
            {
                statement.Syntax = _builder.Statement(statement);
                statement.children = null;
            }

            _errors.AtRuleEnd(this, context);
        }
    }
}
