using System.IO.Compression;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>NumPy's .npz: a zip archive of .npy files, stored or deflated.</summary>
internal static class Npz
{
    /// <summary>Deflate cannot shrink by more than this: 258 bytes from 2 bits.</summary>
    private const long MaxRatio = 1032;

    /// <summary>Earliest time that zip can say; the same bytes for the same tensors.</summary>
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>The tensors whose names pass the filter.</summary>
    internal static void Read(FileStream stream, string file, Func<string, bool> wanted, Action<string, OwnedTensor?> found)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        foreach (var entry in zip.Entries)
        {
            if (!entry.FullName.EndsWith(".npy", StringComparison.Ordinal))
            {
                throw new TensorFileException(file, $"its entry {entry.FullName} is not a .npy", "make the archive with numpy.savez");
            }

            var name = entry.FullName[..^4];
            found(name, wanted(name) ? ReadEntry(entry, stream.Length, $"{file}({entry.FullName})") : null);
        }
    }

    internal static void Write(Stream stream, IEnumerable<KeyValuePair<string, Tensor>> tensors, string file)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var (name, tensor) in tensors)
        {
            var entry = zip.CreateEntry(name + ".npy", CompressionLevel.NoCompression);
            entry.LastWriteTime = Epoch;
            using var target = entry.Open();
            Npy.Write(target, tensor, file);
        }
    }

    private static OwnedTensor ReadEntry(ZipArchiveEntry entry, long fileLength, string file)
    {
        if (entry.CompressedLength < 0 || entry.CompressedLength > fileLength || entry.Length < 0 || entry.Length / MaxRatio > entry.CompressedLength)
        {
            throw new TensorFileException(
                file, $"it claims {entry.Length} bytes, packed into {entry.CompressedLength}, in a file of {fileLength}", "the archive is damaged");
        }

        using var stream = entry.Open();
        var reader = new TensorReader(stream, file, entry.Length) { WithCrc = true };
        var tensor = Npy.Read(reader);
        try
        {
            reader.End();
            return reader.Crc == entry.Crc32 ? tensor : throw reader.Bad("its checksum (CRC-32) is wrong", "the archive is damaged; fetch or write it again");
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }
}
