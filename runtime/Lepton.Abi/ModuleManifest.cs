namespace Lepton.Abi;

/// <summary>What a compiled module says of itself; written beside it as JSON by <c>leptonc build</c>, handed over in memory by the JIT.</summary>
/// <param name="FormatVersion">Grows when an older runtime could misread the module.</param>
/// <param name="Name">The module's name: the file's, without its ending.</param>
/// <param name="Target">What it was compiled for: triple, CPU and features, as one line.</param>
public sealed record ModuleManifest(int FormatVersion, string Name, string Target, ValueList<EntryManifest> Entries)
{
    public const int CurrentFormat = 3;

    /// <summary>Of a module that was built by a plan: the entry whose segments its entries are; else null.</summary>
    public PlacedManifest? Placed { get; init; }
}

/// <summary>An entry that was cut into segments for several devices. Segments find each other's tensors by their names, which are different in all of it.</summary>
/// <param name="Entry">As the program has it, with constant sizes.</param>
/// <param name="Results">By result of the entry: the name of its tensor.</param>
/// <param name="Segments">The names of entries of the module with those of their devices, in an order in which each finds what it reads.</param>
public sealed record PlacedManifest(EntryManifest Entry, ValueList<string> Results, ValueList<DeviceManifest> Devices, ValueList<(string Entry, string Device)> Segments);

/// <summary>A device that a module was built for.</summary>
/// <param name="Threads">How many threads work on one kernel; 0: one for each processor.</param>
/// <param name="Cores">The cores that it stays on; empty: any.</param>
public sealed record DeviceManifest(string Name, string Kind, int Threads, ValueList<int> Cores);

/// <summary>One entry. <see cref="Symbol"/>, alone and with <c>_arena</c>, <c>_prepare</c>, <c>_prepared</c>, names the native functions; see <see cref="NativeContext"/>.</summary>
/// <param name="Dims">The size variables, in the order in which native code takes them.</param>
/// <param name="Constraints">Facts about the sizes that must hold: both sides equal (exact divisions give such), checked before a run.</param>
/// <param name="Sites">The accesses that can fail at run time; native code names one by its index here.</param>
public sealed record EntryManifest(
    string Name,
    string Symbol,
    ValueList<string> Dims,
    ValueList<TensorManifest> Arguments,
    ValueList<TensorManifest> Parameters,
    ValueList<TensorManifest> Results,
    ValueList<SizeConstraint> Constraints,
    ValueList<SiteManifest> Sites);

/// <summary>A tensor of an entry's signature. A parameter's <see cref="Initializer"/>: <c>zeros</c>, <c>glorot</c>, …; else null.</summary>
public sealed record TensorManifest(string Name, ElementType Element, ValueList<SizeExpr> Shape, string? Initializer = null)
{
    /// <summary>
    /// How it is stored; null: dense, row-major, one array. Else native code takes the arrays of <see cref="TensorFormat.Arrays"/> in its
    /// place, and the counts of its compressed levels are size variables of the entry; those of results are set by the run.
    /// </summary>
    public TensorFormat? Format { get; init; }

    /// <summary>The element type of the values of a parameter before they are rounded to <see cref="Element"/>, as a plan asked for; null: they are of that type.</summary>
    public ElementType? Given { get; init; }

    /// <summary>
    /// The size variables that count the stored positions of its compressed levels. <see cref="EntryManifest.Dims"/> ends with those of all
    /// sparse tensors: arguments, parameters, results.
    /// </summary>
    public IEnumerable<string> StoredNames => Format is null ? [] : Format.Levels
        .Select((level, number) => (level.Kind, Name: TensorFormat.StoredName(Name, number)))
        .Where(l => l.Kind == LevelKind.Compressed).Select(l => l.Name);

    /// <summary>The arrays that native code takes for it, in order; of a dense tensor one, of all its elements.</summary>
    public ValueList<StorageArray> NativeArrays =>
        Format?.Arrays(Name, Element, Shape) ?? [new StorageArray(Name, Element, SizeExpr.Product(Shape), StorageKind.Values, -1)];
}

/// <summary>left == right must hold for the sizes of a call, or left ≥ right when <see cref="AtLeast"/>; <see cref="Reason"/> says where it comes from.</summary>
public sealed record SizeConstraint(SizeExpr Left, SizeExpr Right, bool AtLeast, string Reason);

/// <summary>An access that is checked at run time.</summary>
/// <param name="Text">The access as written: <c>z[b, y[b]]</c>.</param>
/// <param name="Location">Where it is written: <c>file.lep:12:7</c>.</param>
/// <param name="Shape">The shape over which the failing element is numbered.</param>
public sealed record SiteManifest(string Text, string Location, ValueList<SizeExpr> Shape);
