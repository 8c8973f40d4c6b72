using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;

namespace Lepton.Tests.Embedding;

/// <summary>A large program is compiled as several modules side by side: the same bits as from one module, from the cache too, with its checks.</summary>
public sealed class CodePartsTests : IDisposable
{
    private const int Layers = 10;
    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-test").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Several_modules_give_the_bits_of_one()
    {
        // Sizes of their own keep the kernels apart.
        var sizes = Enumerable.Range(0, Layers + 1).Select(i => 9 + (7 * i)).ToArray();
        var program = string.Concat(Enumerable.Range(0, Layers).Select(i => $"param w{i}: f32[{sizes[i]}, {sizes[i + 1]}] ~ glorot\n"))
            + $"fn f(x: f32[B, {sizes[0]}], at: i64[3]) -> (y: f32[3, {sizes[^1]}]) {{\n  h0 = x\n"
            + string.Concat(Enumerable.Range(0, Layers).Select(i => $"  h{i + 1} = tanh(h{i} @ w{i})\n"))
            + $"  y[k, j] = h{Layers}[at[k], j]\n}}\n";
        var options = new CompileOptions { Cache = new ObjectCache(_folder) };
        var source = new SourceText("deep.lep", program);
        var compilation = Compilation.Of(source, options);
        var dims = new Dictionary<string, long> { ["B"] = 13 };
        Assert.True(compilation.CompileParts(["f"], dims).Count > 1);

        using var x = Tensor.Allocate(ElementType.F32, [13, sizes[0]]);
        TensorFill.Normal(x, 5);
        using var whole = NativeRunner.Load(compilation.Lower(["f"], dims), HostCpu.Detect().Target);
        var expected = Run(whole["f"], x, 12);
        for (var round = 0; round < 2; round++)
        {
            using var engine = LeptonEngine.Open(source, options); // the second one finds all in the cache
            Assert.Equal(expected, Run(engine["f"], x, 12));
            Assert.Contains("index 13", Assert.Throws<LeptonRunException>(() => Run(engine["f"], x, 13)).Message);
        }
    }

    private static byte[] Run(Entry entry, Tensor x, long last)
    {
        using var parameters = new ParameterSet();
        parameters.Initialize(entry, 1);
        var results = entry.Run([x, Tensor.From(new[] { 0, 5, last }, [3])], new RunOptions { Parameters = parameters });
        var bytes = results[0].AsBytes().ToArray();
        results[0].Dispose();
        return bytes;
    }
}
