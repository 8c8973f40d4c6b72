namespace Lepton.Runtime.OpenCl;

/// <summary>
/// Memory of a device that runs are handed by addresses: pieces that stay between runs, each known by a range of addresses that means nothing else.
/// <code>
///   address of a tensor ── last range that starts at or before it ──▶ buffer, offset
/// </code>
/// </summary>
internal sealed class ResidentMemory
{
    private readonly Lock _gate = new();
    private readonly SortedList<nint, ClBuffer> _ranges = [];

    internal void Add(nint address, ClBuffer buffer)
    {
        lock (_gate)
        {
            _ranges.Add(address, buffer);
        }
    }

    internal void Remove(nint address)
    {
        lock (_gate)
        {
            _ranges.Remove(address);
        }
    }

    /// <summary>Where the bytes at an address are; null: in the process.</summary>
    internal Location? Find(nint address)
    {
        lock (_gate)
        {
            // The first range that starts behind it.
            var (low, high) = (0, _ranges.Count);
            while (low < high)
            {
                var middle = (low + high) / 2;
                (low, high) = _ranges.GetKeyAtIndex(middle) <= address ? (middle + 1, high) : (low, middle);
            }

            if (low == 0)
            {
                return null;
            }

            var (start, buffer) = (_ranges.GetKeyAtIndex(low - 1), _ranges.GetValueAtIndex(low - 1));
            return address - start < buffer.Bytes ? new Location(buffer.Id, address - start, 0) : null;
        }
    }
}
