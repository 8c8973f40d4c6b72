using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Runtime;

/// <summary>Sparse matrices in SciPy's .npz and Matrix Market's .mtx.</summary>
public sealed class SparseFileTests
{
    // Written by scipy.sparse.save_npz, compressed. f32[3, 4]: rows 0: empty; 1: 9 in column 2, 7 in 0; 2: 5 in 1, 1 in 3, 2 in 3.
    private const string SciPyCsr =
        "UEsDBBQAAAAIAAAAIQBh8YrtTQAAAJQAAAALABQAaW5kaWNlcy5ucHkBABAAlAAAAAAAAABNAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaKuo6Cell9UUpSYF5"
        + "9flJIKEndLzClOBYoXZyQWpAL5GqY6mjoKtQoUAC4mBghgBGJmKAYAUEsDBBQAAAAIAAAAIQBNZ9BqTAAAAJAAAAAKABQAaW5kcHRyLm5weQEAEACQAAAAAAAAAEwAAAAA"
        + "AAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaJjqaOgq1ChQALgYoYAJiViAGAFBLAwQUAAAACAAAACEAo8N0l0"
        + "UAAACDAAAACgAUAGZvcm1hdC5ucHkBABAAgwAAAAAAAABFAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF4TbKyuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5"
        + "Gpo6CrUKFAGu5OIiAFBLAwQUAAAACAAAACEA6NDTqEoAAACQAAAACQAUAHNoYXBlLm5weQEAEACQAAAAAAAAAEoAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa"
        + "6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQALmYGCGCB0gBQSwMEFAAAAAgAAAAhAFLj5NBXAAAAlAAAAAgAFABkYXRhLm5weQEAEACUAAAAAAAA"
        + "AFcAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNmoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkapjqaOgq1ChQALgYGAUcGhgcODAwLgLjBnoGBwQEAUE"
        + "sBAhQDFAAAAAgAAAAhAGHxiu1NAAAAlAAAAAsAAAAAAAAAAAAAAIABAAAAAGluZGljZXMubnB5UEsBAhQDFAAAAAgAAAAhAE1n0GpMAAAAkAAAAAoAAAAAAAAAAAAAAIAB"
        + "igAAAGluZHB0ci5ucHlQSwECFAMUAAAACAAAACEAo8N0l0UAAACDAAAACgAAAAAAAAAAAAAAgAESAQAAZm9ybWF0Lm5weVBLAQIUAxQAAAAIAAAAIQDo0NOoSgAAAJAAAA"
        + "AJAAAAAAAAAAAAAACAAZMBAABzaGFwZS5ucHlQSwECFAMUAAAACAAAACEAUuPk0FcAAACUAAAACAAAAAAAAAAAAAAAgAEYAgAAZGF0YS5ucHlQSwUGAAAAAAUABQAWAQAA"
        + "qQIAAAAA";

    // i16[2, 4] in blocks of 2 × 2: [1 2 0 0; 3 0 0 0].
    private const string SciPyBsr =
        "UEsDBBQAAAAIAAAAIQDEf673RwAAAIQAAAALABQAaW5kaWNlcy5ucHkBABAAhAAAAAAAAABHAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loG6TaaKuo6Cell9UUpSYF5"
        + "9flJIKEndLzClOBYoXZyQWpAL5GoY6mjoKtQoUAC4GIAAAUEsDBBQAAAAIAAAAIQB7VrXzSQAAAIgAAAAKABQAaW5kcHRyLm5weQEAEACIAAAAAAAAAEkAAAAAAAAAm+wX"
        + "6hsQychQxlCtnpJanFykbqWgbpNpoq6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQALgYgYARiAFBLAwQUAAAACAAAACEAlKm2lkUAAACDAAAACg"
        + "AUAGZvcm1hdC5ucHkBABAAgwAAAAAAAABFAAAAAAAAAJvsF+obEMnIUMZQrZ6SWpxcpG6loF4TbKyuo6Cell9UUpSYF59flJIKEndLzClOBYoXZyQWpAL5Gpo6CrUKFAGu"
        + "pOIiAFBLAwQUAAAACAAAACEAeUG7BkoAAACQAAAACQAUAHNoYXBlLm5weQEAEACQAAAAAAAAAEoAAAAAAAAAm+wX6hsQychQxlCtnpJanFykbqWgbpNpoa6joJ6WX1RSlJ"
        + "gXn1+UkgoSd0vMKU4FihdnJBakAvkaRjqaOgq1ChQALiYGCGCB0gBQSwMEFAAAAAgAAAAhACF3OOJQAAAAiAAAAAgAFABkYXRhLm5weQEAEACIAAAAAAAAAFAAAAAAAAAA"
        + "m+wX6hsQychQxlCtnpJanFykbqWgbpNppK6joJ6WX1RSlJgXn1+UkgoSd0vMKU4FihdnJBakAvkahjoKRkCkqaNQq0Ae4GJkYGJgZmBgAABQSwECFAMUAAAACAAAACEAxH"
        + "+u90cAAACEAAAACwAAAAAAAAAAAAAAgAEAAAAAaW5kaWNlcy5ucHlQSwECFAMUAAAACAAAACEAe1a180kAAACIAAAACgAAAAAAAAAAAAAAgAGEAAAAaW5kcHRyLm5weVBL"
        + "AQIUAxQAAAAIAAAAIQCUqbaWRQAAAIMAAAAKAAAAAAAAAAAAAACAAQkBAABmb3JtYXQubnB5UEsBAhQDFAAAAAgAAAAhAHlBuwZKAAAAkAAAAAkAAAAAAAAAAAAAAIABig"
        + "EAAHNoYXBlLm5weVBLAQIUAxQAAAAIAAAAIQAhdzjiUAAAAIgAAAAIAAAAAAAAAAAAAACAAQ8CAABkYXRhLm5weVBLBQYAAAAABQAFABYBAACZAgAAAAA=";

    [Fact]
    public void SciPy_s_files_are_read_in_order_and_with_duplicates_added()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["a.npz"], Convert.FromBase64String(SciPyCsr));
        Assert.True(TensorFile.IsSparse(folder["a.npz"]));
        using var csr = TensorFile.ReadSparse(folder["a.npz"]);
        Assert.Equal("f32[3, 4] in csr, 4 stored", csr.ToString());
        Assert.Equal([0, 0, 2, 4], csr.Positions(1).AsSpan<int>().ToArray());
        Assert.Equal([0, 2, 1, 3], csr.Coordinates(1).AsSpan<int>().ToArray());
        Assert.Equal([7, 9, 5, 3], csr.Values.AsSpan<float>().ToArray());
        using var dense = TensorFile.Read(folder["a.npz"]);
        Assert.Equal([0, 0, 0, 0, 7, 0, 9, 0, 0, 5, 0, 3], dense.AsSpan<float>().ToArray());
        using var csc = TensorFile.ReadSparse(folder["a.npz"], TensorFormat.Csc);
        Assert.Equal([7, 5, 9, 3], csc.Values.AsSpan<float>().ToArray());

        File.WriteAllBytes(folder["b.npz"], Convert.FromBase64String(SciPyBsr));
        using var bsr = TensorFile.ReadSparse(folder["b.npz"]);
        Assert.Equal("i16[2, 4] in bsr(2, 2), 4 stored", bsr.ToString());
        using var blocks = bsr.ToDense();
        Assert.Equal([1, 2, 0, 0, 3, 0, 0, 0], blocks.AsSpan<short>().ToArray());
    }

    [Fact]
    public void What_is_written_is_read_back()
    {
        using var folder = new TempFolder();
        var random = new Random(4);
        for (var turn = 0; turn < 60; turn++)
        {
            long[] shape = [random.Next(9), random.Next(1, 9)];
            var element = ElementTypes.All[random.Next(ElementTypes.All.Count)];
            element = element == ElementType.BF16 ? ElementType.F64 : element;
            var fill = Scalar.Of(element, 0);
            using var values = Tensor.Allocate(ElementType.F64, shape);
            TensorFill.Uniform(values, (ulong)turn, -3, 4);
            using var dense = values.ConvertTo(element);
            using var sparse = SparseTensor.From(dense, SparseFormats.Random(random, shape));
            foreach (var ending in new[] { "npz", "mtx" })
            {
                var path = folder["x." + ending];
                TensorFile.Write(path, sparse, compress: turn % 2 == 0);
                using var read = TensorFile.ReadSparse(path);
                read.Validate();
                using var back = read.ToDense();
                using var cast = back.ConvertTo(element);
                Assert.Equal(dense.AsBytes().ToArray(), cast.AsBytes().ToArray());
                Assert.True(ending == "mtx" || (read.Element == element && read.Format.Index == sparse.Format.Index));
                using var other = TensorFile.ReadSparse(path, sparse.Format);
                Assert.Equal(sparse.Format, other.Format);
            }

            // As a dense file too.
            TensorFile.Write(folder["d.mtx"], dense);
            using var array = TensorFile.Read(folder["d.mtx"]);
            using var same = array.ConvertTo(element);
            Assert.Equal(dense.AsBytes().ToArray(), same.AsBytes().ToArray());
        }
    }

    [Theory]
    [InlineData("coordinate real general\n% a comment\n\n2 3 3\n1 3 1.5\n% inside\n2 1 -2e3\n1 3 2\n", "0 0 3.5 -2000 0 0")]
    [InlineData("coordinate integer symmetric\r\n2 2 2\r\n1 1 5\r\n2 1 -7\r\n", "5 -7 -7 0")]
    [InlineData("coordinate real skew-symmetric\n2 2 1\n2 1 3", "0 -3 3 0")]
    [InlineData("coordinate pattern general\n 2 2 1 \n 2\t2 ", "0 0 0 1")]
    [InlineData("coordinate pattern symmetric\n2 2 1\n2 1\n", "0 1 1 0")]
    [InlineData("array real general\n2 2\n1\n2\n3\n4\n", "1 3 2 4")]
    [InlineData("array real symmetric\n3 3\n1\n2\n3\n4\n5\n6\n", "1 2 3 2 4 5 3 5 6")]
    [InlineData("array integer skew-symmetric\n3 3\n1\n2\n3\n", "0 -1 -2 1 0 -3 2 3 0")]
    [InlineData("ARRAY Real General\n0 3\n", "")]
    [InlineData("coordinate real general\n1 2 1\n1 2 -inf", "0 -∞")]
    public void Matrix_market_files_are_read(string text, string expected)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.mtx"], "%%MatrixMarket matrix " + text);
        using var read = TensorFile.Read(folder["a.mtx"]);
        using var wide = read.ConvertTo(ElementType.F64);
        Assert.Equal(expected, string.Join(' ', wide.AsSpan<double>().ToArray().Select(v => v.ToString(System.Globalization.CultureInfo.InvariantCulture).Replace("Infinity", "∞"))));
        using var sparse = TensorFile.ReadSparse(folder["a.mtx"]);
        sparse.Validate();
        Assert.Equal(read.Element, text.Contains("integer") ? ElementType.I64 : ElementType.F64);
    }

    [Theory]
    [InlineData("", "line 1 is not")]
    [InlineData("%%MatrixMarket matrix coordinate real", "line 1 is not")]
    [InlineData("%%MatrixMarket vector coordinate real general\n", "object 'vector'")]
    [InlineData("%%MatrixMarket matrix list real general\n", "layout 'list'")]
    [InlineData("%%MatrixMarket matrix coordinate complex general\n", "field 'complex'")]
    [InlineData("%%MatrixMarket matrix coordinate real hermitian\n", "symmetry 'hermitian'")]
    [InlineData("%%MatrixMarket matrix array pattern general\n", "a pattern that is an array")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n", "it ends before its sizes")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2\n", "line 2 has 2 sizes; expected rows, columns and entries")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 -2 1\n", "line 2 has '-2', which is not a size")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 99999999999\n", "promises 99999999999 entries")]
    [InlineData("%%MatrixMarket matrix array real general\n99999999999 99999999999\n", "entries, more than the file has room for")]
    [InlineData("%%MatrixMarket matrix coordinate real symmetric\n2 3 1\n1 1 1\n", "not square")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1\n", "it ends after 1 of 2 entries")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1\n2 2 1\n", "line 4: more than the 1 entries")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n0 1 1\n", "line 3 has row '0', which is not 1 to 2")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 3 1\n", "line 3 has column '3', which is not 1 to 2")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n1\n", "line 3 has column '', which is not 1 to 2")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1\n", "line 3 has '', which is not a number")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 x\n", "line 3 has 'x', which is not a number")]
    [InlineData("%%MatrixMarket matrix coordinate real general\n2 2 1\n1 1 1 1\n", "line 3 has more than an entry")]
    [InlineData("%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 1.5\n", "line 3 has '1.5', which is not an integer")]
    [InlineData("%%MatrixMarket matrix coordinate integer general\n2 2 1\n1 1 9223372036854775808\n", "which is not an integer of 64 bits")]
    [InlineData("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n1 1 1\n", "line 3 is on the diagonal")]
    public void A_malformed_matrix_market_file_is_one_clear_error(string text, string message)
    {
        using var folder = new TempFolder();
        File.WriteAllText(folder["a.mtx"], text);
        var error = Assert.Throws<TensorFileException>(() => TensorFile.ReadSparse(folder["a.mtx"]));
        Assert.Contains(message, error.Message);
        Assert.StartsWith(folder["a.mtx"], error.Message);
    }

    [Fact]
    public void A_malformed_SciPy_file_is_one_clear_error()
    {
        using var folder = new TempFolder();
        var path = folder["a.npz"];
        Assert.Contains("its indptr is f32, and indices are integers", Refused("csr", ("indptr", Tensor.From([0f, 1])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f]))));
        Assert.Contains("positions of level 1: expected 2, one more than the 1 positions before it; got 1", Refused("csr", ("indptr", Tensor.From([0])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f]))));
        Assert.Contains("column indices of level 1: entry 0 is 7; it must be 0 to 2", Refused("csr", ("indptr", Tensor.From([0, 1])), ("indices", Tensor.From([7])), ("data", Tensor.From([1f]))));
        Assert.Contains("the last, entry 1, is 9; there are 1 coordinates", Refused("csr", ("indptr", Tensor.From([0, 9])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f]))));
        Assert.Contains("values: expected 1", Refused("csr", ("indptr", Tensor.From([0, 1])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f, 2]))));
        Assert.Contains("it holds no indices", Refused("csr", ("indptr", Tensor.From([0, 1])), ("data", Tensor.From([1f]))));
        Assert.Contains("row indices of level 0: entry 0 is -1; it must be 0 to 0", Refused("coo", ("row", Tensor.From([-1])), ("col", Tensor.From([0])), ("data", Tensor.From([1f]))));
        Assert.Contains("a matrix in the format bsr has data of three axes", Refused("bsr", ("indptr", Tensor.From([0, 1])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f]))));
        Assert.Contains("blocks of 2 do not divide axis 0", Refused("bsr", ("indptr", Tensor.From([0, 1])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f, 2], 1, 2, 1))));
        Assert.Contains("in the format 'dia'; save m.tocsr()", Refused("dia", ("offsets", Tensor.From([0])), ("data", Tensor.From([1f], 1, 1))));
        Assert.Contains("a matrix has two sizes", Refused("csr", ("shape", Tensor.From([1L])), ("indptr", Tensor.From([0, 1])), ("indices", Tensor.From([0])), ("data", Tensor.From([1f]))));

        string Refused(string format, params (string Name, Tensor Tensor)[] parts)
        {
            if (!parts.Any(p => p.Name == "shape"))
            {
                parts = [.. parts, ("shape", Tensor.From([1L, 3]))];
            }

            using (var stream = File.Create(path))
            {
                Npz.Write(stream, [("format", s => Npy.WriteText(s, format)), .. parts.Select(p => (p.Name, (Action<Stream>)(s => Npy.Write(s, p.Tensor, path))))], default);
            }

            return Assert.Throws<TensorFileException>(() => TensorFile.ReadSparse(path)).Message;
        }
    }

    [Fact]
    public void A_file_with_any_byte_changed_is_read_or_refused_but_never_worse()
    {
        using var folder = new TempFolder();
        using var tensor = SparseTensor.Csr([0, 1, 1, 3], [1, 0, 2], new float[] { 5, 7, 9 }, [3, 4]).ConvertTo(TensorFormat.Csr);
        foreach (var path in new[] { folder["a.npz"], folder["a.mtx"] })
        {
            TensorFile.Write(path, tensor);
            var whole = File.ReadAllBytes(path);
            for (var at = 0; at < whole.Length; at++)
            {
                byte[] changed = [.. whole];
                changed[at] = (byte)(at % 2 == 0 ? '9' : whole[at] ^ 0x10);
                File.WriteAllBytes(path, changed);
                try
                {
                    using var read = TensorFile.ReadSparse(path);
                    read.Validate();
                }
                catch (TensorFileException e)
                {
                    Assert.NotEmpty(e.Mend);
                }
            }
        }
    }

    [Fact]
    public void Files_of_matrices_hold_nothing_else()
    {
        using var folder = new TempFolder();
        using var ones = Tensor.Allocate(ElementType.F32, 2, 2, 2);
        using var cube = SparseTensor.From(ones, TensorFormat.Csf(3));
        Assert.Contains("it holds matrices, and the tensor has shape [2, 2, 2]", Assert.Throws<TensorFileException>(() => TensorFile.Write(folder["a.npz"], cube)).Message);
        using var flat = Tensor.Allocate(ElementType.F32, 2, 2);
        using var filled = SparseTensor.From(flat, TensorFormat.Csr.WithFill(Scalar.Float(ElementType.F32, 1)));
        Assert.Contains("what is not stored is 0 there, and 1", Assert.Throws<TensorFileException>(() => TensorFile.Write(folder["a.mtx"], filled)).Message);
        TensorFile.Write(folder["a.npy"], cube);
        using var back = TensorFile.ReadSparse(folder["a.npy"], TensorFormat.Csf(3));
        Assert.Equal(0, back.StoredCount);
    }
}
