using Lepton.Abi;
using Lepton.Runtime.Sizes;

namespace Lepton.Runtime;

/// <summary>What is known of an entry before any run: its functions, its tensors in native order, its sizes as programs.</summary>
internal sealed class EntryPlan
{
    private readonly EntryCode _code;
    private readonly IEntryCodeSource? _source;

    /// <summary>The code is <paramref name="code"/> for all sizes, or what <paramref name="source"/> has for those of a call.</summary>
    internal EntryPlan(EntryManifest manifest, EntryCode code, IEntryCodeSource? source)
    {
        (Manifest, _code, _source) = (manifest, code, source);

        var dims = new Dictionary<string, int>();
        foreach (var dim in manifest.Dims)
        {
            if (!dims.TryAdd(dim, dims.Count))
            {
                throw new ModuleLoadException($"entry {manifest.Name} lists size {dim} twice");
            }
        }

        Tensors = [.. manifest.Arguments, .. manifest.Parameters, .. manifest.Results];
        FirstParameter = manifest.Arguments.Count;
        FirstResult = FirstParameter + manifest.Parameters.Count;
        ShapeStart = new int[Tensors.Length + 1];
        PointerStart = new int[Tensors.Length + 1];
        for (var i = 0; i < Tensors.Length; i++)
        {
            ShapeStart[i + 1] = ShapeStart[i] + Tensors[i].Shape.Count;
            PointerStart[i + 1] = PointerStart[i] + (Tensors[i].Format is null ? 1 : Arrays(i).Count);
        }

        var stored = Tensors.SelectMany(t => t.StoredNames).ToArray();
        PlainDims = manifest.Dims.Count - stored.Length;
        if (PlainDims < 0 || !manifest.Dims.Skip(PlainDims).SequenceEqual(stored))
        {
            throw new ModuleLoadException($"entry {manifest.Name}: its sizes do not end with {string.Join(", ", stored)}");
        }

        StoredStart = new int[Tensors.Length + 1];
        StoredStart[0] = PlainDims;
        for (var i = 0; i < Tensors.Length; i++)
        {
            StoredStart[i + 1] = StoredStart[i] + Tensors[i].StoredNames.Count();
        }

        var equations = new List<SizeEquation>();
        for (var i = 0; i < FirstResult; i++)
        {
            for (var axis = 0; axis < Tensors[i].Shape.Count; axis++)
            {
                equations.Add(SizeEquation.Make(i, axis, Tensors[i].Shape[axis], dims));
            }
        }

        // Plain variables first: they need nothing, and everything else may need them.
        Equations = [.. equations.Where(e => e.Size.Variable >= 0), .. equations.Where(e => e.Size.Variable < 0)];
        PlainEquations = equations.Count(e => e.Size.Variable >= 0);
        ResultShapes = [.. manifest.Results.Select(r => r.Shape.Select(s => new SizeProgram(s, dims)).ToArray())];
        SparseResults = [.. Enumerable.Range(FirstResult, manifest.Results.Count).Where(i => Tensors[i].Format is not null)
            .Select(i => new SparseResult(i, PointerStart[i], Arrays(i), [.. Arrays(i).Select(a => new SizeProgram(a.Count, dims))]))];
        Constraints = [.. manifest.Constraints.Select(c => (new SizeProgram(c.Left, dims), new SizeProgram(c.Right, dims)))];
        SiteShapes = [.. manifest.Sites.Select(s => s.Shape.Select(e => new SizeProgram(e, dims)).ToArray())];

        var programs = Equations.SelectMany(e => e.Unknowns.SelectMany(u => new[] { u.Factor, u.Rest }).Append(e.Size))
            .Concat(ResultShapes.Concat(SiteShapes).Concat(SparseResults.Select(r => r.Lengths)).SelectMany(p => p)).Concat(Constraints.SelectMany(c => new[] { c.Left, c.Right }));
        StackDepth = programs.Max(p => p?.StackDepth) ?? 0;
    }

    internal EntryManifest Manifest { get; }

    /// <summary>Arguments, then parameters, then results: the order of native code.</summary>
    internal TensorManifest[] Tensors { get; }

    internal int FirstParameter { get; }

    internal int FirstResult { get; }

    /// <summary>Where the shape of each tensor starts in one list of all sizes.</summary>
    internal int[] ShapeStart { get; }

    /// <summary>Where the native pointers of each tensor start: one for a dense one, for a sparse one as many as it has arrays.</summary>
    internal int[] PointerStart { get; }

    internal int FirstResultPointer => PointerStart[FirstResult];

    /// <summary>How many sizes come before those that count what sparse tensors store.</summary>
    internal int PlainDims { get; }

    /// <summary>The number of the size that counts the first compressed level of each tensor; those of its other levels follow.</summary>
    internal int[] StoredStart { get; }

    internal SizeEquation[] Equations { get; }

    /// <summary>How many of <see cref="Equations"/>, at their start, are plain variables.</summary>
    internal int PlainEquations { get; }

    internal SizeProgram[][] ResultShapes { get; }

    internal SparseResult[] SparseResults { get; }

    internal (SizeProgram Left, SizeProgram Right)[] Constraints { get; }

    internal SizeProgram[][] SiteShapes { get; }

    internal int StackDepth { get; }

    /// <summary>The functions for the sizes of a call.</summary>
    internal EntryCode Code(ReadOnlySpan<long> dims) => _source is null ? _code : _source.Resolve(Manifest, dims[..PlainDims]);

    /// <summary>The arrays of a sparse tensor, with their lengths as sizes.</summary>
    internal ValueList<StorageArray> Arrays(int tensor) => Tensors[tensor].Format!.Arrays(Tensors[tensor].Name, Tensors[tensor].Element, Tensors[tensor].Shape);

    /// <summary>What the tensor is to the caller: <c>argument x</c>.</summary>
    internal string Describe(int tensor) =>
        (tensor < FirstParameter ? "argument " : tensor < FirstResult ? "parameter " : "result ") + Tensors[tensor].Name;

    /// <summary>The tensor's number, or an exception that lists the names there are.</summary>
    internal int Find(string name, int from, int to, string what)
    {
        for (var i = from; i < to; i++)
        {
            if (Tensors[i].Name == name)
            {
                return i;
            }
        }

        var names = string.Join(", ", Tensors[from..to].Select(t => t.Name));
        throw new LeptonArgumentException($"entry {Manifest.Name} has no {what} {name}{(names.Length > 0 ? $"; it has {names}" : "")}");
    }
}

/// <summary>A result that the run makes.</summary>
/// <param name="Tensor">Its number among the entry's tensors.</param>
/// <param name="FirstPointer">Where its native pointers start.</param>
/// <param name="Arrays">Its arrays, in their order.</param>
/// <param name="Lengths">How many elements each has, from the sizes that the run has set.</param>
internal sealed record SparseResult(int Tensor, int FirstPointer, ValueList<StorageArray> Arrays, SizeProgram[] Lengths);
