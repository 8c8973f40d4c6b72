using System.Reflection.Emit;
using Lepton.Abi;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>Size expressions as nodes on i64. Sizes were checked by the host before code runs, so nothing here overflows.</summary>
internal sealed class SizeIl(Func<string, Node> variable)
{
    public Node Value(SizeExpr size) => size.AsConstant is { } constant ? Node.Int64(constant) : size.Terms.Select(Term).Aggregate((sum, term) => sum + term);

    private Node Term(SizeTerm term) => term.Factors.Select(Factor).Aggregate(Node.Int64(term.Coefficient), (product, factor) => product * factor);

    private Node Factor(SizeFactor factor)
    {
        if (factor is SizeVariable v)
        {
            return variable(v.Name);
        }

        var call = (SizeCall)factor;
        Node[] sides = [Value(call.Left), Value(call.Right)];
        return call.Function switch
        {
            SizeFunction.Max => Node.Call(typeof(Math).GetMethod("Max", [typeof(long), typeof(long)])!, sides),
            SizeFunction.Min => Node.Call(typeof(Math).GetMethod("Min", [typeof(long), typeof(long)])!, sides),
            SizeFunction.FloorDiv => Node.Call(ClrSupport.Method("Divide", typeof(long)), sides),
            _ => Node.Call(ClrSupport.Method("Remainder", typeof(long)), sides),
        };
    }
}
