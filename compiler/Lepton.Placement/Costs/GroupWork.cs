using Lepton.Abi;

namespace Lepton.Placement.Costs;

/// <summary>Kinds of work that differ in how fast a device does them. The names in machine files are these in lower case.</summary>
public enum KernelClass
{
    /// <summary>Arithmetic, comparisons, casts, one result each; also what only moves: views, concatenations.</summary>
    Elementwise,

    /// <summary>exp, sin, erf and so on: exp counts 10 operations, others by the length of their polynomials.</summary>
    Transcendental,

    /// <summary>Philox numbers: 30 operations each.</summary>
    Random,

    /// <summary>Sums and maxima over rows or columns: one operation for each element read.</summary>
    Reduction,

    /// <summary>Pools: maxima and sums over windows that slide; one operation for each tap.</summary>
    Window,

    /// <summary>Sums of products over windows that slide over each channel by itself, or that have few products; two operations for each.</summary>
    Stencil,

    /// <summary>Matrix products: two operations for each multiplication with its addition.</summary>
    Contraction,

    /// <summary>Contractions over windows and channels, counted like matrix products.</summary>
    Convolution,

    /// <summary>The contractions of a softmax between two of them, in one kernel.</summary>
    Attention,

    /// <summary>Elements read through indices that are data.</summary>
    Gather,

    /// <summary>Elements added through indices that are data.</summary>
    Scatter,

    /// <summary>n log2 n comparisons.</summary>
    Sort,

    /// <summary>Operations on what sparse tensors store.</summary>
    Sparse,
}

/// <summary>So many operations of one class. An operation on 8 bytes counts twice: a vector holds half as many.</summary>
public sealed record ClassWork(KernelClass Class, double Operations);

/// <summary>What one kernel computes and moves, at constant sizes.</summary>
/// <param name="Class">What kind of kernel it is; its <paramref name="Operations"/> may be of several.</param>
/// <param name="BytesRead">Bytes of memory that it reads; of a table that is indexed, the rows that it takes.</param>
/// <param name="Times">How often it runs: once, or the steps of the loops around it.</param>
public sealed record KernelWork(KernelClass Class, ValueList<ClassWork> Operations, double BytesRead, double BytesWritten, double Times = 1);

/// <summary>The work of a fusion group. Counted from the graph alone, so it is the same for every device.</summary>
/// <param name="Kernels">One; of a loop, those of its body with the number of its steps.</param>
/// <param name="Flops">As <c>leptonc explain</c> counts them.</param>
/// <param name="WeightBytes">Of what it reads, what is known before the run: parameters, constants, what is prepared from them.</param>
public sealed record GroupWork(ValueList<KernelWork> Kernels, double Flops, double WeightBytes)
{
    /// <summary>Bytes of the weights that a run reads for it, each once, however often its kernels come back to them.</summary>
    public double ColdBytes { get; init; }

    public double BytesRead => Kernels.Sum(k => k.Times * k.BytesRead);

    public double BytesWritten => Kernels.Sum(k => k.Times * k.BytesWritten);

    /// <summary>The kind of kernel that has the most operations, or moves the most.</summary>
    public KernelClass Class => Kernels.Count == 0 ? KernelClass.Elementwise
        : Kernels.MaxBy(k => k.Times * (k.Operations.Sum(o => o.Operations) + k.BytesRead + k.BytesWritten))!.Class;
}

/// <summary>What nobody knows before a run, and what is assumed of it.</summary>
public sealed record WorkAssumptions
{
    public static readonly WorkAssumptions Default = new();

    /// <summary>The share of a sparse tensor's places that are stored, where <see cref="Stored"/> says nothing (at least one for each row).</summary>
    public double Density { get; init; } = 0.01;

    /// <summary>How much a level of a sparse input stores, by its size variable: <c>a.1</c> for the columns of a csr matrix a.</summary>
    public IReadOnlyDictionary<string, long> Stored { get; init; } = new Dictionary<string, long>();

    /// <summary>Steps that an <c>iterate</c> takes, by the name of its group; else its maximum.</summary>
    public IReadOnlyDictionary<string, double> Steps { get; init; } = new Dictionary<string, double>();
}
