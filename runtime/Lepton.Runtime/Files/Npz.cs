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
            found(name, wanted(name) ? ReadEntry(entry, stream.Length, $"{file}({entry.FullName})", Npy.Read) : null);
        }
    }

    internal static void Write(Stream stream, IEnumerable<KeyValuePair<string, Tensor>> tensors, string file) =>
        Write(stream, tensors.Select(t => (t.Key, (Action<Stream>)(to => Npy.Write(to, t.Value, file)))), CompressionLevel.NoCompression);

    /// <summary>Entries by name, each with what writes it.</summary>
    internal static void Write(Stream stream, IEnumerable<(string Name, Action<Stream> Write)> entries, CompressionLevel level)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var (name, write) in entries)
        {
            var entry = zip.CreateEntry(name + ".npy", level);
            entry.LastWriteTime = Epoch;
            using var target = entry.Open();
            write(target);
        }
    }

    /// <summary>The text that an entry holds.</summary>
    internal static string ReadText(FileStream stream, string file, string name)
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Read, leaveOpen: true);
        var entry = zip.GetEntry(name + ".npy") ?? throw new TensorFileException(file, $"it holds no {name}", "write it with scipy.sparse.save_npz");
        return ReadEntry(entry, stream.Length, $"{file}({entry.FullName})", Npy.ReadText);
    }

    private static T ReadEntry<T>(ZipArchiveEntry entry, long fileLength, string file, Func<TensorReader, T> read)
    {
        if (entry.CompressedLength < 0 || entry.CompressedLength > fileLength || entry.Length < 0 || entry.Length / MaxRatio > entry.CompressedLength)
        {
            throw new TensorFileException(
                file, $"it claims {entry.Length} bytes, packed into {entry.CompressedLength}, in a file of {fileLength}", "the archive is damaged");
        }

        using var stream = entry.Open();
        var reader = new TensorReader(stream, file, entry.Length) { WithCrc = true };
        var value = read(reader);
        try
        {
            reader.End();
            return reader.Crc == entry.Crc32 ? value : throw reader.Bad("its checksum (CRC-32) is wrong", "the archive is damaged; fetch or write it again");
        }
        catch
        {
            (value as IDisposable)?.Dispose();
            throw;
        }
    }
}
