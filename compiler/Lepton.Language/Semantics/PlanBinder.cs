using System.Globalization;
using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>The plan blocks of a file: what they want of which entry. Names of kernels and devices stay names.</summary>
internal static class PlanBinder
{
    public static IReadOnlyList<TypedPlan> Bind(FileSyntax file, IReadOnlyList<TypedEntry> entries, DiagnosticReport report)
    {
        var plans = new List<TypedPlan>();
        var seen = new Dictionary<string, NameSyntax>();
        foreach (var plan in file.Declarations.OfType<PlanSyntax>())
        {
            if (!seen.TryAdd(plan.Entry.Text, plan.Entry))
            {
                report.Add(TypeDiagnostics.DefinedTwice, plan.Entry.Span, [$"the plan for {plan.Entry}"], [new DiagnosticLabel(seen[plan.Entry.Text].Span, "first here")]);
            }

            var entry = entries.FirstOrDefault(e => e.Name == plan.Entry.Text);
            if (entry is null && !file.IsIncomplete)
            {
                ReportNoEntry(file, plan.Entry, report);
            }

            plans.Add(Plan(plan, entry, report));
        }

        return plans;
    }

    /// <summary>The sizes behind <c>when</c>; of those that stand twice the first.</summary>
    public static ValueList<(string Name, long Size)> Dims(IEnumerable<PlanSizeSyntax> sizes, TypedEntry? entry, DiagnosticReport report)
    {
        var known = new Dictionary<string, (PlanSizeSyntax Syntax, long Size)>();
        foreach (var size in sizes)
        {
            if (!long.TryParse(size.Size.Text.Replace("_", "", StringComparison.Ordinal), NumberStyles.None, CultureInfo.InvariantCulture, out var number) || number < 1)
            {
                report.Add(PlanDiagnostics.OutOfRange, size.Size.Span, [$"size {size.Name}", size.Size.Text]);
            }
            else if (known.TryGetValue(size.Name.Text, out var first))
            {
                if (first.Size != number)
                {
                    report.Add(PlanDiagnostics.Twice, size.Span, [$"size `{size.Name}`", "plan"], [new DiagnosticLabel(first.Syntax.Span, "first here")], "a plan is made for one size");
                }
            }
            else if (entry is not null && !entry.Dims.Contains(size.Name.Text))
            {
                var help = NameSuggestion.Help(size.Name.Text, entry.Dims)
                    ?? (entry.Dims.Count == 0 ? "all its sizes are fixed" : $"it has {string.Join(", ", entry.Dims.Select(d => $"`{d}`"))}");
                report.Add(PlanDiagnostics.UnknownSize, size.Name.Span, [entry.Name, size.Name.Text], help: help);
            }
            else
            {
                known.Add(size.Name.Text, (size, number));
            }
        }

        return [.. known.Select(k => (k.Key, k.Value.Size))];
    }

    private static TypedPlan Plan(PlanSyntax plan, TypedEntry? entry, DiagnosticReport report)
    {
        var (limits, pins, rounded) = (new List<PlanLimit>(), new Dictionary<string, PlanPin>(), new Dictionary<string, NameSyntax>());
        MinimizeSyntax? minimize = null;
        foreach (var item in plan.Items)
        {
            switch (item)
            {
                case MinimizeSyntax second when minimize is not null:
                    report.Add(PlanDiagnostics.Twice, second.Span with { Length = "minimize".Length }, ["`minimize`", "plan"],
                        [new DiagnosticLabel(minimize.Span with { Length = "minimize".Length }, "first here")], "goals in order stand behind one another: `minimize cost, time`");
                    break;
                case MinimizeSyntax first:
                    minimize = first;
                    break;
                case SubjectSyntax subject:
                    limits.AddRange(subject.Limits.Select(l => GoalBinder.Limit(l, report)).OfType<PlanLimit>());
                    break;
                case PinSyntax pin:
                    if (!pins.TryAdd(pin.Name.Text, new PlanPin(pin.Name.Text, pin.Device.Text, pin.Name.Span, pin.Device.Span)))
                    {
                        report.Add(PlanDiagnostics.Twice, pin.Name.Span, [$"the pin of `{pin.Name}`", "plan"], [new DiagnosticLabel(pins[pin.Name.Text].NameSpan, "first here")]);
                    }

                    break;
                case PrecisionSyntax precision:
                    Precision(precision, entry, rounded, report);
                    break;
            }
        }

        var sizes = plan.Items.SelectMany(i => i switch
        {
            MinimizeSyntax m => m.Sizes,
            SubjectSyntax s => s.Sizes,
            _ => [],
        });
        ValueList<PlanGoal> goals = [.. (minimize?.Goals ?? []).Select(g => GoalBinder.Goal(g, report)).OfType<PlanGoal>()];
        return new TypedPlan(plan.Entry.Text, plan.Span, goals, [.. limits], [.. pins.Values], Dims(sizes, entry, report)) { Rounded = [.. rounded.Keys] };
    }

    // One value of a parameter serves all entries, so that there is one precision to choose.
    private static void Precision(PrecisionSyntax precision, TypedEntry? entry, Dictionary<string, NameSyntax> rounded, DiagnosticReport report)
    {
        if (precision.Element.Text != ElementType.BF16.Name())
        {
            report.Add(PlanDiagnostics.NoPrecision, precision.Element.Span, [precision.Element.Text], help: "write bf16, or leave the line out: `precision bf16 for w`");
            return;
        }

        foreach (var name in precision.Names)
        {
            if (!rounded.TryAdd(name.Text, name))
            {
                report.Add(PlanDiagnostics.Twice, name.Span, [$"the precision of `{name}`", "plan"], [new DiagnosticLabel(rounded[name.Text].Span, "first here")]);
            }
            else if (entry is not null)
            {
                Check(name, entry, report);
            }
        }
    }

    private static void Check(NameSyntax name, TypedEntry entry, DiagnosticReport report)
    {
        var inputs = entry.Body.OfType<TypedInput>().ToList();
        if (inputs.Find(i => i.Name == name.Text) is not { Kind: TypedInputKind.Parameter } parameter)
        {
            var known = inputs.Where(i => i.Kind == TypedInputKind.Parameter).Select(i => i.Name).ToList();
            var help = inputs.Exists(i => i.Name == name.Text) ? "it is an argument, and whoever calls the entry chooses its type"
                : NameSuggestion.Help(name.Text, known) ?? (known.Count == 0 ? "it reads none" : $"it reads {string.Join(", ", known.Select(k => $"`{k}`"))}");
            report.Add(PlanDiagnostics.NoParameter, name.Span, [entry.Name, name.Text], help: help);
        }
        else if (parameter.Format is not null || parameter.Type.Element != ElementType.F32)
        {
            var type = parameter.Type.Element.Name() + (parameter.Format is null ? "" : $" in {parameter.Format}");
            report.Add(PlanDiagnostics.NotRounded, name.Span, [name.Text, type], [new DiagnosticLabel(parameter.Span, "declared here")], "dense parameters of f32 can");
        }
    }

    private static void ReportNoEntry(FileSyntax file, NameSyntax name, DiagnosticReport report)
    {
        var functions = file.Declarations.OfType<FunctionSyntax>().ToList();
        var named = functions.Find(f => f.Name.Text == name.Text);
        if (named is not null && Binder.IsEntry(named))
        {
            return; // An entry with errors of its own.
        }

        var help = named is not null ? "an entry is a function whose parameters all have types: fn f(x: f32[N]) = x + 1"
            : NameSuggestion.Help(name.Text, functions.Where(Binder.IsEntry).Select(f => f.Name.Text)) ?? "a plan is for an entry of its own file";
        report.Add(PlanDiagnostics.NoEntry, name.Span, [name.Text], named is null ? null : [new DiagnosticLabel(named.Name.Span, "a function for others to call")], help);
    }
}
