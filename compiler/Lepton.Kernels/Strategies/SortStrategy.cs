using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Stable sort of each row: values of many short rows by a <see cref="NetworkSort"/>, which sorts as many rows at once as a vector has lanes; others one by one, by
/// <see cref="RadixSort"/> or, the short ones, by <see cref="MergeSort"/>. Rows are shared out to chunks.
/// <code>
/// scratch of a chunk:  [ keys, n | keys, n ]   and for indices   [ positions, n | positions, n ]
/// </code>
/// </summary>
public sealed class SortStrategy : IStrategy
{
    private const long ChunkElements = 4096;

    // Scratch up to so many bytes lies on the chunk's stack.
    private const long StackBytes = 32 * 1024;

    public void Lower(FusionGroup group, LoweringContext context)
    {
        foreach (var output in group.Outputs)
        {
            if (context.Graph[output] is SortNode sort)
            {
                new Emission(context, group, output, sort).Run();
            }
            else
            {
                throw new CompilerBugException("kernels", $"{group.Name}: {context.Graph[output].Name} is not a sort");
            }
        }
    }

    private sealed class Emission
    {
        private readonly KernelBuilder _kernel;
        private readonly KernelOptions _options;
        private readonly SortedRows _rows;

        public Emission(LoweringContext context, FusionGroup group, NodeId output, SortNode sort)
        {
            _kernel = new KernelBuilder(context, $"{context.Graph.Name}_{group.Name}", group);
            _options = context.Options;
            _rows = new SortedRows(_kernel, output, sort);
        }

        private BodyBuilder Body => _kernel.Body;

        private SizeExpr Length => _rows.Length;

        public void Run()
        {
            var network = NetworkSort.Of(_kernel, _rows);
            var rowsPerChunk = RowsPerChunk(network);
            var chunks = SizeExpr.CeilDiv(_rows.Count, rowsPerChunk) * SizeExpr.Min(SizeExpr.One, Length);
            var first = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(rowsPerChunk));
            var end = Body.Min(Body.Add(first, BodyMath.Index(rowsPerChunk)), BodyMath.Index(_rows.Count));
            var note = network is null ? OneByOne(first, end, chunks) : SideBySide(network, first, end, chunks);
            _kernel.Launch(chunks, $"{note} of {_rows.Count} rows of {Length}");
        }

        // Some thousand elements; rows that lie in lanes stay together, where there are enough of them.
        private SizeExpr RowsPerChunk(NetworkSort? network)
        {
            var (elements, length) = (_options.Limit(ChunkElements), SizeExpr.Max(Length, SizeExpr.One));
            if (network is null)
            {
                return SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(elements, length));
            }

            var isGood = SizeExpr.Min(SizeExpr.One, SizeExpr.FloorDiv(network.Longest, length) * SizeExpr.FloorDiv(_rows.Count, network.Lanes / 2));
            return SizeExpr.Max(SizeExpr.One, SizeExpr.Max(SizeExpr.FloorDiv(elements / network.Lanes, length), isGood) * network.Lanes);
        }

        private string SideBySide(NetworkSort network, LoopExpr first, LoopExpr end, SizeExpr chunks)
        {
            var (side, note) = (new SideBySideSort(_kernel, _rows, network), $"sorting network for {network.Lanes} rows at a time");
            note = Length.IsConstant ? note : $"{note} up to {network.Longest}";
            Body.For(first, end, network.Lanes, mayBeEmpty: false, from =>
            {
                var to = Body.Min(Body.Add(from, BodyMath.Index(network.Lanes)), end);
                if (side.IsGood(from, to) is { } isGood)
                {
                    Body.If(isGood, () => side.Emit(from, to), () => note = $"{note}, else {OneByOne(from, to, chunks)}");
                }
                else
                {
                    side.Emit(from, to);
                }
            });
            return note;
        }

        private string OneByOne(LoopExpr first, LoopExpr end, SizeExpr chunks)
        {
            var (note, (scratch, start)) = ("", Scratch(chunks));
            Body.For(first, end, 1, mayBeEmpty: false, row =>
            {
                var at = _rows.At(_kernel.Space.Counter(row, _rows.Count));
                var zeros = _rows.HasTwoZeros ? Body.Declare(new NumberExpr(new LaneType(ElementType.Bool, 1), Scalar.Bool(false))) : null;
                (var half, note) = Sort(at, scratch, start, zeros);
                if (zeros is not null)
                {
                    Body.If(Body.Read(zeros), () => _rows.MendZeros(at, scratch.Keys, half, step: 1));
                }

                Drain(at, scratch, half);
            });
            return note;
        }

        // Chunks of a graphics processor have no stack to speak of.
        private (SortScratch Scratch, LoopExpr Start) Scratch(SizeExpr chunks)
        {
            var position = Length.AsConstant <= int.MaxValue ? ElementType.I32 : ElementType.I64;
            var bytes = 2 * Length.AsConstant * (_rows.Key.ByteSize() + (_rows.Indices ? position.ByteSize() : 0));
            var isOnStack = bytes <= StackBytes && _options.GroupChunks == 1;
            int Halves(string name, ElementType element) => isOnStack
                ? _kernel.Local(name, element, (int)(2 * Length.AsConstant!.Value))
                : _kernel.Buffer(name, element, BufferAccess.ReadWrite, _kernel.Context.Allocate(element, chunks * Length * 2));
            var keys = Halves("keys", _rows.Key);
            var scratch = new SortScratch(_kernel, keys, _rows.Key, _rows.Indices ? Halves("positions", position) : null, position, Length, _rows.Descending);
            return (scratch, isOnStack ? BodyMath.Index(0) : Body.Mul(BodyBuilder.Chunk, BodyMath.Index(Length * 2)));
        }

        /// <param name="zeros">Hears whether there is a -0.0 among values; null: that does not matter.</param>
        private (LoopExpr Half, string Note) Sort(IndexForm[] at, SortScratch scratch, LoopExpr start, VariableExpr? zeros)
        {
            var enough = _options.Limit(RadixSort.GoodLength(_rows.Key));
            if (Length.AsConstant is { } length)
            {
                return length >= enough ? (ByRadix(), "radix sort") : (ByMerging(), "merge sort");
            }

            var half = Body.Declare(start);
            var isLong = Body.Map(MapOp.GreaterEqual, ElementType.Bool, BodyMath.Index(Length), BodyMath.Index(enough));
            Body.If(isLong, () => Body.Assign(half, ByRadix()), () => Body.Assign(half, ByMerging()));
            return (Body.Read(half), $"radix sort, or merge sort below {enough},");

            LoopExpr ByRadix()
            {
                var radix = new RadixSort(scratch);
                Fill(at, scratch, start, zeros, radix.Count);
                return radix.Sort(start);
            }

            LoopExpr ByMerging()
            {
                Fill(at, scratch, start, zeros, _ => { });
                return MergeSort.Emit(scratch, start);
            }
        }

        private void Fill(IndexForm[] at, SortScratch scratch, LoopExpr start, VariableExpr? zeros, Action<LoopExpr> hear) => _rows.ForEach(at, i =>
        {
            var key = _rows.KeyAt(at);
            var place = Body.Add(start, i);
            Body.Store(scratch.Keys, place, key);
            hear(key);
            if (scratch.Positions is { } positions)
            {
                Body.Store(positions, place, Body.Cast(i, scratch.Position));
            }

            if (zeros is not null)
            {
                Body.Assign(zeros, Body.Map(MapOp.Or, ElementType.Bool, Body.Read(zeros), _rows.IsNegativeZero(key)));
            }
        });

        private void Drain(IndexForm[] at, SortScratch scratch, LoopExpr half) => _rows.ForEach(at, i =>
        {
            var place = Body.Add(half, i);
            if (scratch.Positions is { } positions)
            {
                _rows.StorePosition(at, scratch.Load(positions, place));
            }
            else
            {
                _rows.StoreValue(at, scratch.Load(scratch.Keys, place));
            }
        });
    }
}

/// <summary>What a row is sorted in: keys, and perhaps positions, twice, one half behind the other.</summary>
/// <param name="Key">Integers.</param>
/// <param name="Positions">Null: nobody wants them.</param>
internal sealed record SortScratch(KernelBuilder Kernel, int Keys, ElementType Key, int? Positions, ElementType Position, SizeExpr Length, bool Descending)
{
    public BodyBuilder Body => Kernel.Body;

    public LoopExpr Load(int buffer, LoopExpr index, LoopExpr? mask = null) =>
        Body.Let(new LoadExpr(new LaneType(buffer == Keys ? Key : Position, 1), buffer, index, null, mask));

    /// <summary>Whether the key <paramref name="x"/> must stand before <paramref name="y"/>.</summary>
    public LoopExpr Precedes(LoopExpr x, LoopExpr y) => Body.Map(Descending ? MapOp.Greater : MapOp.Less, ElementType.Bool, x, y);

    /// <summary>Key and position from one place to another.</summary>
    public void Move(LoopExpr from, LoopExpr to)
    {
        Body.Store(Keys, to, Load(Keys, from));
        if (Positions is { } positions)
        {
            Body.Store(positions, to, Load(positions, from));
        }
    }
}
