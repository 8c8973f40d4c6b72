using System.Text.RegularExpressions;
using Lepton.CommandLine;
using Lepton.CommandLine.Tuning;
using Lepton.Compiler.Scheduling;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Scheduling;
using Lepton.Tests.Kernels;
using Lepton.Tests.Support;
using Compilation = Lepton.Compiler.Compilation;

namespace Lepton.Tests.CommandLine;

/// <summary><c>leptonc tune</c> writes a file that other commands use, adds to it, and keeps what it has when it is stopped.</summary>
[Collection(nameof(ConsoleCollection))]
public sealed class TuneTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-test").FullName;

    private string Program => Path.Combine(_folder, "p.lep");

    private string Tune => Path.Combine(_folder, "p.tune");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_tuned_program_has_a_file_beside_it_that_all_commands_use()
    {
        File.WriteAllText(Program, "fn f(x: f32[B, 40], w: f32[40, 48]) -> (y) { y = exp(x @ w) }\nfn g(x: f32[N]) = sin(x)\n");
        Assert.Equal(0, Run("tune", Program, "--entry", "f", "--dim", "B=9", "--seconds", "0.3", "--threads", "2").Code);
        Assert.Equal(0, Run("tune", Program, "--entry", "g", "--dim", "N=9", "--seconds", "0.1").Code);
        var file = ScheduleFile.Load(Tune);
        Assert.Equal(["f B=9", "g N=9"], file.Sections.Select(s => s.Title));
        Assert.Equal([2, 1], file.Sections.Select(s => s.Threads));
        Assert.Equal([Tune], Directory.GetFiles(_folder, "*.t*"));

        // Whatever was measured, the file now says something else than the model.
        var kernel = file.Sections[0].Kernels.Single();
        var use = Uses("f").Single(u => u.Key == kernel.Key);
        var other = use.Space.Near(use.Space.Model).First(c => c != use.Space.Model && use.Space.Problem(c) is null);
        file.With(file.Sections[0] with { Kernels = [kernel with { Choice = other, Seconds = 1e-6, ModelSeconds = 2e-6 }] }).Save(Tune);
        Assert.Contains($"schedule: from {Tune}: {other}; alone 1 us, model 2 us", Run("explain", Program, "--entry", "f", "--dim", "B=9").Output);
        Assert.Contains("schedule: the model's\n", Run("explain", Program, "--entry", "f", "--dim", "B=9", "--no-schedules").Output);
        Assert.Contains("tuned / model", Run("bench", Program, "--entry", "f", "--dim", "B=9", "--seconds", "0.01").Output);
        Assert.Contains("\"tuned_to_model\":", Run("bench", Program, "--entry", "f", "--dim", "B=9", "--seconds", "0.01", "--json").Output);
        Assert.DoesNotContain("model", Run("bench", Program, "--entry", "f", "--dim", "B=9", "--seconds", "0.01", "--no-schedules").Output);
        string[] emit = ["emit", Program, "--entry", "f", "--dim", "B=9", "--stage", "kernels"];
        Assert.NotEqual(Run([.. emit, "--no-schedules"]).Output, Run(emit).Output);
        File.Move(Tune, Path.Combine(_folder, "other"));
        Assert.Contains(other["right"]!, Run("explain", Program, "--entry", "f", "--dim", "B=9", "--schedules", Path.Combine(_folder, "other")).Output);
        Assert.Equal(Run([.. emit, "--no-schedules"]).Output, Run(emit).Output);
    }

    // A choice that is not legal is refused where it is used.
    [Fact]
    public void Segments_of_a_placed_program_use_it_on_processors()
    {
        File.WriteAllText(Program, "fn f(x: f32[B, 40], w: f32[40, 48], v: f32[48, 40]) -> (z) {\n  y = exp(x @ w)\n  z = y @ v\n}\n");
        Assert.Equal(0, Run("tune", Program, "--dim", "B=9", "--seconds", "0.1").Code);
        var file = ScheduleFile.Load(Tune);
        foreach (var kernel in file.Sections[0].Kernels)
        {
            var model = Uses("f").Single(u => u.Key == kernel.Key).Space.Model;
            file.With(file.Sections[0] with { Kernels = [kernel with { Choice = model, Seconds = 1e-6, ModelSeconds = 2e-6 }] }).Save(Tune);
            File.WriteAllText(Tune, Regex.Replace(File.ReadAllText(Tune), @" rows=\d+", " rows=97"));
            string[] run = ["run", Program, "--in", "x=iota", "w=iota", "v=iota", "--dim", "B=9"];
            var (code, _, errors) = Run([.. run, "--place", "*=cpu:0", "contract_1=cpu:1"]);
            Assert.Equal(1, code);
            Assert.Contains("LEP5005", errors);
            Assert.Equal(0, Run([.. run, "--place", "*=cpu:0", "contract_1=cpu:1", "--no-schedules"]).Code);
            Assert.Equal(0, Run([.. run, "--place", "*=clr:0", "contract_1=clr:1"]).Code);
        }
    }

    [Fact]
    public void A_damaged_file_is_refused_with_its_line_and_tune_writes_it_anew()
    {
        File.WriteAllText(Program, "fn g(x: f32[N]) = sin(x)\n");
        File.WriteAllText(Tune, "lepton-schedules 1\ntarget x\nwhat\n");
        var (code, _, errors) = Run("run", Program, "--in", "x=iota", "--dim", "N=3");
        Assert.Equal(1, code);
        Assert.Contains("error LEP5003: an entry with its sizes is expected here\n", errors);
        Assert.Contains("p.tune:3:1", errors);
        Assert.Equal(0, Run("tune", Program, "--dim", "N=9", "--seconds", "0").Code);
        Assert.Equal(0, Run("run", Program, "--in", "x=iota", "--dim", "N=3").Code);
    }

    [Fact]
    public void What_was_found_is_kept_when_it_is_stopped()
    {
        var (fused, setting) = Product();
        using var stop = new CancellationTokenSource();
        using var tuner = new Tuner(s => KernelLowering.Run(fused, setting.Kernels with { Schedules = s }), null, setting);
        var shown = 0;
        tuner.Run(60, state =>
        {
            if (++shown == 3)
            {
                stop.Cancel();
            }
        }, stop.Token);
        Assert.Equal(3, shown);
        Assert.StartsWith("contraction f32 m=20 n=32 k=24 #", tuner.Results(stop.Token).Single().Key);
        tuner.Run(60, _ => Assert.Fail("it was stopped"), stop.Token);
    }

    [Fact]
    public void Clearly_faster_is_by_the_median_and_in_most_rounds()
    {
        Assert.True(Duel.IsClearlyFaster([0.9, 0.95, 0.96, 0.9, 1.4]));
        Assert.False(Duel.IsClearlyFaster([0.98, 0.98, 0.98, 0.98, 0.98]));
        Assert.False(Duel.IsClearlyFaster([0.5, 0.5, 0.5, 1.1, 1.1]));
    }

    private static (FusedGraph Fused, TuneSetting Setting) Product()
    {
        var target = NativeRunner.Targets["sse2"];
        var graph = GraphText.Parse("""
            graph f() {
              %0 = input argument a : f32[20, 24]
              %1 = input argument b : f32[24, 32]
              %2 = contract %0[0, 1], %1[1, 2] -> [0, 2] : f32[20, 32]
              output y = %2
            }
            """);
        return (RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), new TuneSetting(target, Compilation.OptionsFor(target), false, 1));
    }

    private IEnumerable<ScheduleUse> Uses(string entry) => Compilation.Of(
        new Lepton.Language.Text.SourceText(Program, File.ReadAllText(Program)),
        new Lepton.Compiler.CompileOptions { Schedules = new ScheduleFile("", Lepton.Codegen.Llvm.HostCpu.Detect().Target.Cpu, []) })
        .Lower([entry], new Dictionary<string, long> { ["B"] = 9 }).Uses;

    private static (int Code, string Output, string Errors) Run(params string[] arguments) => UsageTests.Run(arguments);
}
