namespace Lepton.Codegen.Llvm;

/// <summary>The x86-64 CPUs by LLVM's names, and the level of each: what its instructions allow our code generator to count on.</summary>
internal static class CpuNames
{
    private static readonly Dictionary<string, SimdLevel> Levels = Table();

    public static IEnumerable<string> All => Levels.Keys.Order(StringComparer.Ordinal);

    public static SimdLevel? LevelOf(string name) => Levels.TryGetValue(name, out var level) ? level : null;

    // vpdpbusd: most of the AVX-512 level, and those of the AVX2 level that have it for vectors of 32 bytes.
    private static readonly HashSet<string> ByteDots =
    [
        "cascadelake", "cooperlake", "icelake-client", "icelake-server", "rocketlake", "tigerlake", "sapphirerapids", "emeraldrapids", "graniterapids",
        "znver4", "znver5", "alderlake", "raptorlake", "meteorlake", "arrowlake", "lunarlake", "gracemont", "sierraforest",
    ];

    /// <summary>Whether a CPU has an instruction for sums of four products of bytes.</summary>
    public static bool HasByteDots(string name) => ByteDots.Contains(name);

    private static Dictionary<string, SimdLevel> Table()
    {
        var table = new Dictionary<string, SimdLevel>();
        Add(SimdLevel.Sse2,
            """
            x86-64 x86-64-v2 core2 penryn nehalem westmere sandybridge ivybridge bonnell silvermont goldmont goldmont-plus tremont
            nocona k8 athlon64 opteron k8-sse3 amdfam10 btver1 btver2 bdver1 bdver2 bdver3
            """);
        Add(SimdLevel.Avx2,
            """
            x86-64-v3 haswell broadwell skylake alderlake raptorlake meteorlake arrowlake lunarlake gracemont sierraforest
            bdver4 znver1 znver2 znver3
            """);
        Add(SimdLevel.Avx512,
            """
            x86-64-v4 skylake-avx512 cascadelake cooperlake cannonlake icelake-client icelake-server rocketlake tigerlake
            sapphirerapids emeraldrapids graniterapids znver4 znver5
            """);
        return table;

        void Add(SimdLevel level, string names)
        {
            foreach (var name in names.Split([' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries))
            {
                table.Add(name, level);
            }
        }
    }
}
