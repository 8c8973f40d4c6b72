using System.Runtime.InteropServices;

namespace Lepton.Runtime.Memory;

/// <summary>
/// Native memory whose large blocks lie on pages of 2 MiB where the system has them and gives them to those that ask, as Linux does
/// (<c>madvise(2)</c>, MADV_HUGEPAGE): one page fault and one entry of the processor's translation buffers where there would be 512.
/// </summary>
internal static unsafe partial class LargePages
{
    private const long Size = 2 << 20;
    private const int Advice = 14;

    /// <summary>Not cleared. Freed with <see cref="NativeMemory.AlignedFree"/>.</summary>
    /// <param name="bytes">At least 1.</param>
    /// <param name="alignment">In bytes, a power of two.</param>
    /// <exception cref="OutOfMemoryException">No memory of that size.</exception>
    internal static void* Allocate(long bytes, int alignment)
    {
        if (bytes < Size || !OperatingSystem.IsLinux())
        {
            return NativeMemory.AlignedAlloc((nuint)bytes, (nuint)alignment);
        }

        // What is behind the last whole page stays on small ones: asking for more than is used would cost memory.
        var start = NativeMemory.AlignedAlloc((nuint)bytes, (nuint)Size);
        _ = Advise(start, (nuint)(bytes & -Size), Advice);
        return start;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint bytes, int advice);
}
