using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>
/// Reads and writes tensors; the format follows from the file's name: <c>.npy</c>, <c>.npz</c>, <c>.safetensors</c>, <c>.csv</c>,
/// <c>.pgm .ppm .pnm</c>, <c>.mtx</c> (Matrix Market), <c>.idx</c> and the names of MNIST (<c>train-images-idx3-ubyte</c>).
/// </summary>
/// <remarks>
/// Every field of a header is held against the file's real length before memory is asked for. Writes go to a temporary name in the same folder
/// and are renamed when complete, so a reader never sees half a file.
/// </remarks>
public static partial class TensorFile
{
    private enum Format
    {
        Npy,
        Npz,
        Safetensors,
        Csv,
        Grey,
        Color,
        Picture,
        Idx,
        MatrixMarket,
    }

    /// <summary>Reads one tensor; a sparse one becomes dense. Dispose it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Which tensor of a .npz or .safetensors; may be null when the file has just one.</param>
    /// <exception cref="TensorFileException">The file cannot be read; the message says why and what to do.</exception>
    public static OwnedTensor Read(string path, string? name = null)
    {
        var format = FormatOf(path);
        if (format is Format.Npz or Format.Safetensors)
        {
            return ReadNamed(path, format, name);
        }

        return name is null
            ? Open(path, stream => ReadSingle(stream, path, format))
            : throw new TensorFileException(path, $"it holds one tensor without a name, and '{name}' is asked for", "leave the name out");
    }

    /// <summary>Reads all tensors of a .npz or .safetensors, by name, in the file's order; another format gives one tensor named as the file. Dispose them.</summary>
    /// <exception cref="TensorFileException">The file cannot be read; the message says why and what to do.</exception>
    public static IReadOnlyDictionary<string, OwnedTensor> ReadAll(string path)
    {
        var format = FormatOf(path);
        if (format is Format.Npz or Format.Safetensors && !IsSparse(path))
        {
            return ReadMany(path, format, _ => true)!;
        }

        return new OrderedDictionary<string, OwnedTensor> { [Path.GetFileNameWithoutExtension(path)] = Read(path) };
    }

    /// <summary>Writes one tensor. In a .npz it is named <c>arr_0</c> as numpy.savez does, in a .safetensors <c>tensor</c>.</summary>
    /// <exception cref="TensorFileException">The format cannot hold the tensor, or the file cannot be written.</exception>
    public static void Write(string path, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var format = FormatOf(path);
        switch (format)
        {
            case Format.Npz:
                WriteAll(path, [KeyValuePair.Create("arr_0", tensor)]);
                break;
            case Format.Safetensors:
                WriteAll(path, [KeyValuePair.Create("tensor", tensor)]);
                break;
            default:
                Guard(path, "write", () =>
                {
                    TensorWriter.Replace(path, stream => WriteSingle(stream, tensor, path, format));
                    return true;
                });
                break;
        }
    }

    /// <summary>Writes tensors by name to a .npz or .safetensors.</summary>
    /// <exception cref="TensorFileException">Another format, a tensor that the format cannot hold, a name twice, or the file cannot be written.</exception>
    public static void WriteAll(string path, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        var format = FormatOf(path);
        var list = tensors.ToList();
        if (format is not (Format.Npz or Format.Safetensors))
        {
            throw new TensorFileException(path, "this format holds one tensor without a name", "write .npz or .safetensors");
        }

        var names = new HashSet<string>();
        foreach (var (name, _) in list)
        {
            if (!names.Add(name) || name.Length == 0 || name == "__metadata__")
            {
                throw new TensorFileException(path, $"'{name}' cannot name a tensor here", "give every tensor a name of its own");
            }
        }

        Guard(path, "write", () =>
        {
            TensorWriter.Replace(path, stream =>
            {
                if (format == Format.Npz)
                {
                    Npz.Write(stream, list, path);
                }
                else
                {
                    Safetensors.Write(stream, list);
                }
            });
            return true;
        });
    }

    private static OwnedTensor ReadSingle(FileStream stream, string path, Format format)
    {
        var reader = new TensorReader(stream, path, stream.Length);
        var tensor = format switch
        {
            Format.Npy => Npy.Read(reader),
            Format.Csv => Csv.Read(reader),
            Format.Idx => Idx.Read(reader),
            Format.MatrixMarket => MatrixMarket.ReadDense(reader),
            _ => Netpbm.Read(reader),
        };
        try
        {
            reader.End();
            return tensor;
        }
        catch
        {
            tensor.Dispose();
            throw;
        }
    }

    private static void WriteSingle(Stream stream, Tensor tensor, string path, Format format)
    {
        switch (format)
        {
            case Format.Npy:
                Npy.Write(stream, tensor, path);
                break;
            case Format.Csv:
                Csv.Write(stream, tensor, path);
                break;
            case Format.Idx:
                Idx.Write(stream, tensor, path);
                break;
            case Format.MatrixMarket:
                MatrixMarket.Write(stream, tensor, path);
                break;
            default:
                Netpbm.Write(stream, tensor, path, format == Format.Picture ? null : format == Format.Color);
                break;
        }
    }

    private static OwnedTensor ReadNamed(string path, Format format, string? name)
    {
        // Without a name everything is listed first, and the one tensor read if it is one.
        if (name is null)
        {
            var names = ReadMany(path, format, _ => false).Keys.ToList();
            if (SparseNpz.IsSparse(names))
            {
                using var sparse = ReadSparse(path);
                return sparse.ToDense();
            }

            name = names is [var only]
                ? only
                : throw new TensorFileException(
                    path, names.Count == 0 ? "it holds no tensor" : $"it holds {names.Count} tensors: {Listed(names)}", "say which by its name");
        }

        var all = ReadMany(path, format, n => n == name);
        return all.TryGetValue(name, out var found) && found is not null
            ? found
            : throw new TensorFileException(path, $"it holds no tensor '{name}'", all.Count == 0 ? "it is empty" : $"it has {Listed([.. all.Keys])}");
    }

    private static OrderedDictionary<string, OwnedTensor?> ReadMany(string path, Format format, Func<string, bool> wanted)
    {
        var tensors = new OrderedDictionary<string, OwnedTensor?>();
        try
        {
            return Open(path, stream =>
            {
                if (format == Format.Npz)
                {
                    Npz.Read(stream, path, wanted, Found);
                }
                else
                {
                    Safetensors.Read(stream, path, wanted, Found);
                }

                return tensors;
            });
        }
        catch
        {
            foreach (var tensor in tensors.Values)
            {
                tensor?.Dispose();
            }

            throw;
        }

        void Found(string name, OwnedTensor? tensor)
        {
            if (!tensors.TryAdd(name, tensor))
            {
                tensor?.Dispose();
                throw new TensorFileException(path, $"it holds {name} twice", "the file is damaged; write it again");
            }
        }
    }

    private static string Listed(List<string> names) =>
        string.Join(", ", names.Take(20)) + (names.Count > 20 ? $" and {names.Count - 20} more" : "");

    private static T Open<T>(string path, Func<FileStream, T> read) => Guard(path, "read", () =>
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 16);
        return read(stream);
    });

    private static T Guard<T>(string path, string what, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new TensorFileException(path, what == "read" ? "there is no such file" : "there is no such folder", "check the path", e);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new TensorFileException(path, $"no permission to {what} it", "check its permissions, and that it is not a folder", e);
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or OverflowException or ArgumentException or NotSupportedException)
        {
            throw new TensorFileException(path, $"cannot {what} it: {e.Message}", "the file is damaged or not what its name says", e);
        }
        catch (IOException e)
        {
            throw new TensorFileException(path, $"cannot {what} it: {e.Message}", "check the disk and the path", e);
        }
    }

    private static Format FormatOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        return Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".npy" => Format.Npy,
            ".npz" => Format.Npz,
            ".safetensors" => Format.Safetensors,
            ".csv" => Format.Csv,
            ".pgm" => Format.Grey,
            ".ppm" => Format.Color,
            ".pnm" => Format.Picture,
            ".idx" => Format.Idx,
            ".mtx" => Format.MatrixMarket,
            _ when IsMnistName(Path.GetFileName(path)) => Format.Idx,
            var other => throw new TensorFileException(
                path, other.Length == 0 ? "its name has no ending" : $"'{other}' is not a known ending",
                "use .npy, .npz, .safetensors, .csv, .mtx, .pgm, .ppm, .pnm or .idx"),
        };
    }

    /// <summary><c>train-images-idx3-ubyte</c>, <c>t10k-labels.idx1-ubyte</c>.</summary>
    private static bool IsMnistName(string name)
    {
        var at = name.LastIndexOf("idx", StringComparison.OrdinalIgnoreCase);
        return at > 0 && name[at - 1] is '-' or '.' && at + 3 < name.Length && char.IsAsciiDigit(name[at + 3]);
    }
}
