using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>
/// A run of lets in which several vector functions have a rare slow path: one question for all of them instead of one each, and between them
/// nothing that keeps LLVM from interleaving their arithmetic.
/// <code>
/// what the question needs
/// if a lane of a value is not below its bound:  all the rest, with the whole functions
/// else:                                         all the rest, with the usual paths alone
/// </code>
/// </summary>
/// <param name="Calls">The variables of the functions' results. Their arguments do not depend on each other's results.</param>
/// <param name="Bounds">The values (of one type) that are asked about, and their bounds.</param>
/// <param name="Before">The lets that these need, in order.</param>
/// <param name="Rest">The others, in order, the calls among them.</param>
internal sealed record SharedCheck(
    IReadOnlySet<int> Calls, IReadOnlyDictionary<LoopExpr, double> Bounds, IReadOnlyList<LetStatement> Before, IReadOnlyList<LetStatement> Rest)
{
    // Arithmetic that leads to an argument is rounded; a bound that is moved over it is taken a little lower.
    private const double Margin = 0.999;

    /// <summary>null: one check or none is all that could be shared.</summary>
    public static SharedCheck? Of(IReadOnlyList<LetStatement> run)
    {
        // Most runs have nothing to share: that costs one look at each let.
        if (run.Count(l => IsCall(l.Value)) < 2)
        {
            return null;
        }

        var type = default(LaneType?);
        var lets = new Dictionary<int, LoopExpr>();
        var calls = new Dictionary<int, MapExpr>();
        var late = new HashSet<int>(); // what depends on a call
        foreach (var let in run)
        {
            lets[let.Variable] = let.Value;
            var isLate = Reads.Of(let.Value).Any(late.Contains);
            if (!isLate && IsCall(let.Value) && (type is null || type == let.Value.Type))
            {
                type = let.Value.Type;
                calls.Add(let.Variable, (MapExpr)let.Value);
                isLate = true;
            }

            if (isLate)
            {
                late.Add(let.Variable);
            }
        }

        if (calls.Count < 2)
        {
            return null;
        }

        var bounds = new Dictionary<LoopExpr, double>();
        foreach (var call in calls.Values)
        {
            var (value, below) = Origin(call.Arguments[0], MapCode.UsualBelow(call)!.Value, lets);
            bounds[value] = System.Math.Min(below, bounds.GetValueOrDefault(value, below));
        }

        var needed = bounds.Keys.SelectMany(Reads.Of).ToHashSet();
        foreach (var let in run.Reverse().Where(l => needed.Contains(l.Variable)))
        {
            needed.UnionWith(Reads.Of(let.Value));
        }

        return new SharedCheck(
            calls.Keys.ToHashSet(), bounds, [.. run.Where(l => needed.Contains(l.Variable))], [.. run.Where(l => !needed.Contains(l.Variable))]);
    }

    private static bool IsCall(LoopExpr value) => value is MapExpr { Type.Lanes: > 1 } map && MapCode.UsualBelow(map) is not null;

    // |v·v| < b where |v| < √b, |v·c| < b where |v| < b/|c|: so that more arguments come from one value, and it is asked about earlier.
    private static (LoopExpr Value, double Below) Origin(LoopExpr value, double below, Dictionary<int, LoopExpr> lets)
    {
        while (value is VariableExpr variable && lets.GetValueOrDefault(variable.Variable) is MapExpr map)
        {
            var (a, b) = (map.Arguments[0], map.Arguments[^1]);
            var (next, bound) = map.Op switch
            {
                MapOp.Neg or MapOp.Abs => (a, below),
                MapOp.Mul when a == b => (a, Margin * System.Math.Sqrt(below)),
                MapOp.Mul when b is NumberExpr number => (a, Margin * below / System.Math.Abs(number.Value.AsDouble)),
                MapOp.Mul when a is NumberExpr number => (b, Margin * below / System.Math.Abs(number.Value.AsDouble)),
                _ => (value, below),
            };

            // Far from 1, factors may be subnormal and products rounded to nothing.
            if (next == value || !(bound > 1e-3 && bound < 1e6))
            {
                break;
            }

            (value, below) = (next, bound);
        }

        return (value, below);
    }

    private sealed class Reads : ExprWalk
    {
        private readonly List<int> _variables = [];

        public static List<int> Of(LoopExpr expr)
        {
            var reads = new Reads();
            reads.Look(expr);
            return reads._variables;
        }

        public override bool Visit(VariableExpr expr)
        {
            _variables.Add(expr.Variable);
            return true;
        }
    }
}
