using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Sort of as many rows as a vector has lanes, all at once, by a bitonic sorting network whose comparators all point the same way (Batcher, "Sorting
/// Networks and Their Applications", AFIPS 1968). It is not stable: equal keys must be the same. Blocks of as many keys of each row as half the registers
/// hold are sorted in them; two sorted runs of a length are merged by comparing them in mirrored order, then at half the distance, and again.
/// <code>
/// keys:   number 0 of all rows | number 1 of all rows | … | padded to whole blocks with the last of all keys
/// merge:  a0 a1 a2 a3 | b0 b1 b2 b3     a0 : b3, a1 : b2, a2 : b1, a3 : b0;  then at distance 2;  then at distance 1
/// </code>
/// </summary>
internal sealed class NetworkSort
{
    private const long MaxBytes = 128 * 1024;
    private const int MaxLanes = 16;
    private const int MinLanes = 4;

    // Exchanges that one round of a loop makes, a divisor of every block.
    private const int Unroll = 4;

    // Cycles on one core, as measured: two vectors compared and exchanged; the same where a vector of 64 bits each has no minimum; a byte of a key, and of one with its
    // position, in a radix sort.
    private const double PerExchange = 2.75;
    private const double PerLongExchange = 7.5;
    private const double PerDigit = 4;
    private const double PerDigitAndPosition = 5;

    private readonly KernelBuilder _kernel;
    private readonly bool _descending;

    private NetworkSort(KernelBuilder kernel, SortedRows rows, ElementType key, int lanes, int block, long longest)
    {
        (_kernel, _descending, Key, Lanes, Block, Longest) = (kernel, rows.Descending, key, lanes, block, longest);
        Padded = SizeExpr.CeilDiv(rows.Length, block) * block;
        Keys = kernel.Local("side_by_side", key, (int)((Padded.AsConstant ?? longest) * lanes));
    }

    /// <summary>That of the rows; where positions are wanted, one of 64 bits that holds both.</summary>
    public ElementType Key { get; }

    /// <summary>Rows that are sorted at once.</summary>
    public int Lanes { get; }

    /// <summary>Keys of a row that are sorted in registers: a multiple of the lanes, and they of it, whichever is more.</summary>
    public int Block { get; }

    /// <summary>Longer rows are not sorted by it.</summary>
    public long Longest { get; }

    /// <summary>The number of keys of a row with those behind its end: whole blocks.</summary>
    public SizeExpr Padded { get; }

    /// <summary>The buffer of keys.</summary>
    public int Keys { get; }

    private BodyBuilder Body => _kernel.Body;

    /// <summary>Null where rows cannot lie in lanes, or where it does not pay.</summary>
    public static NetworkSort? Of(KernelBuilder kernel, SortedRows rows)
    {
        var options = kernel.Context.Options;
        var key = rows.Indices ? ElementType.I64 : rows.Key;
        var lanes = Math.Min(MaxLanes, options.RegisterBytes / key.ByteSize());
        if (options.GroupChunks > 1 || (rows.Indices && rows.Key.ByteSize() == key.ByteSize()) || lanes < MinLanes
            || rows.Count.AsConstant < lanes / 2 || (!rows.IsContiguous && rows.Neighbours.AsConstant < lanes))
        {
            return null;
        }

        var block = Math.Max(lanes, options.Registers / 2);
        var perExchange = key == ElementType.I64 && !options.HasMaskRegisters ? PerLongExchange : PerExchange;
        var longest = GoodLength(block, lanes * key.ByteSize(), perExchange / lanes, (rows.Indices ? PerDigitAndPosition : PerDigit) * rows.Key.ByteSize());
        return rows.Length.AsConstant > longest ? null : new NetworkSort(kernel, rows, key, lanes, block, longest);
    }

    /// <summary>Sorts what is in <see cref="Keys"/>.</summary>
    public void Sort()
    {
        var (n, zero) = (BodyMath.Index(Padded), BodyMath.Index(0));
        InRegisters(Batcher(Block));
        if (Padded.AsConstant <= Block)
        {
            return;
        }

        var width = Body.Declare(BodyMath.Index(Block));
        Body.While(() => Body.Less(Body.Read(width), n), () =>
        {
            var half = Body.Read(width);
            var whole = Body.Add(half, half);
            var low = Body.Declare(zero);
            Body.While(() => Body.Less(Body.Read(low), n), () =>
            {
                var left = Body.Read(low);
                var end = Body.Add(left, whole);
                var last = Body.Sub(end, BodyMath.Index(1));
                Exchanges(Body.Max(zero, Body.Sub(end, n)), half, i => (Body.Add(left, i), Body.Sub(last, i)));
                Body.Assign(low, end);
            });
            var distance = Body.Declare(Half(half));
            Body.While(() => Body.Map(MapOp.GreaterEqual, ElementType.Bool, Body.Read(distance), BodyMath.Index(Block)), () =>
            {
                var apart = Body.Read(distance);
                Body.Assign(low, zero);
                Body.While(() => Body.Less(Body.Add(Body.Read(low), apart), n), () =>
                {
                    var left = Body.Read(low);
                    Exchanges(left, Body.Min(Body.Add(left, apart), Body.Sub(n, apart)), i => (i, Body.Add(i, apart)));
                    Body.Assign(low, Body.Add(left, Body.Add(apart, apart)));
                });
                Body.Assign(distance, Half(apart));
            });
            InRegisters(Cleaners(Block));
            Body.Assign(width, whole);
        });
    }

    /// <summary>The keys of all rows with this number.</summary>
    public LoopExpr Load(LoopExpr number) => Body.Let(new LoadExpr(new LaneType(Key, Lanes), Keys, Body.Mul(number, BodyMath.Index(Lanes))));

    public void Store(LoopExpr number, LoopExpr keys) => Body.Store(Keys, Body.Mul(number, BodyMath.Index(Lanes)), keys);

    // The longest rows for which all rounds of exchanges, log n (log n + 1) / 4 for an element, take less than the radix sort of an element.
    private static long GoodLength(int block, int bytes, double perExchange, double perElement)
    {
        var length = (long)block;
        for (var rounds = long.Log2(length) + 1; 2 * length * bytes <= MaxBytes && rounds * (rounds + 1) / 4.0 * perExchange <= perElement; rounds++)
        {
            length *= 2;
        }

        return length;
    }

    private void InRegisters(IReadOnlyList<(int Low, int High)> comparators) => Body.For(BodyMath.Index(0), BodyMath.Index(Padded), Block, mayBeEmpty: false, first =>
    {
        var places = Enumerable.Range(0, Block).Select(k => Body.Add(first, BodyMath.Index(k))).ToArray();
        var now = places.Select(Load).ToArray();
        foreach (var (low, high) in comparators)
        {
            (now[low], now[high]) = Exchanged(now[low], now[high]);
        }

        for (var k = 0; k < Block; k++)
        {
            Store(places[k], now[k]);
        }
    });

    private void Exchanges(LoopExpr from, LoopExpr to, Func<LoopExpr, (LoopExpr Low, LoopExpr High)> places) => Body.For(from, to, Unroll, mayBeEmpty: true, first =>
    {
        var pairs = Enumerable.Range(0, Unroll).Select(k => places(Body.Add(first, BodyMath.Index(k)))).ToArray();
        var keys = pairs.Select(p => Exchanged(Load(p.Low), Load(p.High))).ToArray();
        foreach (var ((low, high), (before, behind)) in pairs.Zip(keys))
        {
            Store(low, before);
            Store(high, behind);
        }
    });

    private (LoopExpr First, LoopExpr Second) Exchanged(LoopExpr a, LoopExpr b) => _descending ? (Body.Max(a, b), Body.Min(a, b)) : (Body.Min(a, b), Body.Max(a, b));

    private LoopExpr Half(LoopExpr number) => Body.Bits(BitOp.ShiftRight, number, BodyMath.Index(1));

    // Odd-even merge sort of a power of two (Batcher, as above): fewer comparators than a bitonic one has, and less regular.
    private static List<(int Low, int High)> Batcher(int count)
    {
        var comparators = new List<(int, int)>();
        for (var run = 1; run < count; run *= 2)
        {
            for (var apart = run; apart > 0; apart /= 2)
            {
                for (var low = apart % run; low + apart < count; low++)
                {
                    var isFirst = (low - (apart % run)) / apart % 2 == 0;
                    if (isFirst && low / (2 * run) == (low + apart) / (2 * run))
                    {
                        comparators.Add((low, low + apart));
                    }
                }
            }
        }

        return comparators;
    }

    // The last rounds of a merge.
    private static List<(int Low, int High)> Cleaners(int count)
    {
        var comparators = new List<(int, int)>();
        for (var apart = count / 2; apart > 0; apart /= 2)
        {
            comparators.AddRange(Enumerable.Range(0, count).Where(i => (i & apart) == 0).Select(i => (i, i + apart)));
        }

        return comparators;
    }
}
