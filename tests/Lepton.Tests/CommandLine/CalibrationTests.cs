using Lepton.Abi;
using Lepton.CommandLine.Calibration;
using Lepton.CommandLine.Commands;
using Lepton.CommandLine.Profiling;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;
using Lepton.Runtime.Devices;
using Device = Lepton.Placement.Problem.Device;

namespace Lepton.Tests.CommandLine;

/// <summary>What <c>leptonc calibrate</c> and <c>leptonc profile --learn</c> do with measurements; the measurements themselves are the machine's.</summary>
public class CalibrationTests
{
    [Fact]
    public void Every_program_does_what_it_is_measured_for()
    {
        foreach (var program in CalibrationProgram.All)
        {
            var compilation = Compilation.Of(new SourceText("calibration.lep", program.Text));
            Assert.False(compilation.Report.HasErrors, $"{program.Text}\n{string.Join("\n", compilation.Report.Diagnostics)}");
            var fused = compilation.Fuse("f", new Dictionary<string, long> { [program.Size] = program.Sizes[^1] });
            var kernels = fused.Groups.SelectMany(g => WorkCounter.Of(fused, g).Kernels).ToArray();
            var own = kernels.SelectMany(k => k.Operations).Where(o => o.Class == program.Class).Sum(o => o.Operations);
            switch (program.Purpose)
            {
                case Purpose.Compute:
                    Assert.True(own > 0 && kernels.Length == 1, $"{program.Class}: {string.Join(", ", kernels.Select(k => $"{k.Class} {k.Operations}"))}");
                    break;
                case Purpose.Cold:
                    Assert.All(kernels, k => Assert.Equal(KernelClass.Contraction, k.Class));
                    break;
                case Purpose.Launch:
                    Assert.True(Assert.Single(kernels).Times >= 100);
                    break;
                default:
                    Assert.Equal(program.Class, Assert.Single(kernels).Class);
                    break;
            }
        }

        Assert.Equal(Enum.GetValues<KernelClass>(), CalibrationProgram.All.Select(p => p.Class).Distinct().Order());
    }

    [Fact]
    public void A_profile_that_made_the_samples_is_found_again()
    {
        var truth = new DeviceProfile(40e9, 20e9, 2e-6)
        {
            Caches = [new CacheProfile(1e4, 80e9), new CacheProfile(1e6, 40e9)],
            Classes =
            [
                new ClassProfile(KernelClass.Transcendental, 12e9),
                new ClassProfile(KernelClass.Contraction, 90e9, 15e9) { Caches = [new CacheProfile(1e5, 60e9)], Sizes = [new SizeProfile(1e5, 30e9), new SizeProfile(1e8, 90e9)] },
            ],
        };
        var model = new CostModel(new Machine([new Device("a")], [truth], [], MoneyModel.Busy));
        const double Run = 3e-6;
        CalibrationSample[] samples =
        [
            Sample(KernelClass.Elementwise, Purpose.Run, 0, 0),
            Sample(KernelClass.Reduction, Purpose.Launch, 0, 0, 400),
            .. new double[] { 1e4, 1e6, 1e8 }.Select(b => Sample(KernelClass.Elementwise, Purpose.Move, 0, b)),
            Sample(KernelClass.Elementwise, Purpose.Compute, 1e8, 0),
            Sample(KernelClass.Transcendental, Purpose.Compute, 1e8, 0, 1, new ClassWork(KernelClass.Elementwise, 1e7)),
            .. new double[] { 1e5, 1e8 }.Select(b => Sample(KernelClass.Contraction, Purpose.Move, 0, b)),
            .. new double[] { 1e5, 1e8 }.Select(o => Sample(KernelClass.Contraction, Purpose.Compute, o, 0)),
        ];
        var found = ProfileFit.Of(samples);
        var machine = new Machine([new Device("a")], [found], [], MoneyModel.Busy);
        foreach (var sample in samples.Where(s => s.Purpose is Purpose.Move or Purpose.Compute && s.Seconds > 3 * Run))
        {
            var work = Work(sample.Class, sample.Operations, sample.Bytes, 1);
            Assert.InRange(new CostModel(machine).Estimate(work, 0).Seconds / model.Estimate(work, 0).Seconds, 0.98, 1.02);
        }

        CalibrationSample Sample(KernelClass kind, Purpose purpose, double operations, double bytes, double launches = 1, params ClassWork[] more)
        {
            ClassWork[] all = [new ClassWork(kind, operations), .. more];
            return new CalibrationSample(kind, purpose, all, bytes, launches, Run + model.Estimate(Work(kind, all, bytes, launches), 0).Seconds);
        }

        static GroupWork Work(KernelClass kind, IReadOnlyList<ClassWork> operations, double bytes, double times) =>
            new([new KernelWork(kind, operations.ToValueList(), bytes, 0, times)], 0, 0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_program_is_measured_on_the_device_without_native_parts(bool asksDevice)
    {
        var program = CalibrationProgram.All.Single(p => p.Class == KernelClass.Sparse);
        var sample = new SampleRunner(Source.OptionsHere("clr", null, exact: false, fastMath: false), 1, asksDevice).Run(program, 512, 0, CancellationToken.None);
        Assert.True(sample.Seconds > 0 && (asksDevice ? sample.KernelSeconds > 0 : sample.KernelSeconds is null));

        // 1 % of 512 × 512 entries, two operations each, as they were drawn.
        Assert.InRange(Assert.Single(sample.Operations).Operations, 4500, 6000);
    }

    [Fact]
    public void Copies_are_what_a_large_run_takes_besides_its_kernel()
    {
        // 20 us besides a trivial kernel, and 96 MB at 12 GB/s besides a large one.
        CalibrationSample[] samples =
        [
            new(KernelClass.Elementwise, Purpose.Run, [], 128, 1, 25e-6, 5e-6),
            new(KernelClass.Elementwise, Purpose.Move, [], 96e6, 1, 20e-6 + 1e-3 + 8e-3, 1e-3),
            new(KernelClass.Elementwise, Purpose.Move, [], 96e3, 1, 30e-6, 1e-6),
        ];
        Assert.InRange(CopyTimes.BytesPerSecond(samples), 11.99e9, 12.01e9);
        Assert.True(double.IsPositiveInfinity(CopyTimes.BytesPerSecond([samples[0], samples[1] with { Seconds = 1e-3 + 25e-6 }])));
    }

    [Fact]
    public void Runs_on_several_devices_tell_what_they_take_besides_their_kernels()
    {
        var found = PlacedTimes.Of([Run(10, 20, 30, 5), Run(12, 26, 40, 3), Run(11, 900, 35, 300)]);
        Assert.Equal(15e-6, found.Run, 12);
        Assert.Equal(33e-6, found.Over, 12);
        var alone = PlacedTimes.Of([new PlacedTimeline(17e-6, [new TimelineSpan("a", SpanKind.Segment, "s", 4e-6, 14e-6)])]);
        Assert.Equal(7e-6, alone.Run, 12);
        Assert.Equal(0, alone.Over);

        // In microseconds; segments take 100, and the second copies what it reads.
        static PlacedTimeline Run(double start, double there, double back, double end) => new((start + there + back + end + 300) / 1e6,
        [
            Span("a", SpanKind.Segment, start),
            Span("b", SpanKind.Copy, start + 100),
            Span("b", SpanKind.Segment, start + there + 100),
            Span("a", SpanKind.Segment, start + there + back + 200),
        ]);

        static TimelineSpan Span(string device, SpanKind kind, double start) => new(device, kind, "s", start / 1e6, (start + (kind == SpanKind.Copy ? 1 : 100)) / 1e6);
    }

    [Fact]
    public void Chains_are_measured_on_devices_of_this_machine()
    {
        var options = Source.OptionsHere("clr", null, exact: false, fastMath: false);
        var found = PlacedTimes.Measure(PlacedTimes.Chain, ["clr", "clr"], [options, options], 1, 0, CancellationToken.None);
        Assert.All([found.Run, found.Over], t => Assert.InRange(t, 1e-9, 1));
        Assert.Equal(0, PlacedTimes.Measure(PlacedTimes.Chain, ["clr"], [options], 1, 0, CancellationToken.None).Over);
        var chain = new SampleRunner(options, 1, asksDevice: true).Run(PlacedTimes.Chain, 16, 0, CancellationToken.None);
        Assert.True(chain is { Launches: 3, BetweenSeconds: > 0 });
    }

    [Fact]
    public void What_a_device_does_not_tell_lies_between_its_kernels()
    {
        CalibrationSample[] samples =
        [
            new(KernelClass.Elementwise, Purpose.Run, [], 0, 1, 50e-6, 2e-6),
            new(KernelClass.Reduction, Purpose.Launch, [], 0, 400, 1200e-6, 800e-6),
            new(KernelClass.Elementwise, Purpose.Move, [], 1e4, 1, 60e-6, 6e-6),
            new(KernelClass.Elementwise, Purpose.Move, [], 1e6, 1, 160e-6, 102e-6),
            new(KernelClass.Elementwise, Purpose.Compute, [new ClassWork(KernelClass.Elementwise, 1e6)], 0, 1, 160e-6, 92e-6),
        ];
        var found = ProfileFit.Of(samples, between: 10e-6);
        Assert.Equal(13e-6, found.LaunchSeconds, 12);
        Assert.Equal(1e6 / 100e-6, found.BytesPerSecond, 1.0);
        Assert.Equal(1e4 / 4e-6, Assert.Single(found.Caches).BytesPerSecond, 1.0);
        Assert.Equal(1e6 / 90e-6, found.FlopsPerSecond, 1.0);
    }

    [Fact]
    public void Weights_that_come_from_further_away_are_what_a_chain_takes_longer_than_its_parts()
    {
        CalibrationSample[] samples =
        [
            new(KernelClass.Elementwise, Purpose.Run, [], 0, 1, 1e-6),
            new(KernelClass.Reduction, Purpose.Launch, [], 0, 400, 400e-9),
            new(KernelClass.Elementwise, Purpose.Move, [], 1e6, 1, 100e-6),
            new(KernelClass.Elementwise, Purpose.Compute, [new ClassWork(KernelClass.Elementwise, 1e6)], 0, 1, 100e-6),
            Chain(1, 1e-3, 3e6), Chain(4, 3.9e-3, 9e6), Chain(12, 15e-3, 25e6),
        ];
        var cold = ProfileFit.Of(samples).Cold;
        Assert.Equal([3e6, 9e6, 25e6], cold.Select(c => c.Bytes));
        Assert.Equal([double.PositiveInfinity, double.PositiveInfinity, 2e6 / 0.25e-3], cold.Select(c => c.BytesPerSecond));

        static CalibrationSample Chain(int count, double seconds, double runBytes) =>
            new(KernelClass.Contraction, Purpose.Cold, [], 0, count, seconds) { ColdBytes = count * 2e6, RunBytes = runBytes };
    }

    [Fact]
    public void Of_several_passes_the_fastest_counts()
    {
        var best = CalibrationSample.Best([[At(1), At(3), At(5, 2)], [At(1.2), At(2), At(6, 1)]], out var apart);
        Assert.Equal([1, 2, 6], best.Select(s => s.Seconds));
        Assert.Equal(2 / 3.0, apart, 12);

        // Others on the processor push weights out of the caches too.
        CalibrationSample[] chains = [At(3) with { Purpose = Purpose.Cold }, At(1) with { Purpose = Purpose.Cold }, At(2) with { Purpose = Purpose.Cold }];
        Assert.Equal(2, Assert.Single(CalibrationSample.Best([.. chains.Select(c => new[] { c })], out _)).Seconds);

        static CalibrationSample At(double seconds, double? kernels = null) => new(KernelClass.Sort, Purpose.Compute, [], 0, 1, seconds, kernels);
    }

    [Fact]
    public void Launches_are_told_apart_by_the_groups_that_they_were_for()
    {
        var fused = Compilation.Of(new SourceText("t.lep", """
            fn f(x: f32[8, 8]) -> (y: f32[8, 8]) {
              a = x / sum(x)
              b = a / sum(a)
              scan t in 5 {
                state s[i: 8, j: 8] = b[i, j]
                s'[i, j] = s[i, j] - sum[k] s[i, k]
              }
              y = s
            }
            """)).Fuse("f");
        var module = Lepton.Kernels.KernelLowering.Run(fused);
        var order = new List<int>();
        foreach (var statement in module.Entries[0].Body)
        {
            Follow(statement);
        }

        // Each launch takes a second more than the one before.
        var second = System.Diagnostics.Stopwatch.Frequency;
        var launches = order.Select((kernel, i) => new Lepton.Runtime.Profiling.LaunchRecord(kernel, 1, 0, (i + 1) * second)).ToArray();
        var seconds = GroupTimes.Of(module.Entries[0], launches);
        Assert.Equal(launches.Length * (launches.Length + 1) / 2, seconds.Values.Sum(), 9);
        var loop = fused.Groups.Single(g => g.Strategy == KernelStrategy.Loop).Name;
        Assert.Equal(Enumerable.Range(launches.Length - 4, 5).Sum(), seconds[loop], 9);
        Assert.True(seconds.Count >= 2);

        // One behind the other with a second in between, which is that of the earlier one; behind the last there is none.
        var apart = GroupTimes.Of(module.Entries[0], [.. order.Select((kernel, i) => new Lepton.Runtime.Profiling.LaunchRecord(kernel, 1, 3 * i * second, ((3 * i) + 2) * second))]);
        Assert.Equal((3 * launches.Length) - 1, apart.Values.Sum(), 9);
        Assert.Equal((3 * 5) - 1, apart[loop], 9);
        Assert.All(seconds.Keys, k => Assert.Contains(k, fused.Groups.Select(g => g.Name)));

        void Follow(Lepton.Kernels.HostStatement statement)
        {
            switch (statement)
            {
                case Lepton.Kernels.Launch launch:
                    order.Add(launch.Kernel);
                    break;
                case Lepton.Kernels.HostLoop host:
                    for (var i = 0; i < host.Count.AsConstant; i++)
                    {
                        host.Body.ToList().ForEach(Follow);
                    }

                    break;
            }
        }
    }
}
