using Lepton.Codegen.Llvm;
using Lepton.Compiler.Scheduling;
using Lepton.Kernels.Loops;
using Lepton.Language.Text;
using CompileOptions = Lepton.Compiler.CompileOptions;
using LeptonCompilation = Lepton.Compiler.Compilation;

namespace Lepton.Tests.Compiler;

/// <summary>Files of schedules: what is read, what is refused and how, and that lowering does what they say.</summary>
public sealed class ScheduleFileTests
{
    private const string Program = """
        param w: f32[64, 96]
        fn f(x: f32[B, 64]) -> (y: f32[B, 96]) { y = x @ w }
        fn g(x: f32[B, 64]) -> (y: f32[B, 64]) { y = sin(x) }
        """;

    private const string Head = "lepton-schedules 1\ntarget x86-64-v3\n";

    [Theory]
    [InlineData("", 1, "this is no file of schedules", "the first line is: lepton-schedules 1")]
    [InlineData("# x\nfn f(x) = x", 2, "this is no file of schedules", "the first line is: lepton-schedules 1")]
    [InlineData("lepton-schedules 2\n", 1, "schedules of version 2, but this compiler reads version 1", "leptonc tune writes it anew")]
    [InlineData("lepton-schedules 1\n", 2, "the target is expected here", "as in: target znver3")]
    [InlineData("lepton-schedules 1\ntarget a b\n", 2, "the target is expected here", "as in: target znver3")]
    [InlineData(Head + "map f32[3] #0123abcd\n", 3, "an entry with its sizes is expected here", "as in: [mlp B=32] threads 1")]
    [InlineData(Head + "[f] threads 99999999999\n", 3, "an entry with its sizes is expected here", "as in: [mlp B=32] threads 1")]
    [InlineData(Head + "[f] threads 1\nmap f32[3] #0123abc\n", 4, "a kernel is expected here", "as in: contraction f32 m=32 n=10 k=128 #0123abcd")]
    [InlineData(Head + "[f] threads 1\n  chunk=3\n", 4, "a kernel is expected here", "as in: contraction f32 m=32 n=10 k=128 #0123abcd")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n", 5, "the kernel's choice is expected here", "as in: by=tiles rows=6 …, or   model")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n  chunk\n  1 us\n", 5, "the kernel's choice is expected here", "as in: by=tiles rows=6 …, or   model")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n  model\n", 6, "what was measured is expected here", "as in: 1.2 us")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n  chunk=3\n  1 us\n", 6, "what was measured is expected here", "as in: 21.4 us, model 25.9 us")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n  model\n  1 us, model 2 us\n", 6, "what was measured is expected here", "as in: 1.2 us")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n  model\n  1e999 us\n", 6, "what was measured is expected here", "as in: 1.2 us")]
    [InlineData(Head + "[f] threads 1\nmap #0123abcd\n  model\n  1 us\n[g] threads 1\nmap #0123abcd\n  model\n  1 us\n", 8, "a schedule for this kernel stands above already", "leave one of them out")]
    public void A_wrong_file_is_answered_with_its_line_and_the_mend(string text, int line, string message, string help)
    {
        var found = Assert.Single(Assert.Throws<ScheduleException>(() => ScheduleFile.Parse(new SourceText("p.tune", text))).Diagnostics);
        Assert.Equal((line, message, help), (found.Span.StartPosition.Line, found.Message, found.Help));
    }

    [Fact]
    public void All_mistakes_of_a_file_are_found()
    {
        var text = Head + "[f] threads 1\nwhat\nmap #0123abcd\n  model\n  many us\nmap #0123abce\n  so\n  1 us\n";
        Assert.Equal(3, Assert.Throws<ScheduleException>(() => ScheduleFile.Parse(new SourceText("p.tune", text))).Diagnostics.Count);
    }

    [Fact]
    public void What_is_printed_is_read_again_whatever_its_order()
    {
        var file = Planned(("rows", "4"));
        var read = ScheduleFile.Parse(new SourceText("p.tune", file.Print().Replace("\n", "\r\n") + "\n# the end\n"));
        Assert.Equal(file.Print(), read.Print());
        var other = new ScheduleSection("a B=1", 1, [new ScheduledKernel("z #00000000", null, 1e-6, 1e-6), new ScheduledKernel("a #00000000", null, 1.5e-6, 1.5e-6)]);
        var lines = read.With(other).Print().Split('\n');
        Assert.Equal("lepton-schedules 1|target x86-64-v3||[a B=1] threads 1|a #00000000|  model|  1.5 us|z #00000000|  model|  1 us||[f B=24] threads 1", string.Join('|', lines[..12]));
        Assert.Equal(read.With(other).Print(), read.With(other).With(other).Print());
    }

    [Fact]
    public void A_planned_choice_changes_the_kernel_and_nothing_else()
    {
        var model = Lower("f", null).Print;
        Assert.Contains("register tiles of 6 x 16", model);
        Assert.Contains("register tiles of 4 x 16", Lower("f", Planned(("rows", "4"), ("block_rows", "24"))).Print);
        Assert.Equal(model, Lower("f", Planned()).Print);
        Assert.Equal(Lower("g", null).Print, Lower("g", Planned(("rows", "4"))).Print);
    }

    [Theory]
    [InlineData("rows", "0", "rows=0: expected a whole number of at least 1")]
    [InlineData("rows", "x", "rows=x: expected a whole number of at least 1")]
    [InlineData("rows", "99999999999999999999", "expected a whole number of at least 1")]
    [InlineData("rows", "9", "at most 16 sums fit the registers")]
    [InlineData("vectors", "1099511627776", "at most 16 sums fit the registers")]
    [InlineData("block_rows", "25", "block_rows=25: expected 24, or less and a multiple of rows=6")]
    [InlineData("block_columns", "17", "block_columns=17: expected a multiple of 16 columns, 96 at most")]
    [InlineData("block_depth", "65", "block_depth=65: there are 64 to sum")]
    [InlineData("together", "2", "together=2: more than one only where a block is a whole product, at most 1")]
    [InlineData("left", "stack", "left=stack: expected memory or chunk or kernel")]
    [InlineData("by", "winograd", "by=winograd: expected tiles")]
    [InlineData("chunk", "3", "there is no chunk here; there are by, rows")]
    [InlineData("-rows", "", "rows is missing")]
    public void An_illegal_choice_is_answered_with_its_line(string knob, string value, string message)
    {
        var e = Assert.Throws<ScheduleException>(() => Lower("f", Planned((knob, value))));
        var found = Assert.Single(e.Diagnostics);
        Assert.Equal(6, found.Span.StartPosition.Line);
        Assert.Contains(message, found.Message);
        Assert.StartsWith("the model's choice is by=tiles rows=6 vectors=2 ", found.Help);
    }

    [Fact]
    public void A_kernel_that_is_no_more_and_another_target_are_warnings()
    {
        var stale = ScheduleFile.Parse(new SourceText("p.tune", Planned(("rows", "4")).Print().Replace("k=64", "k=65")));
        var (print, warnings) = Lower("f", stale);
        Assert.Equal(Lower("f", null).Print, print);
        Assert.Equal("f B=24 has no such kernel any more", Assert.Single(warnings).Message);
        Assert.Empty(Lower("g", stale).Warnings);
        Assert.Empty(Lower("f", stale, 25).Warnings);

        var other = ScheduleFile.Parse(new SourceText("p.tune", Planned(("rows", "4")).Print().Replace("x86-64-v3", "znver9")));
        (print, warnings) = Lower("f", other);
        Assert.Equal(Lower("f", null).Print, print);
        Assert.Equal("these schedules are for znver9, but code is made for x86-64-v3: they are not used", Assert.Single(warnings).Message);
    }

    [Fact]
    public void A_kernels_key_does_not_depend_on_what_stands_around_it()
    {
        var key = Key(Program, "f");
        Assert.StartsWith("contraction f32 m=24 n=96 k=64, right once #", key);
        Assert.Equal(key, Key("fn other(a: f32[N]) = a + 1\nparam v: f32[64, 96]\nfn longer(b: f32[B, 64], c: f32[B]) -> (u, z) { u = exp(c)\n z = b @ v }", "longer", "contraction"));
        Assert.NotEqual(key, Key("param w: f32[64, 96]\nfn f(x: f32[B, 64]) -> (y) { y = tanh(x @ w) }", "f"));
        Assert.NotEqual(key, Key("fn f(x: f32[B, 64], w: f32[64, 96]) -> (y) { y = x @ w }", "f"));
    }

    private static string Key(string program, string entry, string kind = "") =>
        Of(program, new ScheduleFile("", "x86-64-v3", [])).Lower([entry], Sizes(24)).Uses.Single(u => u.Key.StartsWith(kind, StringComparison.Ordinal)).Key;

    // A file that plans f's product: the model's choice, with some settings changed ("-rows" takes one out), as it comes from a disk.
    private static ScheduleFile Planned(params (string Knob, string Value)[] changes)
    {
        var use = Of(Program, new ScheduleFile("", "x86-64-v3", [])).Lower(["f"], Sizes(24)).Uses.Single();
        var choice = use.Chosen.ToString();
        foreach (var (knob, value) in changes)
        {
            var setting = choice.Split(' ').FirstOrDefault(s => s.StartsWith(knob.TrimStart('-') + "=", StringComparison.Ordinal));
            choice = setting is null ? $"{choice} {knob}={value}" : knob[0] == '-' ? choice.Replace(setting + " ", "") : choice.Replace(setting, $"{knob}={value}");
        }

        return ScheduleFile.Parse(new SourceText("p.tune", $"{Head}\n[f B=24] threads 1\n{use.Key}\n  {choice}\n  1 us, model 2 us\n"));
    }

    private static Dictionary<string, long> Sizes(long b) => new() { ["B"] = b };

    private static LeptonCompilation Of(string program, ScheduleFile? file, Action<Diagnostic>? warning = null) => LeptonCompilation.Of(
        new SourceText("p.lep", program), new CompileOptions { Target = CpuTarget.Avx2, Schedules = file, Warning = warning });

    private static (string Print, List<Diagnostic> Warnings) Lower(string entry, ScheduleFile? file, long b = 24)
    {
        var warnings = new List<Diagnostic>();
        var module = Of(Program, file, warnings.Add).Lower([entry], Sizes(b));
        return (LoopText.Print(module), warnings);
    }
}
