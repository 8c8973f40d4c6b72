using Lepton.Codegen.Llvm;
using Lepton.Codegen.OpenCl;
using Lepton.Compiler.Scheduling;
using Lepton.Language.Text;

namespace Lepton.Compiler;

/// <summary>How to compile. The defaults are what a user wants.</summary>
public sealed record CompileOptions
{
    public static readonly CompileOptions Default = new();

    /// <summary>What to make code for; null: this machine.</summary>
    public CpuTarget? Target { get; init; }

    /// <summary>What the code runs on.</summary>
    public CodeDevice Device { get; init; }

    /// <summary>Which of the devices of its kind.</summary>
    public int DeviceNumber { get; init; }

    /// <summary>Of a device of ILGPU: its name.</summary>
    public string? DeviceName { get; init; }

    /// <summary>What OpenCL code is made for.</summary>
    public OpenClTarget OpenCl { get; init; } = OpenClTarget.Cpu;

    /// <summary>Allows rules and instructions that change results in the last bits, or for inf, nan and -0.0.</summary>
    public bool FastMath { get; init; }

    /// <summary>Leaves out algorithms that round more than the sums as written do, though less than a user sees: Winograd's convolution.</summary>
    public bool Exact { get; init; }

    /// <summary>
    /// Contractions are kernels without the elementwise work behind them, for a program that is placed on several devices
    /// (<see cref="Compilation.Fuse(string, IReadOnlyDictionary{string, long})"/>); its pieces are fused again as ever.
    /// </summary>
    public bool ContractionsAlone { get; init; }

    /// <summary>Passes to leave out, by name.</summary>
    public IReadOnlySet<string> Skip { get; init; } = new HashSet<string>();

    /// <summary>Runs the verifiers after every pass.</summary>
    public bool Verify { get; init; }

    /// <summary>Where object code is kept between processes; null: nowhere.</summary>
    public ObjectCache? Cache { get; init; }

    /// <summary>Makes code whose launches a recorder can see and tell apart (<c>leptonc profile</c>).</summary>
    public bool Profile { get; init; }

    /// <summary>How kernels are made for which that was measured; null: the model of the target decides, and nobody asks.</summary>
    public ScheduleFile? Schedules { get; init; }

    /// <summary>Hears of schedules that are not used, once of each.</summary>
    public Action<Diagnostic>? Warning { get; init; }

    /// <summary>Hears of every step: what it was and how long it took.</summary>
    public Action<string, TimeSpan>? Timing { get; init; }

    /// <summary>Hears of every pass: its name, the graph before and after.</summary>
    public Action<string, Graphs.Graph, Graphs.Graph>? Passes { get; init; }

    /// <summary>Hears of rules that were applied to what is stored or pinned, and to the order of products.</summary>
    public Action<Optimizer.RuleNote>? Rules { get; init; }
}
