using Lepton.Abi;

namespace Lepton.Runtime.Sizes;

/// <summary>One axis of an argument or parameter whose size is known from the caller: <c>expression == size</c>.</summary>
/// <param name="Tensor">The tensor's number in the entry.</param>
/// <param name="Axis">Its axis.</param>
/// <param name="Size">The expression.</param>
/// <param name="Unknowns">One for each variable: how to solve for it, were the others known.</param>
internal sealed record SizeEquation(int Tensor, int Axis, SizeProgram Size, LinearForm[] Unknowns)
{
    internal static SizeEquation Make(int tensor, int axis, SizeExpr size, IReadOnlyDictionary<string, int> dims)
    {
        var program = new SizeProgram(size, dims);
        return new(tensor, axis, program, [.. size.Variables().Select(v => LinearForm.Of(size, v, dims))]);
    }
}

/// <summary><c>expression = Factor * x + Rest</c>, neither with x in it; both null when the expression is not linear in x.</summary>
internal sealed record LinearForm(int Variable, SizeProgram? Factor, SizeProgram? Rest)
{
    internal static LinearForm Of(SizeExpr size, string variable, IReadOnlyDictionary<string, int> dims)
    {
        SizeExpr factor = SizeExpr.Zero, rest = SizeExpr.Zero;
        foreach (var term in size.Terms)
        {
            var product = SizeExpr.Constant(term.Coefficient);
            var occurrences = 0;
            foreach (var part in term.Factors)
            {
                if (part is SizeVariable v && v.Name == variable)
                {
                    occurrences++;
                }
                else if (part.Variables().Contains(variable))
                {
                    return new(dims[variable], null, null); // x inside floordiv, mod, max or min
                }
                else
                {
                    product *= part is SizeVariable other ? SizeExpr.Variable(other.Name) : part.Substitute(_ => null);
                }
            }

            switch (occurrences)
            {
                case 0:
                    rest += product;
                    break;
                case 1:
                    factor += product;
                    break;
                default:
                    return new(dims[variable], null, null); // x*x
            }
        }

        return new(dims[variable], new SizeProgram(factor, dims), new SizeProgram(rest, dims));
    }
}
