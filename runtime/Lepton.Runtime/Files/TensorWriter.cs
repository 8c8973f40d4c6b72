using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>Writing without half-written files: to a temporary name in the same folder, then renamed.</summary>
internal static class TensorWriter
{
    private const int Block = 1 << 22;

    internal static void Replace(string path, Action<Stream> write)
    {
        var full = Path.GetFullPath(path);
        var temporary = Path.Combine(Path.GetDirectoryName(full) ?? ".", $".{Path.GetFileName(full)}.{Guid.NewGuid():N}.tmp");
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, 1 << 16))
            {
                write(stream);
            }

            File.Move(temporary, full, overwrite: true);
        }
        catch
        {
            TryDelete(temporary);
            throw;
        }
    }

    /// <summary>The elements' bytes in little-endian order.</summary>
    internal static unsafe void Data(Stream stream, Tensor tensor)
    {
        using var pin = tensor.Pin();
        for (long at = 0; at < tensor.ByteLength; at += Block)
        {
            stream.Write(new ReadOnlySpan<byte>((byte*)pin.Pointer + at, (int)Math.Min(Block, tensor.ByteLength - at)));
        }
    }

    private static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The first failure is the one worth telling.
        }
    }
}
