using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Sizes;

/// <summary>
/// Solves an entry's size variables from the shapes of a call, by unification: a plain variable takes its axis' size; a compound expression
/// with one unknown x, linear in it, <c>a*x + b == size</c>, gives <c>x = (size - b) / a</c>; everything else must then agree.
/// </summary>
internal static class SizeBinder
{
    /// <summary>Who gave a variable its value: an equation's number, or one of these.</summary>
    internal const int Unknown = -2;
    private const int ByName = -1;

    /// <summary>Fills the frame's dims from its shapes and checks everything. No allocation unless something is wrong.</summary>
    /// <exception cref="LeptonArgumentException">The shapes do not fit; the message says which.</exception>
    internal static void Bind(Frame frame, IReadOnlyDictionary<string, long>? named)
    {
        var plan = frame.Plan;
        Span<int> source = frame.DimSources;
        source.Fill(Unknown);
        if (named is not null)
        {
            TakeNamed(frame, named, source);
        }

        for (var i = 0; i < plan.PlainEquations; i++)
        {
            var equation = plan.Equations[i];
            var size = frame.Size(equation.Tensor, equation.Axis);
            Take(frame, equation.Size.Variable, size, i, source, equation);
        }

        SolveCompound(frame, source);
        for (var d = 0; d < plan.PlainDims; d++)
        {
            if (source[d] == Unknown)
            {
                var name = plan.Manifest.Dims[d];
                throw new LeptonArgumentException(
                    $"entry {plan.Manifest.Name}: size {name} does not follow from the arguments' shapes; give it by name ({name}=...)");
            }
        }

        CheckConstraints(frame);
    }

    private static void TakeNamed(Frame frame, IReadOnlyDictionary<string, long> named, Span<int> source)
    {
        var dims = frame.Plan.Manifest.Dims;
        for (var d = 0; d < frame.Plan.PlainDims; d++)
        {
            if (named.TryGetValue(dims[d], out var value))
            {
                if (value < 0)
                {
                    throw new LeptonArgumentException($"size {dims[d]} is given as {value}; a size cannot be negative");
                }

                (frame.Dims[d], source[d]) = (value, ByName);
            }
        }
    }

    private static void Take(Frame frame, int variable, long value, int from, Span<int> source, SizeEquation equation)
    {
        if (source[variable] == Unknown)
        {
            (frame.Dims[variable], source[variable]) = (value, from);
        }
        else if (frame.Dims[variable] != value)
        {
            throw Mismatch(frame, equation, frame.Dims[variable], source[variable]);
        }
    }

    private static void SolveCompound(Frame frame, Span<int> source)
    {
        var equations = frame.Plan.Equations;
        var first = frame.Plan.PlainEquations;
        bool progress;
        do
        {
            progress = false;
            for (var i = first; i < equations.Length; i++)
            {
                progress |= Solve(frame, i, source);
            }
        }
        while (progress);

        for (var i = first; i < equations.Length; i++)
        {
            if (AllKnown(equations[i], source) && Evaluate(frame, equations[i].Size) is var wanted
                && wanted != frame.Size(equations[i].Tensor, equations[i].Axis))
            {
                throw Mismatch(frame, equations[i], wanted, ByName);
            }
        }
    }

    /// <summary>Solves the equation if it has exactly one unknown and is linear in that.</summary>
    private static bool Solve(Frame frame, int number, Span<int> source)
    {
        var equation = frame.Plan.Equations[number];
        LinearForm? unknown = null;
        foreach (var candidate in equation.Unknowns)
        {
            if (source[candidate.Variable] == Unknown)
            {
                if (unknown is not null)
                {
                    return false;
                }

                unknown = candidate;
            }
        }

        if (unknown?.Factor is null || unknown.Rest is null)
        {
            return false;
        }

        var factor = Evaluate(frame, unknown.Factor);
        if (factor == 0)
        {
            return false;
        }

        var size = frame.Size(equation.Tensor, equation.Axis);
        var rest = (Int128)size - Evaluate(frame, unknown.Rest);
        if (rest % factor != 0 || rest / factor is var value && (value < 0 || value > long.MaxValue))
        {
            var name = frame.Plan.Manifest.Dims[unknown.Variable];
            throw new LeptonArgumentException(
                $"{frame.DescribeShape(equation.Tensor)}: axis {equation.Axis} must be {equation.Size.Source}, and no {name} gives {size}");
        }

        (frame.Dims[unknown.Variable], source[unknown.Variable]) = ((long)(rest / factor), number);
        return true;
    }

    private static bool AllKnown(SizeEquation equation, Span<int> source)
    {
        foreach (var unknown in equation.Unknowns)
        {
            if (source[unknown.Variable] == Unknown)
            {
                return false;
            }
        }

        return true;
    }

    private static void CheckConstraints(Frame frame)
    {
        var constraints = frame.Plan.Constraints;
        for (var i = 0; i < constraints.Length; i++)
        {
            var (left, right) = (Evaluate(frame, constraints[i].Left), Evaluate(frame, constraints[i].Right));
            var fact = frame.Plan.Manifest.Constraints[i];
            if (fact.AtLeast ? left < right : left != right)
            {
                var relation = fact.AtLeast ? "at least" : "equal to";
                var reason = fact.Reason.Length > 0 ? $" ({fact.Reason})" : "";
                throw new LeptonArgumentException(
                    $"entry {frame.Plan.Manifest.Name}: {Shown(fact.Left, left)} must be {relation} {Shown(fact.Right, right)}{reason}");
            }
        }
    }

    /// <summary><c>N - 1 = 3</c>, or just <c>3</c>.</summary>
    private static string Shown(SizeExpr size, long value) => size.IsConstant ? $"{value}" : $"{size} = {value}";

    internal static long Evaluate(Frame frame, SizeProgram program)
    {
        try
        {
            return program.Evaluate(frame.Dims, frame.Stack);
        }
        catch (Exception e) when (e is OverflowException or DivideByZeroException)
        {
            var what = e is OverflowException ? "overflows" : "divides by zero";
            throw new LeptonArgumentException($"entry {frame.Plan.Manifest.Name}: size {program.Source} {what} for {frame.DimsText()}");
        }
    }

    private static LeptonArgumentException Mismatch(Frame frame, SizeEquation equation, long wanted, int source)
    {
        var got = frame.Size(equation.Tensor, equation.Axis);
        var why = equation.Size.Source.IsConstant ? "" : $", which is {equation.Size.Source}";
        if (equation.Size.Variable < 0 && !equation.Size.Source.IsConstant)
        {
            why += $" with {frame.DimsText()}";
        }
        else if (source >= 0)
        {
            var giver = frame.Plan.Equations[source];
            why += $" as in axis {giver.Axis} of {frame.DescribeShape(giver.Tensor)}";
        }
        else if (equation.Size.Variable >= 0)
        {
            why += ", given by name";
        }

        return new($"{frame.DescribeShape(equation.Tensor)}: expected {wanted} on axis {equation.Axis}{why}; got {got}");
    }
}
