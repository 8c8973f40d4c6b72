using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Blocks: equations in any order, bound in the order of their dependencies.
internal sealed partial class EntryBinder
{
    // Second definitions of a name: reported, and then left alone.
    private readonly HashSet<StatementSyntax> _doubles = [];

    private void BindBlock(IReadOnlyList<StatementSyntax> statements, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        foreach (var statement in Sorted(statements, scope))
        {
            switch (statement)
            {
                case EquationSyntax equation:
                    BindEquation(equation, scope, expected);
                    break;
                case ScanSyntax scan:
                    BindScan(scan, scope, expected);
                    break;
                case IterateSyntax iterate:
                    BindIterate(iterate, scope, expected);
                    break;
                case LaterStatementSyntax later:
                    Error(TypeDiagnostics.LaterLearning, later.Span, [$"'{later.Keyword}'"]);
                    break;
                default:
                    break;
            }
        }
    }

    /// <summary>The statements such that each stands behind what it uses. Names of a cycle are reported and get an error value.</summary>
    private List<StatementSyntax> Sorted(IReadOnlyList<StatementSyntax> statements, Scope scope)
    {
        var definer = Definers(statements, scope);
        var uses = new List<int>[statements.Count];
        for (var i = 0; i < uses.Length; i++)
        {
            var list = uses[i] = [];
            FreeNames.Of(statements[i], (name, prime, _) =>
            {
                if (definer.TryGetValue(prime ? name.Text + "'" : name.Text, out var by))
                {
                    list.Add(by);
                }
            });
        }

        // Depth first with a stack of its own: a chain of 100,000 equations may be written backwards.
        var order = new List<StatementSyntax>(statements.Count);
        var state = new byte[statements.Count];
        var path = new List<(int Node, int NextUse)>();
        for (var root = 0; root < statements.Count; root++)
        {
            if (state[root] != 0)
            {
                continue;
            }

            path.Add((root, 0));
            state[root] = 1;
            while (path.Count > 0)
            {
                var (node, next) = path[^1];
                if (next == uses[node].Count)
                {
                    state[node] = 2;
                    order.Add(statements[node]);
                    path.RemoveAt(path.Count - 1);
                    continue;
                }

                path[^1] = (node, next + 1);
                var used = uses[node][next];
                if (state[used] == 0)
                {
                    state[used] = 1;
                    path.Add((used, 0));
                }
                else if (state[used] == 1)
                {
                    ReportCycle(path.Select(p => p.Node).SkipWhile(n => n != used).Select(n => statements[n]).ToList(), scope);
                }
            }
        }

        return order;
    }

    private Dictionary<string, int> Definers(IReadOnlyList<StatementSyntax> statements, Scope scope)
    {
        var definer = new Dictionary<string, int>();
        var places = new Dictionary<string, SourceSpan>();
        foreach (var parameter in scope.Parent is null ? scope.Frame.Function.Parameters : [])
        {
            places.TryAdd(parameter.Name.Text, parameter.Name.Span);
        }

        for (var i = 0; i < statements.Count; i++)
        {
            if (statements[i] is StateSyntax or EmitSyntax)
            {
                var isState = statements[i] is StateSyntax;
                Error(FunctionDiagnostics.OutsideLoop, statements[i].Span, [isState ? "state" : "emit", isState ? "a scan or iterate" : "a scan"]);
            }

            foreach (var target in FreeNames.Definitions(statements[i]))
            {
                var name = target.Prime ? target.Name.Text + "'" : target.Name.Text;
                if (!target.Prime && scope.States?.Contains(name) == true && scope.Find(name + "'") is null)
                {
                    Error(FunctionDiagnostics.NoNextValue, target.Name.Span, [name], help: $"the next value is written {name}'");
                    scope.Set(name + "'", ErrorValue.Instance);
                }
                else if (!places.TryAdd(name, target.Name.Span))
                {
                    var help = "equations have no order: a later value has a name of its own";
                    Error(TypeDiagnostics.DefinedTwice, target.Name.Span, [name], [new DiagnosticLabel(places[name], "first here")], help);
                    _doubles.Add(statements[i]);
                }
                else
                {
                    definer[name] = i;
                }
            }
        }

        return definer;
    }

    private void ReportCycle(List<StatementSyntax> cycle, Scope scope)
    {
        var targets = cycle.Select(s => FreeNames.Definitions(s).First()).ToList();
        var names = targets.Select(t => t.Prime ? t.Name.Text + "'" : t.Name.Text).ToList();
        var inLoop = scope.States is not null;
        Error(
            TypeDiagnostics.Cycle,
            targets[0].Name.Span,
            [names[0], string.Join(" -> ", names.Append(names[0]))],
            targets.Skip(1).Take(3).Select(t => new DiagnosticLabel(t.Name.Span, "by way of this")),
            !inLoop ? "for repetition use scan or iterate"
                : targets[0].Prime ? $"a state is read as it was at the start of the step: {targets[0].Name.Text}"
                : $"what needs its own last value is a state: state {names[0]} = …, and {names[0]}' = …");
        foreach (var target in cycle.SelectMany(FreeNames.Definitions))
        {
            scope.Set(target.Prime ? target.Name.Text + "'" : target.Name.Text, ErrorValue.Instance);
        }
    }
}
