using System.Globalization;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Llvm;

namespace Lepton.Compiler;

/// <summary>What runs an entry.</summary>
public enum CodeDevice
{
    /// <summary>Machine code, by LLVM.</summary>
    Cpu,

    /// <summary>IL, by .NET's own JIT: no native library.</summary>
    Clr,

    /// <summary>OpenCL C, by the driver of a device.</summary>
    OpenCl,

    /// <summary>IL, by ILGPU, which compiles it for a device of its own. Only some builds have it.</summary>
    Ilgpu,
}

/// <summary>A device of this machine and what code on it is made for.</summary>
/// <param name="Target">Of an OpenCL device null, unless one was named: its driver knows.</param>
/// <param name="Note">For the user: why it is not the device that one would expect. Null: it is.</param>
public sealed record DeviceChoice(CodeDevice Device, CpuTarget? Target, string? Note)
{
    private const string OpenCl = "opencl";

    private const string Ilgpu = "ilgpu";

    /// <summary>Whether this build has the devices of ILGPU.</summary>
#if ILGPU
    public static readonly bool HasIlgpu = true;
#else
    public static readonly bool HasIlgpu = false;
#endif

    /// <summary>What to say of them where <see cref="HasIlgpu"/> is false.</summary>
    public const string NoIlgpu = "this build has no device ilgpu; one with -p:OfficialPackages=true has";

    public static readonly IReadOnlyList<string> Names = ["cpu", "clr", OpenCl, .. HasIlgpu ? [Ilgpu] : Array.Empty<string>()];

    /// <summary>Which of the devices of its kind it is.</summary>
    public int Number { get; init; }

    /// <summary>Of a device of ILGPU: its name.</summary>
    public string? Name { get; init; }

    /// <summary>Whether a name is one of <see cref="Names"/>, or <c>opencl:1</c> and so on.</summary>
    public static bool IsName(string name) => Names.Contains(name) || OpenClNumber(name) is not null || IsIlgpu(name);

    /// <summary>
    /// The device called <paramref name="device"/> (<c>cpu</c>, <c>clr</c>, <c>opencl:0</c>; null: cpu, or clr where LLVM is missing), with vectors as
    /// <paramref name="target"/> says. Null, with a message for the user, when it cannot be had. Throws <see cref="LlvmMissingException"/> for cpu.
    /// Whether there is such an OpenCL device, a runtime finds out.
    /// </summary>
    public static DeviceChoice? Choose(string? device, string? target, out string? error)
    {
        switch (device)
        {
            case "cpu":
                return CpuTarget.Parse(target, out error)?.ForThisHost(out error) is { } cpu ? new DeviceChoice(CodeDevice.Cpu, cpu, null) : null;
            case "clr":
                return ClrTarget(target, out error) is { } clr ? new DeviceChoice(CodeDevice.Clr, clr, null) : null;
            case null:
                try
                {
                    return Choose("cpu", target, out error);
                }
                catch (LlvmMissingException)
                {
                    return Choose("clr", target, out error) is { } instead
                        ? instead with { Note = $"LLVM was not found: running on device clr, by .NET's own compiler, which is slower. To install it: {LlvmMissingException.InstallCommand}" }
                        : null;
                }

            default:
                if (OpenClNumber(device) is { } number)
                {
                    var vectors = VectorTarget(target);
                    error = vectors is null && !IsNative(target) ? $"'{target}' is not a target of device {device}; say native, avx512, avx2 or sse2, for vectors of 64, 32 or 16 bytes" : null;
                    return error is null ? new DeviceChoice(CodeDevice.OpenCl, vectors, null) { Number = number } : null;
                }

                if (IsIlgpu(device))
                {
                    error = HasIlgpu ? null : NoIlgpu;
                    return HasIlgpu ? new DeviceChoice(CodeDevice.Ilgpu, CpuTarget.Sse2, null) { Name = device } : null;
                }

                error = $"'{device}' is not a device; say {string.Join(" or ", Names)}";
                return null;
        }
    }

    /// <summary>The number in <c>opencl</c> (0) and <c>opencl:1</c>; null: it is another name.</summary>
    public static int? OpenClNumber(string name) => name == OpenCl ? 0
        : name.StartsWith(OpenCl + ":", StringComparison.Ordinal) && int.TryParse(name.AsSpan(OpenCl.Length + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : null;

    /// <summary>Whether a name is <c>ilgpu</c>, <c>ilgpu:cuda:0</c> or so.</summary>
    public static bool IsIlgpu(string name) => name == Ilgpu || name.StartsWith(Ilgpu + ":", StringComparison.Ordinal);

    private static bool IsNative(string? target) => target?.ToLowerInvariant() is null or "" or "native";

    private static CpuTarget? VectorTarget(string? name) => name?.ToLowerInvariant() switch
    {
        "avx512" => CpuTarget.Avx512,
        "avx2" => CpuTarget.Avx2,
        "sse2" => CpuTarget.Sse2,
        _ => null,
    };

    private static CpuTarget? ClrTarget(string? name, out string? error)
    {
        var target = IsNative(name) ? ClrModule.Target : VectorTarget(name);
        error = target is null ? $"'{name}' is not a target of device clr; say native, avx512, avx2 or sse2"
            : target.Level > ClrModule.Target.Level ? $"target {name} needs wider vectors than .NET uses on this machine, which are {ClrModule.Target.Level.ToString().ToLowerInvariant()}'s"
            : null;
        return error is null ? target : null;
    }
}
