using Lepton.Abi;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Xunit;

namespace Lepton.Tests.Runtime;

/// <summary>Sparse arguments and results at the border to native code, which is C here.</summary>
public sealed class SparseRunTests(NativeFixture native) : IClassFixture<NativeFixture>
{
    //     0 5 0 0
    // A = 0 0 0 0
    //     7 0 9 0
    private static SparseTensor A => SparseTensor.Csr([0, 1, 1, 3], [1, 0, 2], new float[] { 5, 7, 9 }, [3, 4]);

    [Fact]
    public void Results_are_made_by_the_run()
    {
        using var module = native.Load();
        for (var turn = 0; turn < 3; turn++)
        {
            using var results = module["twins"].Evaluate([A]);
            Assert.Equal(["y", "z"], results.Select(r => r.Name));
            foreach (var result in results)
            {
                Assert.True(result.IsSparse);
                Assert.Equal("f32[3, 4] in csr, 3 stored", result.Sparse.ToString());
                result.Sparse.Validate();
                Assert.Equal([10, 14, 18], result.Sparse.Values.AsSpan<float>().ToArray());
                using var dense = result.ToDense();
                Assert.Equal([0, 10, 0, 0, 0, 0, 0, 0, 14, 0, 18, 0], dense.AsSpan<float>().ToArray());
            }

            // Native code let both share arrays; each has its own.
            results["y"].Sparse.Coordinates(1).AsSpan<int>()[0] = 3;
            results["y"].Sparse.Positions(1).AsSpan<int>()[0] = 9;
            results["z"].Sparse.Validate();
            Assert.Throws<InvalidOperationException>(() => results[0].Dense);
        }
    }

    [Fact]
    public void Empty_ones_too()
    {
        using var module = native.Load();
        using var none = module["twins"].Evaluate([SparseTensor.Csr([0, 0], [], new float[0], [1, 0])]);
        Assert.Equal(0, none["y"].Sparse.StoredCount);
        using var nothing = module["twins"].Evaluate([SparseTensor.Csr([0], [], new float[0], [0, 9])]);
        Assert.Equal([0, 9], nothing["z"].Sparse.Shape.ToArray());
    }

    [Fact]
    public void An_invocation_hands_out_each_result_once_per_run()
    {
        using var module = native.Load();
        using var call = module["twins"].Bind();
        call.SetInput("a", A);
        Assert.Contains("no run has made it", Assert.Throws<InvalidOperationException>(() => call.TakeOutput("y")).Message);
        call.Run();
        call.Run();
        using var first = call.TakeOutput("y");
        Assert.Throws<InvalidOperationException>(() => call.TakeOutput("y"));
        call.SetInput("a", SparseTensor.Csr([0, 0, 2], [0, 1], new float[] { 1, 2 }, [2, 2]));
        call.Run();
        using var second = call.TakeOutput(0);
        using var other = call.TakeOutput("z");
        Assert.Equal([10, 14, 18], first.Values.AsSpan<float>().ToArray());
        Assert.Equal([2, 4], second.Values.AsSpan<float>().ToArray());
        Assert.Equal([2, 2], other.Shape.ToArray());
        Assert.Contains("the run makes it", Assert.Throws<LeptonArgumentException>(() => call.SetOutput("y", A)).Message);
        Assert.Throws<LeptonArgumentException>(() => call.TakeOutput(2));
    }

    [Fact]
    public void Wide_indices_are_narrowed_where_they_fit()
    {
        using var module = native.Load();
        var wide = SparseTensor.Csr([0L, 1, 1, 3], [1L, 0, 2], new float[] { 5, 7, 9 }, [3, 4]);
        using var results = module["twins"].Evaluate([wide]);
        Assert.Equal([10, 14, 18], results["y"].Sparse.Values.AsSpan<float>().ToArray());
        var huge = SparseTensor.Csr([0L, 1], [1L << 31], new float[] { 5 }, [1, 1L << 40]);
        Assert.Equal(
            $"entry twins: argument a: index {1L << 31} of {huge} does not fit into i32; the program must say that its indices are i64",
            Refused(() => module["twins"].Evaluate([huge])));
    }

    [Fact]
    public void What_does_not_fit_is_told()
    {
        using var module = native.Load();
        var twins = module["twins"];
        using var csc = A.ConvertTo(TensorFormat.Csc);
        using var filled = A.ConvertTo(TensorFormat.Csr.WithFill(Scalar.Float(ElementType.F32, 1)));
        using var dense = A.ToDense();
        Assert.Contains("argument a is stored in csr, and the tensor given in csc; convert it with ConvertTo", Refused(() => twins.Evaluate([csc])));
        Assert.Contains("argument a is stored in csr, and the tensor given in csr fill 1", Refused(() => twins.Evaluate([filled])));
        Assert.Contains("argument a is stored in csr, and the tensor given is dense", Refused(() => twins.Evaluate([dense])));
        Assert.Contains("is dense, and the tensor given is sparse", Refused(() => module["affine"].Evaluate([A])));
        Assert.Contains("result y is sparse, and how much it stores is known after a run; use Evaluate", Refused(() => twins.Run([A])));
        Assert.Contains("result y is sparse, and the run makes it", Refused(() => twins.Run([A], [dense, dense])));
        Assert.Contains("entry twins: its sizes do not end with a.1, y.1, z.1", Refused(() => Module.FromAddresses(
            NativeFixture.Manifest with { Entries = [NativeFixture.Manifest.Entries.Single(e => e.Name == "twins") with { Dims = ["N", "M", "y.1", "a.1", "z.1"] }] }, _ => 1, null)));
    }

    [Theory]
    [InlineData(long.MaxValue)]
    [InlineData((1L << 47) + 1)]
    [InlineData(-1)]
    public void No_memory_is_an_error_that_says_how_much(long bytes)
    {
        using var module = native.Load();
        var error = Assert.Throws<LeptonRunException>(() => module["greedy"].Evaluate([Tensor.Scalar(bytes)]));
        Assert.Equal($"entry greedy: no memory for {bytes} bytes of a sparse tensor with no sizes", error.Message);
    }

    [Fact]
    public void What_a_failed_or_cancelled_run_took_is_freed()
    {
        using var module = native.Load();
        for (var i = 0; i < 2000; i++)
        {
            Assert.Throws<OperationCanceledException>(() => module["greedy"].Evaluate([Tensor.Scalar(1L << 30)]));
        }
    }

    private static string Refused(Action run)
    {
        var error = Record.Exception(run);
        return error is LeptonArgumentException or ModuleLoadException ? error.Message : throw new InvalidOperationException("expected a refusal", error);
    }
}
