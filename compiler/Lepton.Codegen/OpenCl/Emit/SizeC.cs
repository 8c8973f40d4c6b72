using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>Size expressions as terms on long. Sizes were checked by the host before code runs, so nothing here overflows.</summary>
internal sealed class SizeC(Helpers helpers, Func<string, Term> variable)
{
    private readonly MapC _map = new(helpers);

    public Term Value(SizeExpr size) => size.AsConstant is { } constant ? Term.Index(constant)
        : size.Terms.Select(Of).Aggregate((sum, term) => Term.Infix(sum, "+", term));

    private Term Of(SizeTerm term)
    {
        var factors = term.Factors.Select(Of).ToList();
        if (term.Coefficient != 1 || factors.Count == 0)
        {
            factors.Insert(0, Term.Index(term.Coefficient));
        }

        return factors.Aggregate((product, factor) => Term.Infix(product, "*", factor));
    }

    private Term Of(SizeFactor factor)
    {
        if (factor is SizeVariable v)
        {
            return variable(v.Name);
        }

        var call = (SizeCall)factor;
        var op = call.Function switch
        {
            SizeFunction.Max => MapOp.Max,
            SizeFunction.Min => MapOp.Min,
            SizeFunction.FloorDiv => MapOp.Div,
            _ => MapOp.Rem,
        };
        return _map.Emit(op, Kernels.Loops.LaneType.Index, Kernels.Loops.LaneType.Index, [Side(call.Left), Side(call.Right)]).Parts[0];
    }

    private Lanes Side(SizeExpr size) => Lanes.Of(Kernels.Loops.LaneType.Index, Value(size));
}
