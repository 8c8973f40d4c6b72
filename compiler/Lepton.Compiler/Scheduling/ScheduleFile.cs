using System.Globalization;
using System.Text;
using Lepton.Abi;
using Lepton.Kernels.Scheduling;
using Lepton.Language.Text;

namespace Lepton.Compiler.Scheduling;

/// <summary>
/// What <c>leptonc tune</c> found, as a text that people can read and compare. Kernels are sorted; each stands in the file once.
/// <code>
/// lepton-schedules 1
/// target znver3
///
/// [mlp B=32] threads 2
/// contraction f32 m=32 n=128 k=784, right once #1f2e3d4c
///   by=tiles rows=6 vectors=2 block_rows=32 block_columns=64 block_depth=392 left=memory right=kernel together=1
///   21.4 us, model 25.9 us
/// map f32[32, 10] #00c0ffee
///   model
///   1.2 us
/// </code>
/// </summary>
/// <param name="Path">Where it was read, for messages.</param>
/// <param name="Cpu">What it was measured on: <see cref="Codegen.Llvm.CpuTarget.Cpu"/>. Elsewhere it is not used.</param>
/// <param name="Sections">Each entry, for some sizes.</param>
public sealed record ScheduleFile(string Path, string Cpu, ValueList<ScheduleSection> Sections)
{
    public const int Version = 1;
    public const string Ending = ".tune";

    // Below the name of the kernel.
    internal const string Indent = "  ";

    /// <summary>The choices of all kernels for which the model's was beaten.</summary>
    public Schedules Choices { get; } = new(
        Sections.SelectMany(s => s.Kernels).Where(k => k.Choice is not null).ToDictionary(k => k.Key, k => k.Choice!));

    internal SourceSpan? TargetLine { get; init; }

    /// <summary>The kernel's line, or null.</summary>
    public ScheduledKernel? Find(string key) => Sections.SelectMany(s => s.Kernels).FirstOrDefault(k => k.Key == key);

    /// <summary>Where the schedules of a program are looked for: beside it.</summary>
    public static string PathFor(string program) => System.IO.Path.ChangeExtension(program, Ending);

    /// <summary>Reads a file.</summary>
    /// <exception cref="ScheduleException">It is no file of schedules; each mistake with its line.</exception>
    public static ScheduleFile Load(string path) => Parse(new SourceText(path, File.ReadAllText(path)));

    /// <inheritdoc cref="Load"/>
    public static ScheduleFile Parse(SourceText source)
    {
        var report = new DiagnosticReport();
        var file = new ScheduleFileReader(source, report).Read();
        return report.HasErrors ? throw new ScheduleException(report.Diagnostics) : file;
    }

    /// <summary>Writes it whole or not at all.</summary>
    public void Save(string path) => TextFile.Replace(path, Print());

    public string Print()
    {
        var text = new StringBuilder($"lepton-schedules {Version}\ntarget {Cpu}\n");
        foreach (var section in Sections.OrderBy(s => s.Title, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"\n[{section.Title}] threads {section.Threads}\n");
            foreach (var kernel in section.Kernels.OrderBy(k => k.Key, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"{kernel.Key}\n{Indent}{(kernel.Choice is null ? "model" : kernel.Choice)}\n{Indent}{kernel.Times}\n");
            }
        }

        return text.ToString();
    }

    /// <summary>The same with a section in place of the one for its entry and sizes; kernels that it has are taken out of the others.</summary>
    public ScheduleFile With(ScheduleSection section)
    {
        var keys = section.Kernels.Select(k => k.Key).ToHashSet();
        var others = Sections.Where(s => s.Title != section.Title).Select(s => s with { Kernels = s.Kernels.Where(k => !keys.Contains(k.Key)).ToValueList() });
        return this with { Sections = others.Where(s => s.Kernels.Count > 0).Append(section).ToValueList() };
    }
}

/// <summary>The kernels of an entry for some sizes.</summary>
/// <param name="Title"><c>mlp B=32</c>.</param>
/// <param name="Threads">How many threads it was measured with.</param>
public sealed record ScheduleSection(string Title, int Threads, ValueList<ScheduledKernel> Kernels)
{
    /// <summary>What the section of an entry and all its sizes is called.</summary>
    public static string TitleOf(string entry, IReadOnlyDictionary<string, long> sizes) =>
        string.Join(' ', sizes.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key}={s.Value}")).Prepend(entry));
}

/// <summary>What was measured for one kernel.</summary>
/// <param name="Choice">How it is made; null: as the model says.</param>
/// <param name="Seconds">Of one run of the kernel alone.</param>
/// <param name="ModelSeconds">The same, made as the model says.</param>
public sealed record ScheduledKernel(string Key, Choice? Choice, double Seconds, double ModelSeconds)
{
    /// <summary>The kernel's line, and that of its choice.</summary>
    internal (SourceSpan Key, SourceSpan Choice)? Place { get; init; }

    /// <summary><c>21.4 us, model 25.9 us</c>.</summary>
    public string Times => Choice is null ? Time(ModelSeconds) : $"{Time(Seconds)}, model {Time(ModelSeconds)}";

    private static string Time(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1e6:G4} us");
}

/// <summary>Schedules that cannot be read or used. <see cref="Exception.Message"/> shows every diagnostic with its place.</summary>
public sealed class ScheduleException(IEnumerable<Diagnostic> diagnostics) : Exception(new DiagnosticPrinter().PrintAll(diagnostics))
{
    public ValueList<Diagnostic> Diagnostics { get; } = DiagnosticPrinter.Sorted(diagnostics).ToValueList();
}
