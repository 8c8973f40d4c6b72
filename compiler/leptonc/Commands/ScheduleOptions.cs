using System.CommandLine;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;

namespace Lepton.CommandLine.Commands;

/// <summary>The options of all commands that make kernels: which file of schedules to use. One that lies beside the program is used unasked.</summary>
internal sealed class ScheduleOptions
{
    private readonly Option<string?> _file = new("--schedules") { HelpName = "FILE", Description = "Make kernels as a file of leptonc tune says. Unasked: FILE.tune beside FILE.lep." };
    private readonly Option<bool> _none = new("--no-schedules") { Description = "Make every kernel as the model of the target says." };

    public ScheduleOptions(Command command)
    {
        command.Add(_file);
        command.Add(_none);
    }

    /// <summary>As <see cref="Apply"/>, for one of several devices: schedules are measured on processors, with machine code.</summary>
    public CompileOptions ApplyOn(string kind, ParseResult parsed, string program, CompileOptions options) => kind == "cpu" ? Apply(parsed, program, options) : options;

    /// <summary>The options with the schedules for a program.</summary>
    public CompileOptions Apply(ParseResult parsed, string program, CompileOptions options)
    {
        var (named, none) = (parsed.GetValue(_file), parsed.GetValue(_none));
        if (named is not null && none)
        {
            throw new UsageException("--schedules and --no-schedules ask for opposite things: leave one out");
        }

        if (named is not null && !File.Exists(named))
        {
            throw new UserException($"--schedules {named}: there is no such file; leptonc tune {program} --out {named} makes it");
        }

        var beside = program == "-" ? null : ScheduleFile.PathFor(program);
        var path = none ? null : named ?? (File.Exists(beside) ? beside : null);
        return options with { Schedules = path is null ? null : ScheduleFile.Load(path), Warning = d => Source.Print([d]) };
    }
}
