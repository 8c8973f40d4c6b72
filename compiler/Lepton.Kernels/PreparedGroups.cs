using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels;

/// <summary>
/// Groups that run once for a set of parameters: all that they read depends on parameters, constants and sizes alone.
/// <code>
/// w' = w * (g / sqrt(v + eps))   once          y = conv(x, w') + b'   each run
/// </code>
/// What they store is kept, so it may not be much more than what it was made of: a small parameter repeated along a large axis stays in
/// the run, and so does what can fail, for its message belongs to a run.
/// </summary>
internal static class PreparedGroups
{
    // Small tables (positions, masks) are worth keeping whatever they are made of.
    private const long AlwaysSmall = 256 * 1024;
    private const long Growth = 2;

    public static bool Suits(LoweringContext context, FusionGroup group)
    {
        // A loop's results lie where its last step left them, and how much a sparse one stores is known in the run alone.
        if (group.Strategy == KernelStrategy.Loop || group.Outputs.Count == 0 || group.Members.Any(m => CanFail(context.Graph[m]))
            || group.Outputs.Any(o => context.Graph[o] is FormatNode))
        {
            return false;
        }

        var members = group.Members.ToHashSet();
        var (read, written) = (SizeExpr.Zero, SizeExpr.Zero);
        foreach (var operand in group.Members.SelectMany(m => context.Graph[m].Operands).Where(o => !members.Contains(o)).Distinct())
        {
            if (!context.IsFixed(operand))
            {
                return false;
            }

            read += Bytes(context, operand);
        }

        written = group.Outputs.Aggregate(written, (sum, o) => sum + Bytes(context, o));
        return (context.Options.Limit(AlwaysSmall) - written).IsProvablyNonNegative() || ((read * Growth) - written).IsProvablyNonNegative();
    }

    private static bool CanFail(Node node) => node switch
    {
        GatherNode gather => gather.Access.Any(a => a.Site >= 0),
        ScatterNode scatter => scatter.Access.Any(a => a.Site >= 0),
        _ => false,
    };

    private static SizeExpr Bytes(LoweringContext context, NodeId node) =>
        context.PlaceOf(node) is SizePlace ? SizeExpr.Zero : context.Graph[node].Type.Count * context.Graph[node].Type.Element.ByteSize();
}
