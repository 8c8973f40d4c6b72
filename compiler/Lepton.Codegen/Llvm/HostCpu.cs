namespace Lepton.Codegen.Llvm;

/// <summary>This machine's processor, as LLVM sees it.</summary>
/// <param name="Target">The target <c>native</c>.</param>
/// <param name="Missing">Every feature that LLVM knows and the machine lacks, as a feature list: <c>-avx512f,-amx-tile,…</c>.</param>
public sealed record HostCpu(CpuTarget Target, string Missing)
{
    // What the x86-64 psABI asks of v3 and v4 beyond the level before, as far as our code generator relies on it.
    private static readonly string[] V3 = ["avx2", "fma", "f16c", "bmi", "bmi2", "lzcnt", "movbe"];
    private static readonly string[] V4 = ["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"];

    private static readonly Lazy<HostCpu> Found = new(Ask, LazyThreadSafetyMode.PublicationOnly);

    /// <summary>Detected once per process. Throws <see cref="LlvmMissingException"/>.</summary>
    public static HostCpu Detect() => Found.Value;

    private static unsafe HostCpu Ask()
    {
        LlvmLibrary.Load();
        var name = LlvmText.Take(LLVM.GetHostCPUName());
        var features = LlvmText.Take(LLVM.GetHostCPUFeatures());
        var list = features.Split(',', StringSplitOptions.RemoveEmptyEntries);
        var has = list.Where(f => f[0] == '+').Select(f => f[1..]).ToHashSet();
        var level = !V3.All(has.Contains) ? SimdLevel.Sse2 : !V4.All(has.Contains) ? SimdLevel.Avx2 : SimdLevel.Avx512;
        return new HostCpu(new CpuTarget(CpuTarget.LinuxX64, name, features, level), string.Join(',', list.Where(f => f[0] == '-')));
    }
}
