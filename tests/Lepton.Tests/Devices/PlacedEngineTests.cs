using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Devices;

/// <summary>Programs on several devices as an app runs them.</summary>
public class PlacedEngineTests
{
    // A chain of products, each a kernel of its own.
    private const string Chain = """
        fn chain(x: f32[N, N]) -> (y: f32[N, N]) {
          a = x @ x
          b = a @ x
          c = b @ x
          d = c @ x
          y = d @ b
        }
        """;

    private const string Network = """
        dim H
        param w: f32[H, H] ~ glorot
        param v: f32[H, H] ~ glorot

        fn net(x: f32[B, H]) -> (y: f32[B, H], s: f32[B]) {
          left[b, j]  = tanh(sum[k] x[b, k] * w[k, j])
          right[b, j] = exp(sum[k] x[b, k] * v[k, j] * 0.1)
          y[b, j] = sum[k] left[b, k] * right[b, j] * w[k, j]
          s[b] = sum[j] y[b, j]
        }
        """;

    [Fact]
    public void Two_devices_give_what_one_gives()
    {
        var dims = new Dictionary<string, long> { ["B"] = 5, ["H"] = 16 };
        var x = Filled(5, 16);
        using Device first = new HostDevice("cpu:0", threads: 1), second = new HostDevice("clr:0", "clr", 1);
        using var engine = LeptonEngine.Compile(Network, new LeptonOptions { UseCache = false });
        using var parameters = new ParameterSet();
        parameters.Initialize(engine["net"], 3, dims);
        using var expected = engine["net"].Evaluate([x], new RunOptions { Parameters = parameters });
        using var placed = PlacedEngine.Compile(Network, "net", dims, [first, second], Alternating("cpu:0", "clr:0"), new LeptonOptions { UseCache = false });
        var timeline = default(PlacedTimeline);
        var options = new PlacedOptions { Parameters = parameters, Timeline = t => timeline = t };
        for (var run = 0; run < 3; run++)
        {
            using var actual = placed.Evaluate([x], options);
            foreach (var name in (string[])["y", "s"])
            {
                var (e, a) = (expected[name].Dense.AsSpan<float>().ToArray(), actual[name].Dense.AsSpan<float>().ToArray());
                Assert.All(e, (value, i) => Assert.Equal(value, a[i], 1e-4f));
            }
        }

        Assert.Equal(placed.Program.Segments.Select(s => s.Name).Order(), timeline!.Spans.Select(s => s.Name).Order());
        Assert.All(timeline.Spans, s => Assert.True(s.Start >= 0 && s.End >= s.Start && s.End <= timeline.Seconds));
        Assert.True(placed.Program.Segments.Count >= 3);
        Assert.Equal(0, placed.Program.Copies.Count);
    }

    [Fact]
    public void Groups_of_one_device_are_one_segment_until_another_one_reads()
    {
        var fused = Compilation.Of(new SourceText("chain.lep", Chain)).Fuse("chain", new Dictionary<string, long> { ["N"] = 4 });
        var names = SegmentCut.Needed(fused).ToArray();
        Assert.Equal(5, names.Length);
        string Cut(params string[] devices) =>
            string.Join(" | ", SegmentCut.Run(fused, [.. names.Zip(devices, (n, d) => new PlacedGroup(n, d))]).Segments.Select(s => $"{s.Device} {string.Join("", s.Groups.Select(g => "abcdy"[Array.IndexOf(names, g)]))}"));
        Assert.Equal("1 abcdy", Cut("1", "1", "1", "1", "1"));
        Assert.Equal("1 ab | 2 c | 1 dy", Cut("1", "1", "2", "1", "1"));
        Assert.Equal("1 ab | 2 cd | 1 y", Cut("1", "1", "2", "2", "1"));
        Assert.Equal("1 ab | 2 cdy", Cut("1", "1", "2", "2", "2"));
    }

    [Fact]
    public void Memory_between_segments_is_used_again_and_copies_are_counted()
    {
        using Device host = new HostDevice("host", "clr", 1), own = new OwnMemoryDevice("own");
        using var placed = Open(Chain, "chain", 8, [host, own], Alternating("host", "own"));
        var memory = placed.Program.PlannedMemory;
        Assert.Equal(["host", "own"], memory.Select(m => m.Memory));
        Assert.All(memory, m => Assert.True(m.Peak < m.Sum, $"{m}"));
        Assert.True(placed.Program.Copies.Bytes == placed.Program.Copies.Count * 8 * 8 * 4);
        Check(placed);
    }

    [Fact]
    public void What_was_lost_or_written_over_is_made_again()
    {
        // When y is to be made, b is in the memory of the failing device alone: where the host had it lies d, and where a was too.
        using Device host = new HostDevice("host", "clr", 1), other = new HostDevice("other", "clr", 1), own = new FailingDevice("own", 1, ownMemory: true);
        using var placed = Open(Chain, "chain", 8, [host, other, own], fused => [.. SegmentCut.Needed(fused).Zip(["host", "own", "host", "other", "own"], (g, d) => new PlacedGroup(g, d))]);
        var needed = new List<string>();
        var options = new PlacedOptions
        {
            OnFailure = f =>
            {
                needed.Add($"{f.Finished.Count} {f.Needed.Count}");
                return [.. f.Needed.Select(g => new PlacedGroup(g, "host"))];
            },
        };
        Check(placed, options);
        Check(placed, options);
        Assert.Equal(["2 3", "0 5"], needed); // in the first run: a, b and y; before the second: all
    }

    [Fact]
    public void A_failing_device_is_named_with_its_segment_when_nobody_helps()
    {
        using Device host = new HostDevice("host", "clr", 1), own = new FailingDevice("own", 1);
        using var placed = Open(Chain, "chain", 8, [host, own], Alternating("host", "own"));
        var e = Assert.Throws<DeviceFailedException>(() => Check(placed));
        Assert.Matches("^device own failed in segment chain_\\d: unplugged$", e.Message);
        Assert.Throws<DeviceFailedException>(() => Check(placed, new PlacedOptions { OnFailure = _ => null }));
        Assert.Throws<InvalidTimeZoneException>(() => Check(placed, new PlacedOptions { OnFailure = _ => throw new InvalidTimeZoneException() }));
        var wrong = Assert.Throws<ArgumentException>(() => Check(placed, new PlacedOptions { OnFailure = f => [.. f.Needed.Select(g => new PlacedGroup(g, "own"))] }));
        Assert.Contains("is placed on own, which failed", wrong.Message);
    }

    [Fact]
    public void Of_two_accesses_that_fail_it_is_always_the_first()
    {
        const string Picks = """
            fn picks(x: f32[N], i: i64[N], j: i64[N]) -> (y: f32[N], z: f32[N]) {
              y[k] = x[i[k]] + 1
              z[k] = sum[m] x[m] * x[j[k]]
            }
            """;
        using Device a = new HostDevice("a", "clr", 1), b = new HostDevice("b", "clr", 1);
        using var placed = Open(Picks, "picks", 4, [a, b], Alternating("a", "b"));
        var x = Tensor.From([1f, 2, 3, 4]);
        for (var run = 0; run < 30; run++)
        {
            var e = Assert.Throws<LeptonRunException>(() => placed.Evaluate([x, Tensor.From([0L, 9, 0, 0]), Tensor.From([7L, 0, 0, 0])]));
            Assert.Equal(("x[i[k]]", 9L, 4L), (e.Access, e.Index, e.Bound));
            Assert.EndsWith("at element [1]; in segment picks_0 on device a", e.Message);
        }

        Assert.Equal("x[j[k]]", Assert.Throws<LeptonRunException>(() => placed.Evaluate([x, Tensor.From([0L, 0, 0, 0]), Tensor.From([7L, 0, 0, 0])])).Access);
        placed.Evaluate([x, Tensor.From([0L, 0, 0, 0]), Tensor.From([3L, 0, 0, 0])]).Dispose();
    }

    [Fact]
    public void A_run_can_be_cancelled_and_the_next_one_works()
    {
        const string Long = """
            fn long(x: f32[N, N], n: f32[N]) -> (y: f32[N, N], z: f32[N]) {
              scan t in 200000000 {
                state s[i: N, j: N] = x[i, j]
                s'[i, j] = sum[k] s[i, k] * x[k, j]
              }
              y = s
              z[i] = sum[k] y[i, k] * n[k]
            }
            """;
        using Device a = new HostDevice("a", "clr", 1), b = new HostDevice("b", "clr", 1);
        using var placed = Open(Long, "long", 16, [a, b], Alternating("a", "b"));
        using var stop = new CancellationTokenSource();
        Cancelling.Soon(stop);
        Assert.Throws<OperationCanceledException>(() => placed.Evaluate([Filled(16, 16), Tensor.From(new float[16])], cancellation: stop.Token));
        Assert.Throws<OperationCanceledException>(() => placed.Evaluate([Filled(16, 16), Tensor.From(new float[16])], cancellation: stop.Token));
    }

    [Fact]
    public void Runs_may_overlap()
    {
        using Device host = new HostDevice("host", "clr", 1), own = new OwnMemoryDevice("own");
        using (var placed = Open(Chain, "chain", 8, [host, own], Alternating("host", "own")))
        {
            Parallel.For(0, 40, new ParallelOptions { MaxDegreeOfParallelism = 4 }, _ => Check(placed));
        }

        Assert.Equal(0, ((OwnMemoryDevice)own).Memories);
    }

    [Fact]
    public void Mistakes_in_assignments_and_arguments_are_said()
    {
        using Device host = new HostDevice("host", "clr", 1);
        var fused = Compilation.Of(new SourceText("chain.lep", Chain)).Fuse("chain", new Dictionary<string, long> { ["N"] = 4 });
        var names = SegmentCut.Needed(fused);
        string Says(Func<FusedGraph, IReadOnlyList<PlacedGroup>> assign) => Assert.Throws<ArgumentException>(() => Open(Chain, "chain", 4, [host], assign)).Message;
        Assert.Equal($"kernel {names[0]} is placed on gpu, which is no device here; there is host", Says(Alternating("gpu", "host")));
        Assert.Equal($"kernel {names[4]} is not placed", Says(f => [.. names.Take(4).Select(n => new PlacedGroup(n, "host"))]));
        Assert.Equal($"kernel {names[0]} is placed twice", Says(f => [.. names.Append(names[0]).Select(n => new PlacedGroup(n, "host"))]));
        Assert.StartsWith($"kernel {names[4]} reads what ", Says(f => [.. names.Reverse().Select(n => new PlacedGroup(n, "host"))]));
        Assert.StartsWith("there is no kernel soup; there are ", Says(f => PlacedEngine.Assign(f, new Dictionary<string, string> { ["soup"] = "host" }, "host")));
        Assert.Contains("the size N of chain is not known", Assert.Throws<ArgumentException>(() => Open(Chain, "chain", null, [host], Alternating("host", "host"))).Message);
        using var placed = Open(Chain, "chain", 4, [host], Alternating("host", "host"));
        Assert.Equal("entry chain: argument x is f32[4, 4], and f32[4, 5] is given", Assert.Throws<LeptonArgumentException>(() => placed.Evaluate([Filled(4, 5)])).Message);
        Assert.Equal("entry chain has 1 argument, and 0 are given", Assert.Throws<LeptonArgumentException>(() => placed.Evaluate([])).Message);
    }

    [Fact]
    public void A_device_can_be_kept_on_cores()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        using var device = new HostDevice("one", cores: [0]);
        Assert.Equal(1, device.Threads);
        var seen = -1;
        device.Work.Submit(() => seen = Thread.GetCurrentProcessorId()).Wait();
        Assert.Equal(0, seen);
        Assert.StartsWith("there is no core 1023 for this process; there are 0", Assert.Throws<ArgumentException>(() => new HostDevice("none", cores: [1023])).Message);
    }

    private static Func<FusedGraph, IReadOnlyList<PlacedGroup>> Alternating(string even, string odd) =>
        fused => [.. SegmentCut.Needed(fused).Select((g, i) => new PlacedGroup(g, i % 2 == 0 ? even : odd))];

    private static PlacedEngine Open(string program, string entry, long? n, IReadOnlyList<Device> devices, Func<FusedGraph, IReadOnlyList<PlacedGroup>> assign) => PlacedEngine.Of(
        _ => Compilation.Of(new SourceText("test.lep", program), new CompileOptions { Device = CodeDevice.Clr }), entry, n is null ? new Dictionary<string, long>() : new() { ["N"] = n.Value }, devices, assign);

    // (x²)x = b, ((bx)x)b: small whole numbers, so that every order of sums gives the same.
    private static void Check(PlacedEngine chain, PlacedOptions? options = null)
    {
        var x = new float[8, 8];
        var flat = new float[64];
        for (var i = 0; i < 64; i++)
        {
            flat[i] = x[i / 8, i % 8] = i % 9 == 0 ? 1 : i % 7 == 3 ? 1 : 0;
        }

        var a = Product(x, x);
        var b = Product(a, x);
        var expected = Product(Product(Product(b, x), x), b);
        using var results = chain.Evaluate([Tensor.From(flat, 8, 8)], options);
        Assert.Equal(expected.Cast<float>(), results["y"].Dense.AsSpan<float>().ToArray());
    }

    private static float[,] Product(float[,] a, float[,] b)
    {
        var c = new float[8, 8];
        for (var i = 0; i < 512; i++)
        {
            c[i / 64, i % 8] += a[i / 64, i / 8 % 8] * b[i / 8 % 8, i % 8];
        }

        return c;
    }

    private static Tensor Filled(int rows, int columns) => Tensor.From([.. Enumerable.Range(0, rows * columns).Select(i => ((i * 7) % 11 - 5) * 0.1f)], rows, columns);
}
