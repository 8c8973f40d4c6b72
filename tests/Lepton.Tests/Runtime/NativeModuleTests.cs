using Lepton.Abi;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Xunit;

namespace Lepton.Tests.Runtime;

public sealed class NativeModuleTests(NativeFixture native) : IClassFixture<NativeFixture>
{
    private static float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(i => i * 0.25f)];

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(10_000)]
    public void Every_form_of_a_run_gives_the_result_for_any_number_of_threads(int count)
    {
        using var module = native.Load();
        var entry = module["affine"];
        var x = Numbers(count);
        float[] expected = [.. x.Select(v => (2 * v) + 1)];
        foreach (var threads in new[] { 0, 1, 2, 5, 1000 })
        {
            var options = new RunOptions { Threads = threads };
            var y = new float[count];
            entry.Run([Tensor.From(x)], [Tensor.From(y)], options);
            Assert.Equal(expected, y);

            Array.Clear(y);
            entry.Run<float, float>(x, [count], y, options);
            Assert.Equal(expected, y);

            using var made = entry.Run([Tensor.From(x)], options)[0];
            Assert.Equal(expected, made.AsSpan<float>().ToArray());

            Array.Clear(y);
            using var call = entry.Bind(options).SetInput("x", Tensor.From(x)).SetOutput("y", Tensor.From(y));
            Assert.Equal([count], call.ResultShapes()[0]);
            call.Run();
            Assert.Equal(expected, y);
        }
    }

    [Fact]
    public void An_invocation_follows_new_shapes_and_new_data()
    {
        using var module = native.Load();
        using var call = module["affine"].Bind();
        float[] x = [1, 2], y = new float[2];
        call.SetInput(0, Tensor.From(x)).SetOutput(0, Tensor.From(y)).Run();
        x[0] = 10;
        call.Run();
        Assert.Equal([21, 5], y);
        var wide = new float[3];
        call.SetInput(0, Tensor.From([1f, 1, 1]));
        Assert.Contains("result y", Assert.Throws<LeptonArgumentException>(() => call.Run()).Message);
        call.SetOutput(0, Tensor.From(wide)).Run();
        Assert.Equal([3, 3, 3], wide);
        call.Dispose();
        call.Dispose();
        Assert.Throws<ObjectDisposedException>(() => call.Run());
    }

    [Fact]
    public unsafe void A_pointer_is_an_argument_too()
    {
        using var module = native.Load();
        float* x = stackalloc float[2] { 1, 2 }, y = stackalloc float[2];
        module["affine"].Run([new TensorRef(x, ElementType.F32, [2])], [new TensorRef(y, ElementType.F32, [2])]);
        Assert.Equal((3, 5), (y[0], y[1]));
        Assert.Throws<LeptonArgumentException>(() => module["affine"].Run([new TensorRef(null, ElementType.F32, [2])]));
        Assert.Throws<LeptonArgumentException>(() => module["affine"].Run([default]));
    }

    [Fact]
    public void A_failing_gather_names_the_access_the_element_the_index_and_the_bound()
    {
        using var module = native.Load();
        var k = new long[4 * 5];
        (k[13], k[17]) = (7, -1);
        foreach (var threads in new[] { 1, 4 })
        {
            var e = Assert.Throws<LeptonRunException>(() => module["gather"].Run(
                [Tensor.From(Numbers(5)), Tensor.From(k, 4, 5)], new RunOptions { Threads = threads }));
            Assert.Equal("x[k[i, j]] at g.lep:12:7: index 7 is outside 0..4 at element [2, 3]", e.Message);
            Assert.Equal(("x[k[i, j]]", "g.lep:12:7", 7, 5), (e.Access, e.Location, e.Index, e.Bound));
            Assert.Equal([2, 3], e.Element);
        }

        k[13] = k[17] = 4;
        using var z = module["gather"].Run([Tensor.From(Numbers(5)), Tensor.From(k, 4, 5)])[0];
        Assert.Equal(1f, z.AsSpan<float>()[13]);
        Assert.Contains("size 0", Assert.Throws<LeptonRunException>(
            () => module["gather"].Run([Tensor.From(Numbers(0)), Tensor.From(k, 4, 5)])).Message);
    }

    [Fact]
    public void Launches_inside_launches_end()
    {
        using var module = native.Load();
        long[] x = [.. Enumerable.Range(0, 100).Select(i => (long)(i % 40))];
        var y = new long[100];
        for (var i = 0; i < 200; i++)
        {
            module["nested"].Run([Tensor.From(x)], [Tensor.From(y)], new RunOptions { Threads = 4 });
            Assert.Equal(x.Select(n => n * (n - 1) / 2), y);
        }
    }

    [Fact]
    public void Sixteen_threads_on_one_entry_get_the_serial_results()
    {
        using var module = native.Load();
        var entry = module["affine"];
        var failures = 0;
        var threads = new Thread[16];
        for (var t = 0; t < threads.Length; t++)
        {
            var seed = t;
            threads[t] = new Thread(() =>
            {
                // Other sizes in every thread, so that arenas and frames change hands.
                var x = Numbers(1000 + (seed * 700));
                var y = new float[x.Length];
                TensorRef[] input = [Tensor.From(x)], output = [Tensor.From(y)];
                var options = new RunOptions { Threads = 1 + (seed % 4) };
                for (var i = 0; i < 200; i++)
                {
                    x[i] += seed;
                    y.AsSpan().Fill(-1);
                    entry.Run(input, output, options);
                    for (var j = 0; j < x.Length; j++)
                    {
                        if (y[j] != (2 * x[j]) + 1)
                        {
                            Interlocked.Increment(ref failures);
                        }
                    }
                }
            });
            threads[t].Start();
        }

        Array.ForEach(threads, t => t.Join());
        Assert.Equal(0, failures);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_repeated_run_allocates_nothing(int threadCount)
    {
        using var module = native.Load();
        using var parameters = new ParameterSet();
        parameters.Set("w", Tensor.From(Numbers(6), 3, 2));
        var options = new RunOptions { Threads = threadCount, Parameters = parameters };
        var entry = module["dense"];
        TensorRef[] input = [Tensor.From(Numbers(30), 10, 3)], output = [Tensor.From(new float[20], 10, 2)];
        using var affine = module["affine"].Bind(options).SetInput(0, Tensor.From(Numbers(3000))).SetOutput(0, Tensor.From(new float[3000]));
        var (x, y) = (Numbers(600), new float[600]);

        Assert.Equal(0, Measure(() => entry.Run(input, output, options)));
        Assert.Equal(0, Measure(() => affine.Run()));
        long[] shape = [600];
        Assert.Equal(0, Measure(() => module["affine"].Run<float, float>(x, shape, y, options)));

        static long Measure(Action run)
        {
            for (var i = 0; i < 200; i++)
            {
                run();
            }

            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < 10_000; i++)
            {
                run();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }
    }

    [Fact]
    public async Task Disposing_during_a_run_lets_it_finish_and_then_unloads()
    {
        var module = native.Load();
        var entry = module["wait"];
        var (told, running) = (new int[1], new int[1]);
        var run = Task.Factory.StartNew(() => entry.Run([Tensor.From(told, [])], [Tensor.From(running, [])]), TaskCreationOptions.LongRunning);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref running[0]) == 1, TimeSpan.FromSeconds(20)));
        module.Dispose();
        module.Dispose();
        Assert.Throws<ObjectDisposedException>(() => entry.Run([Tensor.From(told, [])], [Tensor.From(running, [])]));
        Assert.False(run.IsCompleted);
        Volatile.Write(ref told[0], 1);
        await run.WaitAsync(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task The_owner_of_code_in_memory_is_disposed_once_after_the_last_run()
    {
        using var inner = native.Load();
        var library = System.Runtime.InteropServices.NativeLibrary.Load(native.LibraryPath);
        var owner = new Owner();
        var module = Module.FromAddresses(
            NativeFixture.Manifest, s => System.Runtime.InteropServices.NativeLibrary.TryGetExport(library, s, out var a) ? a : 0, owner);
        var told = new int[1];
        var runs = Enumerable.Range(0, 4).Select(_ => new int[1]).Select(running => (running, task: Task.Factory.StartNew(
            () => module["wait"].Run([Tensor.From(told, [])], [Tensor.From(running, [])]), TaskCreationOptions.LongRunning))).ToList();
        Assert.True(SpinWait.SpinUntil(() => runs.All(r => Volatile.Read(ref r.running[0]) == 1), TimeSpan.FromSeconds(20)));
        module.Dispose();
        Assert.Equal(0, owner.Disposed);
        Volatile.Write(ref told[0], 1);
        await Task.WhenAll(runs.Select(r => r.task)).WaitAsync(TimeSpan.FromSeconds(20));
        Assert.Equal(1, owner.Disposed);
        Assert.Throws<ObjectDisposedException>(() => module["affine"].ResultShapes([Tensor.From(new float[1])]));
        Assert.Equal(1, owner.Disposed);
    }

    [Fact]
    public async Task A_run_can_be_cancelled_before_and_during()
    {
        using var module = native.Load();
        var (told, running) = (new int[1], new int[1]);
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();
        Assert.Throws<OperationCanceledException>(
            () => module["wait"].Run([Tensor.From(told, [])], [Tensor.From(running, [])], null, cancelled.Token));
        Assert.Equal(0, running[0]);

        using var later = new CancellationTokenSource();
        var run = Task.Factory.StartNew(
            () => Assert.Throws<OperationCanceledException>(
                () => module["wait"].Run([Tensor.From(told, [])], [Tensor.From(running, [])], null, later.Token)).CancellationToken,
            TaskCreationOptions.LongRunning);
        Assert.True(SpinWait.SpinUntil(() => Volatile.Read(ref running[0]) == 1, TimeSpan.FromSeconds(20)));
        later.Cancel();
        Assert.Equal(later.Token, await run.WaitAsync(TimeSpan.FromSeconds(20)));

        told[0] = 1;
        module["wait"].Run([Tensor.From(told, [])], [Tensor.From(running, [])], null, new CancellationTokenSource().Token); // the flag is clear again
    }

    [Fact]
    public void An_interrupted_caller_finishes_its_run_and_is_interrupted_after_it()
    {
        using var module = native.Load();
        var (x, y) = (Numbers(100_000), new float[100_000]);
        var interrupted = false;
        var thread = new Thread(() =>
        {
            Thread.CurrentThread.Interrupt();
            for (var i = 0; i < 50; i++)
            {
                module["affine"].Run([Tensor.From(x)], [Tensor.From(y)], new RunOptions { Threads = 4 });
            }

            try
            {
                Thread.Sleep(Timeout.Infinite);
            }
            catch (ThreadInterruptedException)
            {
                interrupted = true;
            }
        });
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromSeconds(20)));
        Assert.True(interrupted);
        Assert.Equal((2 * x[99_999]) + 1, y[99_999]);
    }

    [Fact]
    public void Outputs_must_not_lie_over_other_tensors()
    {
        using var module = native.Load();
        var x = new float[10];
        var e = Assert.Throws<LeptonArgumentException>(
            () => module["affine"].Run([Tensor.From(x.AsMemory(0, 6), [6])], [Tensor.From(x.AsMemory(4, 6), [6])]));
        Assert.Contains("result y lies over argument x", e.Message);
        module["affine"].Run([Tensor.From(x.AsMemory(0, 5), [5])], [Tensor.From(x.AsMemory(5, 5), [5])]);
        Assert.Equal(1, x[9]);
    }

    [Fact]
    public void Modules_that_cannot_be_loaded_say_why()
    {
        using var folder = new TempFolder();
        Assert.Contains("none.json", Load("none.json"));
        File.WriteAllText(folder["a.json"], "{");
        Assert.Contains("not JSON", Load("a.json"));
        File.WriteAllBytes(folder["a.json"], ManifestJson.Write(NativeFixture.Manifest));
        Assert.Contains("is beside it", Load("a.json"));
        File.WriteAllText(folder["a.so"], "no library");
        Assert.Contains("cannot be loaded", Load("a.json"));
        File.Copy(native.LibraryPath, folder["a.so"], overwrite: true);
        var other = NativeFixture.Manifest with { Entries = [NativeFixture.Manifest.Entries[0] with { Symbol = "lep_other" }] };
        File.WriteAllBytes(folder["a.json"], ManifestJson.Write(other));
        Assert.Contains("lep_other", Load("a.json"));
        Assert.Contains("affine, gather", Assert.Throws<LeptonArgumentException>(() => native.Load()["affin"]).Message);

        string Load(string name) => Assert.Throws<ModuleLoadException>(() => Module.Load(folder[name])).Message;
    }

    private sealed class Owner : IDisposable
    {
        internal int Disposed { get; private set; }

        public void Dispose() => Disposed++;
    }
}
