using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Stable sort of each row, by <see cref="RadixSort"/> or, short rows, by <see cref="MergeSort"/>. Rows are shared out to chunks. Keys are integers: a
/// float becomes the integer that stands in the same order, a not-a-number the last of all, ascending and descending. -0.0 and 0.0 are equal: as keys
/// alone they are one number where positions are wanted; where values are, they are two, and their order is put right at the end.
/// <code>
/// scratch of a chunk:  [ keys, n | keys, n ]   and for indices   [ positions, n | positions, n ]
/// </code>
/// </summary>
public sealed class SortStrategy : IStrategy
{
    private const long ChunkElements = 4096;

    // Scratch up to so many bytes lies on the chunk's stack.
    private const long StackBytes = 32 * 1024;

    // The key of -0.0; that of 0.0 is 0.
    private const long NegativeZero = -1;

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

    private sealed class Emission(LoweringContext context, FusionGroup group, NodeId output, SortNode sort)
    {
        private readonly KernelBuilder _kernel = new(context, $"{context.Graph.Name}_{group.Name}", group);
        private readonly ValueList<SizeExpr> _shape = sort.Type.Shape;
        private readonly ElementType _element = ElementOf(context.Graph[sort.Source].Type.Element);

        private BodyBuilder Body => _kernel.Body;

        private SizeExpr Length => _shape[sort.Axis];

        private ElementType Key => _element switch
        {
            ElementType.F32 => ElementType.I32,
            ElementType.F64 => ElementType.I64,
            _ => _element,
        };

        public void Run()
        {
            var rows = SizeExpr.Product(_shape.Where((_, a) => a != sort.Axis));
            var write = _kernel.Write(output);
            _kernel.AssumePositive(SizeExpr.Product(_shape));
            var rowsPerChunk = SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(context.Options.Limit(ChunkElements), SizeExpr.Max(Length, SizeExpr.One)));
            var chunks = SizeExpr.CeilDiv(rows, rowsPerChunk) * SizeExpr.Min(SizeExpr.One, Length);
            var (scratch, start) = Scratch(chunks);
            var first = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(rowsPerChunk));
            var end = Body.Min(Body.Add(first, BodyMath.Index(rowsPerChunk)), BodyMath.Index(rows));
            var note = "";
            Body.For(first, end, 1, mayBeEmpty: false, row =>
            {
                var at = RowIndices(_kernel.Space.Counter(row, rows));
                var zeros = _element.IsFloat() && !sort.Indices ? Body.Declare(new NumberExpr(new LaneType(ElementType.Bool, 1), Scalar.Bool(false))) : null;
                (var half, note) = Sort(at, scratch, start, zeros);
                MendZeros(at, scratch, zeros, half);
                Drain(at, scratch, half, write);
            });
            _kernel.Launch(chunks, $"{note} of {rows} rows of {Length}");
        }

        private static ElementType ElementOf(ElementType element) => element == ElementType.Bool ? ElementType.U8 : element.ComputeType();

        // Chunks of a graphics processor have no stack to speak of.
        private (SortScratch Scratch, LoopExpr Start) Scratch(SizeExpr chunks)
        {
            var position = Length.AsConstant <= int.MaxValue ? ElementType.I32 : ElementType.I64;
            var bytes = 2 * Length.AsConstant * (Key.ByteSize() + (sort.Indices ? position.ByteSize() : 0));
            var isOnStack = bytes <= StackBytes && context.Options.GroupChunks == 1;
            int Halves(string name, ElementType element) => isOnStack
                ? _kernel.Local(name, element, (int)(2 * Length.AsConstant!.Value))
                : _kernel.Buffer(name, element, BufferAccess.ReadWrite, context.Allocate(element, chunks * Length * 2));
            var keys = Halves("keys", Key);
            var scratch = new SortScratch(_kernel, keys, Key, sort.Indices ? Halves("positions", position) : null, position, Length, sort.Descending);
            return (scratch, isOnStack ? BodyMath.Index(0) : Body.Mul(BodyBuilder.Chunk, BodyMath.Index(Length * 2)));
        }

        private IndexForm[] RowIndices(IndexForm row)
        {
            var at = new IndexForm[_shape.Count];
            for (var axis = at.Length - 1; axis >= 0; axis--)
            {
                if (axis != sort.Axis)
                {
                    at[axis] = _kernel.Space.Mod(row, _shape[axis]);
                    row = _kernel.Space.Div(row, _shape[axis]);
                }
            }

            return at;
        }

        /// <param name="zeros">Hears whether there is a -0.0 among values; null: that does not matter.</param>
        private (LoopExpr Half, string Note) Sort(IndexForm[] at, SortScratch scratch, LoopExpr start, VariableExpr? zeros)
        {
            var enough = context.Options.Limit(RadixSort.GoodLength(Key));
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

        private void Fill(IndexForm[] at, SortScratch scratch, LoopExpr start, VariableExpr? zeros, Action<LoopExpr> hear) => ForEach(at, i =>
        {
            var key = KeyAt(at);
            var place = Body.Add(start, i);
            Body.Store(scratch.Keys, place, key);
            hear(key);
            if (scratch.Positions is { } positions)
            {
                Body.Store(positions, place, Body.Cast(i, scratch.Position));
            }

            if (zeros is not null)
            {
                Body.Assign(zeros, Body.Map(MapOp.Or, ElementType.Bool, Body.Read(zeros), Is(key, NegativeZero)));
            }
        });

        // The keys of zeros, side by side now, in the order in which they stand in the row.
        private void MendZeros(IndexForm[] at, SortScratch scratch, VariableExpr? zeros, LoopExpr half)
        {
            if (zeros is null)
            {
                return;
            }

            Body.If(Body.Read(zeros), () =>
            {
                var (one, next) = (BodyMath.Index(1), Body.Declare(half));
                ForEach(at, _ =>
                {
                    var key = KeyAt(at);
                    var isBefore = sort.Descending ? Body.Map(MapOp.Greater, ElementType.Bool, key, Number(0)) : Body.Less(key, Number(NegativeZero));
                    Body.Assign(next, Body.Add(Body.Read(next), Body.Cast(isBefore, ElementType.I64)));
                });
                ForEach(at, _ =>
                {
                    var key = KeyAt(at);
                    Body.If(Body.Map(MapOp.Or, ElementType.Bool, Is(key, 0), Is(key, NegativeZero)), () =>
                    {
                        Body.Store(scratch.Keys, Body.Read(next), key);
                        Body.Assign(next, Body.Add(Body.Read(next), one));
                    });
                });
            });
        }

        private void Drain(IndexForm[] at, SortScratch scratch, LoopExpr half, int write) => ForEach(at, i =>
        {
            var place = Body.Add(half, i);
            var value = scratch.Positions is { } positions ? scratch.Load(positions, place) : ValueOf(scratch.Load(scratch.Keys, place));
            _kernel.Values.Store(write, ValueEmitter.RowMajor(at.ToValueList(), _shape), Body.Cast(value, sort.Type.Element), new Coords(at.ToValueList(), 1));
        });

        private void ForEach(IndexForm[] at, Action<LoopExpr> body) => Body.For(BodyMath.Index(0), BodyMath.Index(Length), 1, false, i =>
        {
            at[sort.Axis] = _kernel.Space.Counter(i, Length);
            body(i);
        });

        private LoopExpr KeyAt(IndexForm[] at)
        {
            var value = Body.Cast(_kernel.Values.Emit(sort.Source, new Coords(at.ToValueList(), 1)), _element);
            if (!_element.IsFloat())
            {
                return value;
            }

            var key = Turned(Body.Reinterpret(value, Key));
            key = sort.Indices ? Body.Select(Is(key, NegativeZero), Number(0), key) : key;
            return Body.Select(Body.Map(MapOp.IsNan, ElementType.Bool, value), Number(sort.Descending ? Least : Greatest), key);
        }

        private LoopExpr ValueOf(LoopExpr key) => _element.IsFloat() ? Body.Reinterpret(Turned(key), _element) : key;

        // The magnitude of a negative float grows downwards. Its own inverse.
        private LoopExpr Turned(LoopExpr bits) => Body.Select(Body.Less(bits, Number(0)), Body.Map(MapOp.Sub, Key, Number(Greatest), bits), bits);

        private LoopExpr Is(LoopExpr key, long value) => Body.Map(MapOp.Equal, ElementType.Bool, key, Number(value));

        private long Greatest => Key == ElementType.I32 ? int.MaxValue : long.MaxValue;

        private long Least => Key == ElementType.I32 ? int.MinValue : long.MinValue;

        private LoopExpr Number(long value) => new NumberExpr(new LaneType(Key, 1), Scalar.Integer(Key, value));
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
