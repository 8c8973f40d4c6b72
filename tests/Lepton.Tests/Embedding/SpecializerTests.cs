using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Embedding;

/// <summary>Code for the sizes of a call, and, after many different sizes, code for all of them.</summary>
public class SpecializerTests
{
    private static readonly LeptonOptions NoCache = new() { UseCache = false, MaxSpecializations = 2 };

    [Fact]
    public void Sizes_beyond_the_limit_run_code_for_all_sizes()
    {
        using var engine = LeptonEngine.Compile("fn f(x: f32[N]) -> (y: f32[N]) { y[i] = x[N - 1 - i] + f32(N) }", NoCache);
        foreach (var size in (int[])[1, 5, 7, 16, 33, 5, 100, 1])
        {
            var x = Enumerable.Range(0, size).Select(i => (float)i).ToArray();
            var y = new float[size];
            engine["f"].Run<float, float>(x, [size], y);
            Assert.Equal(x.Reverse().Select(v => v + size), y);
        }
    }

    [Fact]
    public void Sizes_that_give_an_index_beyond_64_bits_are_refused()
    {
        using var engine = LeptonEngine.Compile("fn f(x: f32[N]) -> (y: f32[4]) { y[i: 4] = x[N * N * N * i else 0] }", NoCache);
        var y = new float[4];
        engine["f"].Run<float, float>([5f, 6f], [2], y);
        Assert.Equal([5f, 0f, 0f, 0f], y);
        var error = Assert.Throws<LeptonArgumentException>(() => engine["f"].Run<float, float>(new float[4_000_000], [4_000_000], y));
        Assert.Equal("f: the size N*N*N has no value in 64 bits", error.Message);
        error = Assert.Throws<LeptonArgumentException>(() => engine["f"].Run<float, float>(new float[2_000_000], [2_000_000], y));
        Assert.Equal("f: the index [8000000000000000000*i0 else fill] of [2000000] over [4] does not fit 64 bits", error.Message);
    }

    [Fact]
    public void How_much_a_sparse_argument_stores_makes_no_new_code()
    {
        using var engine = LeptonEngine.Compile(
            "fn f(a: f32[N, N] in csr, b: f32[N, N] in coo) -> (y: f32[N, N] in csc) { y = 2 * a + b }", NoCache with { MaxSpecializations = 1000 });
        var code = new HashSet<EntryCode>();
        for (var stored = 0; stored < 40; stored++)
        {
            using var a = SparseFill.Uniform(ElementType.F32, [9, 9], stored / 40.0, 1, TensorFormat.Csr);
            using var b = SparseFill.Uniform(ElementType.F32, [9, 9], stored / 80.0, 2, TensorFormat.Coo(2));
            using var results = engine["f"].Evaluate([a, b]);
            var (x, y) = (Dense(a), Dense(b));
            Assert.Equal(x.Zip(y, (p, q) => (2 * p) + q), Dense(results[0].Sparse));
            code.Add(engine["f"].Plan.Code([9, a.StoredCount, b.StoredCount, 0]));
        }

        Assert.Single(code);

        static float[] Dense(SparseTensor sparse)
        {
            using var dense = sparse.ToDense();
            return dense.AsSpan<float>().ToArray();
        }
    }

    [Fact]
    public void A_result_that_no_memory_holds_is_refused()
    {
        using var engine = LeptonEngine.Compile("fn f(x: f32[N]) -> (y: f32[N, 1_000_000_000_000]) { y[i, j: 1_000_000_000_000] = x[i] }", NoCache);
        var error = Assert.Throws<LeptonArgumentException>(() => engine["f"].Run([Tensor.From(new float[100])]));
        Assert.Equal("f: result y: shape [100, 1000000000000] is larger than 140737488355328 bytes", error.Message);
    }
}
