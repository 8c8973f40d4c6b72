using Lepton.Codegen.Llvm;
using Lepton.Compiler;

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

    /// <summary>For how many different sizes an entry gets code of its own; calls with further sizes run code for all sizes.</summary>
    public int MaxSpecializations { get; init; } = 32;

    internal CompileOptions ToCompileOptions()
    {
        var target = CpuTarget.Parse(Target, out var error)?.ForThisHost(out error);
        return new CompileOptions
        {
            Target = target ?? throw new ArgumentException(error, nameof(Target)),
            FastMath = FastMath,
            Exact = Exact,
            Cache = UseCache ? ObjectCache.OfUser() : null,
        };
    }
}
