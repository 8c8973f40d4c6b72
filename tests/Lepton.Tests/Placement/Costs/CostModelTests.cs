using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement.Costs;

public class CostModelTests
{
    private static readonly DeviceProfile Profile = new(10e9, 1e9, 1e-6)
    {
        RunSeconds = 20e-6,
        Caches = [new CacheProfile(1e3, 100e9), new CacheProfile(1e5, 1e10)],
        Classes = [new ClassProfile(KernelClass.Sort, 4e9, 2e9) { Sizes = [new SizeProfile(100, 1e6), new SizeProfile(10_000, 1e8)] }],
    };

    private static readonly Machine One = new([new Device("a")], [Profile], [], MoneyModel.Busy);

    [Theory]
    [InlineData(10, 1e6)]
    [InlineData(100, 1e6)]
    [InlineData(1000, 1e7)]
    [InlineData(10_000, 1e8)]
    [InlineData(1e9, 1e8)]
    public void Rates_lie_on_a_line_between_sizes(double operations, double rate) =>
        Assert.Equal(rate, CostModel.Rate(Profile, KernelClass.Sort, operations), rate * 1e-9);

    [Theory]
    [InlineData(KernelClass.Elementwise, 10, 100e9)]
    [InlineData(KernelClass.Elementwise, 1e4, 31.6227766e9)]
    [InlineData(KernelClass.Elementwise, 1e5, 1e10)]
    [InlineData(KernelClass.Elementwise, 1.001e5, 1e9)]
    [InlineData(KernelClass.Sort, 1e6, 2e9)]
    public void Bandwidth_is_that_of_the_memory_that_holds_the_working_set(KernelClass kind, double bytes, double bandwidth) =>
        Assert.Equal(bandwidth, CostModel.Bandwidth(Profile, kind, bytes), bandwidth * 1e-6);

    [Fact]
    public void A_kernel_takes_its_launch_and_the_slower_of_arithmetic_and_memory_as_often_as_it_runs()
    {
        var kernel = new KernelWork(KernelClass.Elementwise, [new ClassWork(KernelClass.Elementwise, 10e6), new ClassWork(KernelClass.Sort, 10_000)], 6e5, 4e5, 3);
        var estimate = new CostModel(One).Estimate(new GroupWork([kernel], 10e6, 0), 0);
        Assert.Equal(3 * (1e-6 + 1e-3 + 1e-4), estimate.Seconds, 12);
        Assert.Equal(TimeSource.Calibrated, estimate.Source);
        Assert.EndsWith("bound by arithmetic", estimate.Reason);
        var nothing = new CostModel(One with { Profiles = [null] }).Estimate(new GroupWork([kernel], 10e6, 0), 0);
        Assert.Equal(TimeSource.Assumed, nothing.Source);
    }

    [Theory]
    [InlineData(1e6, 0)]
    [InlineData(4e6, 0)]
    [InlineData(8e6, 0.5e-3)]
    [InlineData(16e6, 1e-3)]
    [InlineData(1e9, 1e-3)]
    public void Weights_come_on_top_where_a_run_has_pushed_them_out_of_the_caches(double runBytes, double seconds)
    {
        // A megabyte, at 1 GB/s from 16 MB on.
        var machine = One with { Profiles = [Profile with { Cold = [new CacheProfile(4e6, double.PositiveInfinity), new CacheProfile(16e6, 1e9)] }] };
        var work = new GroupWork([new KernelWork(KernelClass.Elementwise, [new ClassWork(KernelClass.Elementwise, 10e6)], 1e6, 0)], 10e6, 1e6) { ColdBytes = 1e6 };
        var model = new CostModel(machine);
        Assert.Equal(seconds, model.Estimate(work, 0, runBytes: runBytes).Seconds - model.Estimate(work, 0).Seconds, 12);
        Assert.Equal(seconds / 1e-3, machine.Profiles[0]!.ColdShare(runBytes), 9);
        Assert.Equal(0, Profile.ColdShare(runBytes));
    }

    [Fact]
    public void A_run_touches_each_tensor_once_and_of_a_table_the_rows_that_it_takes()
    {
        // x, w, b and the result; w and b are weights, and the loop reads w in each of its steps.
        var loop = Fuse("param w: f32[8, 8] ~ glorot\nparam b: f32[8] ~ zeros\nfn f(x: f32[4, 8]) -> (y: f32[4, 8]) {\n scan t in 3 {\n state s[i: 4, j: 8] = x[i, j]\n s'[i, j] = (sum[k] s[i, k] * w[k, j]) + b[j]\n }\n y = s\n }");
        Assert.Equal(4 * ((4 * 8) + (8 * 8) + 8 + (4 * 8)), WorkCounter.RunBytes(loop));
        Assert.Equal(4 * ((8 * 8) + 8), loop.Groups.Sum(g => WorkCounter.Of(loop, g).ColdBytes));
        var table = Fuse("param t: f32[1000, 8] ~ glorot\nfn f(i: i32[5]) -> (y: f32[5, 8]) { y[a, b] = t[i[a], b] }");
        Assert.Equal(4 * ((5 * 8) + 5 + (5 * 8)), WorkCounter.RunBytes(table));
        Assert.Equal(4 * 5 * 8, WorkCounter.Of(table, table.Groups[0]).ColdBytes);
    }

    [Fact]
    public void A_measured_time_stands_before_the_formula_for_the_same_group_wherever_it_is()
    {
        var alone = Fuse("fn f(x: f32[64, 32]) -> (y: f32[64]) = sum(exp(x), axis = 1)");
        var among = Fuse("fn g(a: f32[7], b: f32[64, 32]) -> (c: f32[7], d: f32[64]) {\n c = sin(a)\n d = sum(exp(b), axis = 1)\n }");
        var other = Fuse("fn f(x: f32[64, 33]) -> (y: f32[64]) = sum(exp(x), axis = 1)");
        var key = GroupKey.Of(alone, alone.Groups[0]);
        var same = among.Groups.Single(g => g.Strategy == KernelStrategy.Rowwise);
        Assert.Equal(key, GroupKey.Of(among, same));
        Assert.NotEqual(key, GroupKey.Of(other, other.Groups[0]));
        var model = new CostModel(One, LearnedCosts.Empty.With("a", key, 42e-6, "").With("b", key, 1, ""));
        Assert.Equal(new TimeEstimate(42e-6, TimeSource.Learned, "measured"), model.Estimate(among, same, 0));
        Assert.Equal(TimeSource.Profile, model.Estimate(other, other.Groups[0], 0).Source);
    }

    [Fact]
    public void What_a_device_lacks_it_cannot_run()
    {
        var machine = One with { Devices = [new Device("a") { Lacks = ["f64"] }] };
        var doubles = Fuse("fn f(x: f64[4]) -> (y: bool[4]) = x > 1.0");
        var loop = Fuse("fn f(x: f32[4, 4]) -> (y: f32[4, 4]) {\n scan t in 3 {\n state s[i: 4, j: 4] = x[i, j]\n s'[i, j] = f32(sum[k] f64(s[i, k]))\n }\n y = s\n }");
        Assert.Equal((double.PositiveInfinity, "a has no f64"), Told(doubles));
        Assert.Equal((double.PositiveInfinity, "a has no f64"), Told(loop));
        Assert.True(double.IsFinite(new CostModel(One).Estimate(doubles, doubles.Groups[0], 0).Seconds));

        (double, string) Told(FusedGraph fused) =>
            new CostModel(machine).Estimate(fused, fused.Groups[^1], 0) is var time ? (time.Seconds, time.Reason) : default;
    }

    [Fact]
    public void Learned_times_come_back_from_their_text_and_mistakes_have_places()
    {
        var costs = LearnedCosts.Empty.With("cpu", "rowwise #0123abcd", 21.43e-6, "mlp softmax_2").With("a b", "map #1", 2.5, "").With("cpu", "loop #2", 1e-9, "");
        var (again, messages) = Read(costs.Print());
        Assert.Empty(messages);
        Assert.Equal(costs.Print(), again.Print());
        Assert.Equal((3, 21.43e-6, 2.5), (again.Count, again.Find("cpu", "rowwise #0123abcd"), again.Find("a b", "map #1")));
        Assert.Null(again.Find("cpu", "map #1"));
        (again, messages) = Read("lepton-costs 1\n# mine\n\n[cpu]\nmap #1  3 us\nmap 3 us\nmap #2  3 parsecs\nmap #3  -1 us\n");
        Assert.Equal(1, again.Count);
        Assert.Equal(["6:1", "7:1", "8:1"], messages.Select(m => $"{m.Span.Location}"["x.costs:".Length..]));
        Assert.All(messages, m => Assert.Equal("LEP7011", m.Kind.Code));
        Assert.Contains("the first line is", Assert.Single(Read("lepton-costs 2\n").Messages).Help);
        Assert.Contains("below `[cpu]`", Assert.Single(Read("lepton-costs 1\nmap #1  3 us\n").Messages).Help);
    }

    [Fact]
    public void A_machine_comes_back_from_its_text()
    {
        var machine = new Machine(
            [
                new Device("laptop", "cpu", 16e9, 0.05, 2) { Threads = 2, Cores = [0, 1] },
                new Device("opencl 0", "opencl:0", CopiesOccupy: true, MinimumSeconds: 60) { Lacks = ["f64"] },
            ],
            [Profile with { Cold = [new CacheProfile(1e6, double.PositiveInfinity), new CacheProfile(4e7, 30e9)], Classes = [.. Profile.Classes, new ClassProfile(KernelClass.Gather), new ClassProfile(KernelClass.Random, null, 3e9, 2e-9)] }, null],
            [new Link(0, 1, 1.5e-6, 12e9, 0.02) { ColdSeconds = 4e-6 }, new Link(1, 0, 1.5e-6, 12e9, 0.02) { ColdSeconds = 4e-6 }],
            MoneyModel.Rental) { Home = 1 };
        var text = MachineText.Print(machine, "two lines", "of comment");
        Assert.Equal((1, 1), (text.Split("from:").Length - 1, text.Split("# of comment").Length - 1));
        var report = new DiagnosticReport();
        Assert.Equal(machine, MachineFile.Read(new SourceText("machine.yaml", text), report));
        Assert.Empty(report.Diagnostics);
        var oneWay = machine with { Links = [machine.Links[1] with { BytesPerSecond = double.PositiveInfinity }] };
        Assert.Equal(oneWay, MachineFile.Read(new SourceText("machine.yaml", MachineText.Print(oneWay)), report));
    }

    private static (LearnedCosts Costs, IReadOnlyCollection<Diagnostic> Messages) Read(string text)
    {
        var report = new DiagnosticReport();
        return (LearnedCosts.Read(new SourceText("x.costs", text), report), report.Diagnostics);
    }

    private static FusedGraph Fuse(string text)
    {
        var compilation = Compilation.Of(new SourceText("test.lep", text));
        Assert.False(compilation.Report.HasErrors, string.Join("\n", compilation.Report.Diagnostics));
        return compilation.Fuse(compilation.Entries[0]);
    }
}
