using System.Globalization;
using Lepton.Runtime.Memory;

namespace Lepton.Tests.Runtime;

/// <summary>Large blocks ask for large pages, small ones do not.</summary>
public unsafe class LargePagesTests
{
    private const long Page = 2 << 20;

    [Theory]
    [InlineData(64, false)]
    [InlineData(Page - 64, false)]
    [InlineData(Page, true)]
    [InlineData((5 * Page) + 4160, true)]
    public void A_block_is_whole_and_asks_for_large_pages_from_2_MiB(long bytes, bool isLarge)
    {
        using var memory = new AlignedMemory(bytes, zeroed: true);
        var span = new Span<byte>(memory.Pointer, (int)memory.Bytes);
        Assert.False(span.ContainsAnyExcept((byte)0));
        span.Fill(7);
        Assert.Equal(0, (nint)memory.Pointer % (isLarge ? (nint)Page : AlignedMemory.Alignment));
        if (isLarge && Directory.Exists("/sys/kernel/mm/transparent_hugepage"))
        {
            Assert.Contains(" hg", Flags((nint)memory.Pointer));
            Assert.Contains(" hg", Flags((nint)(memory.Pointer + (bytes & -Page) - 1)));
        }
    }

    // The flags of the mapping that an address is in: a line behind its first, as in "VmFlags: rd wr mr mw me ac hg".
    private static string Flags(nint address)
    {
        var isThere = false;
        foreach (var line in File.ReadLines("/proc/self/smaps"))
        {
            var ends = line.Split(' ')[0].Split('-');
            if (ends.Length == 2 && Parse(ends[0]) is { } from && Parse(ends[1]) is { } to)
            {
                isThere = from <= address && address < to;
            }
            else if (isThere && line.StartsWith("VmFlags:", StringComparison.Ordinal))
            {
                return line;
            }
        }

        return "";
    }

    private static nint? Parse(string hex) => nint.TryParse(hex, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var value) ? value : null;
}
