using System.Globalization;
using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Tests.House;
using Xunit.Abstractions;

namespace Lepton.Tests.Embedding;

/// <summary>One entry run very often, and by many threads at once. tests/soak.sh runs a million, alone, and watches memory too.</summary>
public sealed class SoakTests : IDisposable
{
    private const int ShortRuns = 20_000;
    private const int Threads = 16;

    // A collection that another test causes may count what is left of this thread's allocation buffer. What a run allocates shows each time.
    private const int Measures = 3;

    private readonly ITestOutputHelper _output;
    private readonly LeptonEngine _engine = LeptonEngine.Compile(Repository.PathOf("examples", "mlp.lep"), new LeptonOptions { UseCache = false });
    private readonly ParameterSet _parameters = new();
    private readonly RunOptions _options;

    public SoakTests(ITestOutputHelper output)
    {
        _output = output;
        _parameters.Initialize(_engine["mlp"], seed: 3);
        _options = new RunOptions { Threads = 1, Parameters = _parameters };
    }

    private static int RunsByHand => Environment.GetEnvironmentVariable("LEPTON_SOAK_RUNS") is { Length: > 0 } given ? int.Parse(given, CultureInfo.InvariantCulture) : 0;

    public void Dispose()
    {
        _engine.Dispose();
        _parameters.Dispose();
    }

    [Fact]
    public void Runs_allocate_no_managed_memory_and_resident_memory_stays_flat()
    {
        var isAlone = RunsByHand > 0;
        var runs = isAlone ? RunsByHand : ShortRuns;
        using var x = Input(1);
        using var y = Tensor.Allocate(ElementType.F32, [1, 10]);
        TensorRef[] inputs = [x], outputs = [y];
        var entry = _engine["mlp"];

        // The .NET runtime compiles hot methods again, in the background, and takes some 5 MB for it: that is over before counting starts.
        Repeat(Math.Max(1000, runs / 10));
        var resident = Environment.WorkingSet;
        var total = GC.GetTotalAllocatedBytes(precise: true);
        var own = Enumerable.Range(0, Measures).Min(_ =>
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            Repeat(runs / Measures);
            return GC.GetAllocatedBytesForCurrentThread() - before;
        });
        total = GC.GetTotalAllocatedBytes(precise: true) - total;
        var growth = Environment.WorkingSet - resident;
        _output.WriteLine($"{runs} runs: {own} managed bytes on the thread, {total} in the process, resident memory {growth / 1024} KiB more");
        Assert.Equal(0, own);
        if (isAlone)
        {
            // The test host itself writes a little from time to time; one byte per run would be a thousand times more.
            Assert.True(total < runs / 8, $"{total} managed bytes in {runs} runs");
            Assert.True(growth < 5 << 20, $"resident memory grew by {growth} bytes");
        }

        void Repeat(int count)
        {
            for (var i = 0; i < count; i++)
            {
                entry.Run(inputs, outputs, _options);
            }
        }
    }

    [Fact]
    public void Sixteen_threads_on_one_entry_give_the_serial_results()
    {
        var runs = Math.Max(100, RunsByHand / 100);
        var expected = Enumerable.Range(0, Threads).Select(Serial).ToArray();
        var wrong = 0;
        var threads = Enumerable.Range(0, Threads).Select(number => new Thread(() =>
        {
            using var x = Input(number);
            using var y = Tensor.Allocate(ElementType.F32, [1, 10]);
            TensorRef[] inputs = [x], outputs = [y];

            // Half of them share the thread pool too.
            var options = _options with { Threads = 1 + number % 2 };
            for (var i = 0; i < runs; i++)
            {
                y.AsSpan<float>().Clear();
                _engine["mlp"].Run(inputs, outputs, options);
                if (!y.AsBytes().SequenceEqual(expected[number]))
                {
                    Interlocked.Increment(ref wrong);
                }
            }
        })).ToList();
        threads.ForEach(t => t.Start());
        threads.ForEach(t => t.Join());
        _output.WriteLine($"{Threads} threads, {runs} runs each: {wrong} differ");
        Assert.Equal(0, wrong);
        Assert.Equal(Threads, expected.Select(Convert.ToHexString).Distinct().Count()); // the inputs do make a difference
    }

    private static OwnedTensor Input(int number)
    {
        var x = Tensor.Allocate(ElementType.F32, [1, 784]);
        for (var i = 0; i < 784; i++)
        {
            x.AsSpan<float>()[i] = ((i * 7 + number * 13) % 101) / 101f;
        }

        return x;
    }

    private byte[] Serial(int number)
    {
        using var x = Input(number);
        using var y = _engine["mlp"].Run([x], _options)[0];
        return y.AsBytes().ToArray();
    }
}
