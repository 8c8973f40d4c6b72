using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// scan and iterate. A state that starts as a literal has no type yet: the body is bound with the state's type open, and the type of the next
// value decides; then the body is bound for good.
internal sealed partial class EntryBinder
{
    private const int MaxAttempts = 4;

    // Each attempt at a loop attempts the loops in it: deeper than this, literal states take their default types.
    private const int MaxNestedAttempts = 5;
    private int _loopDepth;

    private sealed class LoopState(StateSyntax syntax, Value initial)
    {
        public string Name { get; } = syntax.Equation.Targets[0].Name.Text;

        public SourceSpan Span { get; } = syntax.Equation.Targets[0].Name.Span;

        public Value Initial { get; } = initial;

        public SourceSpan InitialSpan { get; } = syntax.Equation.Value.Span;

        /// <summary>Null while open.</summary>
        public ElementType? Element { get; set; } = initial.Element;

        public ValueList<IndexLabel> Labels { get; set; } = initial.Labels;

        public ValueList<SizeExpr> Shape { get; set; } = initial.Shape;

        public ValueId Current { get; set; }

        public Value Next { get; set; } = ErrorValue.Instance;

        public SourceSpan NextSpan { get; set; }
    }

    /// <summary>A loop of either kind while it is bound.</summary>
    private sealed record Loop(
        StatementSyntax Syntax,
        IReadOnlyList<StatementSyntax> Body,
        NameSyntax? Index,
        SizeExpr Count,
        List<LoopState> States,
        IReadOnlyDictionary<string, TensorInfo>? Expected)
    {
        public ExpressionSyntax? Until => (Syntax as IterateSyntax)?.Until;
    }

    /// <summary>What one attempt to bind the body gave.</summary>
    private sealed record LoopBody(ValueId Step, List<TypedOp> Ops, List<(string Name, Value Value, SourceSpan Span)> Emits, Value? Until, DiagnosticReport Report);

    private void BindScan(ScanSyntax scan, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        if (BindExtent(scan.Count, scope) is not { } count)
        {
            SetErrors(scan, scope);
            return;
        }

        BindLoop(new Loop(scan, scan.Body, scan.Index, count, States(scan.Body, scope, expected), expected), scope);
    }

    private void BindIterate(IterateSyntax iterate, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        foreach (var emit in iterate.Body.OfType<EmitSyntax>())
        {
            Error(FunctionDiagnostics.OutsideLoop, emit.Span, ["emit", "a scan, whose number of steps is known"]);
        }

        SizeExpr? max = null;
        if (iterate.Max is null)
        {
            Error(FunctionDiagnostics.IterateWithoutMax, iterate.Span, [], help: "write iterate until … max 500 { … }");
        }
        else
        {
            max = BindExtent(iterate.Max, scope);
        }

        if (max is null)
        {
            SetErrors(iterate, scope);
            return;
        }

        BindLoop(new Loop(iterate, iterate.Body, null, max, States(iterate.Body, scope, expected), expected), scope);
    }

    private static void SetErrors(StatementSyntax loop, Scope scope)
    {
        foreach (var target in FreeNames.Definitions(loop))
        {
            scope.Set(target.Name.Text, ErrorValue.Instance);
        }
    }

    private List<LoopState> States(IReadOnlyList<StatementSyntax> body, Scope scope, IReadOnlyDictionary<string, TensorInfo>? expected)
    {
        var states = new List<LoopState>();
        foreach (var state in body.OfType<StateSyntax>())
        {
            var equation = state.Equation;
            if (equation.Operator != EquationOperator.Define || equation.Targets.Count != 1 || equation.Targets[0].Prime)
            {
                Error(FunctionDiagnostics.OutsideLoop, equation.Targets[0].Span, ["this", "an equation of the body: a state is given its first value with '='"]);
                continue;
            }

            if (states.Exists(s => s.Name == equation.Targets[0].Name.Text))
            {
                continue;
            }

            // A literal start takes the type of the result that the state becomes, if it becomes one.
            var made = new LoopState(state, EquationValues(equation, scope, null)[0]);
            made.Element ??= expected?.GetValueOrDefault(made.Name)?.Element;
            states.Add(made);
        }

        return states;
    }

    private void BindLoop(Loop loop, Scope scope)
    {
        LoopBody? body = null;
        _loopDepth++;
        if (_loopDepth > MaxNestedAttempts)
        {
            foreach (var state in loop.States)
            {
                state.Element ??= (state.Initial as UntypedValue)?.DefaultElement;
            }
        }

        for (var attempt = 0; attempt < MaxAttempts; attempt++)
        {
            var mark = new LoopMark(this);
            var open = loop.States.Any(s => s.Initial is not ErrorValue && s.Element is null);
            body = TryBody(loop, scope);
            if (!Learn(loop, open))
            {
                break;
            }

            // The body was bound with types that were not yet right: forget it, and what it asked for.
            mark.Rewind(this);
            body = null;
        }

        body ??= TryBody(loop, scope);
        _loopDepth--;
        foreach (var diagnostic in body.Report.Diagnostics)
        {
            _report.Add(diagnostic);
        }

        FinishLoop(loop, body, scope);
    }

    /// <summary>What an attempt adds to, besides its own body.</summary>
    private sealed class LoopMark(EntryBinder binder)
    {
        private readonly int _checks = binder._checks.Count;
        private readonly int _sites = binder._sites.Count;
        private readonly int _constraints = binder._constraints.Count;
        private readonly (int, int) _facts = binder._proof.Mark;

        public void Rewind(EntryBinder binder)
        {
            binder._checks.RemoveRange(_checks, binder._checks.Count - _checks);
            binder._sites.RemoveRange(_sites, binder._sites.Count - _sites);
            binder._constraints.RemoveRange(_constraints, binder._constraints.Count - _constraints);
            binder._proof.Rewind(_facts);
        }
    }

    /// <summary>Gives open states the type of their next values; true when anything changed, so that the body must be bound again.</summary>
    private bool Learn(Loop loop, bool wasOpen)
    {
        var changed = wasOpen;
        foreach (var state in loop.States)
        {
            if (state.Initial is ErrorValue || state.Next is ErrorValue or TupleValue)
            {
                state.Element ??= (state.Initial as UntypedValue)?.DefaultElement;
                continue;
            }

            var labels = Union(state.Labels, state.Next.Labels);
            var shape = state.Initial is UntypedValue ? Broadcast(state.Shape, state.Next.Shape) ?? state.Shape : state.Shape;
            changed |= labels != state.Labels || shape != state.Shape;
            (state.Labels, state.Shape) = (labels, shape);
            state.Element ??= state.Next.Element
                ?? ((UntypedValue)state.Next is { IsFloat: true } || (state.Initial as UntypedValue)?.IsFloat == true ? ElementType.F32 : ElementType.I64);
        }

        return changed;
    }

    private LoopBody TryBody(Loop loop, Scope scope)
    {
        var (outerReport, outerOpen) = (_report, _open.Count);
        _report = new DiagnosticReport();
        var ops = new List<TypedOp>();
        _bodies.Add(ops);
        var inner = new Scope(scope, scope.Frame) { States = [.. loop.States.Select(s => s.Name)] };
        var span = loop.Syntax.Span;
        var step = Emit(new TypedBodyInput(NewId(), new ValueType(ElementType.I64, [], []), span, loop.Index?.Text ?? "step"));
        if (loop.Index is { } index)
        {
            var label = new IndexLabel(_nextLabel++, index.Text) { Step = step.Id };
            label.Solve(loop.Count);
            var opened = new OpenIndex(label, index.Span) { Declared = loop.Count };
            _indices[label] = opened;
            _open.Add(opened);
            inner.Set(index.Text, opened);
        }

        var expected = new Dictionary<string, TensorInfo>();
        foreach (var state in loop.States)
        {
            inner.Set(state.Name, Current(state));
            if (state.Element is { } element)
            {
                expected[state.Name + "'"] = new TensorInfo(element, state.Shape);
            }
        }

        BindBlock(loop.Body.Where(s => s is not (StateSyntax or EmitSyntax)).ToList(), inner, expected);
        foreach (var state in loop.States)
        {
            state.Next = inner.Find(state.Name + "'") as Value ?? NoNext(state);
            state.NextSpan = NextPlace(loop.Body, state);
        }

        var emits = loop.Syntax is ScanSyntax ? loop.Body.OfType<EmitSyntax>().Select(e => BindEmit(e, loop, inner)).ToList() : [];
        var until = loop.Until is { } condition ? BindUntil(condition, inner) : null;
        var result = new LoopBody(step.Id, ops, emits, until, _report);
        FinishStates(loop, result);
        _bodies.RemoveAt(_bodies.Count - 1);
        _open.RemoveRange(outerOpen, _open.Count - outerOpen);
        _report = outerReport;
        return result;
    }

    private ErrorValue NoNext(LoopState state) =>
        Error(FunctionDiagnostics.NoNextValue, state.Span, [state.Name], help: $"add an equation: {state.Name}' = …");

    private static SourceSpan NextPlace(IReadOnlyList<StatementSyntax> body, LoopState state)
    {
        foreach (var equation in body.OfType<EquationSyntax>())
        {
            if (equation.Targets.Any(t => t.Prime && t.Name.Text == state.Name))
            {
                return equation.Value.Span;
            }
        }

        return state.Span;
    }

    // While the element type is open, whatever meets the state decides: the operations made with it are thrown away.
    private Value Current(LoopState state)
    {
        if (state.Initial is ErrorValue)
        {
            return state.Initial;
        }

        if (state.Element is { } element)
        {
            var input = Emit(new TypedBodyInput(NewId(), new ValueType(element, state.Labels, state.Shape), state.Span, state.Name));
            state.Current = input.Id;
            return input;
        }

        var (labels, shape) = (state.Labels, state.Shape);
        return new DeferredValue(labels, shape, ((UntypedValue)state.Initial).IsFloat, 1, Body, (wanted, span) =>
            Emit(new TypedBodyInput(NewId(), new ValueType(wanted, labels, shape), span, state.Name)));
    }

    private Value BindUntil(ExpressionSyntax condition, Scope inner)
    {
        var value = BindExpression(condition, inner);
        if (value is ErrorValue)
        {
            return value;
        }

        return value.Element == ElementType.Bool && value.Shape.Count == 0 && value.Labels.Count == 0 && Settle(value, condition.Span) is { } until
            ? until
            : Error(FunctionDiagnostics.UntilNotBool, condition.Span, [Describe(value)], help: value.Element == ElementType.Bool ? "use all(…) or any(…)" : "compare it, as in norm < 1e-6");
    }

    // emit hs[t, b, j] = e: the value of one step has the other axes.
    private (string Name, Value Value, SourceSpan Span) BindEmit(EmitSyntax emit, Loop loop, Scope inner)
    {
        var equation = emit.Equation;
        var target = equation.Targets[0];
        var subscripts = target.Subscripts;
        var isGood = equation.Targets.Count == 1 && equation.Operator == EquationOperator.Define && !target.Prime;
        if (!isGood || (subscripts is not null && subscripts[0].Index is not NameExpressionSyntax { Prime: false } || subscripts?[0] is { } s && (s.Index as NameExpressionSyntax)?.Name.Text != loop.Index!.Text))
        {
            var rest = string.Concat((subscripts ?? []).Skip(1).Select(x => ", " + x.Span.Text));
            Error(FunctionDiagnostics.BadEmit, target.Span, [$"{target.Name.Text}[{loop.Index!.Text}{rest}] = …"]);
            return (target.Name.Text, ErrorValue.Instance, target.Span);
        }

        if (target.Support is { } support)
        {
            Error(FormatDiagnostics.SupportPlace, support.Span, ["in an emit"], help: "give the value of a step a name of its own");
            return (target.Name.Text, ErrorValue.Instance, target.Span);
        }

        var ofStep = subscripts is null || subscripts.Count == 1 ? null : subscripts.Skip(1).ToList();
        var stepTarget = new TargetSyntax(target.Span, target.Name, prime: false, ofStep, type: null, support: null);
        var stepEquation = new EquationSyntax(equation.Span, [stepTarget], EquationOperator.Define, equation.Value, equation.Where);
        var type = loop.Expected?.GetValueOrDefault(target.Name.Text);
        var expected = type is { Shape.Count: > 0 }
            ? new Dictionary<string, TensorInfo> { [target.Name.Text] = new(type.Element, type.Shape.Skip(1).ToValueList()) }
            : null;
        var value = EquationValues(stepEquation, inner, expected)[0];
        return (target.Name.Text, Settle(value, equation.Value.Span) ?? (Value)ErrorValue.Instance, equation.Value.Span);
    }
}
