using Lepton.Abi;
using Lepton.Abi.Devices;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;
using Lepton.Runtime.Profiling;
using Lepton.Runtime.Tensors;
using static Lepton.Tests.Devices.OpenCl.HandWritten;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>What the steps of an entry do on an OpenCL device, in the process's memory and with copies, by kernels written by hand.</summary>
[Collection("opencl")]
public class OpenClRunTests
{
    private static readonly SizeExpr N = SizeExpr.Variable("N");

    [OpenClTheory]
    [InlineData(true, 0)]
    [InlineData(true, 1)]
    [InlineData(true, 1001)]
    [InlineData(false, 0)]
    [InlineData(false, 1)]
    [InlineData(false, 1001)]
    public void Launches_and_copies_work_on_tensors_constants_and_intermediate_results(bool inPlace, int n)
    {
        using var session = Session(inPlace);
        using var module = Load(session, Map(Scale(Place(0), Constant, Arena(1)), new CopyStep(Arena(1), Arena(0), N * 4), Scale(Arena(0), Constant, Place(1))));
        var x = Ramp(n);
        Assert.Equal(x.Select(v => v * 9), Run(module, x));
    }

    [OpenClTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_loop_ends_when_its_byte_says_so_and_pointers_change_places(bool inPlace)
    {
        // The counter stands in the arena, in two places by turns; the loop would go on to 1000.
        var body = new LoopStep("i", 1000, [Count(Pointer(0), Pointer(1), Arena(1)), new SwapPointersStep(0, 1)], Until: Arena(1));
        var half = new DevicePlace(PlaceKind.Arena, 0, 128);
        using var session = Session(inPlace);
        using var module = Load(session, Map(
            Scale(Place(0), Constant, Arena(0)), new SetPointerStep(0, Arena(0)), new SetPointerStep(1, half), body, Scale(Pointer(0), Constant, Place(1))));
        Assert.Equal(30, Run(module, new float[64])[0]);
        Assert.Equal(3 * 22, Run(module, [.. Enumerable.Repeat(7f, 64)])[0]); // 21 is past the end: one round all the same
    }

    [OpenClTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_first_launch_that_fails_is_reported_whatever_comes_behind_it(bool inPlace)
    {
        // x = -1: eighteen checks of x + 1 find nothing, the next one fails at site 0, and then one at site 1.
        var steps = Enumerable.Repeat<DeviceStep>(Check(Arena(0), Place(1)), 18).ToList();
        using var session = Session(inPlace);
        using var module = Load(session, Map([
            Count(Place(0), Arena(0), Arena(1)), .. steps, Check(Place(0), Place(1)),
            Scale(Place(0), Constant, Arena(1)), Scale(Arena(1), Constant, Arena(0)), Check(Arena(0), Place(1))]));
        var e = Assert.Throws<LeptonRunException>(() => Run(module, [-1]));
        Assert.Equal(("x[i]", -1L, 1L, 0L), (e.Access, e.Index, e.Bound, e.Element[0]));
        Assert.Equal("x[i] at hand.lep:1:1: index -1 is outside 0..0 at element [0]", e.Message);
        Assert.Null(e.Device);
        Assert.Equal([18], Run(module, [2]));
    }

    [OpenClTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_sparse_result_is_as_long_as_the_run_found(bool inPlace)
    {
        var manifest = Manifest([Vector("x", N)], [], [Vector("y", N) with { Format = TensorFormat.Csf(1) }]);
        var entry = new DeviceEntry(manifest, Arena: [16], Pointers: 3, [
            new AllocateStep(0, N * 4), new AllocateStep(1, N * 4), Pack(Place(0), Pointer(0), Pointer(1), Arena(0)),
            new ReadSizeStep("y.0", Arena(0), ElementType.I64), new SetPointerStep(2, new DevicePlace(PlaceKind.Arena, 0, 8)),
            new GiveArrayStep(1, 2), new GiveArrayStep(2, 0), new GiveArrayStep(3, 1)]);
        using var session = Session(inPlace);
        using var module = Load(session, entry);
        foreach (var x in new[] { [0, 5, 0, 0, 7, 8], new float[9], [], [1] })
        {
            using var results = module["f"].Evaluate([Of(x)]);
            results[0].Sparse.Validate();
            using var dense = results[0].Sparse.ToDense();
            Assert.Equal(x, dense.AsSpan<float>().ToArray());
            Assert.Equal(x.Count(v => v != 0), results[0].Sparse.StoredCount);
        }
    }

    [OpenClTheory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_depends_on_parameters_is_prepared_once_for_their_values(bool inPlace)
    {
        var entry = new DeviceEntry(Manifest([Vector("x", N)], [Vector("w", N)], [Vector("y", N)]), Arena: [], Pointers: 0, [Scale(Place(0), new(PlaceKind.Prepared, 0, 0), Place(2))])
        {
            Prepared = [N * 4],
            Prepare = [Scale(Place(1), Constant, Arena(0)), Scale(Arena(0), Constant, new(PlaceKind.Prepared, 0, 0))],
            PrepareArena = [N * 4],
            PreparedHash = 17,
            PreparedDims = ["N"],
        };
        using var session = Session(inPlace);
        using var module = Load(session, entry);
        using var parameters = new ParameterSet();
        using var recorder = new LaunchRecorder(16);
        var (options, launches) = (new RunOptions { Parameters = parameters, Recorder = recorder }, new List<int>());
        foreach (var factor in new float[] { 2, 2, 5 })
        {
            if (factor != 2 || launches.Count == 0)
            {
                parameters.Set("w", Of([factor, 1]));
            }

            recorder.Clear();
            var y = new float[2];
            module["f"].Run([Of([1, 10])], [Tensor.From(y, [y.Length])], options);
            Assert.Equal([9 * factor, 90 * factor], y);
            launches.Add(recorder.Launches.Length);
        }

        Assert.Equal([3, 1, 3], launches);
        Assert.All(recorder.Launches.ToArray(), l => Assert.True(l.End >= l.Start && l.Kernel == 0));
        Assert.True(recorder.Launches[0].Start <= recorder.Launches[2].Start);
    }

    [OpenClFact]
    public void Runs_from_many_threads_do_not_meet()
    {
        using var session = Session(inPlace: true);
        using var module = Load(session, Map(Scale(Place(0), Constant, Arena(0)), Scale(Arena(0), Constant, Place(1))));
        Parallel.For(0, 64, new ParallelOptions { MaxDegreeOfParallelism = 8 }, i =>
        {
            var x = Ramp(500 + i);
            Assert.Equal(x.Select(v => v * 9), Run(module, x));
        });
    }

    [OpenClFact]
    public void Hundreds_of_runs_leave_nothing_behind()
    {
        var before = 0;
        for (var round = 0; round < 3; round++)
        {
            using (var session = Session(inPlace: round == 1))
            {
                using var module = Load(session, Map(Scale(Place(0), Constant, Arena(0)), Check(Arena(0), Place(1))));
                for (var i = 0; i < 150; i++)
                {
                    var x = Ramp(100);
                    x[i % 100] = i % 7 == 0 ? -1 : 1;
                    _ = i % 7 == 0 ? (object)Assert.Throws<LeptonRunException>(() => Run(module, x)) : Run(module, x);
                }

                Assert.InRange(session.ReservedBytes, 1, 4096);
            }

            // The device's context stays, and nothing else.
            before = round == 0 ? ClHandle.Alive : before;
            Assert.Equal(before, ClHandle.Alive);
        }
    }

    internal static OpenClSession Session(bool inPlace) => new(OpenClDevice.Get(0)) { IsInPlace = inPlace };

    internal static float[] Ramp(int n) => [.. Enumerable.Range(0, n).Select(i => i * 0.5f)];

    internal static float[] Run(Module module, float[] x, CancellationToken cancellation = default)
    {
        var y = new float[x.Length];
        module["f"].Run<float, float>(x, [x.Length], y, cancellation: cancellation);
        return y;
    }

    private static Tensor Of(float[] values) => Tensor.From(values, [values.Length]);
}
