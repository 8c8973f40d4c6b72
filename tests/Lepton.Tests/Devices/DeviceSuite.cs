using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.Tensors;

namespace Lepton.Tests.Devices;

/// <summary>What every device must do: memory, copies, queues and events, calls of entries, errors, cancelling. A kind of device derives from it.</summary>
public abstract class DeviceSuite
{
    private const string Program = """
        dim M, K
        param w: f32[M, K] ~ glorot

        fn product(x: f32[N, M]) -> (y: f32[N, K], s: f32[N]) {
          y = tanh(x @ w)
          s[i] = sum[k] y[i, k]
        }

        fn pick(x: f32[N], i: i64[M]) -> (y: f32[M]) { y[k] = x[i[k]] }

        fn rows(a: f32[N, M] in csr, x: f32[M]) -> (y: f32[N]) { y[i] = sum[j] a[i, j] * x[j] }

        fn long(x: f32[N, N]) -> (y: f32[N, N]) {
          scan t in 200000000 {
            state s[i: N, j: N] = x[i, j]
            s'[i, j] = sum[k] s[i, k] * x[k, j]
          }
          y = s
        }
        """;

    private readonly Lazy<Compilation> _compilation;

    private Module Load(Device device, string entry)
    {
        Assert.Empty(_compilation.Value.Report.Diagnostics);
        return DeviceCode.Load(_compilation.Value, _compilation.Value.Lower([entry]), device);
    }

    protected DeviceSuite() => _compilation = new(() => Compilation.Of(new SourceText("suite.lep", Program), Options));

    /// <summary>How code for the device is compiled.</summary>
    protected abstract CompileOptions Options { get; }

    /// <summary>A device of this kind; each call another one.</summary>
    protected abstract Device Open(string name);

    [Fact]
    public void Memory_is_aligned_apart_and_refused_by_name()
    {
        using var device = Open("one");
        using DeviceMemory none = device.Allocate(0), small = device.Allocate(1), large = device.Allocate(1 << 20);
        Assert.All([none, small, large], m => Assert.True(m.Address != 0 && m.Address % 64 == 0));
        Assert.True(large.Bytes >= 1 << 20);
        Assert.True(small.Address + small.Bytes <= large.Address || large.Address + large.Bytes <= small.Address);
        var e = Assert.Throws<DeviceFailedException>(() => device.Allocate(long.MaxValue));
        Assert.Equal("one", e.Device);
        Assert.StartsWith("device one failed: ", e.Message);
    }

    [Fact]
    public unsafe void What_is_copied_in_comes_out()
    {
        using var device = Open("one");
        using var memory = device.Allocate(4096);
        byte[] bytes = [.. Enumerable.Range(0, 1000).Select(i => (byte)(i * 7))], back = new byte[900];
        fixed (byte* from = bytes, to = back)
        {
            var (source, target) = ((nint)from, (nint)to);
            var into = device.Copies.Submit(() => device.CopyIn(source, memory, 64, bytes.Length));
            device.Copies.Submit(() => device.CopyOut(memory, 64 + 100, target, 900), into).Wait();
        }

        Assert.Equal(bytes[100..], back);
    }

    [Fact]
    public void Work_runs_in_the_order_of_its_events_one_at_a_time()
    {
        using Device a = Open("a"), b = Open("b");
        var (order, busy, gate) = (new List<int>(), 0, new object());
        void Note(int number)
        {
            Assert.Equal(1, Interlocked.Increment(ref busy));
            lock (gate)
            {
                order.Add(number);
            }

            Interlocked.Decrement(ref busy);
        }

        // A chain to and fro: as one long line, whoever is ready first.
        DeviceEvent? last = null;
        for (var i = 0; i < 200; i++)
        {
            var number = i;
            last = (i % 3 == 0 ? a.Work : i % 3 == 1 ? b.Work : b.Copies).Submit(() => Note(number), last is null ? [] : [last]);
        }

        last!.Wait();
        Assert.Equal(Enumerable.Range(0, 200), order);
        Assert.True(last.IsDone && last.Start > 0 && last.End >= last.Start && last.Error is null);
    }

    [Fact]
    public void Work_that_waits_holds_up_nobody()
    {
        using var device = Open("one");
        using var open = new ManualResetEventSlim();
        var blocked = device.Copies.Submit(() => open.Wait());
        var waits = device.Work.Submit(() => { }, blocked);
        device.Work.Submit(() => { }).Wait();
        Assert.False(waits.IsDone);
        open.Set();
        waits.Wait();
    }

    [Fact]
    public void What_comes_after_a_failure_fails_with_it_and_does_not_run()
    {
        using var device = Open("one");
        var ran = 0;
        var first = device.Work.Submit(() => throw new DeviceFailedException("one", "unplugged"));
        DeviceEvent last = first;
        for (var i = 0; i < 20_000; i++)
        {
            last = device.Work.Submit(() => ran++, last);
        }

        var told = Assert.Throws<DeviceFailedException>(() => last.Wait());
        Assert.Same(first.Error, told);
        Assert.Equal((0, 0L), (ran, last.Start));
        device.Work.Submit(() => ran++).Wait();
        Assert.Equal(1, ran);
    }

    [Fact]
    public void A_device_that_is_disposed_finishes_what_runs_and_refuses_the_rest()
    {
        var device = Open("one");
        using var began = new ManualResetEventSlim();
        var done = false;
        var running = device.Work.Submit(() =>
        {
            began.Set();
            Thread.Sleep(30);
            done = true;
        });
        var next = device.Work.Submit(() => { });
        began.Wait();
        device.Dispose();
        Assert.True(done && running.IsDone && running.Error is null);
        Assert.Throws<ObjectDisposedException>(() => next.Wait());
        Assert.Throws<ObjectDisposedException>(() => device.Work.Submit(() => { }).Wait());
        device.Dispose();
    }

    [Fact]
    public void An_entry_gives_what_it_means_wherever_its_tensors_lie()
    {
        using var device = Open("one");
        using var module = Load(device, "product");
        float[] x = [.. Enumerable.Range(0, 6).Select(i => (i - 2) * 0.5f)], w = [.. Enumerable.Range(0, 12).Select(i => (i % 5 - 2) * 0.25f)];
        using var parameters = new ParameterSet();
        parameters.Set("w", Tensor.From(w, 3, 4));
        float[] y = new float[8], s = new float[2];
        using (var memory = device.Allocate(1024))
        using (var call = module["product"].Bind(new RunOptions { Parameters = parameters, Threads = 2 }))
        {
            Bind(call, memory);
            Copied(device, memory, 0, x, into: true);
            for (var run = 0; run < 3; run++)
            {
                device.Work.Submit(() => device.Run(call)).Wait();
            }

            Copied(device, memory, 256, y, into: false);
            Copied(device, memory, 512, s, into: false);
        }

        for (var i = 0; i < 2; i++)
        {
            float[] row = [.. Enumerable.Range(0, 4).Select(k => MathF.Tanh(Enumerable.Range(0, 3).Sum(j => x[(i * 3) + j] * w[(j * 4) + k])))];
            Assert.All(row, (expected, k) => Assert.Equal(expected, y[(i * 4) + k], 1e-5f));
            Assert.Equal(row.Sum(), s[i], 1e-5f);
        }

        static unsafe void Bind(Invocation call, DeviceMemory memory)
        {
            call.SetInput(0, new TensorRef((void*)memory.Address, ElementType.F32, [2, 3]));
            call.SetOutput(0, new TensorRef((void*)(memory.Address + 256), ElementType.F32, [2, 4]));
            call.SetOutput(1, new TensorRef((void*)(memory.Address + 512), ElementType.F32, [2]));
        }
    }

    [Fact]
    public void A_sparse_argument_is_read_where_the_host_has_it()
    {
        using var device = Open("one");
        using var module = Load(device, "rows");
        var a = SparseTensor.Csr([0, 1, 1, 3], [1, 0, 2], new float[] { 5, 7, 9 }, [3, 3]);
        var y = new float[3];
        using DeviceMemory x = device.Allocate(12), result = device.Allocate(12);
        using var call = module["rows"].Bind();
        Copied(device, x, 0, [1f, 2, 3], into: true);
        Bind(call);
        device.Work.Submit(() => device.Run(call)).Wait();
        Copied(device, result, 0, y, into: false);
        Assert.Equal([10f, 0, 34], y);

        unsafe void Bind(Invocation bound) => bound.SetInput(0, a).SetInput(1, new TensorRef((void*)x.Address, ElementType.F32, [3]))
            .SetOutput(0, new TensorRef((void*)result.Address, ElementType.F32, [3]));
    }

    [Fact]
    public void A_program_that_fails_on_its_data_says_where_and_the_device_goes_on()
    {
        using var device = Open("one");
        using var module = Load(device, "pick");
        using DeviceMemory x = device.Allocate(12), at = device.Allocate(16), y = device.Allocate(8);
        using var call = module["pick"].Bind();
        Bind(call);
        Copied(device, x, 0, [1f, 2, 3], into: true);
        Copied(device, at, 0, [2L, 5], into: true);
        var failed = device.Work.Submit(() => device.Run(call));
        var e = Assert.Throws<LeptonRunException>(() => failed.Wait());
        Assert.Equal(("x[i[k]]", 5, 3), (e.Access, e.Index, e.Bound));
        Assert.Equal([1L], e.Element);
        Copied(device, at, 0, [2L, 0], into: true);
        device.Work.Submit(() => device.Run(call)).Wait();
        var result = new float[2];
        Copied(device, y, 0, result, into: false);
        Assert.Equal([3f, 1], result);

        unsafe void Bind(Invocation bound) => bound.SetInput(0, new TensorRef((void*)x.Address, ElementType.F32, [3]))
            .SetInput(1, new TensorRef((void*)at.Address, ElementType.I64, [2])).SetOutput(0, new TensorRef((void*)y.Address, ElementType.F32, [2]));
    }

    [Fact]
    public void A_call_can_be_cancelled_before_and_in_the_middle()
    {
        using var device = Open("one");
        using var module = Load(device, "long");
        using DeviceMemory x = device.Allocate(4 << 10), y = device.Allocate(4 << 10);
        Copied(device, x, 0, new float[1024], into: true);
        using var call = module["long"].Bind();
        Bind(call);
        using var before = new CancellationTokenSource();
        before.Cancel();
        Assert.Throws<OperationCanceledException>(() => device.Work.Submit(() => device.Run(call, before.Token)).Wait());
        using var middle = new CancellationTokenSource();
        Cancelling.Soon(middle);
        var start = Environment.TickCount64;
        Assert.Throws<OperationCanceledException>(() => device.Work.Submit(() => device.Run(call, middle.Token)).Wait());
        Assert.InRange(Environment.TickCount64 - start, 0, 20_000);

        unsafe void Bind(Invocation bound) =>
            bound.SetInput(0, new TensorRef((void*)x.Address, ElementType.F32, [32, 32])).SetOutput(0, new TensorRef((void*)y.Address, ElementType.F32, [32, 32]));
    }

    private static unsafe void Copied<T>(Device device, DeviceMemory memory, long offset, T[] data, bool into)
        where T : unmanaged
    {
        fixed (T* start = data)
        {
            var (address, bytes) = ((nint)start, (long)data.Length * sizeof(T));
            device.Copies.Submit(() =>
            {
                if (into)
                {
                    device.CopyIn(address, memory, offset, bytes);
                }
                else
                {
                    device.CopyOut(memory, offset, address, bytes);
                }
            }).Wait();
        }
    }
}

/// <summary>The suite on machine code.</summary>
public sealed class CpuSuite : DeviceSuite
{
    protected override CompileOptions Options => new();

    protected override Device Open(string name) => new HostDevice(name, threads: 2);
}

/// <summary>The suite on what .NET's compiler makes.</summary>
public sealed class ClrSuite : DeviceSuite
{
    protected override CompileOptions Options => new() { Device = CodeDevice.Clr };

    protected override Device Open(string name) => new HostDevice(name, "clr", threads: 2);
}
