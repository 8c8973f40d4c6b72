using System.Runtime.InteropServices;
using Lepton.Tests.Support.Guard;

namespace Lepton.Tests.Fuzz;

/// <summary>That pages around guarded memory may not be touched: the system refuses to read there for us, which ends no process.</summary>
public sealed unsafe class GuardedPagesTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(16383)]
    [InlineData(16384)]
    [InlineData(16388)]
    public void Bytes_lie_between_pages_that_may_not_be_touched(long bytes)
    {
        if (!GuardedPages.IsSupported)
        {
            return;
        }

        using var pages = new GuardedPages([GuardedPages.Rounded(bytes), 0, GuardedPages.Rounded(bytes)]);
        foreach (var range in (int[])[0, 2])
        {
            var first = pages.Place(range, bytes, atEnd: false);
            var last = pages.Place(range, bytes, atEnd: true);
            Assert.True(CanRead(first) && CanRead(first + bytes - 1) && CanRead(last) && CanRead(last + bytes - 1));
            Assert.False(CanRead(first - 1));
            Assert.False(CanRead(last + bytes));
        }

        Assert.False(CanRead(pages.Place(1, 0, atEnd: false)));
    }

    // A write to a pipe or file reads our memory, and fails where there is none.
    private static bool CanRead(byte* address)
    {
        using var file = new FileStream(Path.GetTempFileName(), new FileStreamOptions { Access = FileAccess.ReadWrite, Mode = FileMode.Create, Options = FileOptions.DeleteOnClose });
        return Write(file.SafeFileHandle.DangerousGetHandle(), address, 1) == 1;
    }

    [DllImport("libc", EntryPoint = "write", SetLastError = true)]
    private static extern nint Write(nint file, byte* from, nuint bytes);
}
