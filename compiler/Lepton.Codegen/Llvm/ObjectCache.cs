using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Lepton.Codegen.Llvm;

/// <summary>
/// A folder of object code, each file named by what it was made from:
/// SHA-256(our version, LLVM's version, target, IR text). It only ever saves time: whatever goes wrong with the disk, compiling goes on.
/// </summary>
/// <remarks>
/// A file is a header of 48 bytes (magic, length, SHA-256 of the code) and the code. It is written beside its place and renamed into it,
/// so readers see all or nothing; what does not check is deleted and made again. Trimmed by time of last use when it outgrows its bound.
/// </remarks>
public sealed class ObjectCache
{
    public const long DefaultBound = 512L << 20;

    private const string Ending = ".lepobj";
    private const int HeaderSize = 48;
    private static readonly byte[] Magic = "LEPOBJ01"u8.ToArray();

    private readonly string _folder;
    private readonly long _bound;
    private readonly string _versions;
    private long _writtenSinceTrim;

    /// <param name="bound">Bytes that the folder may hold.</param>
    public ObjectCache(string folder, long bound = DefaultBound)
    {
        _folder = folder;
        _bound = bound;
        _writtenSinceTrim = bound; // so the first write of a process trims what others left
        _versions = $"{typeof(ObjectCache).Assembly.ManifestModule.ModuleVersionId} {LlvmLibrary.Load().Version}";
    }

    public string Folder => _folder;

    /// <summary>The user's cache: LEPTON_CACHE, or lepton in XDG_CACHE_HOME or ~/.cache. Null when there is no such place, or LEPTON_CACHE is "off".</summary>
    public static ObjectCache? OfUser()
    {
        if (Environment.GetEnvironmentVariable("LEPTON_CACHE") is { Length: > 0 } chosen)
        {
            return chosen == "off" ? null : new ObjectCache(chosen);
        }

        if (Environment.GetEnvironmentVariable("XDG_CACHE_HOME") is { Length: > 0 } xdg && Path.IsPathRooted(xdg))
        {
            return new ObjectCache(Path.Combine(xdg, "lepton"));
        }

        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return home.Length == 0 ? null : new ObjectCache(Path.Combine(home, ".cache", "lepton"));
    }

    /// <summary>The code made from this text for this target, or null.</summary>
    public byte[]? Find(string ir, CpuTarget target)
    {
        var path = PathOf(ir, target);
        try
        {
            if (!File.Exists(path))
            {
                return null;
            }

            var file = File.ReadAllBytes(path);
            if (Check(file) is { } code)
            {
                Touch(path);
                return code;
            }

            File.Delete(path);
        }
        catch (Exception e) when (IsDisk(e))
        {
            // Unreadable is the same as absent.
        }

        return null;
    }

    /// <summary>Keeps the code; does nothing when the disk does not let us.</summary>
    public void Add(string ir, CpuTarget target, ReadOnlySpan<byte> code)
    {
        var header = new byte[HeaderSize];
        Magic.CopyTo(header, 0);
        BinaryPrimitives.WriteInt64LittleEndian(header.AsSpan(8), code.Length);
        SHA256.HashData(code, header.AsSpan(16));
        string? temporary = null;
        try
        {
            Directory.CreateDirectory(_folder);
            var path = PathOf(ir, target);
            temporary = $"{path}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp";
            using (var file = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                file.Write(header);
                file.Write(code);
            }

            File.Move(temporary, path, overwrite: true);
            if (Interlocked.Add(ref _writtenSinceTrim, header.Length + code.Length) > _bound / 16)
            {
                Interlocked.Exchange(ref _writtenSinceTrim, 0);
                Trim();
            }
        }
        catch (Exception e) when (IsDisk(e))
        {
            TryDelete(temporary);
        }
    }

    private static byte[]? Check(byte[] file)
    {
        if (file.Length < HeaderSize
            || !file.AsSpan(0, 8).SequenceEqual(Magic)
            || BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(8)) != file.Length - HeaderSize)
        {
            return null;
        }

        var code = file.AsSpan(HeaderSize);
        return SHA256.HashData(code).AsSpan().SequenceEqual(file.AsSpan(16, 32)) ? code.ToArray() : null;
    }

    private static bool IsDisk(Exception e) => e is IOException or UnauthorizedAccessException or NotSupportedException or System.Security.SecurityException;

    private static void Touch(string path)
    {
        try
        {
            File.SetLastWriteTimeUtc(path, DateTime.UtcNow);
        }
        catch (Exception e) when (IsDisk(e))
        {
            // A cache shared read-only is used as it is.
        }
    }

    private static void TryDelete(string? path)
    {
        try
        {
            if (path is not null)
            {
                File.Delete(path);
            }
        }
        catch (Exception e) when (IsDisk(e))
        {
            // Left for the next trim.
        }
    }

    private string PathOf(string ir, CpuTarget target)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{_versions}\n{target}\n"));
        hash.AppendData(Encoding.UTF8.GetBytes(ir));
        return Path.Combine(_folder, Convert.ToHexStringLower(hash.GetHashAndReset()) + Ending);
    }

    // Oldest use first, down to three quarters of the bound; temporary files of crashed writers go after a day.
    private void Trim()
    {
        var files = new DirectoryInfo(_folder).GetFiles();
        foreach (var stale in files.Where(f => f.Extension == ".tmp" && f.LastWriteTimeUtc < DateTime.UtcNow.AddDays(-1)))
        {
            TryDelete(stale.FullName);
        }

        var kept = files.Where(f => f.Extension == Ending).OrderBy(f => f.LastWriteTimeUtc).ToList();
        var total = kept.Sum(f => f.Length);
        if (total <= _bound)
        {
            return;
        }

        foreach (var file in kept)
        {
            if (total <= _bound / 4 * 3)
            {
                break;
            }

            total -= file.Length;
            TryDelete(file.FullName);
        }
    }
}
