using Lepton.Abi;

namespace Lepton.Runtime.Sizes;

/// <summary>A <see cref="SizeExpr"/> compiled once into postfix code, evaluated without allocation.</summary>
/// <remarks><c>2*B + floordiv(N, 2)</c> becomes <c>2 B * N 2 floordiv +</c>.</remarks>
internal sealed class SizeProgram
{
    private readonly Step[] _steps;

    internal SizeProgram(SizeExpr source, IReadOnlyDictionary<string, int> dims)
    {
        Source = source;
        var steps = new List<Step>();
        Compile(source, dims, steps);
        _steps = [.. steps];
        Variable = source.AsVariable is { } name ? dims[name] : -1;

        var (depth, deepest) = (0, 0);
        foreach (var step in _steps)
        {
            depth += step.Code <= Code.Variable ? 1 : -1;
            deepest = Math.Max(deepest, depth);
        }

        StackDepth = deepest;
    }

    private enum Code : byte
    {
        Constant,
        Variable,
        Add,
        Multiply,
        FloorDiv,
        Mod,
        Max,
        Min,
    }

    internal SizeExpr Source { get; }

    /// <summary>The number of the variable that this is, or -1 when it is an expression.</summary>
    internal int Variable { get; }

    /// <summary>How long the stack for <see cref="Evaluate"/> must be.</summary>
    internal int StackDepth { get; }

    /// <summary>The value; throws <see cref="OverflowException"/> and <see cref="DivideByZeroException"/>.</summary>
    /// <param name="dims">The values of the variables.</param>
    /// <param name="stack">At least <see cref="StackDepth"/> long.</param>
    internal long Evaluate(ReadOnlySpan<long> dims, Span<long> stack)
    {
        if (Variable >= 0)
        {
            return dims[Variable];
        }

        var top = -1;
        foreach (ref readonly var step in _steps.AsSpan())
        {
            switch (step.Code)
            {
                case Code.Constant:
                    stack[++top] = step.Value;
                    break;
                case Code.Variable:
                    stack[++top] = dims[(int)step.Value];
                    break;
                default:
                    var right = stack[top--];
                    ref var left = ref stack[top];
                    left = step.Code switch
                    {
                        Code.Add => checked(left + right),
                        Code.Multiply => checked(left * right),
                        Code.FloorDiv => Floor(left, right),
                        Code.Mod => left - (Floor(left, right) * right),
                        Code.Max => Math.Max(left, right),
                        _ => Math.Min(left, right),
                    };
                    break;
            }
        }

        return stack[0];
    }

    private static long Floor(long left, long right)
    {
        var quotient = left / right;
        return (left % right != 0) && ((left < 0) != (right < 0)) ? quotient - 1 : quotient;
    }

    private static void Compile(SizeExpr size, IReadOnlyDictionary<string, int> dims, List<Step> steps)
    {
        if (size.Terms.Count == 0)
        {
            steps.Add(new(Code.Constant, 0));
        }

        for (var t = 0; t < size.Terms.Count; t++)
        {
            var term = size.Terms[t];
            var started = term.Coefficient != 1 || term.Factors.Count == 0;
            if (started)
            {
                steps.Add(new(Code.Constant, term.Coefficient));
            }

            foreach (var factor in term.Factors)
            {
                Compile(factor, dims, steps);
                if (started)
                {
                    steps.Add(new(Code.Multiply, 0));
                }

                started = true;
            }

            if (t > 0)
            {
                steps.Add(new(Code.Add, 0));
            }
        }
    }

    private static void Compile(SizeFactor factor, IReadOnlyDictionary<string, int> dims, List<Step> steps)
    {
        switch (factor)
        {
            case SizeVariable variable:
                steps.Add(new(Code.Variable, dims.TryGetValue(variable.Name, out var number)
                    ? number
                    : throw new ModuleLoadException($"the manifest uses size {variable.Name}, which is not among the entry's dims")));
                break;
            case SizeCall call:
                Compile(call.Left, dims, steps);
                Compile(call.Right, dims, steps);
                steps.Add(new(
                    call.Function switch
                    {
                        SizeFunction.FloorDiv => Code.FloorDiv,
                        SizeFunction.Mod => Code.Mod,
                        SizeFunction.Max => Code.Max,
                        _ => Code.Min,
                    },
                    0));
                break;
            default:
                throw new ModuleLoadException($"the manifest has a size that this runtime does not know: {factor}");
        }
    }

    private readonly record struct Step(Code Code, long Value);
}
