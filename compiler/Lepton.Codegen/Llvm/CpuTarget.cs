using Lepton.Abi;

namespace Lepton.Codegen.Llvm;

/// <summary>The x86-64 levels that code generation tells apart; each holds the ones before.</summary>
public enum SimdLevel
{
    /// <summary>Plain x86-64: 16-byte vectors, no fma, no rounding instructions.</summary>
    Sse2,

    /// <summary>x86-64-v3: 32-byte vectors, fma, f16c.</summary>
    Avx2,

    /// <summary>x86-64-v4: 64-byte vectors and masks.</summary>
    Avx512,
}

/// <summary>What code is made for.</summary>
/// <param name="Cpu">A name that LLVM knows: <c>x86-64-v3</c>, <c>znver3</c>.</param>
/// <param name="Features">LLVM's feature list, <c>+avx2,-avx512f,…</c>, applied over the CPU's own; may be empty.</param>
public sealed record CpuTarget(string Triple, string Cpu, string Features, SimdLevel Level)
{
    public const string LinuxX64 = "x86_64-unknown-linux-gnu";

    public static readonly CpuTarget Sse2 = new(LinuxX64, "x86-64", "", SimdLevel.Sse2);
    public static readonly CpuTarget Avx2 = new(LinuxX64, "x86-64-v3", "", SimdLevel.Avx2);
    public static readonly CpuTarget Avx512 = new(LinuxX64, "x86-64-v4", "", SimdLevel.Avx512);

    public bool HasFma => Level >= SimdLevel.Avx2;

    /// <summary>Conversions between f32 and f16 in hardware.</summary>
    public bool HasF16C => Level >= SimdLevel.Avx2;

    /// <summary>Sums of four products of bytes by one instruction, on the widest vectors.</summary>
    public bool HasByteDots => Level >= SimdLevel.Avx2 && (Level == SimdLevel.Avx512 ? "avx512vnni" : "avxvnni") is var feature
        && !Lists($"-{feature}") && (Lists($"+{feature}") || CpuNames.HasByteDots(Cpu));

    /// <summary>Bytes of the widest vector.</summary>
    public int VectorBytes => Level switch
    {
        SimdLevel.Avx512 => 64,
        SimdLevel.Avx2 => 32,
        _ => 16,
    };

    private bool Lists(string feature) => Features.Split(',').Contains(feature);

    /// <summary>Elements of <paramref name="type"/> in the widest vector.</summary>
    public int Lanes(ElementType type) => VectorBytes / type.ByteSize();

    /// <summary>One line: triple, CPU, features. Part of the manifest and of cache keys.</summary>
    public override string ToString() => Features.Length == 0 ? $"{Triple} {Cpu}" : $"{Triple} {Cpu} {Features}";

    /// <summary>
    /// The target called <paramref name="text"/>: <c>native</c> (also null), a level (<c>avx512</c>, <c>avx2</c>, <c>sse2</c>), or a CPU as LLVM
    /// names it. Null, with a message for the user, when there is no such target.
    /// </summary>
    public static CpuTarget? Parse(string? text, out string? error)
    {
        error = null;
        switch (text?.ToLowerInvariant())
        {
            case null or "" or "native":
                return HostCpu.Detect().Target;
            case "avx512":
                return Avx512;
            case "avx2":
                return Avx2;
            case "sse2":
                return Sse2;
            case var name when CpuNames.LevelOf(name) is { } level:
                return new CpuTarget(LinuxX64, name, "", level);
            case var name:
                error = $"'{name}' is not a target; say native, avx512, avx2, sse2 or one of: {string.Join(", ", CpuNames.All)}";
                return null;
        }
    }

    /// <summary>
    /// This target as code that is run at once on this machine may use it: what the host lacks is switched off by name, so that no
    /// instruction of it can be chosen. Null, with a message for the user, when the host lacks a whole level that the target is made for.
    /// </summary>
    public CpuTarget? ForThisHost(out string? error)
    {
        var host = HostCpu.Detect();
        if (Level > host.Target.Level)
        {
            error = $"target {Cpu} needs {Level.ToString().ToLowerInvariant()}, and this machine ({host.Target.Cpu}) "
                + $"has {host.Target.Level.ToString().ToLowerInvariant()} only; it can be built for, but not run here";
            return null;
        }

        error = null;
        return this == host.Target ? this : this with { Features = string.Join(',', new[] { Features, host.Missing }.Where(f => f.Length > 0)) };
    }
}
