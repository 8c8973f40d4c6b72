using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// The columns that a row has so far, in memory of the chunk: a bit for each, and a bit for each 64 of these. Walking through them gives
/// them in order, whatever the order they came in, for about one step per column and one per 4096 possible ones.
/// </summary>
internal sealed class ColumnSet(BufferRef place, SizeExpr columns)
{
    private const long Word = 64;
    private const long WordBits = 6;

    /// <summary>i64 elements that a chunk needs.</summary>
    public static SizeExpr Words(SizeExpr columns) => SizeExpr.CeilDiv(columns, Word) + SizeExpr.CeilDiv(columns, Word * Word);

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
        Put(kernel, Above(body, body.Bits(BitOp.ShiftRight, word, BodyMath.Index(WordBits))), word);
    }

    /// <summary>Walks through the columns in ascending order, and leaves it empty.</summary>
    public void Drain(SparseKernel kernel, Action<LoopExpr> visit)
    {
        var body = kernel.Builder.Body;
        body.For(BodyMath.Index(0), BodyMath.Index(SizeExpr.CeilDiv(columns, Word * Word)), 1, mayBeEmpty: true, upper =>
        {
            Each(kernel, Above(body, upper), upper, word =>
            {
                Each(kernel, word, word, visit);
                Store(kernel, word, BodyMath.Index(0));
            });
            Store(kernel, Above(body, upper), BodyMath.Index(0));
        });
    }

    // Sets bit number % 64 of a word.
    private void Put(SparseKernel kernel, LoopExpr word, LoopExpr number)
    {
        var body = kernel.Builder.Body;
        var bit = body.Bits(BitOp.ShiftLeft, BodyMath.Index(1), body.Bits(BitOp.BitAnd, number, BodyMath.Index(Word - 1)));
        Store(kernel, word, body.Bits(BitOp.BitOr, Load(kernel, word), bit));
    }

    // For each bit of a word that is 1, lowest first: 64 · base + its number.
    private void Each(SparseKernel kernel, LoopExpr word, LoopExpr start, Action<LoopExpr> visit)
    {
        var body = kernel.Builder.Body;
        var rest = body.Declare(Load(kernel, word));
        body.While(() => body.Map(MapOp.NotEqual, ElementType.Bool, body.Read(rest), BodyMath.Index(0)), () =>
        {
            var bits = body.Read(rest);
            visit(body.Add(body.Mul(start, BodyMath.Index(Word)), body.Bits(BitOp.TrailingZeros, bits)));
            body.Assign(rest, body.Bits(BitOp.BitAnd, bits, body.Sub(bits, BodyMath.Index(1))));
        });
    }

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
