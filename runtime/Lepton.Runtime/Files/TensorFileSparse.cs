using System.IO.Compression;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>Sparse tensors in files: <c>.npz</c> as scipy.sparse.save_npz writes it, Matrix Market's <c>.mtx</c>, and dense files.</summary>
public static partial class TensorFile
{
    /// <summary>Whether the file is a .npz that scipy.sparse.save_npz wrote, or a .mtx.</summary>
    /// <exception cref="TensorFileException">The file cannot be read.</exception>
    public static bool IsSparse(string path) => FormatOf(path) switch
    {
        Format.Npz => SparseNpz.IsSparse(ReadMany(path, Format.Npz, _ => false).Keys),
        Format.MatrixMarket => true,
        _ => false,
    };

    /// <summary>
    /// Reads one tensor as a sparse one. Entries may stand in any order in the file; those that stand there several times are added. Dispose it.
    /// </summary>
    /// <param name="path">The file: .npz of SciPy, .mtx, or any that <see cref="Read"/> reads.</param>
    /// <param name="format">How to store it; null: as the file does, what has no order of levels (.mtx and dense files) as coo.</param>
    /// <exception cref="TensorFileException">The file cannot be read; the message says why and what to do.</exception>
    public static OwnedSparseTensor ReadSparse(string path, TensorFormat? format = null)
    {
        if (!IsSparse(path))
        {
            using var dense = Read(path);
            return Guard(path, "read", () => SparseTensor.From(dense, format ?? TensorFormat.Coo(dense.Rank)));
        }

        var tensor = Open(path, stream => FormatOf(path) == Format.Npz
            ? SparseNpz.Read(stream, path)
            : MatrixMarket.ReadSparse(new TensorReader(stream, path, stream.Length)));
        if (format is null || (format == tensor.Format && tensor.Format.Index == format.Index))
        {
            return tensor;
        }

        using (tensor)
        {
            return Guard(path, "read", () => tensor.ConvertTo(format));
        }
    }

    /// <summary>
    /// Writes a sparse tensor: to .npz as scipy.sparse.save_npz does (csr, csc, coo and bsr as they are, other formats of matrices as csr), to
    /// .mtx as a list of entries, to other files as a dense one.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="tensor">What to write.</param>
    /// <param name="compress">Whether a .npz is deflated.</param>
    /// <exception cref="TensorFileException">The format cannot hold the tensor, or the file cannot be written.</exception>
    public static void Write(string path, SparseTensor tensor, bool compress = false)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        var format = FormatOf(path);
        if (format is not (Format.Npz or Format.MatrixMarket))
        {
            using var dense = tensor.ToDense();
            Write(path, dense);
            return;
        }

        if (tensor.Rank != 2 || tensor.Fill != Scalar.Of(tensor.Element, 0))
        {
            var problem = tensor.Rank != 2 ? $"it holds matrices, and the tensor has shape {TensorShape.Text(tensor.Shape)}" : $"what is not stored is 0 there, and {tensor.Fill} in the tensor";
            throw new TensorFileException(path, problem, "write the dense tensor as .npy");
        }

        Guard(path, "write", () =>
        {
            TensorWriter.Replace(path, stream =>
            {
                if (format == Format.Npz)
                {
                    SparseNpz.Write(stream, tensor, path, compress ? CompressionLevel.Optimal : CompressionLevel.NoCompression);
                }
                else
                {
                    MatrixMarket.Write(stream, tensor);
                }
            });
            return true;
        });
    }
}
