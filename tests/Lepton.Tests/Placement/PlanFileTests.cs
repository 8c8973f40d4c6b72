using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Placement.Machines;
using Lepton.Placement.Plans;
using Lepton.Placement.Problem;

namespace Lepton.Tests.Placement;

/// <summary>Plan files: what is written is read, mistakes have places, and changes since are told.</summary>
public class PlanFileTests
{
    private const string Head = """
        lepton-plan 1
        program mlp.lep
        entry mlp B=32 N=4
        machine edge.yaml #1f2e3d4c
        objective minimize cost subject to time <= 100 ms
        status optimal
        time 1.25 ms
        cost 0.0001 usd

        """;

    private const string Program = """
        param w: f32[8, 4] ~ glorot

        fn f(x: f32[B, 8]) -> (p: f32[B]) {
          z[b, k] = exp(sum[j] x[b, j] * w[j, k])
          p[b]    = sum[k] z[b, k]
        }
        """;

    [Fact]
    public void What_is_written_is_read()
    {
        var plan = new PlanFile(
            "mlp.lep", "mlp", [("B", 32), ("N", 4)], "my edge.yaml", "1f2e3d4c", "minimize 0.6 * time + 0.4 * cost", "gap 1.5 %", 1.25e-3, 1e-7,
            [new PlannedGroup("a_0", "00000001", "opencl:0", 0), new PlannedGroup("b_1", "deadbeef", "the box", 812.5e-6)]);
        var (read, report) = Read(plan.Print());
        Assert.Empty(report.Diagnostics);
        Assert.Equal(plan.Print(), read!.Print());
        Assert.Null(read.TimesKey);
        var (timed, _) = Read((plan with { Times = "my edge.costs", TimesKey = "0badcafe" }).Print());
        Assert.True(Read((plan with { ContractionsAlone = true }).Print()).Plan is { ContractionsAlone: true } && !timed!.ContractionsAlone);
        Assert.Equal(("my edge.costs", "0badcafe", 5), (timed!.Times, timed.TimesKey, timed.TimesPlace!.Value.StartPosition.Line));
        Assert.Equal(plan.Groups, read.Groups.Select(g => g with { Place = null }));
        Assert.Equal(plan.Dims, read.Dims);
        Assert.Equal("my edge.yaml", read.Machine);
    }

    [Theory]
    [InlineData("", "LEP8101", "1:1", "lepton-plan 1")]
    [InlineData("devices: {}\n", "LEP8101", "1:1", "no plan file")]
    [InlineData("lepton-plan 2\n", "LEP8102", "1:1", "version 2, but this compiler reads version 1")]
    [InlineData(Head + "a_0 #00000001 on box at 0 us\na_0 #00000001 on box at 1 us\n", "LEP8104", "10:1", "`a_0` is placed twice")]
    [InlineData(Head + "a_0 on box at 0 us\n", "LEP8103", "9:1", "as in: sum_2 #00c0ffee on laptop at 812.5 us")]
    [InlineData("lepton-plan 1\nprogram a.lep\nentry f\nmachine m.yaml #00000000\ntimes m.costs\nobjective minimize time\nstatus optimal\ntime 1 ms\ncost 0 usd\n", "LEP8103", "5:1", "as in: times edge.costs #9a8b7c6d")]
    [InlineData(Head + "a_0 #00000001 on box at -1 us\n", "LEP8103", "9:1", "a kernel with its device")]
    public void A_mistake_has_a_code_a_place_and_a_mend(string text, string code, string place, string words)
    {
        var (plan, report) = Read(text);
        Assert.Null(plan);
        var only = Assert.Single(report.Diagnostics);
        Assert.Equal((code, place), (only.Kind.Code, $"{only.Span.StartPosition.Line}:{only.Span.StartPosition.Column}"));
        Assert.Contains(words, only.Message + only.Help, StringComparison.Ordinal);
    }

    [Fact]
    public void Each_line_of_the_head_that_is_missing_or_broken_is_told()
    {
        var lines = Head.Split('\n');
        for (var i = 1; i < 8; i++)
        {
            var word = lines[i].Split(' ')[0];
            foreach (var text in new[] { string.Join('\n', lines.Where((_, at) => at != i)), string.Join('\n', lines.Select((l, at) => at == i ? word + " " : l)) })
            {
                var (plan, report) = Read(text);
                Assert.Null(plan);
                Assert.Contains($"as in: {word} ", Assert.Single(report.Diagnostics).Help!, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Keys_change_with_a_kernel_and_with_nothing_else()
    {
        var keys = Keys(Program);
        Assert.Equal(keys, Keys(Program.Replace("z[", "hidden[", StringComparison.Ordinal)));
        var changed = Keys(Program.Replace("exp(", "tanh(", StringComparison.Ordinal));
        Assert.NotEqual(keys.Values, changed.Values);
        Assert.NotEqual(keys.Values.First(), Keys(Program, 64).Values.First());
    }

    [Fact]
    public void A_stale_plan_says_what_has_changed()
    {
        var keys = Keys(Program);
        var machine = new Machine([new Device("box")], [null], [], MoneyModel.Busy);
        var groups = keys.Select((k, i) => $"{k.Key} #{k.Value} on box at {i} us\n").ToArray();
        Assert.True(groups.Length > 0);
        Assert.Empty(Changes(Head + string.Concat(groups)));
        Assert.Equal(["9:1 the plan is stale: the machine has no device `rack`"], Changes(Head + string.Concat(groups).Replace("on box at 0", "on rack at 0", StringComparison.Ordinal)));
        var name = keys.Keys.First();
        Assert.Equal([$"9:1 the plan is stale: the kernel `{name}` has changed, from #00000000 to #{keys[name]}"],
            Changes(Head + string.Concat(groups).Replace(keys[name], "00000000", StringComparison.Ordinal)));
        Assert.Equal(["9:1 the plan is stale: the program has no kernel `gone_9` any more"], Changes(Head + "gone_9 #00000000 on box at 0 us\n" + string.Concat(groups)));
        Assert.Equal([$"{8 + groups.Length}:1 the plan is stale: the program has a new kernel `{name}`"], Changes(Head + string.Concat(groups.Skip(1))));
        Assert.Equal(["4:1 the plan is stale: the machine file has changed"], Changes(Head + string.Concat(groups), "ffffffff"));

        const string Old = "the plan was made from other times:";
        var timed = Head.Replace("objective", "times my.costs #00000001\nobjective", StringComparison.Ordinal) + string.Concat(groups);
        Assert.Empty(Changes(timed, timesKey: "00000001"));
        Assert.Equal([$"5:1 {Old} my.costs has other times of its kernels"], Changes(timed, timesKey: "00000002"));
        Assert.Equal([$"5:1 {Old} my.costs has no times of its kernels any more"], Changes(timed));
        Assert.Equal([$"4:1 {Old} kernels were measured since"], Changes(Head + string.Concat(groups), timesKey: "00000002"));

        string[] Changes(string text, string machineKey = "1f2e3d4c", string? timesKey = null)
        {
            var (plan, report) = Read(text);
            Assert.Equal(PlanCheck.Run(plan!, "mlp", [("B", 32), ("N", 4)], "minimize cost subject to time <= 100 ms", keys, machine, machineKey, timesKey, report), report.Diagnostics.Count == 0);
            return [.. report.Diagnostics.Select(d => $"{d.Span.StartPosition.Line}:{d.Span.StartPosition.Column} {d.Message}")];
        }
    }

    private static IReadOnlyDictionary<string, string> Keys(string program, long batch = 32) =>
        GroupKeys.Of(Compilation.Of(new SourceText("f.lep", program)).Fuse("f", new Dictionary<string, long> { ["B"] = batch }));

    private static (PlanFile? Plan, DiagnosticReport Report) Read(string text)
    {
        var report = new DiagnosticReport();
        return (PlanFile.Read(new SourceText("mlp.plan", text), report), report);
    }
}
