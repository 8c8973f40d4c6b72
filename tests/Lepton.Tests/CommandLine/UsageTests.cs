using Lepton.CommandLine;
using Lepton.Tests.House;

namespace Lepton.Tests.CommandLine;

/// <summary>Tests that catch what is written to the console run alone.</summary>
[CollectionDefinition(nameof(ConsoleCollection), DisableParallelization = true)]
public sealed class ConsoleCollection;

/// <summary>Help fits a terminal, and a wrong command line gets a message that says what to write, once.</summary>
[Collection(nameof(ConsoleCollection))]
public class UsageTests
{
    private static readonly string Lab = Repository.PathOf("tests", "data", "lab.yaml");
    private static readonly string Wave = Repository.PathOf("examples", "wave.lep");

    [Theory]
    [InlineData("check")]
    [InlineData("run")]
    [InlineData("bench")]
    [InlineData("profile")]
    [InlineData("tune")]
    [InlineData("calibrate")]
    [InlineData("place")]
    [InlineData("build")]
    [InlineData("explain")]
    [InlineData("emit")]
    [InlineData("fmt")]
    [InlineData("doctor")]
    public void Help_is_at_most_100_columns_wide_and_has_an_example(string command)
    {
        var (code, output, _) = Run(command, "--help");
        Assert.Equal(0, code);
        Assert.Contains($"Example: leptonc {command}", output);
        Assert.DoesNotContain(output.Split('\n'), l => l.TrimEnd().Length > 100);
    }

    [Fact]
    public void The_help_of_all_is_at_most_100_columns_wide() => Assert.DoesNotContain(Run("--help").Output.Split('\n'), l => l.TrimEnd().Length > 100);

    [Theory]
    [InlineData(2, "there is no command rnu; did you mean run?", "rnu", "x.lep")]
    [InlineData(2, "what is to be done with x.lep? say a command first: leptonc run x.lep", "x.lep")]
    [InlineData(2, "which file? say leptonc run FILE.lep", "run")]
    [InlineData(1, "there is no file nothing.lep", "run", "nothing.lep")]
    [InlineData(1, "is a folder", "check", ".")]
    [InlineData(2, "run has no option --thread; did you mean `--threads`?", "run", "WAVE", "--thread", "3")]
    [InlineData(2, "--threads many: expected a whole number", "run", "WAVE", "--threads", "many")]
    [InlineData(2, "--stage STAGE is missing", "emit", "WAVE")]
    [InlineData(2, "--stage kernel: did you mean `kernels`?", "emit", "WAVE", "--stage", "kernel")]
    [InlineData(2, "--dim n=…: there is no such size; did you mean `N`?", "explain", "WAVE", "--dim", "n=3")]
    [InlineData(2, "size N of wave is not known: say how large it is, as in --dim N=8", "tune", "WAVE")]
    [InlineData(2, "--machine FILE is missing", "place", "WAVE")]
    [InlineData(2, "size N of wave is not known: say how large it is, as in --dim N=8,", "place", "WAVE", "--machine", "LAB")]
    [InlineData(1, "--schedules no.tune: there is no such file", "run", "WAVE", "--schedules", "no.tune")]
    [InlineData(2, "--schedules and --no-schedules ask for opposite things", "bench", "WAVE", "--schedules", "no.tune", "--no-schedules")]
    [InlineData(2, "is there already: say --force", "calibrate", "--out", "WAVE")]
    [InlineData(2, "--devices: expected some of cpu, clr", "calibrate", "--out", "none.yaml", "--devices", ",")]
    [InlineData(2, "'gpu' is not a device", "calibrate", "--out", "none.yaml", "--devices", "gpu")]
    [InlineData(1, "there is no file none.yaml", "profile", "WAVE", "--dim", "N=8", "-s", "0", "--device", "clr", "-m", "none.yaml")]
    [InlineData(2, "there is no entry wav; did you mean wave?", "emit", "WAVE", "--stage", "graph", "--entry", "wav")]
    public void A_wrong_command_line_is_one_message(int code, string message, params string[] arguments)
    {
        var (found, _, errors) = Run([.. arguments.Select(a => a == "WAVE" ? Wave : a == "LAB" ? Lab : a)]);
        Assert.Equal(code, found);
        Assert.Contains(message, errors);
        Assert.Single(errors.Split('\n'), l => l.StartsWith("error:", StringComparison.Ordinal));
    }

    [Fact]
    public void An_unknown_stage_is_answered_with_the_stages_on_few_lines()
    {
        var lines = Run("emit", Wave, "--stage", "foo").Errors.TrimEnd().Split('\n');
        Assert.InRange(lines.Length, 2, 6);
        Assert.DoesNotContain(lines, l => l.Length > 100);
    }

    [Fact]
    public void Explain_says_for_each_kernel_what_was_fused_why_not_and_in_how_many_bytes()
    {
        var (code, text, _) = Run("explain", Repository.PathOf("examples", "mlp.lep"), "--dim", "B=32");
        Assert.Equal(0, code);
        Assert.Contains("  + %", text);
        Assert.Matches(@"\(contraction\): fusion saves \d+ bytes\n", text);
        Assert.Matches(@"\| %\d+ \w+ apart from %\d+ \w+: .*, loads \d+ bytes\n", text);
        Assert.Matches(@"intermediate results: \d+ buffers in \d+ bytes", text);
    }

    internal static (int Code, string Output, string Errors) Run(params string[] arguments)
    {
        var (output, errors) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter();
        using var newErrors = new StringWriter();
        try
        {
            Console.SetOut(newOutput);
            Console.SetError(newErrors);
            return (Program.Main(arguments), newOutput.ToString(), newErrors.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(errors);
        }
    }
}
