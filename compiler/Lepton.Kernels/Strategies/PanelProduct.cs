using Lepton.Abi;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// A register tile of some rows × two vectors, from rows of one buffer and a panel of another:
/// <code>
/// sums[i, j] += Σ_k a[i·stride + k] · b[k·2·lanes + j]
/// </code>
/// </summary>
internal sealed class PanelProduct(BodyBuilder body, ElementType element, int lanes)
{
    private LaneType Vector => new(element, lanes);

    /// <summary>A tile of zeros.</summary>
    public VariableExpr[,] Zeros(int rows)
    {
        var sums = new VariableExpr[rows, 2];
        Each(sums, (i, v) => sums[i, v] = body.Declare(BodyMath.Number(element, 0, lanes)));
        return sums;
    }

    /// <param name="count">How many k; at least one.</param>
    public void Add(VariableExpr[,] sums, LoopExpr count, int a, LoopExpr fromA, int stride, int b, LoopExpr fromB) =>
        Add(sums, count, (k, i) => Load(new LaneType(element, 1), a, body.Add(body.Add(fromA, k), BodyMath.Index(i * stride))), b, fromB);

    /// <param name="a">The scalar of k and a row.</param>
    public void Add(VariableExpr[,] sums, LoopExpr count, Func<LoopExpr, int, LoopExpr> a, int b, LoopExpr fromB) =>
        body.For(BodyMath.Index(0), count, 1, mayBeEmpty: false, k =>
        {
            var panel = body.Add(fromB, body.Mul(k, BodyMath.Index(2 * lanes)));
            LoopExpr[] vectors = [Load(Vector, b, panel), Load(Vector, b, body.Add(panel, BodyMath.Index(lanes)))];
            for (var i = 0; i < sums.GetLength(0); i++)
            {
                var scalar = body.Splat(a(k, i), lanes);
                for (var v = 0; v < vectors.Length; v++)
                {
                    body.Assign(sums[i, v], body.Let(new FmaExpr(Vector, scalar, vectors[v], sums[i, v])));
                }
            }
        });

    /// <summary>buffer[place + i·stride + j] = sums[i, j].</summary>
    public void Store(VariableExpr[,] sums, int buffer, LoopExpr place, int stride) =>
        Each(sums, (i, v) => body.Store(buffer, body.Add(place, BodyMath.Index((i * stride) + (v * lanes))), sums[i, v]));

    public static void Each(VariableExpr[,] sums, Action<int, int> visit)
    {
        for (var i = 0; i < sums.GetLength(0); i++)
        {
            visit(i, 0);
            visit(i, 1);
        }
    }

    private LoopExpr Load(LaneType type, int buffer, LoopExpr place) => body.Let(new LoadExpr(type, buffer, place));
}
