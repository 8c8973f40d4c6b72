using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;
using Lepton.Graphs;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;

namespace Lepton.Embedding;

/// <summary>
/// Makes an entry's code for the sizes of a call on first use, and answers from a table afterwards: reading takes no lock and allocates
/// nothing. When an entry was called with too many different sizes, further ones share code with symbolic sizes.
/// </summary>
internal sealed class Specializer(Lazy<Compilation> compilation, ProgramCache? cache, LeptonOptions options, CodeDevice device) : IEntryCodeSource, IKeepsMemory, IDisposable
{
    private readonly Lock _lock = new();
    private readonly List<IDisposable> _modules = [];
    private volatile Specialization[] _table = [];
    private volatile OpenClSession? _session;

    public EntryCode Resolve(EntryManifest entry, ReadOnlySpan<long> dims) =>
        Find(_table, entry.Name, dims, out var code) ? code : Make(entry, dims);

    public long ReservedBytes => _session?.ReservedBytes ?? 0;

    public void Trim() => _session?.Trim();

    public void Dispose()
    {
        lock (_lock)
        {
            _modules.ForEach(m => m.Dispose());
            _modules.Clear();
            _session?.Dispose();
        }
    }

    private static bool Find(Specialization[] table, string entry, ReadOnlySpan<long> dims, out EntryCode code)
    {
        foreach (var known in table)
        {
            if (ReferenceEquals(known.Entry, entry) && (known.Dims is null || dims.SequenceEqual(known.Dims)))
            {
                code = known.Code;
                return true;
            }
        }

        code = default;
        return false;
    }

    private EntryCode Make(EntryManifest entry, ReadOnlySpan<long> dims)
    {
        lock (_lock)
        {
            if (Find(_table, entry.Name, dims, out var code))
            {
                return code;
            }

            // The last one is for all sizes: it is found whenever the others before it do not fit.
            var isLast = _table.Count(s => ReferenceEquals(s.Entry, entry.Name)) >= options.MaxSpecializations;
            var sizes = isLast ? null : Sizes(entry, dims);
            var firstDim = isLast ? 0 : dims.Length;
            code = device switch
            {
                CodeDevice.OpenCl => EntryCode.Of(Program(entry, sizes), firstDim),
#if ILGPU
                CodeDevice.Ilgpu => EntryCode.Of(IlgpuProgram(entry, sizes), firstDim),
#endif
                CodeDevice.Clr => EntryCode.Of(entry.Symbol, Methods(entry.Name, sizes)) with { FirstDim = firstDim },
                _ => EntryCode.Of(entry.Symbol, MachineCode(entry.Name, sizes)) with { FirstDim = firstDim },
            };
            _table = [.. _table, new Specialization(entry.Name, isLast ? null : dims.ToArray(), code)];
            return code;
        }
    }

    private IEntryProgram Program(EntryManifest entry, Dictionary<string, long>? sizes)
    {
        _session ??= new OpenClSession(OpenClDevice.Get(compilation.Value.DeviceNumber));
        var module = Compiled(entry.Name, () => OpenClCode.Build(_session, compilation.Value, compilation.Value.Lower([entry.Name], sizes)));
        _modules.Add(module);
        return module[entry.Symbol];
    }

#if ILGPU
    private IEntryProgram IlgpuProgram(EntryManifest entry, Dictionary<string, long>? sizes)
    {
        var module = Compiled(entry.Name, () => IlgpuPrograms.Build(compilation.Value, compilation.Value.Lower([entry.Name], sizes)));
        _modules.Add(module);
        return module[entry.Symbol];
    }

#endif
    private Func<string, nint> Methods(string entry, Dictionary<string, long>? sizes)
    {
        var module = Compiled(entry, () => compilation.Value.CompileMethods([entry], sizes));
        _modules.Add(module);
        return module.Lookup;
    }

    private Func<string, nint> MachineCode(string entry, Dictionary<string, long>? sizes)
    {
        var objectCode = cache?.FindCode(entry, sizes);
        if (objectCode is null)
        {
            objectCode = Compiled(entry, () => compilation.Value.CompileParts([entry], sizes));
            if (compilation.Value.Report.Diagnostics.Count == 0)
            {
                cache?.AddCode(entry, sizes, objectCode);
            }
        }

        var module = JitModule.Link(objectCode);
        _modules.Add(module);
        return module.Lookup;
    }

    private static T Compiled<T>(string entry, Func<T> compile)
    {
        try
        {
            return compile();
        }
        catch (ScheduleException e)
        {
            throw new LeptonCompileException(e.Diagnostics);
        }
        catch (GraphRunException e)
        {
            throw new LeptonArgumentException($"{entry}: {e.Message}", e);
        }
    }

    private static Dictionary<string, long> Sizes(EntryManifest entry, ReadOnlySpan<long> dims)
    {
        var sizes = new Dictionary<string, long>();
        for (var i = 0; i < dims.Length; i++)
        {
            sizes[entry.Dims[i]] = dims[i];
        }

        return sizes;
    }

    /// <summary>Code of an entry (its name, by reference) for some sizes; null: for all.</summary>
    private sealed record Specialization(string Entry, long[]? Dims, EntryCode Code);
}
