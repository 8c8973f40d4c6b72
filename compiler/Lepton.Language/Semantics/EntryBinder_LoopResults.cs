using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// The end of a loop: next values get the types of their states, and the final values their names.
internal sealed partial class EntryBinder
{
    /// <summary>Inside the body: converts the next values. A mismatch is reported, and the state is erroneous from then on.</summary>
    private void FinishStates(Loop loop, LoopBody body)
    {
        foreach (var state in loop.States)
        {
            if (state.Element is not { } element || state.Next is ErrorValue)
            {
                continue;
            }

            if (state.Next is TupleValue)
            {
                NotOneValue(state.Next, state.NextSpan);
                state.Next = ErrorValue.Instance;
                continue;
            }

            var fits = state.Next is UntypedValue
                ? Broadcast(state.Shape, state.Next.Shape) is { } both && SameShape(both, state.Shape)
                : SameShape(state.Next.Shape, state.Shape) && Widens(state.Next.Element!.Value, element);
            if (!fits)
            {
                // While an attempt may still change the state's shape, this is no mistake yet: Learn sees the shape of Next.
                var starts = new TensorValue(state.Current, new ValueType(element, state.Labels, state.Shape));
                Error(
                    FunctionDiagnostics.StateChanges,
                    state.NextSpan,
                    [state.Name, Describe(starts), Describe(state.Next)],
                    [new DiagnosticLabel(state.InitialSpan, $"{state.Name} starts as {Describe(starts)}")],
                    state.Next.Element is { } e && e != element && SameShape(state.Next.Shape, state.Shape) ? $"convert one of them: {element.Name()}(…)" : null);
                continue;
            }

            state.Next = Coerce(state.Next, element, state.NextSpan) is { } next ? Expand(next, state.Shape, state.NextSpan) : ErrorValue.Instance;
        }
    }

    private void FinishLoop(Loop loop, LoopBody body, Scope scope)
    {
        var initials = new List<TensorValue?>();
        foreach (var state in loop.States)
        {
            var initial = state.Element is { } element ? Coerce(state.Initial, element, state.InitialSpan) : null;
            initials.Add(initial is null ? null : Expand(initial, state.Shape, state.InitialSpan) as TensorValue);
        }

        if (body.Report.HasErrors || initials.Contains(null) || loop.States.Any(s => s.Next is not TensorValue) || body.Emits.Any(e => e.Value is not TensorValue)
            || body.Until is ErrorValue)
        {
            // Finals of sound states keep their types, so that what uses them is checked too.
            SetErrors(loop.Syntax, scope);
            return;
        }

        var states = loop.States.Select((s, i) => new TypedState(s.Name, s.Current, initials[i]!.Id, ((TensorValue)s.Next).Id)).ToList();
        var type = new ValueType(ElementType.Bool, [], []);
        var span = loop.Syntax.Span;
        AddDims([loop.Count]);
        var result = Emit(body.Until is TensorValue until
            ? new TypedIterate(NewId(), type, span, loop.Count, body.Step, states, body.Ops, until.Id)
            : new TypedScan(NewId(), type, span, loop.Count, body.Step, states, body.Ops, body.Emits.Select(e => ((TensorValue)e.Value).Id).ToValueList()));
        for (var i = 0; i < states.Count; i++)
        {
            var state = loop.States[i];
            SetResult(state.Name, Emit(new TypedLoopResult(NewId(), new ValueType(state.Element!.Value, state.Labels, state.Shape), state.Span, result.Id, i)), state.Span);
        }

        for (var i = 0; i < body.Emits.Count; i++)
        {
            var (name, value, place) = body.Emits[i];
            var one = ((TensorValue)value).Type;
            var stacked = new ValueType(one.Element, one.Labels, [loop.Count, .. one.Shape]);
            SetResult(name, Emit(new TypedLoopResult(NewId(), stacked, place, result.Id, states.Count + i)), place);
        }

        // Whose type fits has it at once, as equations have; the end of the function reports the others.
        void SetResult(string name, TensorValue value, SourceSpan span) => scope.Set(
            name,
            loop.Expected?.GetValueOrDefault(name) is { } type && SameShape(value.Shape, type.Shape) && Widens(value.Type.Element, type.Element)
                ? CheckType(value, type, span, name, null)
                : value);
    }
}
