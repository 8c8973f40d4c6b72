using Lepton.Codegen.Llvm;
using Lepton.Kernels;
using Lepton.Kernels.Scheduling;
using Lepton.Language.Text;

namespace Lepton.Compiler.Scheduling;

/// <summary>One lowering with a file of schedules: what it may choose, and what there is to say about the file afterwards.</summary>
internal sealed class PlannedLowering(ScheduleFile file, CpuTarget target, Action<Diagnostic> warn)
{
    private readonly bool _isOurs = file.Cpu == target.Cpu;

    /// <summary>The file's choices, when they were measured on this target.</summary>
    public Schedules Choices => _isOurs ? file.Choices : Schedules.None;

    /// <summary>Refuses choices that are not legal, and warns of a file for another target, and of kernels that the program does not have any more.</summary>
    /// <param name="module">What came out.</param>
    /// <param name="titles">The sections that are about it.</param>
    public void Check(KernelModule module, IEnumerable<string> titles)
    {
        if (!_isOurs)
        {
            if (file.TargetLine is { } line)
            {
                Report(
                    ScheduleDiagnostics.OtherTarget, line, [file.Cpu, target.Cpu], "leptonc tune measures on this machine; --no-schedules says nothing", warn);
            }

            return;
        }

        var problems = new List<Diagnostic>();
        foreach (var use in module.Uses.Where(u => u.Problem is not null))
        {
            if (file.Find(use.Key)?.Place is { } place)
            {
                Report(ScheduleDiagnostics.Illegal, place.Choice, [use.Problem!], $"the model's choice is {use.Space.Model}", problems.Add);
            }
        }

        if (problems.Count > 0)
        {
            throw new ScheduleException(problems);
        }

        var asked = module.Uses.Select(u => u.Key).ToHashSet();
        var about = titles.ToHashSet();
        foreach (var section in file.Sections.Where(s => about.Contains(s.Title)))
        {
            foreach (var kernel in section.Kernels.Where(k => !asked.Contains(k.Key)))
            {
                if (kernel.Place is { } place)
                {
                    Report(ScheduleDiagnostics.Stale, place.Key, [section.Title], "the program, its options or the compiler have changed: run leptonc tune again", warn);
                }
            }
        }
    }

    private static void Report(DiagnosticKind kind, SourceSpan place, object[] arguments, string help, Action<Diagnostic> to)
    {
        var report = new DiagnosticReport();
        report.Add(kind, place, arguments, help: help);
        to(report.Diagnostics[0]);
    }
}
