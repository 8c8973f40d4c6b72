using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Building;

/// <summary>
/// A square block in registers turned over by shuffles: lane l of row k becomes lane k of row l. First inside each 16 bytes, E elements, by
/// interleaving rows at distance 1, 2, 4, … (one instruction each on every target), then whole pieces of 16 bytes change places:
/// <code>
/// a0 a1 a2 a3      a0 b0 a1 b1      a0 b0 c0 d0
/// b0 b1 b2 b3  ─▶  a2 b2 a3 b3  ─▶  a2 b2 c2 d2     the rows now stand in the order of their numbers' reversed bits
/// c0 c1 c2 c3      c0 d0 c1 d1      a1 b1 c1 d1
/// d0 d1 d2 d3      c2 d2 c3 d3      a3 b3 c3 d3
/// </code>
/// </summary>
internal static class Transposition
{
    private const int PieceBytes = 16;

    /// <param name="rows">As many rows as each has lanes, a power of two.</param>
    public static LoopExpr[] Of(BodyBuilder body, IReadOnlyList<LoopExpr> rows)
    {
        var lanes = rows.Count;
        var inPiece = Math.Min(lanes, PieceBytes / rows[0].Type.Element.ByteSize());
        var now = rows.ToArray();
        for (var run = 1; run < inPiece; run *= 2)
        {
            foreach (var k in Enumerable.Range(0, lanes).Where(k => (k & run) == 0))
            {
                (now[k], now[k + run]) = (Interleaved(now[k], now[k + run], run, 0), Interleaved(now[k], now[k + run], run, inPiece / 2));
            }
        }

        var (pieces, turned) = (lanes / inPiece, new LoopExpr[lanes]);
        for (var column = 0; column < inPiece; column++)
        {
            var blocks = Enumerable.Range(0, pieces).Select(p => now[(p * inPiece) + Reversed(column)]).ToArray();
            for (var apart = pieces / 2; apart > 0; apart /= 2)
            {
                foreach (var p in Enumerable.Range(0, pieces).Where(p => (p & apart) == 0))
                {
                    (blocks[p], blocks[p + apart]) = (Exchanged(blocks[p], blocks[p + apart], apart, 0), Exchanged(blocks[p], blocks[p + apart], apart, apart));
                }
            }

            for (var p = 0; p < pieces; p++)
            {
                turned[(p * inPiece) + column] = blocks[p];
            }
        }

        return turned;

        // Runs of a and b in turn, from the first or the second half (start) of each piece.
        LoopExpr Interleaved(LoopExpr a, LoopExpr b, int run, int start) => Shuffle(a, b, lane =>
        {
            var (piece, number) = (lane / inPiece, lane % inPiece / run);
            return (number % 2 * lanes) + (piece * inPiece) + start + (number / 2 * run) + (lane % run);
        });

        // Pieces of a where the bit is 0, of b where it is 1; those whose own bit is 0 (start 0) or 1.
        LoopExpr Exchanged(LoopExpr a, LoopExpr b, int bit, int start) => Shuffle(a, b, lane =>
        {
            var piece = lane / inPiece;
            var from = (piece & ~bit) + start;
            return ((piece & bit) == 0 ? 0 : lanes) + (from * inPiece) + (lane % inPiece);
        });

        LoopExpr Shuffle(LoopExpr a, LoopExpr b, Func<int, int> lane) =>
            body.Let(new ShuffleExpr(a.Type, a, b, Enumerable.Range(0, lanes).Select(lane).ToValueList()));

        int Reversed(int number)
        {
            var reversed = 0;
            for (var bit = 1; bit < inPiece; bit *= 2)
            {
                (reversed, number) = ((reversed * 2) + (number % 2), number / 2);
            }

            return reversed;
        }
    }
}
