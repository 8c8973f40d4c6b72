using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz.Programs;

// Statements: each defines its names.
internal sealed partial class Meaning
{
    private static readonly Scope Nowhere = new();

    /// <summary>Runs a program; the values of its outputs. Outputs whose run fails throw <see cref="OutsideException"/>.</summary>
    public static IReadOnlyList<RandomValue> Run(SourceProgram program)
    {
        var meaning = new Meaning(program.Sizes, program.Formats);
        foreach (var input in program.Inputs)
        {
            meaning.Define(input, Exact(program.Values[input]), Nowhere);
        }

        foreach (var statement in program.Body)
        {
            meaning.Run(statement);
        }

        return [.. program.Outputs.Select(o => meaning[o])];
    }

    public void Run(Statement statement)
    {
        switch (statement)
        {
            case Equation equation:
                Run(equation);
                break;
            case ScatterStatement scatter:
                Define(scatter.Target, Scatter(scatter), Nowhere);
                break;
            case LoopStatement loop:
                Run(loop);
                break;
            case CallStatement call:
                for (var i = 0; i < call.Arguments.Count; i++)
                {
                    Define(call.Function.Parameters[i], Of(call.Arguments[i], Nowhere), Nowhere);
                    _fills[call.Function.Parameters[i]] = FillOf(call.Arguments[i]);
                }

                foreach (var inner in call.Function.Body)
                {
                    Run(inner);
                }

                for (var i = 0; i < call.Targets.Count; i++)
                {
                    Define(call.Targets[i], this[call.Function.Results[i]], Nowhere);
                    _fills[call.Targets[i]] = FillOf(call.Function.Results[i]);
                }

                break;
        }
    }

    private void Run(Equation equation)
    {
        Define(equation.Target, Of(equation), Nowhere);
        _fills[equation.Target] = equation.On is { } on ? on.Fill : equation.Indices.Any() ? 0 : FillOf(equation.Value);
    }

    /// <summary>What a name holds for not stored; what its type says goes first.</summary>
    public double FillOf(Variable variable) =>
        formats.TryGetValue(variable.Name, out var format) && format.Fill != 0 ? format.Fill : _fills.GetValueOrDefault(variable);

    // Another name for something holds the same for not stored.
    private double FillOf(Expr expr) => expr switch
    {
        ReadExpr read => FillOf(read.Variable),
        ParameterExpr parameter => FillOf(parameter.Argument),
        CallExpr call => FillOf(call.Body),
        CastExpr { IsImplicit: true } cast => FillOf(cast.Source),
        LetExpr let => FillOf(let.Body),
        _ => 0,
    };

    /// <summary>The value of an equation: its indices become axes, those of a group one together.</summary>
    public RandomValue Of(Equation equation)
    {
        var scope = new Scope([.. equation.Indices]);
        var value = Of(equation.Value, scope);
        IEnumerable<long> axes = equation.Left is { } left ? left.Select(a => Count(a.Select(i => i.Count))) : [];
        var all = Reshaped(value, [.. axes, .. value.Value.Dims.Skip(scope.Dims.Length)]);
        if (equation.On is not { } on)
        {
            return all;
        }

        var tensor = this[on.Tensor].Value;
        var nothing = FillOf(on.Tensor);
        var fill = TensorValue.Of(all.Element, [], [on.Fill])[0];
        var stored = Make(all.Element, [.. tensor.Dims], at => At(tensor, at).AsDouble != nothing ? At(all.Value, at) : fill);
        return Of(stored, all.Error, all.PlusZeros);
    }

    private void Run(LoopStatement loop)
    {
        foreach (var state in loop.States)
        {
            Define(state.First.Target, Of(state.First), Nowhere);
        }

        var count = Number(loop.Count);
        var stacked = loop.Emits.Select(_ => new List<RandomValue>()).ToArray();
        for (long step = 0; step < count; step++)
        {
            Forget();
            if (loop.Step is { } index)
            {
                SetStep(index, step);
            }

            foreach (var equation in loop.Body)
            {
                Run(equation);
            }

            var next = loop.States.Select(s => Of(s.Next)).ToArray();
            for (var i = 0; i < loop.States.Count; i++)
            {
                Define(loop.States[i].Next.Target, next[i], Nowhere);
            }

            for (var i = 0; i < stacked.Length; i++)
            {
                stacked[i].Add(Of(loop.Emits[i].One));
            }

            var ends = loop.Until is { } until && Of(until, Nowhere).Value[0].AsBool;
            for (var i = 0; i < loop.States.Count; i++)
            {
                Define(loop.States[i].First.Target, next[i], Nowhere);
            }

            if (ends)
            {
                break;
            }
        }

        Forget();
        for (var i = 0; i < stacked.Length; i++)
        {
            var to = loop.Emits[i].Stacked;
            var dims = Numbers(to.Shape);
            var all = Make(to.Element, dims, at => At(stacked[i][(int)at[0]].Value, [.. at.Skip(1)]));
            Define(to, Of(all, stacked[i].Select(s => s.Error).DefaultIfEmpty(0).Max(), stacked[i].All(s => s.PlusZeros)), Nowhere);
        }
    }
}
