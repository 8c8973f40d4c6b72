using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;

namespace Lepton.Embedding;

/// <summary>How an app compiles its programs.</summary>
public sealed record LeptonOptions
{
    /// <summary>This machine, the user's cache.</summary>
    public static readonly LeptonOptions Default = new();

    /// <summary>What to make code for: <c>native</c>, <c>avx512</c>, <c>avx2</c>, <c>sse2</c>, or (for cpu) a CPU as LLVM names it.</summary>
    public string Target { get; init; } = "native";

    /// <summary>
    /// What runs the entries: <c>cpu</c> (machine code, by LLVM), <c>clr</c> (by .NET's own compiler, with its vector types: slower, and no native
    /// library is needed) or <c>opencl</c> (a device that an OpenCL driver knows; <c>opencl:1</c> and so on for others than the first). Builds with ILGPU have <c>ilgpu:cpu</c>, <c>ilgpu:cuda:0</c> and so on. Null: cpu, or
    /// clr where LLVM is missing.
    /// </summary>
    public string? Device { get; init; }

    /// <summary>Hears once, in words for the user, why the device is not cpu when <see cref="Device"/> is null.</summary>
    public Action<string>? Note { get; init; }

    /// <summary>Allows results to differ in the last bits, and for inf, nan and -0.0.</summary>
    public bool FastMath { get; init; }

    /// <summary>Leaves out algorithms that round more than the sums as written do, though less than a user sees: Winograd's convolution.</summary>
    public bool Exact { get; init; }

    /// <summary>Keeps object code on disk for the next process.</summary>
    public bool UseCache { get; init; } = true;

    /// <summary>The file of schedules that <c>leptonc tune</c> wrote; null: the one beside the program (<c>mlp.tune</c> beside <c>mlp.lep</c>), if there is one.</summary>
    public string? Schedules { get; init; }

    /// <summary>Makes kernels as a file of schedules says, on a placed program's devices of kind <c>cpu</c>; else as the model of the target does.</summary>
    public bool UseSchedules { get; init; } = true;

    /// <summary>For how many different sizes an entry gets code of its own; calls with further sizes run code for all sizes.</summary>
    public int MaxSpecializations { get; init; } = 32;

    /// <param name="program">The path of the program; null: it is a text.</param>
    internal CompileOptions ToCompileOptions(string? program)
    {
        var beside = program is null ? null : ScheduleFile.PathFor(program);
        var schedules = !UseSchedules ? null : Schedules ?? (File.Exists(beside) ? beside : null);
        if (Device is not null && !DeviceChoice.IsName(Device))
        {
            throw new ArgumentException($"'{Device}' is not a device; say {string.Join(" or ", DeviceChoice.Names)}", nameof(Device));
        }

        var choice = DeviceChoice.Choose(Device, Target, out var error) ?? throw new ArgumentException(error, nameof(Target));
        if (choice.Note is { } note)
        {
            Note?.Invoke(note);
        }

        var compile = new CompileOptions
        {
            Target = choice.Target,
            Device = choice.Device,
            DeviceName = choice.Name,
            FastMath = FastMath,
            Exact = Exact,
            Cache = UseCache && choice.Device == CodeDevice.Cpu ? ObjectCache.OfUser() : null,
            Schedules = schedules is null ? null : Load(schedules),
        };
        return choice.Device == CodeDevice.OpenCl ? OpenClCode.For(compile, choice.Number) : compile;
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
