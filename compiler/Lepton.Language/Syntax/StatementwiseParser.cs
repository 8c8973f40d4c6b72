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
    internal sealed class StatementwiseParser(ITokenStream tokens, TreeBuilder builder) : LeptonParser(tokens)
    {
        public override void ExitRule()
        {
            if (RuleContext is StatementContext statement)
            {
                // Stop is set by the base class, and a span needs it.
                base.ExitRule();
                statement.Syntax = builder.Statement(statement);
                statement.children = null;
                return;
            }

            base.ExitRule();
        }
    }
}
