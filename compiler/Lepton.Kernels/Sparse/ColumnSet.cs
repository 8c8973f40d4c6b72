using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// The columns that a row has so far, in memory of the chunk: a bit for each, and a bit for each 64 of these. Walking through them gives
/// them in order, whatever the order they came in, for about one step per column and one per 4096 possible ones. Where columns are few, the
/// upper bits are made of the lower ones when the row is done: set with each column, they would be read as soon as they are written, again and again.
/// </summary>
internal sealed class ColumnSet(BufferRef place, SizeExpr columns)
{
    private const long Word = 64;
    private const long WordBits = 6;

    // A row of so many is looked through in about 100 cycles.
    private const long FewColumns = 1 << 14;

    private bool AreFew => columns.AsConstant is <= FewColumns;

    /// <summary>i64 elements that a chunk needs: behind the lower bits there is room for a vector of any target, or the upper ones.</summary>
    public static SizeExpr Words(SizeExpr columns) => SizeExpr.CeilDiv(columns, Word) + SizeExpr.CeilDiv(columns, Word * Word) + 7;

    /// <summary>Makes it empty; at the head of a chunk.</summary>
    public void Clear(SparseKernel kernel)
    {
        var body = kernel.Builder.Body;
        body.For(BodyMath.Index(0), BodyMath.Index(Words(columns)), 1, mayBeEmpty: true, w => Store(kernel, w, BodyMath.Index(0)));
    }

    /// <summary>Adds a column.</summary>
    public void Add(SparseKernel kernel, LoopExpr column)
    {
        var body = kernel.Builder.Body;
        var word = body.Bits(BitOp.ShiftRight, column, BodyMath.Index(WordBits));
        Put(kernel, word, column);
        if (AreFew)
        {
            return;
        }

        Put(kernel, Above(body, body.Bits(BitOp.ShiftRight, word, BodyMath.Index(WordBits))), word);
    }

    /// <summary>
    /// Walks through the columns in ascending order, and leaves it empty. Two at a time, for how many a word has cannot be foreseen: the second
    /// is the first again where there is none (<c>isNew</c>: 1, or 0).
    /// </summary>
    public void Drain(SparseKernel kernel, Action<LoopExpr, LoopExpr, LoopExpr> visit)
    {
        var body = kernel.Builder.Body;
        if (AreFew)
        {
            var words = SizeExpr.CeilDiv(columns, Word).AsConstant!.Value;
            for (var first = 0L; first < words; first += Word)
            {
                Each(kernel, Summary(kernel, first, Math.Min(Word, words - first)), BodyMath.Index(first / Word), Lower);
            }

            return;
        }

        body.For(BodyMath.Index(0), BodyMath.Index(SizeExpr.CeilDiv(columns, Word * Word)), 1, mayBeEmpty: true, upper =>
        {
            Each(kernel, Load(kernel, Above(body, upper)), upper, Lower);
            Store(kernel, Above(body, upper), BodyMath.Index(0));
        });

        void Lower(LoopExpr word)
        {
            var start = body.Mul(word, BodyMath.Index(Word));
            var rest = body.Declare(Load(kernel, word));
            body.While(() => body.Map(MapOp.NotEqual, ElementType.Bool, body.Read(rest), BodyMath.Index(0)), () =>
            {
                var bits = body.Read(rest);
                var (first, others) = (body.Bits(BitOp.TrailingZeros, bits), WithoutLowest(body, bits));
                var isNew = body.Map(MapOp.NotEqual, ElementType.Bool, others, BodyMath.Index(0));
                var second = body.Select(isNew, body.Bits(BitOp.TrailingZeros, others), first);
                visit(body.Add(start, first), body.Add(start, second), body.Cast(isNew, ElementType.I64));
                body.Assign(rest, WithoutLowest(body, others));
            });
            Store(kernel, word, BodyMath.Index(0));
        }
    }

    // A bit for each of up to 64 words: whether it is not 0.
    private LoopExpr Summary(SparseKernel kernel, long first, long count)
    {
        var (body, lanes) = (kernel.Builder.Body, kernel.Builder.Context.Options.RegisterBytes / ElementType.I64.ByteSize());
        var type = new LaneType(ElementType.I64, lanes);
        var sum = BodyMath.Number(ElementType.I64, 0, lanes);
        for (var word = 0L; word < count; word += lanes)
        {
            var words = body.Let(new LoadExpr(type, Buffer(kernel), At(body, BodyMath.Index(first + word))));
            var lane = body.Let(new RampExpr(type, BodyMath.Index(word), BodyMath.Index(1)));
            var bits = BodyMath.Number(ElementType.I64, 0, lanes);
            for (var l = 0; l < lanes && word + l < count; l++)
            {
                var isHere = body.Map(MapOp.Equal, ElementType.Bool, lane, BodyMath.Number(ElementType.I64, word + l, lanes));
                bits = body.Select(isHere, BodyMath.Number(ElementType.I64, 1L << (int)(word + l), lanes), bits);
            }

            var isThere = body.Map(MapOp.NotEqual, ElementType.Bool, words, BodyMath.Number(ElementType.I64, 0, lanes));
            sum = body.Map(MapOp.Add, ElementType.I64, sum, body.Select(isThere, bits, BodyMath.Number(ElementType.I64, 0, lanes)));
        }

        return body.LaneReduce(ReduceKind.Sum, sum);
    }

    // Sets bit number % 64 of a word.
    private void Put(SparseKernel kernel, LoopExpr word, LoopExpr number)
    {
        var body = kernel.Builder.Body;
        var bit = body.Bits(BitOp.ShiftLeft, BodyMath.Index(1), body.Bits(BitOp.BitAnd, number, BodyMath.Index(Word - 1)));
        Store(kernel, word, body.Bits(BitOp.BitOr, Load(kernel, word), bit));
    }

    // For each bit that is 1, lowest first: 64 · start + its number.
    private static void Each(SparseKernel kernel, LoopExpr word, LoopExpr start, Action<LoopExpr> visit)
    {
        var body = kernel.Builder.Body;
        var rest = body.Declare(word);
        body.While(() => body.Map(MapOp.NotEqual, ElementType.Bool, body.Read(rest), BodyMath.Index(0)), () =>
        {
            var bits = body.Read(rest);
            visit(body.Add(body.Mul(start, BodyMath.Index(Word)), body.Bits(BitOp.TrailingZeros, bits)));
            body.Assign(rest, WithoutLowest(body, bits));
        });
    }

    private static LoopExpr WithoutLowest(BodyBuilder body, LoopExpr bits) => body.Bits(BitOp.BitAnd, bits, body.Sub(bits, BodyMath.Index(1)));

    private LoopExpr Above(BodyBuilder body, LoopExpr upper) => body.Add(BodyMath.Index(SizeExpr.CeilDiv(columns, Word)), upper);

    private LoopExpr At(BodyBuilder body, LoopExpr word) => body.Add(body.Mul(BodyBuilder.Chunk, BodyMath.Index(Words(columns))), word);

    private LoopExpr Load(SparseKernel kernel, LoopExpr word)
    {
        var body = kernel.Builder.Body;
        return body.Let(new LoadExpr(LaneType.Index, Buffer(kernel), At(body, word)));
    }

    private void Store(SparseKernel kernel, LoopExpr word, LoopExpr value) =>
        kernel.Builder.Body.Store(Buffer(kernel), At(kernel.Builder.Body, word), value);

    private int Buffer(SparseKernel kernel) => kernel.Builder.Buffer("columns", ElementType.I64, BufferAccess.ReadWrite, place);
}
