using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Kernels;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Profiling;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Embedding;

/// <summary>A recorder sees every launch of a run, and each chunk once, whatever the threads; the numbers stay the same.</summary>
public sealed class LaunchRecorderTests : IDisposable
{
    private const int N = 3000;

    // A sum over all (several chunks), a scan of five steps (one launch each, or more), and a map.
    private const string Program = """
        fn f(x: f32[N, 100]) -> (y: f32[N, 100], last: f32[100]) {
          scan t in 5 {
            state h[j: 100] = 0.0
            h'[j]           = tanh(h[99 - j] + x[t else 0, j])
          }
          last    = h
          y[i, j] = exp(x[i, j]) / (sum[k] exp(x[i, k])) + h[j]
        }
        """;

    private readonly Compilation _compilation = Compilation.Of(new SourceText("f.lep", Program), new CompileOptions { Profile = true });
    private readonly LeptonEngine _engine;
    private readonly OwnedTensor _x = Tensor.Allocate(ElementType.F32, [N, 100]);

    public LaunchRecorderTests()
    {
        _engine = LeptonEngine.Of(_compilation);
        TensorFill.Normal(_x, 1);
    }

    public void Dispose()
    {
        _x.Dispose();
        _engine.Dispose();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void Every_launch_is_seen_and_every_chunk_once(int threads)
    {
        using var recorder = new LaunchRecorder();
        Run(threads, recorder);
        var (launches, batches) = (recorder.Launches.ToArray(), recorder.Batches.ToArray());
        Assert.Equal(0, recorder.Lost);
        var module = _compilation.Lower(["f"], new Dictionary<string, long> { ["N"] = N });
        var kernels = module.Kernels;
        var once = module.Entries[0].Prepare.OfType<Launch>().Select(l => l.Kernel); // before the run, and not part of it
        Assert.Equal(Enumerable.Range(0, kernels.Count).Except(once), launches.Select(l => (int)l.Kernel).Distinct().Order());
        Assert.Equal(5, launches.GroupBy(l => l.Kernel).Max(g => g.Count()));
        for (var i = 0; i < launches.Length; i++)
        {
            var launch = launches[i];
            Assert.True(launch.Start <= launch.End && (i == 0 || launches[i - 1].End <= launch.Start));
            Assert.Equal(kernels[(int)launch.Kernel].Chunks.Evaluate(_ => N), launch.Chunks);
            var next = 0L;
            foreach (var batch in batches.Where(b => b.Launch == i).OrderBy(b => b.First))
            {
                Assert.Equal(next, batch.First);
                Assert.True(launch.Start <= batch.Start && batch.Start <= batch.End && batch.End <= launch.End);
                next = batch.Limit;
            }

            Assert.Equal(launch.Chunks, next);
        }

        Assert.InRange(batches.Select(b => b.Thread).Distinct().Count(), 1, threads);
    }

    [Fact]
    public void Recording_changes_no_bit_of_the_results()
    {
        using var plain = LeptonEngine.Compile(Program, new LeptonOptions { UseCache = false });
        using var recorder = new LaunchRecorder();
        var expected = plain["f"].Run([_x]);
        var results = Run(2, recorder);
        for (var i = 0; i < results.Length; i++)
        {
            Assert.Equal(expected[i].AsBytes().ToArray(), results[i].AsBytes().ToArray());
            expected[i].Dispose();
        }
    }

    [Fact]
    public void What_does_not_fit_is_counted()
    {
        using var recorder = new LaunchRecorder(launches: 3);
        Run(1, recorder);
        Assert.Equal(3, recorder.Launches.Length);
        Assert.True(recorder.Lost > 0);
        recorder.Clear();
        Assert.Equal((0, 0, 0L), (recorder.Launches.Length, recorder.Batches.Length, recorder.Lost));
    }

    [Fact]
    public void A_failed_access_is_still_named()
    {
        var gather = Compilation.Of(new SourceText("g.lep", "fn g(x: f32[4], i: i64[N]) -> (y: f32[N]) { y[n] = x[i[n]] }"), new CompileOptions { Profile = true });
        using var engine = LeptonEngine.Of(gather);
        using var recorder = new LaunchRecorder();
        var error = Assert.Throws<LeptonRunException>(() => engine["g"].Run(
            [Tensor.From(new float[4], [4]), Tensor.From(new long[] { 1, 9 }, [2])], new RunOptions { Recorder = recorder }));
        Assert.Contains("index 9", error.Message);
    }

    private OwnedTensor[] Run(int threads, LaunchRecorder recorder) => _engine["f"].Run([_x], new RunOptions { Threads = threads, Recorder = recorder });
}
