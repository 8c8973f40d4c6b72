using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;
using Lepton.Tests.House;

namespace Lepton.Tests.CommandLine;

/// <summary>Sparse arguments and results on the command line: files of any kind, made-up ones, printed, written and compared.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class SparseCommandTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-test").FullName;

    public SparseCommandTests()
    {
        File.WriteAllText(this["p.lep"], """
            dim D
            param w: f32[D, 2] in csc ~ ones
            fn product(a: f32[N, M] in csr, x: f32[M]) -> (y: f32[N]) { y[i] = sum[j] a[i, j] * x[j] }
            fn twice(a: f32[N, M] in csr) -> (y: f32[N, M] in csc) { y = 2 * a }
            fn weighted(a: f32[N, D] in bsr(2, 2)) -> (y: f32[N, 2]) { y = a @ w }

            """);
        using var a = SparseTensor.Csr([0, 1, 1, 3], [1, 0, 2], new double[] { 5, 7, 9 }, [3, 4]).ConvertTo(TensorFormat.Csr);
        using var dense = a.ToDense();
        foreach (var ending in new[] { "npz", "mtx", "npy" })
        {
            TensorFile.Write(this["a." + ending], a);
        }
    }

    private string this[string name] => Path.Combine(_folder, name);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("npz", "cpu")]
    [InlineData("mtx", "cpu")]
    [InlineData("npy", "cpu")]
    [InlineData("npz", "interpreter")]
    public void Files_of_every_kind_give_the_same(string ending, string device)
    {
        string[] common = ["run", this["p.lep"], "--device", device, "--no-cache"];
        Assert.Equal("[ 5.  0. 18.]\n", Run([.. common, "--entry", "product", "--in", $"a={this["a." + ending]}", "x=iota", "--dim", "M=4"]).Output);
        var twice = Run([.. common, "--entry", "twice", "--in", $"a={this["a." + ending]}"]);
        Assert.Equal("f32[3, 4] in csc, 3 stored (25 %)\n  [2, 0]  14.\n  [0, 1]  10.\n  [2, 2]  18.\n", twice.Output);
    }

    [Fact]
    public void Results_are_written_and_compared_by_value()
    {
        string[] twice = ["run", this["p.lep"], "--entry", "twice", "--no-cache", "--in", $"a={this["a.npz"]}"];
        foreach (var ending in new[] { "npz", "mtx", "npy" })
        {
            Assert.Equal(0, Run([.. twice, "--out", $"y={this["y." + ending]}"]).Code);
            Assert.Equal($"y: as expected ({this["y." + ending]})\n", Run([.. twice, "--expect", $"y={this["y." + ending]}"]).Output);
        }

        var (code, output, _) = Run([.. twice, "--expect", $"y={this["a.npz"]}"]);
        Assert.Equal(1, code);
        Assert.Contains("element [2, 2] is 18, and ", output);
        Assert.Contains("3 of 3 stored elements are farther apart", output);
        File.WriteAllText(this["b.mtx"], "%%MatrixMarket matrix coordinate real general\n3 3 0\n");
        Assert.Contains("the shape is [3, 4], and ", Run([.. twice, "--expect", $"y={this["b.mtx"]}"]).Output);
    }

    [Fact]
    public void Made_up_ones_are_the_same_each_time_and_parameters_are_stored_as_the_program_says()
    {
        string[] twice = ["run", this["p.lep"], "--entry", "twice", "--no-cache", "--dim", "N=40,M=50", "--in"];
        var first = Run([.. twice, "a=sparse(0.1, 7)"]).Output;
        Assert.Matches(@"^f32\[40, 50\] in csc, 1[0-9]{2} stored", first);
        Assert.Contains("\n  … and 1", first);
        Assert.Equal(first, Run([.. twice, "a=sparse(0.1,7)"]).Output);
        Assert.Equal("f32[40, 50] in csc, 0 stored (0 %)\n", Run([.. twice, "a=zeros"]).Output);
        Assert.StartsWith("f32[40, 50] in csc, 2000 stored (100 %)", Run([.. twice, "a=sparse(1)"]).Output);
        Assert.Equal("[[0. 0.]\n [2. 2.]]\n", Run("run", this["p.lep"], "--entry", "weighted", "--no-cache", "--in", $"a={Ones()}").Output);
        Assert.Equal(0, Run("bench", this["p.lep"], "--entry", "product", "--dim", "N=30,M=40", "--seconds", "0.01").Code);

        string Ones()
        {
            File.WriteAllText(this["c.mtx"], "%%MatrixMarket matrix coordinate pattern general\n2 4 2\n2 1\n2 4\n");
            return this["c.mtx"];
        }
    }

    [Theory]
    [InlineData("a=sparse(1.5)", 2, "expected sparse(DENSITY, SEED) with a density of 0 to 1")]
    [InlineData("a=b.mtx", 1, "there is no such file")]
    [InlineData("a=c.mtx", 1, "line 3 has row '4', which is not 1 to 3")]
    [InlineData("a=d.npz", 1, "it is no text")]
    public void Mistakes_are_told(string input, int code, string message)
    {
        File.WriteAllText(this["c.mtx"], "%%MatrixMarket matrix coordinate real general\n3 4 1\n4 1 1\n");
        TensorFile.WriteAll(this["d.npz"], new[] { "format", "shape", "data" }.ToDictionary(n => n, _ => (Tensor)Tensor.From([1])));
        var found = Run("run", this["p.lep"], "--entry", "twice", "--no-cache", "--dim", "N=3,M=4", "--in", input.EndsWith('z') || input.EndsWith('x') ? $"a={this[input[2..]]}" : input);
        Assert.Equal(code, found.Code);
        Assert.Contains(message, found.Errors.Replace("\n       ", " "));
    }

    [Fact]
    public void Blocks_that_do_not_divide_are_told() => Assert.Contains(
        "blocks of 2 do not divide axis 0 of shape [3, 4]",
        Run("run", this["p.lep"], "--entry", "weighted", "--no-cache", "--in", $"a={this["a.npz"]}").Errors.Replace("\n       ", " "));

    private static (int Code, string Output, string Errors) Run(params string[] arguments) => UsageTests.Run(arguments);
}
