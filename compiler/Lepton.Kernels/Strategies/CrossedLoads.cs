using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// Loads in a square of n × n elements whose lanes lie along the inner loop i, from memory that is contiguous along another loop b:
/// <code>
/// for m to n:  values of row b + m, lanes i … i+n-1     wants   x[… + s·(i + lane) + (b + m)]
/// read instead, once:  row k = x[… + s·(i + k) + b … b+n-1],  and turned over in registers
/// </code>
/// </summary>
/// <param name="across">The number of row 0, b, as a form of one symbol.</param>
/// <param name="inner">i + lane.</param>
/// <param name="ahead">So many elements further along b the lines of the rows are asked for; 0: they are not.</param>
internal sealed class CrossedLoads(KernelBuilder kernel, IndexForm across, IndexForm inner, int side, long ahead)
{
    // Strides up to this many elements share cache lines: elements one by one are well.
    private const long NearStride = 4;

    private readonly Dictionary<(NodeId Node, IndexForm Address), LoopExpr[]> _turned = [];

    /// <summary>The row of the square that is written now, m.</summary>
    public int Row { get; set; }

    /// <summary>What <see cref="ValueEmitter"/> asks before it loads; null: load as usual.</summary>
    public LoopExpr? Load(NodeId node, IndexForm address, Coords at)
    {
        var element = kernel.Graph[node].Type.Element;
        if (at.Mask is not null || at.Lanes != side || element == ElementType.Bool || !IsCrossed(address))
        {
            return null;
        }

        var corner = address - IndexForm.Of(SizeExpr.Constant(Row));
        if (!_turned.TryGetValue((node, corner), out var rows))
        {
            var (body, buffer) = (kernel.Body, kernel.Read(node));
            var type = new LaneType(element.ComputeType(), side);
            var start = IndexForm.From(corner.Offset, corner.Terms, SizeExpr.Zero);
            for (var k = 0; k < side && ahead > 0; k++)
            {
                body.Add(new PrefetchStatement(buffer, kernel.Space.ToScalar(start + IndexForm.Of((corner.Lane * k) + ahead)), Far: false));
            }

            rows = Transposition.Of(body, [.. Enumerable.Range(0, side).Select(k =>
                body.Let(new LoadExpr(type, buffer, kernel.Space.ToScalar(start + IndexForm.Of(corner.Lane * k)))))]);
            _turned.Add((node, corner), rows);
        }

        return rows[Row];
    }

    // s·(i + lane) + b + what depends on neither.
    private bool IsCrossed(IndexForm address)
    {
        var (b, i) = (across.Terms[0].Symbol, inner.Terms[0].Symbol);
        return address.Coefficient(b) == SizeExpr.One && address.Coefficient(i) == address.Lane
            && !(Math.Abs(address.Lane.AsConstant ?? long.MaxValue) <= NearStride) && !kernel.Space.HasVector(address)
            && address.Terms.All(t => t.Symbol == b || t.Symbol == i || !kernel.Space.BaseSymbols(IndexForm.Of(t.Symbol)).Any(s => s == b || s == i));
    }
}
