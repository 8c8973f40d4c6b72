using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;

namespace Lepton.Embedding;

/// <summary>How an app compiles its programs.</summary>
public sealed record LeptonOptions
{
    /// <summary>This machine, the user's cache.</summary>
    public static readonly LeptonOptions Default = new();

    /// <summary>What to make code for: <c>native</c>, <c>avx512</c>, <c>avx2</c>, <c>sse2</c>, or a CPU as LLVM names it.</summary>
    public string Target { get; init; } = "native";

    /// <summary>Allows results to differ in the last bits, and for inf, nan and -0.0.</summary>
    public bool FastMath { get; init; }

    /// <summary>Leaves out algorithms that round more than the sums as written do, though less than a user sees: Winograd's convolution.</summary>
    public bool Exact { get; init; }

    /// <summary>Keeps object code on disk for the next process.</summary>
    public bool UseCache { get; init; } = true;

    /// <summary>The file of schedules that <c>leptonc tune</c> wrote; null: the one beside the program (<c>mlp.tune</c> beside <c>mlp.lep</c>), if there is one.</summary>
    public string? Schedules { get; init; }

    /// <summary>Makes kernels as a file of schedules says; else as the model of the target does.</summary>
    public bool UseSchedules { get; init; } = true;

    /// <summary>For how many different sizes an entry gets code of its own; calls with further sizes run code for all sizes.</summary>
    public int MaxSpecializations { get; init; } = 32;

    /// <param name="program">The path of the program; null: it is a text.</param>
    internal CompileOptions ToCompileOptions(string? program)
    {
        var beside = program is null ? null : ScheduleFile.PathFor(program);
        var schedules = !UseSchedules ? null : Schedules ?? (File.Exists(beside) ? beside : null);
        var target = CpuTarget.Parse(Target, out var error)?.ForThisHost(out error);
        return new CompileOptions
        {
            Target = target ?? throw new ArgumentException(error, nameof(Target)),
            FastMath = FastMath,
            Exact = Exact,
            Cache = UseCache ? ObjectCache.OfUser() : null,
            Schedules = schedules is null ? null : Load(schedules),
        };
    }

    private static ScheduleFile Load(string path)
    {
        try
        {
            return ScheduleFile.Load(path);
        }
        catch (ScheduleException e)
        {
            throw new LeptonCompileException(e.Diagnostics);
        }
    }
}
