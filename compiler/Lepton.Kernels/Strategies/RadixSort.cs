using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Stable radix sort of a row by the bytes of its keys, the lowest first (Knuth, The Art of Computer Programming 3, 5.2.5): how often each value of each
/// byte occurs is counted first; then each byte takes a pass, which puts every key behind those with less in it. A byte that is the same in all keys
/// takes none.
/// <code>
/// counts:  [ of the lowest byte, 256 | of the next, 256 | … ]
/// </code>
/// </summary>
internal sealed class RadixSort
{
    private const int DigitBits = 8;
    private const int Digits = 1 << DigitBits;
    private const int Lanes = 8;

    private readonly SortScratch _scratch;
    private readonly int _counts;

    /// <summary>Clears the counts.</summary>
    public RadixSort(SortScratch scratch)
    {
        _scratch = scratch;
        _counts = scratch.Kernel.Local("counts", ElementType.I64, Passes * Digits);
        Body.For(BodyMath.Index(0), BodyMath.Index(Passes * Digits), Lanes, false, i => Body.Store(_counts, i, BodyMath.Number(ElementType.I64, 0, Lanes)));
    }

    private BodyBuilder Body => _scratch.Body;

    private int Passes => _scratch.Key.ByteSize() * 8 / DigitBits;

    /// <summary>From this length on it is faster than a merge sort: counts are cleared and added up whatever the length.</summary>
    public static long GoodLength(ElementType key) => 24 * key.ByteSize();

    /// <summary>Counts a key; each has to be, before they are sorted.</summary>
    public void Count(LoopExpr key)
    {
        var bits = Body.Cast(key, ElementType.I64);
        for (var pass = 0; pass < Passes; pass++)
        {
            var place = Body.Add(Digit(bits, BodyMath.Index(pass * DigitBits)), BodyMath.Index(pass * Digits));
            Body.Store(_counts, place, Body.Add(CountAt(place), BodyMath.Index(1)));
        }
    }

    /// <summary>Sorts the half that starts at <paramref name="start"/>; answers where the sorted one does.</summary>
    public LoopExpr Sort(LoopExpr start)
    {
        var n = BodyMath.Index(_scratch.Length);
        var source = Body.Declare(start);
        var target = Body.Declare(Body.Add(start, n));
        Body.For(BodyMath.Index(0), BodyMath.Index(Passes), 1, false, pass =>
        {
            var (from, to) = (Body.Read(source), Body.Read(target));
            var (shift, first) = (Body.Mul(pass, BodyMath.Index(DigitBits)), Body.Mul(pass, BodyMath.Index(Digits)));
            var isSame = Body.Map(MapOp.Equal, ElementType.Bool, CountAt(Body.Add(first, Digit(KeyAt(from), shift))), n);
            Body.If(Body.Not(isSame), () =>
            {
                Starts(pass, first);
                Body.For(BodyMath.Index(0), n, 1, false, i =>
                {
                    var place = Body.Add(from, i);
                    var digit = Body.Add(first, Digit(KeyAt(place), shift));
                    var next = CountAt(digit);
                    _scratch.Move(place, Body.Add(to, next));
                    Body.Store(_counts, digit, Body.Add(next, BodyMath.Index(1)));
                });
                Body.Assign(source, to);
                Body.Assign(target, from);
            });
        });
        return Body.Read(source);
    }

    // Counts become places: how many keys have a digit that stands before. In the highest byte of a signed number the upper half is negative.
    private void Starts(LoopExpr pass, LoopExpr first)
    {
        var sum = Body.Declare(BodyMath.Index(0));
        var isHighest = Body.Map(MapOp.Equal, ElementType.Bool, pass, BodyMath.Index(Passes - 1));
        var turn = _scratch.Key == ElementType.U8 ? BodyMath.Index(0) : Body.Select(isHighest, BodyMath.Index(Digits / 2), BodyMath.Index(0));
        Body.For(BodyMath.Index(0), BodyMath.Index(Digits), 1, false, i =>
        {
            var rank = _scratch.Descending ? Body.Sub(BodyMath.Index(Digits - 1), i) : i;
            var place = Body.Add(first, Body.Bits(BitOp.BitAnd, Body.Add(rank, turn), BodyMath.Index(Digits - 1)));
            var (count, before) = (CountAt(place), Body.Read(sum));
            Body.Store(_counts, place, before);
            Body.Assign(sum, Body.Add(before, count));
        });
    }

    private LoopExpr KeyAt(LoopExpr place) => Body.Cast(_scratch.Load(_scratch.Keys, place), ElementType.I64);

    private LoopExpr Digit(LoopExpr key, LoopExpr shift) => Body.Bits(BitOp.BitAnd, Body.Bits(BitOp.ShiftRight, key, shift), BodyMath.Index(Digits - 1));

    private LoopExpr CountAt(LoopExpr place) => Body.Let(new LoadExpr(LaneType.Index, _counts, place));
}
