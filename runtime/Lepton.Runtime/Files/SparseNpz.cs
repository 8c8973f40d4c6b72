using System.IO.Compression;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>
/// Sparse matrices as scipy.sparse.save_npz writes them: a .npz with the entries <c>format</c> (csr, csc, bsr, coo), <c>shape</c>, <c>data</c>
/// and <c>indptr indices</c> or <c>row col</c>. Indices need no order there and may stand twice, which means the sum.
/// </summary>
internal static class SparseNpz
{
    internal static bool IsSparse(IEnumerable<string> names) => names.ToHashSet() is var all && all.Contains("format") && all.Contains("shape") && all.Contains("data");

    internal static OwnedSparseTensor Read(FileStream stream, string file)
    {
        var kind = Npz.ReadText(stream, file, "format");
        string[] indices = kind switch
        {
            "csr" or "csc" or "bsr" => ["indptr", "indices"],
            "coo" => ["row", "col"],
            _ => throw new TensorFileException(file, $"it holds a matrix in the format '{kind}'", "save m.tocsr()"),
        };
        var parts = new Dictionary<string, OwnedTensor>();
        try
        {
            Npz.Read(stream, file, name => name is "shape" or "data" || indices.Contains(name), (name, tensor) =>
            {
                if (tensor is not null && !parts.TryAdd(name, tensor))
                {
                    tensor.Dispose();
                    throw new TensorFileException(file, $"it holds {name} twice", "the file is damaged; write it again");
                }
            });
            foreach (var name in indices.Concat(["shape", "data"]))
            {
                if (!parts.ContainsKey(name))
                {
                    throw new TensorFileException(file, $"it holds no {name}", "write it with scipy.sparse.save_npz");
                }
            }

            return Assemble(kind, Shape(parts["shape"], file), Index(parts, indices, file), parts, indices, file);
        }
        finally
        {
            // Those that the result took over are no longer here.
            foreach (var part in parts.Values)
            {
                part.Dispose();
            }
        }
    }

    internal static void Write(Stream stream, SparseTensor tensor, string file, CompressionLevel level)
    {
        var known = Kind(tensor.Format);
        if (known is null)
        {
            using var csr = tensor.ConvertTo(TensorFormat.Csr with { Index = tensor.Format.Index });
            Write(stream, csr, file, level);
            return;
        }

        (string Name, Tensor Tensor)[] indices = known == "coo"
            ? [("row", tensor.Coordinates(0)), ("col", tensor.Coordinates(1))]
            : [("indices", tensor.Coordinates(1)), ("indptr", tensor.Positions(1))];
        using var data = Data(tensor, known);
        var values = data;
        Npz.Write(
            stream,
            [
                .. indices.Select(i => (i.Name, (Action<Stream>)(to => Npy.Write(to, i.Tensor, file)))),
                ("format", to => Npy.WriteText(to, known)),
                ("shape", to => Npy.Write(to, Tensor.From(tensor.Shape.ToArray()), file)),
                ("data", to => Npy.Write(to, values, file)),
            ],
            level);
    }

    private static string? Kind(TensorFormat format)
    {
        var levels = format.Levels;
        return levels == TensorFormat.Csr.Levels ? "csr"
            : levels == TensorFormat.Csc.Levels ? "csc"
            : levels == TensorFormat.Coo(2).Levels ? "coo"
            : levels.Count == 4 && levels == TensorFormat.Bsr(levels[0].Block, levels[1].Block).Levels ? "bsr"
            : null;
    }

    // SciPy's blocks are an array of three axes: [block, row, column].
    private static OwnedTensor Data(SparseTensor tensor, string kind)
    {
        if (kind != "bsr")
        {
            return tensor.Values.ConvertTo(tensor.Element);
        }

        var (rows, columns) = (tensor.Format.Levels[0].Block, tensor.Format.Levels[1].Block);
        return tensor.Values.Reshaped(tensor.Count(1), rows, columns);
    }

    private static OwnedSparseTensor Assemble(
        string kind, long[] shape, ElementType index, Dictionary<string, OwnedTensor> parts, string[] indices, string file)
    {
        var data = parts["data"];
        if (data.Rank != (kind == "bsr" ? 3 : 1))
        {
            throw new TensorFileException(file, $"its data has shape {TensorShape.Text(data.Shape)}", $"a matrix in the format {kind} has data of {(kind == "bsr" ? "three axes" : "one axis")}");
        }

        var format = (kind switch
        {
            "csr" => TensorFormat.Csr,
            "csc" => TensorFormat.Csc,
            "coo" => TensorFormat.Coo(2),
            _ => TensorFormat.Bsr(Math.Max(data.Shape[1], 1), Math.Max(data.Shape[2], 1)),
        }) with { Index = index };
        var arrays = indices.Select(name => parts[name].ConvertTo(index)).ToList();
        try
        {
            if (kind == "coo")
            {
                var ends = Tensor.Allocate(ElementType.I64, 2);
                ends.AsSpan<long>()[1] = arrays[0].Length;
                using (ends)
                {
                    arrays.Insert(0, ends.ConvertTo(index));
                }
            }

            arrays.Add(data.Reshaped(data.Length));
            return Canonical(new OwnedSparseTensor(format, shape, [.. arrays]));
        }
        catch
        {
            arrays.ForEach(a => a.Dispose());
            throw;
        }
    }

    // Ordered and without repetition, as every format here demands.
    private static OwnedSparseTensor Canonical(OwnedSparseTensor tensor)
    {
        SparseCheck.Run(tensor, order: false);
        try
        {
            SparseCheck.Run(tensor);
            return tensor;
        }
        catch (ArgumentException)
        {
            using (tensor)
            {
                using var entries = SparseEntries.Of(tensor);
                entries.SortFor(tensor.Format);
                entries.AddDuplicates();
                return SparseBuilder.Build(entries, tensor.Format);
            }
        }
    }

    private static long[] Shape(OwnedTensor shape, string file)
    {
        if (shape.Rank != 1 || shape.Length != 2 || !shape.Element.IsInteger())
        {
            throw new TensorFileException(file, $"its shape is {shape}, and a matrix has two sizes", "write it with scipy.sparse.save_npz");
        }

        using var wide = shape.ConvertTo(ElementType.I64);
        return wide.AsSpan<long>().ToArray();
    }

    private static ElementType Index(Dictionary<string, OwnedTensor> parts, string[] indices, string file)
    {
        foreach (var name in indices)
        {
            if (!parts[name].Element.IsInteger())
            {
                throw new TensorFileException(file, $"its {name} is {parts[name].Element.Name()}, and indices are integers", "write it with scipy.sparse.save_npz");
            }
        }

        return indices.Any(name => parts[name].Element == ElementType.I64) ? ElementType.I64 : ElementType.I32;
    }
}
