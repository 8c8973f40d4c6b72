namespace Lepton.Kernels;

/// <summary>
/// Offsets of buffers of known sizes in one block: the largest first, each into the smallest gap that is free for all of its life.
/// <code>
/// offset ▲  ┌───────┐ ┌──┐      placed: what lives at the same time lies apart,
///        │  │   b   │ │ c│      the rest may lie in the same place
///        │  ├───┬───┘ └──┘
///        │  │ a │  ┌──────┐
///        └──┴───┴──┴──────┴─▶ statements
/// </code>
/// </summary>
public static class ArenaOffsets
{
    // Each buffer is compared with all that were placed before.
    public const int MaxBuffers = 4096;

    private const long Alignment = 64;

    /// <param name="Bytes">Its size.</param>
    /// <param name="First">When it is first named.</param>
    /// <param name="Last">When it is last named.</param>
    public readonly record struct Life(long Bytes, int First, int Last);

    /// <summary>An offset for each buffer, and the size of the block.</summary>
    public static (long[] Offsets, long Size) Place(IReadOnlyList<Life> buffers)
    {
        var offsets = new long[buffers.Count];
        var placed = new List<int>();
        long size = 0;
        foreach (var i in Enumerable.Range(0, buffers.Count).OrderByDescending(b => buffers[b].Bytes).ThenBy(b => buffers[b].First))
        {
            offsets[i] = BestGap(buffers, offsets, placed, buffers[i]);
            placed.Add(i);
            size = Math.Max(size, offsets[i] + Rounded(buffers[i].Bytes));
        }

        return (offsets, size);
    }

    // Nothing at all has a place of its own too.
    private static long Rounded(long bytes) => (Math.Max(bytes, 1) + Alignment - 1) & -Alignment;

    private static long BestGap(IReadOnlyList<Life> buffers, long[] offsets, List<int> placed, Life life)
    {
        var (best, bestGap, free) = (-1L, long.MaxValue, 0L);
        foreach (var other in placed.Where(p => buffers[p].First <= life.Last && buffers[p].Last >= life.First).OrderBy(p => offsets[p]))
        {
            var gap = offsets[other] - free;
            if (gap >= Rounded(life.Bytes) && gap < bestGap)
            {
                (best, bestGap) = (free, gap);
            }

            free = Math.Max(free, offsets[other] + Rounded(buffers[other].Bytes));
        }

        return best >= 0 ? best : free;
    }
}
