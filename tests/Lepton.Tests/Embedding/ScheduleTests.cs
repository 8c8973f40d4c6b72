using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;
using Lepton.Embedding;
using Lepton.Language.Text;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.Embedding;

/// <summary>A file of schedules is part of what a program was compiled with, and an app uses the one beside its program.</summary>
public sealed class ScheduleTests
{
    private const string Text = "fn f(x: f32[N]) -> f32[N] = x + 1.0\n";

    [Fact]
    public void Code_is_kept_for_each_file_of_schedules_and_not_at_all_when_there_is_a_warning()
    {
        using var folder = new TempFolder();
        var options = new CompileOptions { Cache = new ObjectCache(folder["cache"]) };
        Assert.True(Compiles(options));
        Assert.False(Compiles(options));
        var planned = options with { Schedules = File("chunk=4096") };
        Assert.True(Compiles(planned));
        Assert.False(Compiles(planned));
        Assert.True(Compiles(options with { Schedules = File("chunk=8192") }));
        Assert.False(Compiles(options));

        // The stale line is warned of each time, so that nothing of it may be kept but the signature.
        var warnings = new List<Diagnostic>();
        var stale = options with { Schedules = File("chunk=4096", "map f64[3]"), Warning = warnings.Add };
        Compiles(stale);
        Compiles(stale);
        Assert.Equal(["f N=3 has no such kernel any more", "f N=3 has no such kernel any more"], warnings.Select(w => w.Message));
    }

    [Fact]
    public void An_app_uses_the_file_beside_the_program_or_the_one_that_it_names()
    {
        using var folder = new TempFolder();
        System.IO.File.WriteAllText(folder["p.lep"], Text);
        File("chunk=4096").Save(folder["p.tune"]);
        File("chunk=1x").Save(folder["bad.tune"]);
        var options = new LeptonOptions { UseCache = false };
        Assert.Equal("chunk=4096", Chosen(folder["p.lep"], options));
        Assert.Equal("model", Chosen(folder["p.lep"], options with { UseSchedules = false }));
        Assert.Equal("model", Chosen(Text, options));
        Assert.Equal("chunk=4096", Chosen(Text, options with { Schedules = folder["p.tune"] }));
        var illegal = Assert.Throws<LeptonCompileException>(() => Chosen(folder["p.lep"], options with { Schedules = folder["bad.tune"] }));
        Assert.Contains("error LEP5005: this kernel cannot be made like that: chunk=1x: expected a whole number of at least 1", illegal.Message);
        System.IO.File.WriteAllText(folder["p.tune"], "what");
        Assert.Contains("error LEP5001", Assert.Throws<LeptonCompileException>(() => LeptonEngine.Compile(folder["p.lep"], options)).Message);
    }

    private static string Chosen(string program, LeptonOptions options)
    {
        using var engine = LeptonEngine.Compile(program, options);
        var y = new float[3];
        engine["f"].Run<float, float>([1f, 2f, 3f], [3], y);
        Assert.Equal([2f, 3f, 4f], y);
        var use = engine.Compilation.Lower(["f"], Sizes).Uses.SingleOrDefault();
        return use is { IsPlanned: true } ? use.Chosen.ToString() : "model";
    }

    private static bool Compiles(CompileOptions options)
    {
        var compiled = false;
        using var engine = LeptonEngine.Open(new SourceText("p.lep", Text), options, compiled: _ => compiled = true);
        engine["f"].Run<float, float>([1f, 2f, 3f], [3], new float[3]);
        return compiled;
    }

    private static IReadOnlyDictionary<string, long> Sizes => new Dictionary<string, long> { ["N"] = 3 };

    // For this machine, as it comes from a disk.
    private static ScheduleFile File(string choice, string? name = null)
    {
        var empty = new ScheduleFile("", HostCpu.Detect().Target.Cpu, []);
        var key = Compilation.Of(new SourceText("p.lep", Text), new CompileOptions { Schedules = empty }).Lower(["f"], Sizes).Uses.Single().Key;
        key = name is null ? key : $"{name} {key[^9..]}";
        return ScheduleFile.Parse(new SourceText("p.tune", $"lepton-schedules 1\ntarget {empty.Cpu}\n[f N=3] threads 1\n{key}\n  {choice}\n  1 us, model 2 us\n"));
    }
}
