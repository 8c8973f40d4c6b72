using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Runtime;

/// <summary>What depends on parameters alone is made once for a set of parameters, by whichever run comes first.</summary>
public sealed class PreparedTests(NativeFixture native) : IClassFixture<NativeFixture>
{
    private const int Told = 0;
    private const int Begun = 1;
    private const int Value = 2;

    [Fact]
    public void Prepared_once_and_again_when_parameters_are_set_or_said_to_have_changed()
    {
        using var module = native.Load();
        using var parameters = new ParameterSet();
        var w = new[] { 1, 0, 7 };
        parameters.Set("w", Tensor.From(w));
        Assert.Equal(7, Run(module, parameters));
        w[Value] = 8;
        Assert.Equal((7, 1), (Run(module, parameters), w[Begun]));
        parameters.Changed();
        Assert.Equal((8, 2), (Run(module, parameters), w[Begun]));
        parameters.Set("w", Tensor.From(new[] { 1, 0, 9 }));
        Assert.Equal(9, Run(module, parameters));

        // Another module prepares for itself, and one that is gone leaves the set as it is.
        using (var other = native.Load())
        {
            Assert.Equal(9, Run(other, parameters));
        }

        Assert.Equal(9, Run(module, parameters));
        parameters.Dispose();
        Assert.Throws<LeptonArgumentException>(() => Run(module, parameters));
    }

    [Fact]
    public async Task Many_runs_wait_for_the_first_and_a_cancelled_one_leaves_the_work_to_the_next()
    {
        using var module = native.Load();
        using var parameters = new ParameterSet();
        var w = new[] { 0, 0, 7 };
        parameters.Set("w", Tensor.From(w));
        using var stop = new CancellationTokenSource();
        var first = Start(() => Run(module, parameters, stop.Token));
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref w[Begun]) == 1, TimeSpan.FromSeconds(20)));

        // A run that waits for another's preparation can be cancelled too.
        using var impatient = new CancellationTokenSource(TimeSpan.FromMilliseconds(20));
        Assert.ThrowsAny<OperationCanceledException>(() => Run(module, parameters, impatient.Token));
        var others = Enumerable.Range(0, 4).Select(_ => Start(() => Run(module, parameters))).ToArray();
        stop.Cancel();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref w[Begun]) == 2, TimeSpan.FromSeconds(20)));
        Volatile.Write(ref w[Told], 1);
        Assert.All(await Task.WhenAll(others).WaitAsync(TimeSpan.FromSeconds(20)), y => Assert.Equal(7, y));
        Assert.Equal(2, w[Begun]);
    }

    [Fact]
    public async Task Parameters_may_be_replaced_while_others_run()
    {
        using var module = native.Load();
        using var parameters = new ParameterSet();
        parameters.Set("w", Tensor.From(new[] { 1, 0, 1 }));
        var (last, wrong) = (1, 0);
        var runners = Enumerable.Range(0, 3).Select(_ => Start(() =>
        {
            for (var before = 0; before < 300;)
            {
                before = Volatile.Read(ref last);
                var y = Run(module, parameters);
                _ = y < before ? Interlocked.Increment(ref wrong) : 0;
            }

            return 0;
        })).ToArray();
        for (var i = 2; i <= 300; i++)
        {
            parameters.Set("w", Tensor.From(new[] { 1, 0, i }));
            Volatile.Write(ref last, i);
        }

        await Task.WhenAll(runners).WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Equal(0, wrong);
    }

    [Fact]
    public void Code_for_several_sizes_uses_one_block_and_a_run_that_finds_it_allocates_nothing()
    {
        const string Program = """
            dim B
            param w: f32[6, 6] ~ glorot
            fn attend(x: f32[B, 6]) -> (y: f32[B, 6]) {
              p[i, j] = exp(w[i, j]) / sum[k] exp(w[i, k])
              y = x @ p
            }
            """;
        using var engine = LeptonEngine.Compile(Program, new LeptonOptions { UseCache = false });
        using var parameters = new ParameterSet();
        var w = Enumerable.Range(0, 36).Select(i => i * 0.1f).ToArray();
        parameters.Set("w", Tensor.From(w, 6, 6));
        var options = new RunOptions { Threads = 1, Parameters = parameters };
        var one = Rows(1)[0];

        // The second size finds what the first prepared: it does not see that the parameter is another by now.
        w.AsSpan().Fill(0);
        Assert.Equal(one, Rows(3)[1]);
        parameters.Changed();
        Assert.Equal(1 / 6f, Rows(3)[2], 1e-6);

        TensorRef[] input = [Tensor.From(new float[18], 3, 6)], output = [Tensor.From(new float[18], 3, 6)];
        engine["attend"].Run(input, output, options);
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            engine["attend"].Run(input, output, options);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - allocated);

        // Row k of x picks row k of p.
        float[] Rows(int count)
        {
            var x = new float[count * 6];
            for (var i = 0; i < count; i++)
            {
                x[i * 6] = 1;
            }

            using var y = engine["attend"].Run([Tensor.From(x, count, 6)], options)[0];
            return [.. Enumerable.Range(0, count).Select(i => y.AsSpan<float>()[i * 6])];
        }
    }

    private static Task<int> Start(Func<int> run) => Task.Factory.StartNew(run, TaskCreationOptions.LongRunning);

    private static int Run(Module module, ParameterSet parameters, CancellationToken cancellation = default)
    {
        var y = new int[1];
        module["kept"].Run([], [Tensor.From(y, [])], new RunOptions { Threads = 1, Parameters = parameters }, cancellation);
        return y[0];
    }
}
