using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;
using Xunit;

namespace Lepton.Tests.Runtime;

/// <summary>Damaged files give a <see cref="TensorFileException"/> that says what is wrong, and nothing else ever.</summary>
public sealed class FileDamageTests
{
    private const string Shape = "'shape': (2,)";
    private const string Rest = "'descr': '<f8', 'fortran_order': False, ";

    [Theory]
    [InlineData("npy")]
    [InlineData("npz")]
    [InlineData("safetensors")]
    [InlineData("idx")]
    [InlineData("ppm")]
    public void A_file_cut_off_anywhere_or_with_bytes_after_it_is_refused(string ending)
    {
        using var folder = new TempFolder();
        var path = folder["x." + ending];
        TensorFile.Write(path, Tensor.From<byte>([1, 2, 3, 4, 5, 6], 1, 2, 3));
        var whole = File.ReadAllBytes(path);
        for (var length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(path, whole[..length]);
            Assert.Contains(path, Assert.Throws<TensorFileException>(() => TensorFile.ReadAll(path)).Message);
        }

        if (ending != "npz")
        {
            File.WriteAllBytes(path, [.. whole, 0]); // a zip may have a comment behind it
            Assert.Throws<TensorFileException>(() => TensorFile.Read(path));
        }
    }

    [Theory]
    [InlineData("npy")]
    [InlineData("npz")]
    [InlineData("safetensors")]
    [InlineData("idx")]
    [InlineData("ppm")]
    [InlineData("csv")]
    public void A_file_with_any_byte_changed_is_read_or_refused_but_never_worse(string ending)
    {
        using var folder = new TempFolder();
        var path = folder["x." + ending];
        TensorFile.Write(path, ending == "csv" ? Tensor.From([1.5, 2, 3, 4], 2, 2) : Tensor.From<byte>([1, 2, 3, 4, 5, 6], 1, 2, 3));
        var whole = File.ReadAllBytes(path);
        for (var at = 0; at < whole.Length; at++)
        {
            foreach (var value in new byte[] { 0, 0xff, (byte)'9', (byte)(whole[at] ^ 0x10) })
            {
                byte[] changed = [.. whole];
                changed[at] = value;
                File.WriteAllBytes(path, changed);
                try
                {
                    foreach (var tensor in TensorFile.ReadAll(path).Values)
                    {
                        tensor.Dispose();
                    }
                }
                catch (TensorFileException e)
                {
                    Assert.NotEmpty(e.Mend);
                }
            }
        }
    }

    [Theory]
    [InlineData("{" + Rest + "'shape': (3,)}", "24 bytes, and 16 are left")]
    [InlineData("{" + Rest + "'shape': (1,)}", "8 bytes follow the data")]
    [InlineData("{" + Rest + "'shape': (1099511627776, 1099511627776)}", "larger than")]
    [InlineData("{" + Rest + "'shape': (9223372036854775808,)}", "no valid size")]
    [InlineData("{" + Rest + "'shape': (-2,)}", "no valid size")]
    [InlineData("{" + Rest + "'shape': 2}", "lacks '('")]
    [InlineData("{" + Rest + "'shape': (2,", "no valid size")]
    [InlineData("{" + Rest + "}", "no 'shape'")]
    [InlineData("{'descr': '<f8', " + Shape + "}", "no 'fortran_order'")]
    [InlineData("{'fortran_order': False, " + Shape + "}", "no 'descr'")]
    [InlineData("{" + Rest + Rest + Shape + "}", "two entries 'descr'")]
    [InlineData("{" + Rest + Shape + ", 'more': 1}", "unknown entry 'more'")]
    [InlineData("{" + Rest + Shape + "} x", "follows the header")]
    [InlineData("{'descr': '<c16', 'fortran_order': False, " + Shape + "}", "element type is '<c16'")]
    [InlineData("{'descr': '|f8', 'fortran_order': False, " + Shape + "}", "element type is '|f8'")]
    [InlineData("{'descr': '', 'fortran_order': False, " + Shape + "}", "element type is ''")]
    [InlineData("{'descr': [('a', '<f8')], 'fortran_order': False, " + Shape + "}", "structured")]
    [InlineData("{'descr': '<f8', 'fortran_order': 0, " + Shape + "}", "neither True nor False")]
    [InlineData("{'descr': '<f8", "lacks a string")]
    [InlineData("", "lacks '{'")]
    public void Npy_headers(string header, string problem)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["x.npy"], FileRoundTripTests.Npy(1, header, FileRoundTripTests.Doubles(1, 2)));
        Assert.Contains(problem, Assert.Throws<TensorFileException>(() => TensorFile.Read(folder["x.npy"])).Problem);
    }

    [Fact]
    public void Npy_versions_and_header_lengths()
    {
        var good = FileRoundTripTests.Npy(2, "{" + Rest + Shape + "}", FileRoundTripTests.Doubles(1, 2));
        Refused("version 4.0", 6, 4);
        Refused("version 2.1", 7, 1);
        Refused("magic", 0, 0x92);
        Refused("claims", 11, 0x7f); // a header of 2 GB

        void Refused(string problem, int at, byte value)
        {
            using var folder = new TempFolder();
            byte[] bad = [.. good];
            bad[at] = value;
            File.WriteAllBytes(folder["x.npy"], bad);
            Assert.Contains(problem, Assert.Throws<TensorFileException>(() => TensorFile.Read(folder["x.npy"])).Problem);
        }
    }

    [Theory]
    [InlineData("""{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 8]}}""", "needs 12 bytes and has 8")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}""", "claims bytes 0 to 12")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}""", "must begin at 0")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}""", "belong to no tensor")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}}""", "claims bytes 8 to 0")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [-2], "data_offsets": [0, 8]}}""", "lacks a valid")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2.5], "data_offsets": [0, 8]}}""", "lacks a valid")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [4611686018427387904, 4], "data_offsets": [0, 8]}}""", "larger than")]
    [InlineData("""{"a": {"dtype": "U16", "shape": [4], "data_offsets": [0, 8]}}""", "element type U16")]
    [InlineData("""{"a": {"dtype": 3, "shape": [4], "data_offsets": [0, 8]}}""", "lacks a valid")]
    [InlineData("""{"a": {"shape": [2], "data_offsets": [0, 8]}}""", "lacks a valid")]
    [InlineData("""{"a": {"dtype": "F32", "data_offsets": [0, 8]}}""", "lacks a valid")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2]}}""", "lacks a valid")]
    [InlineData("""{"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8, 8]}}""", "lacks a valid")]
    [InlineData("""{"a": {"dtype": "F64", "shape": [], "data_offsets": [0, 8]}, "a": {"dtype": "F64", "shape": [0], "data_offsets": [8, 8]}}""", "twice")]
    [InlineData("""{"a": 1}""", "lacks a valid")]
    [InlineData("[]", "not a JSON object")]
    [InlineData("{", "not valid JSON")]
    public void Safetensors_headers(string header, string problem)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["x.safetensors"], [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[8]]);
        Assert.Contains(problem, Assert.Throws<TensorFileException>(() => TensorFile.ReadAll(folder["x.safetensors"])).Problem);
    }

    [Theory]
    [InlineData("x.pgm", "P1 1 1 1", "does not begin with")]
    [InlineData("x.pgm", "P5 0 1 255\n", "size is 0 by 1")]
    [InlineData("x.pgm", "P5 1 1 0\n1", "largest value is 0")]
    [InlineData("x.pgm", "P5 1 1 65536\n1", "largest value is 65536")]
    [InlineData("x.pgm", "P5 99999999999 1 255\n", "larger than")]
    [InlineData("x.pgm", "P5 2147483647 2147483647 255\n", "larger than")]
    [InlineData("x.pgm", "P5 1000000 1000000 255\n", "left")]
    [InlineData("x.pgm", "P5 1 1 9\nA", "the value 65")]
    [InlineData("x.pgm", "P2 100000 100000 255\n1 2 3", "are left")]
    [InlineData("x.pgm", "P2 2 1 255\n1 256", "the value 256")]
    [InlineData("x.pgm", "P2 2 1 255\n1 x", "not a number")]
    [InlineData("x.pgm", "P2 1 1 255\n1 2", "more values follow")]
    [InlineData("x.pgm", "P2 1 -1 255\n1", "not a number")]
    [InlineData("x.csv", "1,2\n3", "line 2 has 1 fields")]
    [InlineData("x.csv", "a,b\nc,d", "'c' is not a number")]
    [InlineData("x.csv", "1;2\n3;4", "'3;4' is not a number")]
    [InlineData("x.csv", "\"1,2", "not closed")]
    [InlineData("x.csv", "\n\n", "empty")]
    [InlineData("x.idx", "\0\0\u0007\u0001\0\0\0\u0001A", "element type 0x07")]
    [InlineData("x.idx", "\0\0\u0008\u007f", "axes")]
    [InlineData("x.idx", "\u0001\0\u0008\0A", "two zeros")]
    [InlineData("x.idx", "\0\0\u0008\u0003\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f\u007f", "larger than")]
    [InlineData("x.idx", "\0\0\u0008\u0001\u007f\u007f\u007f\u007fA", "1 are left")]
    public void Other_headers(string name, string text, string problem)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder[name], Encoding.Latin1.GetBytes(text));
        Assert.Contains(problem, Assert.Throws<TensorFileException>(() => TensorFile.Read(folder[name])).Problem);
    }

    [Fact]
    public void A_wrong_checksum_in_an_archive_is_seen()
    {
        using var folder = new TempFolder();
        TensorFile.Write(folder["x.npz"], Tensor.From<byte>([71, 72, 73, 74, 75, 76, 77, 78]));
        var bytes = File.ReadAllBytes(folder["x.npz"]);
        bytes[bytes.AsSpan().IndexOf("GHIJKLMN"u8)]++;
        File.WriteAllBytes(folder["x.npz"], bytes);
        Assert.Contains("CRC", Assert.Throws<TensorFileException>(() => TensorFile.Read(folder["x.npz"])).Problem);
    }

    [Fact]
    public void What_a_format_cannot_hold_is_refused_and_an_older_file_stays()
    {
        using var folder = new TempFolder();
        Refused("x.npy", Tensor.From([(BFloat16)1f]), "safetensors");
        Refused("x.idx", Tensor.From([1L]), "npy");
        Refused("x.csv", Tensor.From([1.0], 1, 1, 1), "reshape");
        Refused("x.pgm", Tensor.From([1f], 1, 1), "u8");
        Refused("x.pgm", Tensor.From<byte>([1, 2, 3], 1, 1, 3), ".ppm");
        Refused("x.ppm", Tensor.From<byte>([1, 2, 3], 1, 3), ".pgm");

        void Refused(string name, Tensor tensor, string mend)
        {
            File.WriteAllText(folder[name], "old");
            Assert.Contains(mend, Assert.Throws<TensorFileException>(() => TensorFile.Write(folder[name], tensor)).Mend);
            Assert.Equal("old", File.ReadAllText(folder[name]));
            File.Delete(folder[name]);
            Assert.Empty(folder.Files);
        }
    }

    [Fact]
    public void Paths_that_lead_nowhere()
    {
        using var folder = new TempFolder();
        Assert.Contains("no such file", Assert.Throws<TensorFileException>(() => TensorFile.Read(folder["none.npy"])).Problem);
        Assert.Contains("no such folder", Assert.Throws<TensorFileException>(() => TensorFile.Write(folder["no/x.npy"], Tensor.Scalar(1))).Problem);
        Assert.Contains("'.txt'", Assert.Throws<TensorFileException>(() => TensorFile.Read("x.txt")).Problem);
        Assert.Contains("no ending", Assert.Throws<TensorFileException>(() => TensorFile.Read("x")).Problem);
        Directory.CreateDirectory(folder["d.npy"]);
        Assert.Throws<TensorFileException>(() => TensorFile.Read(folder["d.npy"]));
        TensorFile.Write(folder["y.npy"], Tensor.Scalar(1));
        Assert.Contains("without a name", Assert.Throws<TensorFileException>(() => TensorFile.Read(folder["y.npy"], "w")).Problem);
    }
}
