using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Stable radix sort of a row by the bytes of its keys, the lowest first (Knuth, The Art of Computer Programming 3, 5.2.5): how often each value of each
/// byte occurs is counted in one pass; then each byte takes a pass, which puts every key behind those with less in it. A byte that is the same in
/// all keys takes none.
/// <code>
/// counts:  [ of the lowest byte, 256 | of the next, 256 | … ]
/// </code>
/// </summary>
internal static class RadixSort
{
    private const int DigitBits = 8;
    private const int Digits = 1 << DigitBits;
    private const int Lanes = 8;

    /// <summary>From this length on it is faster than a merge sort: counts are cleared and added up whatever the length.</summary>
    public static long GoodLength(ElementType key) => 24 * key.ByteSize();

    /// <summary>Answers where the sorted half starts.</summary>
    public static LoopExpr Emit(SortScratch scratch, LoopExpr start)
    {
        var (body, passes) = (scratch.Body, scratch.Key.ByteSize() * 8 / DigitBits);
        var (zero, one, n) = (BodyMath.Index(0), BodyMath.Index(1), BodyMath.Index(scratch.Length));
        var counts = scratch.Kernel.Local("counts", ElementType.I64, passes * Digits);
        body.For(zero, BodyMath.Index(passes * Digits), Lanes, false, i => body.Store(counts, i, BodyMath.Number(ElementType.I64, 0, Lanes)));
        body.For(zero, n, 1, false, i =>
        {
            var key = Key(body.Add(start, i));
            for (var pass = 0; pass < passes; pass++)
            {
                var place = body.Add(Digit(key, BodyMath.Index(pass * DigitBits)), BodyMath.Index(pass * Digits));
                body.Store(counts, place, body.Add(Count(place), one));
            }
        });

        var source = body.Declare(start);
        var target = body.Declare(body.Add(start, n));
        body.For(zero, BodyMath.Index(passes), 1, false, pass =>
        {
            var (from, to) = (body.Read(source), body.Read(target));
            var (shift, first) = (body.Mul(pass, BodyMath.Index(DigitBits)), body.Mul(pass, BodyMath.Index(Digits)));
            var isSame = body.Map(MapOp.Equal, ElementType.Bool, Count(body.Add(first, Digit(Key(from), shift))), n);
            body.If(body.Not(isSame), () =>
            {
                Starts(pass, first);
                body.For(zero, n, 1, false, i =>
                {
                    var place = body.Add(from, i);
                    var digit = body.Add(first, Digit(Key(place), shift));
                    var next = Count(digit);
                    scratch.Move(place, body.Add(to, next));
                    body.Store(counts, digit, body.Add(next, one));
                });
                body.Assign(source, to);
                body.Assign(target, from);
            });
        });
        return body.Read(source);

        LoopExpr Key(LoopExpr place) => body.Cast(scratch.Load(scratch.Keys, place), ElementType.I64);

        LoopExpr Digit(LoopExpr key, LoopExpr shift) => body.Bits(BitOp.BitAnd, body.Bits(BitOp.ShiftRight, key, shift), BodyMath.Index(Digits - 1));

        LoopExpr Count(LoopExpr place) => body.Let(new LoadExpr(LaneType.Index, counts, place));

        // Counts become places: how many keys have a digit that stands before. In the highest byte of a signed number the upper half is negative.
        void Starts(LoopExpr pass, LoopExpr first)
        {
            var sum = body.Declare(zero);
            var isHighest = body.Map(MapOp.Equal, ElementType.Bool, pass, BodyMath.Index(passes - 1));
            var turn = scratch.Key == ElementType.U8 ? zero : body.Select(isHighest, BodyMath.Index(Digits / 2), zero);
            body.For(zero, BodyMath.Index(Digits), 1, false, i =>
            {
                var rank = scratch.Descending ? body.Sub(BodyMath.Index(Digits - 1), i) : i;
                var place = body.Add(first, body.Bits(BitOp.BitAnd, body.Add(rank, turn), BodyMath.Index(Digits - 1)));
                var (count, before) = (Count(place), body.Read(sum));
                body.Store(counts, place, before);
                body.Assign(sum, body.Add(before, count));
            });
        }
    }
}
