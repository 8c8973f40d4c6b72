using System.Runtime.InteropServices;

namespace Lepton.Tests.Support.Guard;

/// <summary>
/// Memory whose ranges lie between pages that may not be touched: a read or write outside of them ends the process.
/// <code>
/// no access | range 0, whole pages | no access | range 1 | no access …
/// </code>
/// </summary>
internal sealed unsafe class GuardedPages : IDisposable
{
    /// <summary>A multiple of the system's page, so that machines with larger ones are served too.</summary>
    public const long Page = 16384;

    // What nobody has written is not mistaken for a number that somebody has: -391.5 as f32.
    private const byte Rubbish = 0xC3;

    private const int ReadWrite = 3;
    private const int PrivateAnonymous = 0x22;

    private readonly byte* _start;
    private readonly long _bytes;

    /// <param name="ranges">Bytes of each range, multiples of <see cref="Page"/>; 0: two forbidden pages side by side.</param>
    public GuardedPages(IReadOnlyList<long> ranges)
    {
        _bytes = Page + ranges.Sum(r => r + Page);
        _start = (byte*)Map(0, (nuint)_bytes, 0, PrivateAnonymous, -1, 0);
        if (_start == (byte*)-1)
        {
            throw new InvalidOperationException($"no {_bytes} bytes of address space");
        }

        var starts = new byte*[ranges.Count];
        var at = _start + Page;
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = at;
            if (ranges[i] > 0 && Protect(at, (nuint)ranges[i], ReadWrite) != 0)
            {
                throw new InvalidOperationException("mprotect refuses");
            }

            NativeMemory.Fill(at, (nuint)ranges[i], Rubbish);
            at += ranges[i] + Page;
        }

        _starts = starts;
    }

    private readonly byte*[] _starts;

    /// <summary>Whether this machine can do it.</summary>
    public static bool IsSupported => OperatingSystem.IsLinux();

    public static long Rounded(long bytes) => (bytes + Page - 1) / Page * Page;

    /// <summary>Where bytes lie in a range: at its start, or so that they end with it.</summary>
    public byte* Place(int range, long bytes, bool atEnd) => _starts[range] + (atEnd ? Rounded(bytes) - bytes : 0);

    public void Dispose() => _ = Unmap(_start, (nuint)_bytes);

    [DllImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static extern nint Map(nint address, nuint bytes, int protection, int flags, int file, nint offset);

    [DllImport("libc", EntryPoint = "mprotect", SetLastError = true)]
    private static extern int Protect(byte* address, nuint bytes, int protection);

    [DllImport("libc", EntryPoint = "munmap", SetLastError = true)]
    private static extern int Unmap(byte* address, nuint bytes);
}
