using Lepton.Abi;

namespace Lepton.Kernels.Strategies;

/// <summary>
/// The sizes of a blocked product. A register tile is Rows × Columns; a chunk makes BlockRows × BlockColumns of the result, in blocks of
/// Depth along k, so that a block of A lies in the second-level cache and a panel of B in the first.
/// </summary>
/// <param name="Lanes">Of one vector; Columns = Vectors · Lanes.</param>
internal sealed record ContractionShape(int Rows, int Vectors, int Lanes, int BlockRows, int BlockColumns, int Depth)
{
    // Bytes of a chunk's block of A, and of its block of results.
    private const int ABytes = 80 * 1024;
    private const int CBytes = 144 * 1024;

    // k is cut into equal blocks of about this length.
    private const int GoodDepth = 320;

    public int Columns => Vectors * Lanes;

    public static ContractionShape Of(ContractionPlan plan, KernelOptions options)
    {
        var width = Math.Max(plan.Element.ByteSize(), 4);
        var lanes = Math.Max(1, options.RegisterBytes / width);
        var most = Math.Max(1, (options.Registers - 4) / 2);
        var rows = most;
        if (plan.MSize.AsConstant is { } m)
        {
            // Fewer rows when that leaves less of the last tile empty; a tile costs its rows and about one more.
            rows = Enumerable.Range(1, most).MinBy(r => (((m + r - 1) / r * (r + 1)), -r));
        }

        var depth = GoodDepth;
        if (plan.KSize.AsConstant is { } k)
        {
            var blocks = Math.Max(1, (k + GoodDepth - 1) / GoodDepth);
            depth = (int)Math.Max(1, (k + blocks - 1) / blocks);
        }

        var columns = 2 * lanes;
        var blockRows = Math.Max(1, ABytes / width / depth / rows) * rows;
        if (plan.MSize.AsConstant is { } size)
        {
            blockRows = (int)Math.Min(blockRows, (size + rows - 1) / rows * rows);
        }

        var blockColumns = Math.Max(1, CBytes / width / blockRows / columns) * columns;
        blockColumns = Math.Min(blockColumns, 32 * columns);
        if (plan.NSize.AsConstant is { } n)
        {
            blockColumns = (int)Math.Min(blockColumns, (n + columns - 1) / columns * columns);
        }

        return new ContractionShape(rows, 2, lanes, blockRows, blockColumns, depth);
    }
}
