using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.CommandLine.Profiling;

/// <summary>How many FLOPs a kernel could do at best while <see cref="Commands.PeakFlops"/> does one: by lanes per vector, and by the products of one instruction.</summary>
internal static class ArithmeticRate
{
    /// <summary>4: sums of products of bytes; 2: of pairs of 16-bit integers; 1/2: numbers of 64 bits; 1: all else, f16 and bf16 too, which are computed in f32.</summary>
    public static double Of(Kernel kernel)
    {
        var values = Values(kernel.Body).ToList();
        return values.OfType<DotExpr>().FirstOrDefault() is { } dot ? dot.Group
            : values.Where(v => v.Type.Element.IsFloat() && v is FmaExpr or MapExpr).Select(v => v.Type.Element).Distinct().SequenceEqual([ElementType.F64]) ? 0.5
            : 1;
    }

    private static IEnumerable<LoopExpr> Values(IEnumerable<LoopStatement> body) => body.SelectMany(s => s switch
    {
        LetStatement let => [let.Value],
        AssignStatement assign => [assign.Value],
        ForStatement loop => Values(loop.Body),
        WhileStatement loop => Values(loop.Head.Concat(loop.Body)),
        IfStatement branch => Values(branch.Then.Concat(branch.Otherwise)),
        _ => (IEnumerable<LoopExpr>)[],
    });
}
