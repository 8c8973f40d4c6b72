using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Size expressions as i64 arithmetic. Sizes were checked by the host before native code runs, so nothing here overflows.</summary>
internal sealed class SizeCode(FunctionText text, Func<string, string> variable)
{
    private readonly Dictionary<SizeExpr, string> _known = [];

    /// <summary>Forgets values: they may not dominate what follows.</summary>
    public void Forget() => _known.Clear();

    public string Value(SizeExpr size)
    {
        if (size.AsConstant is { } constant)
        {
            return constant.ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (!_known.TryGetValue(size, out var value))
        {
            _known[size] = value = size.Terms.Select(Term).Aggregate((sum, term) => text.Value($"add nsw i64 {sum}, {term}"));
        }

        return value;
    }

    private string Term(SizeTerm term)
    {
        var factors = term.Factors.Select(Factor).ToList();
        if (term.Coefficient != 1 || factors.Count == 0)
        {
            factors.Add(term.Coefficient.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        return factors.Aggregate((product, factor) => text.Value($"mul nsw i64 {product}, {factor}"));
    }

    private string Factor(SizeFactor factor)
    {
        if (factor is SizeVariable v)
        {
            return variable(v.Name);
        }

        var call = (SizeCall)factor;
        var (left, right) = (Value(call.Left), Value(call.Right));
        switch (call.Function)
        {
            case SizeFunction.Max:
                return text.Value($"call i64 @llvm.smax.i64(i64 {left}, i64 {right})");
            case SizeFunction.Min:
                return text.Value($"call i64 @llvm.smin.i64(i64 {left}, i64 {right})");
            default:
                // A zero divisor is a size constraint that failed before; 1 keeps the processor from trapping on code that is never used.
                var zero = text.Value($"icmp eq i64 {right}, 0");
                var divisor = text.Value($"select i1 {zero}, i64 1, i64 {right}");
                var quotient = text.Value($"sdiv i64 {left}, {divisor}");
                var product = text.Value($"mul i64 {quotient}, {divisor}");
                var remainder = text.Value($"sub i64 {left}, {product}");
                var inexact = text.Value($"icmp ne i64 {remainder}, 0");
                var signs = text.Value($"xor i64 {left}, {divisor}");
                var opposite = text.Value($"icmp slt i64 {signs}, 0");
                var down = text.Value($"and i1 {inexact}, {opposite}");
                if (call.Function == SizeFunction.FloorDiv)
                {
                    var less = text.Value($"sext i1 {down} to i64");
                    return text.Value($"add i64 {quotient}, {less}");
                }

                var back = text.Value($"select i1 {down}, i64 {divisor}, i64 0");
                return text.Value($"add i64 {remainder}, {back}");
        }
    }
}
