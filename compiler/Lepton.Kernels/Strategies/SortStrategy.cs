using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Stable merge sort of each row, bottom up: runs of 1, 2, 4, … are merged from one half of a scratch row into the other. Rows are shared out
/// to chunks. Not-a-number comes last, ascending and descending.
/// <code>
/// scratch row:  [ keys, n | keys, n ]   and for indices   [ positions, n | positions, n ]
/// </code>
/// </summary>
public sealed class SortStrategy : IStrategy
{
    private const long ChunkElements = 4096;

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
        private readonly ElementType _key = KeyOf(context.Graph[sort.Source].Type.Element);
        private int _keys;
        private int _positions;

        private BodyBuilder Body => _kernel.Body;

        private SizeExpr Length => _shape[sort.Axis];

        public void Run()
        {
            var rows = SizeExpr.Product(_shape.Where((_, a) => a != sort.Axis));
            var write = _kernel.Write(output);
            var scratch = SizeExpr.Product(_shape) * 2;
            _kernel.AssumePositive(SizeExpr.Product(_shape));
            _keys = _kernel.Buffer("keys", _key, BufferAccess.ReadWrite, context.Allocate(_key, scratch));
            _positions = sort.Indices ? _kernel.Buffer("positions", ElementType.I64, BufferAccess.ReadWrite, context.Allocate(ElementType.I64, scratch)) : -1;
            var rowsPerChunk = SizeExpr.Max(SizeExpr.One, SizeExpr.FloorDiv(context.Options.Limit(ChunkElements), SizeExpr.Max(Length, SizeExpr.One)));
            var first = Body.Mul(BodyBuilder.Chunk, BodyMath.Index(rowsPerChunk));
            var end = Body.Min(Body.Add(first, BodyMath.Index(rowsPerChunk)), BodyMath.Index(rows));
            Body.For(first, end, 1, mayBeEmpty: false, row =>
            {
                var start = Body.Mul(row, BodyMath.Index(Length * 2));
                var at = RowIndices(_kernel.Space.Counter(row, rows));
                Fill(at, start);
                var half = MergeAll(start);
                Drain(at, half, write);
            });
            _kernel.Launch(
                SizeExpr.CeilDiv(rows, rowsPerChunk) * SizeExpr.Min(SizeExpr.One, Length),
                $"merge sort of {rows} rows of {Length}");
        }

        private static ElementType KeyOf(ElementType element) => element == ElementType.Bool ? ElementType.U8 : element.ComputeType();

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

        private void Fill(IndexForm[] at, LoopExpr start) => Body.For(BodyMath.Index(0), BodyMath.Index(Length), 1, false, i =>
        {
            at[sort.Axis] = _kernel.Space.Counter(i, Length);
            var value = _kernel.Values.Emit(sort.Source, new Coords(at.ToValueList(), 1));
            var place = Body.Add(start, i);
            Body.Store(_keys, place, Body.Cast(value, _key));
            if (sort.Indices)
            {
                Body.Store(_positions, place, i);
            }
        });

        // Answers where the sorted half starts.
        private LoopExpr MergeAll(LoopExpr start)
        {
            var n = BodyMath.Index(Length);
            var source = Body.Declare(start);
            var target = Body.Declare(Body.Add(start, n));
            var width = Body.Declare(BodyMath.Index(1));
            Body.While(() => Body.Less(width, n), () =>
            {
                var (from, to, w) = (Body.Read(source), Body.Read(target), Body.Read(width));
                var low = Body.Declare(BodyMath.Index(0));
                Body.While(() => Body.Less(low, n), () =>
                {
                    var left = Body.Read(low);
                    var middle = Body.Min(Body.Add(left, w), n);
                    var end = Body.Min(Body.Add(middle, w), n);
                    var isFull = Body.Map(MapOp.Equal, ElementType.Bool, Body.Sub(end, left), Body.Add(w, w));
                    Body.If(isFull, () => MergeFull(from, to, left, w), () => Merge(from, to, left, middle, end));
                    Body.Assign(low, end);
                });
                Body.Assign(source, to);
                Body.Assign(target, from);
                Body.Assign(width, Body.Add(w, w));
            });
            return Body.Read(source);
        }

        // Two runs of w: the w least from their heads, the w greatest from their tails, at the same time and without a branch. After k < w steps
        // k elements are gone from the heads of both runs together, so that neither is exhausted; so it is with the tails.
        private void MergeFull(LoopExpr from, LoopExpr to, LoopExpr first, LoopExpr w)
        {
            var one = BodyMath.Index(1);
            var last = Body.Sub(w, one);
            var (start, target) = (Body.Add(from, first), Body.Add(to, first));
            var (low, high) = (Body.Declare(start), Body.Declare(Body.Add(start, w)));
            var (lowTail, highTail) = (Body.Declare(Body.Add(start, last)), Body.Declare(Body.Add(Body.Add(start, w), last)));
            var end = Body.Add(Body.Add(target, w), last);
            Body.For(BodyMath.Index(0), w, 1, true, k =>
            {
                var (i, j) = (Body.Read(low), Body.Read(high));
                var isRight = Stands(j, i);
                var right = Body.Cast(isRight, ElementType.I64);
                Move(Body.Select(isRight, j, i), Body.Add(target, k));
                Body.Assign(high, Body.Add(j, right));
                Body.Assign(low, Body.Add(i, Body.Sub(one, right)));

                // Of equals the right one is the last: the left one is only if the right one must stand before it.
                var (p, q) = (Body.Read(lowTail), Body.Read(highTail));
                var isLeft = Stands(q, p);
                var left = Body.Cast(isLeft, ElementType.I64);
                Move(Body.Select(isLeft, p, q), Body.Sub(end, k));
                Body.Assign(lowTail, Body.Sub(p, left));
                Body.Assign(highTail, Body.Sub(q, Body.Sub(one, left)));
            });

            // Whether the key at x must stand before the one at y.
            LoopExpr Stands(LoopExpr x, LoopExpr y) => Precedes(Load(_keys, _key, x, null), Load(_keys, _key, y, null));

            void Move(LoopExpr source, LoopExpr place)
            {
                Body.Store(_keys, place, Load(_keys, _key, source, null));
                if (sort.Indices)
                {
                    Body.Store(_positions, place, Load(_positions, ElementType.I64, source, null));
                }
            }
        }

        private void Merge(LoopExpr from, LoopExpr to, LoopExpr left, LoopExpr middle, LoopExpr end)
        {
            var i = Body.Declare(left);
            var j = Body.Declare(middle);
            Body.For(left, end, 1, true, k =>
            {
                var (l, r) = (Body.Read(i), Body.Read(j));
                var (hasLeft, hasRight) = (Body.Less(l, middle), Body.Less(r, end));
                var (atLeft, atRight) = (Body.Add(from, l), Body.Add(from, r));
                var (a, b) = (Load(_keys, _key, atLeft, hasLeft), Load(_keys, _key, atRight, hasRight));

                // The right one goes first only if it must: equals keep their order.
                var right = Body.And(hasRight, Body.Map(MapOp.Or, ElementType.Bool, Body.Not(hasLeft), Precedes(b, a)))!;
                var place = Body.Add(to, k);
                Body.Store(_keys, place, Body.Select(right, b, a));
                if (sort.Indices)
                {
                    var (p, q) = (Load(_positions, ElementType.I64, atLeft, hasLeft), Load(_positions, ElementType.I64, atRight, hasRight));
                    Body.Store(_positions, place, Body.Select(right, q, p));
                }

                var step = Body.Cast(right, ElementType.I64);
                Body.Assign(j, Body.Add(r, step));
                Body.Assign(i, Body.Add(l, Body.Sub(BodyMath.Index(1), step)));
            });
        }

        // x stands strictly before y.
        private LoopExpr Precedes(LoopExpr x, LoopExpr y)
        {
            var before = Body.Map(sort.Descending ? MapOp.Greater : MapOp.Less, ElementType.Bool, x, y);
            if (!_key.IsFloat())
            {
                return before;
            }

            var numberBeforeNan = Body.And(Body.Map(MapOp.IsNan, ElementType.Bool, y), Body.Not(Body.Map(MapOp.IsNan, ElementType.Bool, x)))!;
            return Body.Map(MapOp.Or, ElementType.Bool, before, numberBeforeNan);
        }

        private void Drain(IndexForm[] at, LoopExpr half, int write) => Body.For(BodyMath.Index(0), BodyMath.Index(Length), 1, false, i =>
        {
            at[sort.Axis] = _kernel.Space.Counter(i, Length);
            var place = Body.Add(half, i);
            var value = sort.Indices ? Load(_positions, ElementType.I64, place, null) : Body.Cast(Load(_keys, _key, place, null), sort.Type.Element);
            _kernel.Values.Store(write, ValueEmitter.RowMajor(at.ToValueList(), _shape), value, new Coords(at.ToValueList(), 1));
        });

        private LoopExpr Load(int buffer, ElementType element, LoopExpr index, LoopExpr? mask) =>
            Body.Let(new LoadExpr(new LaneType(element, 1), buffer, index, null, mask));
    }
}
