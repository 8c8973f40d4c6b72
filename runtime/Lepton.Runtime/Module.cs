using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime.Memory;

namespace Lepton.Runtime;

/// <summary>
/// Compiled code with its entries: loaded from what <c>leptonc build</c> wrote, or handed over in memory by the JIT. Dispose it when done;
/// runs in flight finish first, and the last of them releases code and memory. Later runs throw <see cref="ObjectDisposedException"/>.
/// </summary>
public sealed class Module : IDisposable
{
    private const long Closed = 1L << 62;

    private readonly Dictionary<string, Entry> _entries = [];
    private readonly IDisposable? _owner;

    // Runs in flight, plus Closed once disposed: entering and leaving is one atomic addition each.
    private long _users;
    private int _released;

    private Module(ModuleManifest manifest, Func<string, nint> lookup, IDisposable? owner)
        : this(manifest, entry => new EntryPlan(entry, FindCode(manifest, entry, lookup), source: null), owner)
    {
    }

    private Module(ModuleManifest manifest, Func<EntryManifest, EntryPlan> plan, IDisposable? owner)
    {
        (Manifest, _owner) = (manifest, owner);
        foreach (var entry in manifest.Entries)
        {
            if (!_entries.TryAdd(entry.Name, new Entry(this, plan(entry))))
            {
                throw new ModuleLoadException($"module {manifest.Name} has two entries named {entry.Name}");
            }
        }
    }

    /// <summary>What the module says of itself.</summary>
    public ModuleManifest Manifest { get; }

    /// <summary>The name: that of the source file, without its ending.</summary>
    public string Name => Manifest.Name;

    /// <summary>All entries.</summary>
    public IReadOnlyCollection<Entry> Entries => _entries.Values;

    internal ArenaPool Arenas { get; } = new();

    /// <summary>What entries prepare that have no parameters, from constants.</summary>
    internal ParameterValues NoParameters { get; } = new([]);

    /// <summary>All prepared memory made for this module, whoever keeps it.</summary>
    internal PreparedBlocks Prepared { get; } = new();

    /// <summary>The entry of this name.</summary>
    /// <exception cref="LeptonArgumentException">There is none; the message lists those there are.</exception>
    public Entry this[string name] => _entries.TryGetValue(name, out var entry)
        ? entry
        : throw new LeptonArgumentException($"module {Name} has no entry {name}; it has {string.Join(", ", _entries.Keys)}");

    /// <summary>Loads a built module.</summary>
    /// <param name="manifestPath">The manifest, <c>name.json</c>.</param>
    /// <param name="libraryPath">The shared library; null: <c>name.so</c>, <c>libname.so</c> (<c>.dll</c>, <c>.dylib</c>) beside the manifest.</param>
    /// <exception cref="ModuleLoadException">A file is missing, damaged, or of another version.</exception>
    public static Module Load(string manifestPath, string? libraryPath = null)
    {
        ModuleManifest manifest;
        try
        {
            manifest = ManifestJson.Read(File.ReadAllBytes(manifestPath));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModuleLoadException($"{manifestPath}: {e.Message}", e);
        }
        catch (ModuleLoadException e)
        {
            throw new ModuleLoadException($"{manifestPath}: {e.Message}", e);
        }

        libraryPath = Path.GetFullPath(libraryPath ?? FindLibrary(manifestPath));
        LibraryHandle library;
        try
        {
            library = new LibraryHandle(NativeLibrary.Load(libraryPath));
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            throw new ModuleLoadException($"{libraryPath}: cannot be loaded: {e.Message}", e);
        }

        try
        {
            return new Module(manifest, library.Find, library);
        }
        catch
        {
            library.Dispose();
            throw;
        }
    }

    /// <summary>A module whose code is in memory already.</summary>
    /// <param name="manifest">What there is.</param>
    /// <param name="lookup">The address of a symbol, 0 when there is none.</param>
    /// <param name="owner">Owns the code; disposed when the module is and no run is left. May be null.</param>
    /// <exception cref="ModuleLoadException">A symbol is missing, or the manifest contradicts itself. The owner is not disposed then.</exception>
    public static Module FromAddresses(ModuleManifest manifest, Func<string, nint> lookup, IDisposable? owner)
    {
        if (manifest.FormatVersion != ModuleManifest.CurrentFormat)
        {
            throw ManifestJson.WrongVersion(manifest.FormatVersion);
        }

        return new Module(manifest, lookup, owner);
    }

    /// <summary>A module whose entries are run by programs, which hand their work to a device.</summary>
    /// <param name="manifest">What there is.</param>
    /// <param name="program">What runs an entry; asked once for each.</param>
    /// <param name="owner">Owns the code; disposed when the module is and no run is left. May be null.</param>
    /// <exception cref="ModuleLoadException">The manifest contradicts itself. The owner is not disposed then.</exception>
    public static Module FromPrograms(ModuleManifest manifest, Func<EntryManifest, IEntryProgram> program, IDisposable? owner) =>
        new(manifest, entry => new EntryPlan(entry, EntryCode.Of(program(entry), firstDim: 0), source: null), owner);

    /// <summary>A module whose code is made for the sizes of each call, on first use.</summary>
    /// <param name="manifest">What there is, with symbolic sizes.</param>
    /// <param name="source">Gives the code for the sizes of a call.</param>
    /// <param name="owner">Owns the code; disposed when the module is and no run is left. May be null.</param>
    /// <exception cref="ModuleLoadException">The manifest contradicts itself. The owner is not disposed then.</exception>
    public static Module FromSource(ModuleManifest manifest, IEntryCodeSource source, IDisposable? owner) =>
        new(manifest, entry => new EntryPlan(entry, default, source), owner);

    /// <summary>Native memory that is kept for runs just now, in bytes, also that of a device: for intermediate results, when no run uses it, and what entries prepared.</summary>
    public long ReservedBytes => Arenas.Bytes + Prepared.Bytes + ((_owner as IKeepsMemory)?.ReservedBytes ?? 0);

    /// <summary>Gives back the memory that is kept for the next runs.</summary>
    public void Trim()
    {
        Arenas.Clear();
        (_owner as IKeepsMemory)?.Trim();
    }

    /// <summary>Refuses new runs; releases everything when the last run in flight is over, at once when there is none.</summary>
    public void Dispose()
    {
        if (Interlocked.Or(ref _users, Closed) == 0)
        {
            Release();
        }
    }

    /// <summary>Counts a run in. Every call that returns needs <see cref="Exit"/>.</summary>
    internal void Enter()
    {
        if ((Interlocked.Increment(ref _users) & Closed) != 0)
        {
            Exit();
            throw new ObjectDisposedException(nameof(Module), $"module {Name} is disposed");
        }
    }

    internal void Exit()
    {
        if (Interlocked.Decrement(ref _users) == Closed)
        {
            Release();
        }
    }

    private static EntryCode FindCode(ModuleManifest manifest, EntryManifest entry, Func<string, nint> lookup)
    {
        return EntryCode.Of(entry.Symbol, Find);

        nint Find(string symbol) => lookup(symbol) is var address and not 0
            ? address
            : throw new ModuleLoadException($"module {manifest.Name} has no symbol {symbol}: manifest and library do not belong together");
    }

    private static string FindLibrary(string manifestPath)
    {
        var folder = Path.GetDirectoryName(Path.GetFullPath(manifestPath))!;
        var name = Path.GetFileNameWithoutExtension(manifestPath);
        var ending = OperatingSystem.IsWindows() ? ".dll" : OperatingSystem.IsMacOS() ? ".dylib" : ".so";
        string[] candidates = [Path.Combine(folder, name + ending), Path.Combine(folder, "lib" + name + ending)];
        return candidates.FirstOrDefault(File.Exists)
            ?? throw new ModuleLoadException($"{manifestPath}: neither {name + ending} nor lib{name + ending} is beside it");
    }

    private void Release()
    {
        // A late Enter that is refused counts up and down too, so Closed may be reached again.
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            Arenas.Clear();
            NoParameters.Dispose();
            Prepared.Dispose();
            foreach (var entry in _entries.Values)
            {
                entry.ReleaseFrames();
            }

            _owner?.Dispose();
        }
    }

    private sealed class LibraryHandle : SafeHandle
    {
        internal LibraryHandle(nint library)
            : base(0, ownsHandle: true) => handle = library;

        public override bool IsInvalid => handle == 0;

        internal nint Find(string symbol) => NativeLibrary.TryGetExport(handle, symbol, out var address) ? address : 0;

        protected override bool ReleaseHandle()
        {
            NativeLibrary.Free(handle);
            return true;
        }
    }
}
