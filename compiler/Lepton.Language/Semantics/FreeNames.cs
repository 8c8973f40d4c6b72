using Lepton.Language.Syntax;

namespace Lepton.Language.Semantics;

/// <summary>The names that syntax uses and does not bind itself: what an equation depends on.</summary>
internal sealed class FreeNames
{
    private readonly HashSet<string> _bound = [];
    private readonly Action<NameSyntax, bool, bool> _found;
    private bool _inSubscript;

    private FreeNames(Action<NameSyntax, bool, bool> found) => _found = found;

    /// <summary>Calls <paramref name="found"/> with each name, whether it has a prime, and whether it stands in a subscript.</summary>
    public static void Of(StatementSyntax statement, Action<NameSyntax, bool, bool> found) => new FreeNames(found).Statement(statement);

    public static void Of(ExpressionSyntax expression, Action<NameSyntax, bool, bool> found) => new FreeNames(found).Expression(expression);

    /// <summary>The names in a size, each once, in order.</summary>
    public static List<string> OfSize(ExpressionSyntax size)
    {
        var names = new List<string>();
        Of(size, (name, _, _) =>
        {
            if (!names.Contains(name.Text))
            {
                names.Add(name.Text);
            }
        });
        return names;
    }

    public static IEnumerable<string> OfType(TypeSyntax type) => type.Shape.Where(i => i.Size is not null).SelectMany(i => OfSize(i.Size!));

    private void Statement(StatementSyntax statement)
    {
        switch (statement)
        {
            case EquationSyntax equation:
                Equation(equation);
                break;
            case StateSyntax state:
                Equation(state.Equation);
                break;
            case EmitSyntax emit:
                Equation(emit.Equation);
                break;
            case ScanSyntax scan:
                Expression(scan.Count);
                Within([scan.Index.Text], () => Block(scan.Body));
                break;
            case IterateSyntax iterate:
                Expression(iterate.Max);
                Within([], () =>
                {
                    Block(iterate.Body);
                    Within(Defined(iterate.Body), () => Expression(iterate.Until));
                });
                break;
            default:
                break;
        }
    }

    /// <summary>The names that statements define for their block.</summary>
    public static IEnumerable<string> Defined(IReadOnlyList<StatementSyntax> block) => block.SelectMany(Defined);

    public static IEnumerable<string> Defined(StatementSyntax statement) => Definitions(statement).Select(d => d.Prime ? d.Name.Text + "'" : d.Name.Text);

    /// <summary>What a statement defines; a loop defines its states and emits for the block that it stands in.</summary>
    public static IEnumerable<TargetSyntax> Definitions(StatementSyntax statement) => statement switch
    {
        EquationSyntax e => e.Targets,
        StateSyntax s => s.Equation.Targets,
        EmitSyntax e => e.Equation.Targets,
        ScanSyntax s => s.Body.Where(b => b is StateSyntax or EmitSyntax).SelectMany(Definitions),
        IterateSyntax i => i.Body.Where(b => b is StateSyntax or EmitSyntax).SelectMany(Definitions),
        _ => [],
    };

    private void Block(IReadOnlyList<StatementSyntax> block) => Within(Defined(block), () =>
    {
        foreach (var statement in block)
        {
            // Initial values are outside of the loop: there a state's name means something else, or nothing.
            Statement(statement);
        }
    });

    private void Equation(EquationSyntax equation)
    {
        var bound = new List<string>();
        foreach (var target in equation.Targets)
        {
            foreach (var size in target.Type?.Shape ?? [])
            {
                Expression(size.Size);
            }

            foreach (var block in target.Type?.Format?.Blocks ?? [])
            {
                Expression(block);
            }

            Expression(target.Type?.Format?.Fill);
            Expression(target.Support?.Tensor);
            Expression(target.Support?.Fill);

            foreach (var axis in target.Subscripts ?? [])
            {
                Expression(axis.Size);
                if (axis.Index is NameExpressionSyntax { Prime: false } name)
                {
                    bound.Add(name.Name.Text);
                }

                foreach (var member in axis.Group)
                {
                    Expression(member.Size);
                    bound.Add(member.Name.Text);
                }
            }
        }

        Within(bound, () =>
        {
            foreach (var axis in equation.Targets.SelectMany(t => t.Subscripts ?? []))
            {
                if (axis.Index is not NameExpressionSyntax { Prime: false })
                {
                    Subscript(axis.Index);
                }
            }

            foreach (var local in equation.Where)
            {
                Within(Defined(equation.Where), () => Equation(local));
            }

            Within(Defined(equation.Where), () => Expression(equation.Value));
        });
    }

    private void Within(IEnumerable<string> names, Action action)
    {
        var added = names.Where(_bound.Add).ToList();
        action();
        _bound.ExceptWith(added);
    }

    private void Subscript(ExpressionSyntax? expression)
    {
        var outer = _inSubscript;
        _inSubscript = true;
        Expression(expression);
        _inSubscript = outer;
    }

    private void Expression(ExpressionSyntax? expression)
    {
        switch (expression)
        {
            case NameExpressionSyntax name:
                if (!_bound.Contains(name.Prime ? name.Name.Text + "'" : name.Name.Text))
                {
                    _found(name.Name, name.Prime, _inSubscript);
                }

                break;
            case UnarySyntax unary:
                Expression(unary.Operand);
                break;
            case BinarySyntax binary:
                Expression(binary.First);
                foreach (var tail in binary.Rest)
                {
                    Expression(tail.Operand);
                }

                break;
            case IfSyntax choice:
                Expression(choice.Condition);
                Expression(choice.Then);
                Expression(choice.Otherwise);
                break;
            case ReduceSyntax reduce:
                foreach (var index in reduce.Indices)
                {
                    Expression(index.Size);
                }

                Within(reduce.Indices.Select(i => i.Name.Text), () => Expression(reduce.Body));
                break;
            case CallSyntax call:
                // An index argument that is a plain name binds an index, unless the name is an index already.
                var bound = call.IndexArguments.Where(a => a.Name is null).Select(a => a.Value).OfType<NameExpressionSyntax>().Select(n => n.Name.Text);
                Within(bound, () =>
                {
                    foreach (var argument in call.IndexArguments.Concat(call.Arguments))
                    {
                        Expression(argument.Value);
                    }
                });
                break;
            case AccessSyntax access:
                Access(access);
                break;
            case ListSyntax list:
                foreach (var item in list.Items)
                {
                    Expression(item);
                }

                break;
            default:
                break;
        }
    }

    private void Access(AccessSyntax access)
    {
        var outer = _inSubscript;
        _inSubscript = false;
        Expression(access.Tensor);
        foreach (var subscript in access.Subscripts)
        {
            Expression(subscript.Fill);
        }

        _inSubscript = outer;
        foreach (var subscript in access.Subscripts)
        {
            Subscript(subscript.Index);
            Subscript(subscript.Slice?.Start);
            Subscript(subscript.Slice?.Stop);
            Subscript(subscript.Slice?.Step);
            foreach (var member in subscript.Group)
            {
                Expression(member.Size);
                Subscript(new NameExpressionSyntax(member.Name.Span, member.Name, prime: false));
            }
        }
    }
}
