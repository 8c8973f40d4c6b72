using System.IO.Compression;
using System.Text;
using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;
using Xunit;

namespace Lepton.Tests.Runtime;

public sealed class FileRoundTripTests
{
    public static TheoryData<string, ElementType, long[]> Cases()
    {
        var cases = new TheoryData<string, ElementType, long[]>();
        foreach (var ending in new[] { "npy", "npz", "safetensors", "idx", "csv", "pgm", "ppm" })
        {
            foreach (var element in ElementTypes.All)
            {
                foreach (var shape in new long[][] { [], [5], [3, 4], [0, 3], [2, 3, 3], [2, 1, 2, 3] })
                {
                    if (Holds(ending, element, shape))
                    {
                        cases.Add(ending, element, shape);
                    }
                }
            }
        }

        return cases;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_is_written_is_read_back(string ending, ElementType element, long[] shape)
    {
        using var folder = new TempFolder();
        using var tensor = Tensor.Allocate(element, shape);
        TensorFill.Uniform(tensor, 7, element is ElementType.U8 ? 0 : -100, 100);
        var path = folder["x." + ending];
        TensorFile.Write(path, tensor);
        Assert.Equal([path], folder.Files); // no temporary name left

        using var read = TensorFile.Read(path);
        if (ending == "csv")
        {
            Assert.Equal(ElementType.F64, read.Element);
            using var wide = tensor.ConvertTo(ElementType.F64);
            if (element is ElementType.BF16 or ElementType.F16 or ElementType.F32)
            {
                using var narrow = read.ConvertTo(element);
                Assert.Equal(tensor.AsBytes().ToArray(), narrow.AsBytes().ToArray());
            }
            else
            {
                Assert.Equal(wide.AsSpan<double>().ToArray(), read.AsSpan<double>().ToArray());
            }

            return;
        }

        Assert.Equal((element, TensorShape.Text(shape)), (read.Element, TensorShape.Text(read.Shape)));
        Assert.Equal(tensor.AsBytes().ToArray(), read.AsBytes().ToArray());
    }

    private static bool Holds(string ending, ElementType element, long[] shape) => ending switch
    {
        "npy" or "npz" => element != ElementType.BF16,
        "safetensors" => true,
        "idx" => element is not (ElementType.BF16 or ElementType.F16 or ElementType.I64 or ElementType.Bool),
        "csv" => shape.Length == 2 && shape[0] > 0,
        "pgm" => element == ElementType.U8 && shape is [> 0, _],
        _ => element == ElementType.U8 && shape is [_, _, 3],
    };

    [Theory]
    [InlineData("npz")]
    [InlineData("safetensors")]
    public void Named_tensors_are_read_by_name_or_all(string ending)
    {
        using var folder = new TempFolder();
        var path = folder["weights." + ending];
        TensorFile.WriteAll(path, new Dictionary<string, Tensor>
        {
            ["b"] = Tensor.From<short>([1, 2, 3]),
            ["layer/w"] = Tensor.From([1.5, 2.5], 2, 1),
            ["flag"] = Tensor.Scalar(true),
        });
        using var w = TensorFile.Read(path, "layer/w");
        Assert.Equal([1.5, 2.5], w.AsSpan<double>().ToArray());
        var all = TensorFile.ReadAll(path);
        Assert.Equal(["b", "flag", "layer/w"], all.Keys.Order());
        Assert.Equal([1, 2, 3], all["b"].AsSpan<short>().ToArray());
        Assert.Contains("layer/w", Assert.Throws<TensorFileException>(() => TensorFile.Read(path)).Problem);
        Assert.Contains("it has ", Assert.Throws<TensorFileException>(() => TensorFile.Read(path, "c")).Mend);
    }

    [Fact]
    public void Deflated_archives_are_read()
    {
        using var folder = new TempFolder();
        using var tensor = Tensor.Allocate(ElementType.F32, 300, 1000);
        TensorFile.Write(folder["x.npy"], tensor);
        using (var zip = ZipFile.Open(folder["x.npz"], ZipArchiveMode.Create))
        {
            zip.CreateEntryFromFile(folder["x.npy"], "zeros.npy", CompressionLevel.SmallestSize);
        }

        Assert.True(new FileInfo(folder["x.npz"]).Length < 5000); // shrunk nearly as far as deflate can
        using var read = TensorFile.Read(folder["x.npz"], "zeros");
        Assert.Equal(300_000, read.Length);
    }

    [Fact]
    public void Headers_that_other_programs_write_are_read()
    {
        using var folder = new TempFolder();
        foreach (var (version, header, expected) in new (byte, string, double[])[]
        {
            (1, "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }", [1, 2, 3, 4]),
            (2, "{\"shape\": (2L, 2L), \"fortran_order\": True, \"descr\": \"<f8\"}  \n", [1, 3, 2, 4]),
            (3, "{'descr':'<f8','fortran_order':True,'shape':(1,2,2,),}", [1, 3, 2, 4]),
        })
        {
            File.WriteAllBytes(folder["x.npy"], Npy(version, header, Doubles(1, 2, 3, 4)));
            using var read = TensorFile.Read(folder["x.npy"]);
            Assert.Equal(expected, read.AsSpan<double>().ToArray());
        }

        File.WriteAllBytes(folder["x.npy"], Npy(1, "{'descr': '>i4', 'fortran_order': False, 'shape': (2,)}", [0, 0, 1, 2, 255, 255, 255, 255]));
        using var big = TensorFile.Read(folder["x.npy"]);
        Assert.Equal([258, -1], big.AsSpan<int>().ToArray());

        File.WriteAllBytes(folder["x.npy"], Npy(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", [0, 1, 200]));
        using var truth = TensorFile.Read(folder["x.npy"]);
        Assert.Equal([0, 1, 1], truth.AsBytes().ToArray());
    }

    [Fact]
    public void Tables()
    {
        using var folder = new TempFolder();
        Check("a,b\n1,2\n3,\n", 2, 2, [1, 2, 3, double.NaN]);
        Check("\uFEFF1,2\r\n\r\n3,-4e2\r\n", 2, 2, [1, 2, 3, -400]);
        Check("\"x, y\",z\n\" 1\", 2 ", 1, 2, [1, 2]);
        Check("inf,-inf,nan\n", 1, 3, [double.PositiveInfinity, double.NegativeInfinity, double.NaN]);
        Check("1\n2\n3", 3, 1, [1, 2, 3]);
        Check(",\n1,2", 2, 2, [double.NaN, double.NaN, 1, 2]);
        Check("h1,h2\n", 0, 2, []);

        void Check(string text, long rows, long columns, double[] expected)
        {
            File.WriteAllText(folder["t.csv"], text, new UTF8Encoding(false));
            using var read = TensorFile.Read(folder["t.csv"]);
            Assert.Equal([rows, columns], read.Shape.ToArray());
            Assert.Equal(expected, read.AsSpan<double>().ToArray());
        }
    }

    [Fact]
    public void Pictures_of_every_kind()
    {
        using var folder = new TempFolder();
        Check("p.pgm", "P2 # grey\n# 2 by 1\n2 1\n9\n0 9\n"u8, "u8[1, 2]", [0, 9]);
        Check("p.ppm", "P3 1 1 1000 0 500 1000"u8, "i32[1, 1, 3]", [0, 500, 1000]);
        Check("p.pgm", "P5 2 1 255\n\x01\x7f"u8, "u8[1, 2]", [1, 127]);
        Check("p.ppm", "P6\n1 1\n256\n\0\x01\x01\0\0\x02"u8, "i32[1, 1, 3]", [1, 256, 2]);

        void Check(string name, ReadOnlySpan<byte> bytes, string type, int[] expected)
        {
            File.WriteAllBytes(folder[name], bytes.ToArray());
            using var read = TensorFile.Read(folder[name]);
            using var wide = read.ConvertTo(ElementType.I32);
            Assert.Equal(type, read.ToString());
            Assert.Equal(expected, wide.AsSpan<int>().ToArray());
        }
    }

    [Fact]
    public void The_names_of_mnist_are_idx()
    {
        using var folder = new TempFolder();
        foreach (var name in new[] { "train-images-idx3-ubyte", "t10k-labels.idx1-ubyte" })
        {
            File.WriteAllBytes(folder[name], [0, 0, 8, 1, 0, 0, 0, 2, 5, 6]);
            using var read = TensorFile.Read(folder[name]);
            Assert.Equal([5, 6], read.AsSpan<byte>().ToArray());
        }
    }

    internal static byte[] Npy(byte version, string header, byte[] data)
    {
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)header.Length) : BitConverter.GetBytes(header.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. Encoding.ASCII.GetBytes(header), .. data];
    }

    internal static byte[] Doubles(params double[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
}
