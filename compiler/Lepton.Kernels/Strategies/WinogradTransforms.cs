using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The three transforms of Winograd's F(4, 3) with the points 0, ±1, ±2, ∞ (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
/// 2016, section 4.3): four neighbouring results of a filter of three taps from six inputs by six multiplications,
/// <code>
/// y = Aᵀ ((G g) · (Bᵀ d))
/// </code>
/// Applied along both axes they make 4 × 4 results of a 3 × 3 filter by 36 multiplications instead of 144.
/// </summary>
internal sealed class WinogradTransforms(BodyBuilder body, LaneType type)
{
    public const int Outputs = 4;
    public const int Taps = 3;
    public const int Inputs = 6;

    /// <summary>Bᵀ d: six inputs.</summary>
    public LoopExpr[] Input(LoopExpr[] d)
    {
        // Rows 1 and 2, and rows 3 and 4, are sum and difference of the same two.
        var (even, odd) = (Plus(d[4], -4, d[2]), Plus(d[3], -4, d[1]));
        var (near, far) = (Subtract(d[4], d[2]), Subtract(d[3], d[1]));
        return
        [
            Plus(Plus(d[4], -5, d[2]), 4, d[0]),
            Add(even, odd),
            Subtract(even, odd),
            Plus(near, 2, far),
            Plus(near, -2, far),
            Plus(Plus(d[5], -5, d[3]), 4, d[1]),
        ];
    }

    /// <summary>G g: three taps.</summary>
    public LoopExpr[] Filter(LoopExpr[] g)
    {
        var (ends, near) = (Add(g[0], g[2]), Plus(g[0], 4, g[2]));
        return
        [
            Times(0.25, g[0]),
            Times(-1.0 / 6, Add(ends, g[1])),
            Times(-1.0 / 6, Subtract(ends, g[1])),
            Times(1.0 / 24, Plus(near, 2, g[1])),
            Times(1.0 / 24, Plus(near, -2, g[1])),
            g[2],
        ];
    }

    /// <summary>Aᵀ m: six products.</summary>
    public LoopExpr[] Output(LoopExpr[] m)
    {
        var (near, far) = (Add(m[1], m[2]), Add(m[3], m[4]));
        var (nearOdd, farOdd) = (Subtract(m[1], m[2]), Subtract(m[3], m[4]));
        return [Add(Add(m[0], near), far), Plus(nearOdd, 2, farOdd), Plus(near, 4, far), Add(Plus(nearOdd, 8, farOdd), m[5])];
    }

    /// <summary>A transform along the rows of a square, then along its columns.</summary>
    public static LoopExpr[,] Both(LoopExpr[,] values, Func<LoopExpr[], LoopExpr[]> transform)
    {
        var (rows, columns) = (values.GetLength(0), values.GetLength(1));
        var half = Enumerable.Range(0, rows).Select(r => transform([.. Enumerable.Range(0, columns).Select(c => values[r, c])])).ToArray();
        var whole = Enumerable.Range(0, half[0].Length).Select(c => transform([.. half.Select(h => h[c])])).ToArray();
        var result = new LoopExpr[whole[0].Length, whole.Length];
        for (var r = 0; r < whole[0].Length; r++)
        {
            for (var c = 0; c < whole.Length; c++)
            {
                result[r, c] = whole[c][r];
            }
        }

        return result;
    }

    private LoopExpr Add(LoopExpr a, LoopExpr b) => body.Map(MapOp.Add, type.Element, a, b);

    private LoopExpr Subtract(LoopExpr a, LoopExpr b) => body.Map(MapOp.Sub, type.Element, a, b);

    // a + factor·b
    private LoopExpr Plus(LoopExpr a, long factor, LoopExpr b) => body.Fma(BodyMath.Number(type.Element, factor, type.Lanes), b, a);

    private LoopExpr Times(double factor, LoopExpr a) => body.Map(MapOp.Mul, type.Element, BodyMath.Number(Scalar.Float(type.Element, factor), type.Lanes), a);
}
