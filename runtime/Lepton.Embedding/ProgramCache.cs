using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Runtime;

namespace Lepton.Embedding;

/// <summary>
/// What a program compiled to the last time, kept on disk so that the next process need not even parse it:
/// (source, options, compiler) → (imported files with their hashes, signature), and (that, entry, sizes) → object code.
/// Programs that gave messages are not kept, so that the messages are given each time.
/// </summary>
internal sealed class ProgramCache
{
    // Every room whose change may change what comes out.
    private static readonly string Compiler = string.Join(' ', new[]
    {
        typeof(ModuleManifest), typeof(SourceText), typeof(Graphs.Graph), typeof(CpuTarget), typeof(Compilation), typeof(Module), typeof(ProgramCache),
    }.Select(t => t.Assembly).Concat([Compilation.Optimizer, Compilation.Kernels]).Select(a => a.ManifestModule.ModuleVersionId));

    private readonly ObjectCache _store;
    private readonly CpuTarget _target;
    private readonly string _program;
    private string _imports = "";

    private ProgramCache(ObjectCache store, CpuTarget target, string program) => (_store, _target, _program) = (store, target, program);

    /// <summary>The cache for one program; null when the options have none, or ask for work that must be done each time.</summary>
    public static ProgramCache? For(SourceText source, CompileOptions options)
    {
        if (options.Cache is not { } store || options.Device != CodeDevice.Cpu || options.Verify || options.Timing is not null)
        {
            return null;
        }

        // The path is part of it: messages name it, and imports are looked for beside it.
        var skip = string.Join(',', options.Skip.Order(StringComparer.Ordinal));
        var schedules = options.Schedules is { } file ? $"{file.Path} {Hash(file.Print())}" : "";
        var program = $"program\n{Compiler}\n{source.Path}\n{Path.GetFullPath(source.Path)}\n{options.FastMath}\n{options.Exact} {options.Profile}\n{skip}\n{schedules}\n{Hash(source.Text)}";
        return new ProgramCache(store, options.Target ?? HostCpu.Detect().Target, program);
    }

    /// <summary>The signature from the last time, or null: unknown, or an imported file is not what it was.</summary>
    public ModuleManifest? FindSignature()
    {
        if (_store.Find(_program, _target) is not { } record)
        {
            return null;
        }

        try
        {
            using var reader = new BinaryReader(new MemoryStream(record));
            var imports = new (string Path, string Hash)[reader.ReadInt32()];
            for (var i = 0; i < imports.Length; i++)
            {
                imports[i] = (reader.ReadString(), reader.ReadString());
                if (!File.Exists(imports[i].Path) || Hash(File.ReadAllText(imports[i].Path)) != imports[i].Hash)
                {
                    return null;
                }
            }

            _imports = Text(imports);
            return ManifestJson.Read(reader.ReadBytes(reader.ReadInt32()));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ModuleLoadException)
        {
            return null;
        }
    }

    /// <summary>Keeps the signature of a program without messages; false: it had some.</summary>
    public bool AddSignature(Compilation compilation, ModuleManifest signature)
    {
        if (compilation.Report.Diagnostics.Count > 0)
        {
            return false;
        }

        var imports = compilation.Imports.Select(f => (f.Path, Hash(f.Text))).ToArray();
        _imports = Text(imports);
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write(imports.Length);
        foreach (var (path, hash) in imports)
        {
            writer.Write(path);
            writer.Write(hash);
        }

        var manifest = ManifestJson.Write(signature);
        writer.Write(manifest.Length);
        writer.Write(manifest);
        writer.Flush();
        _store.Add(_program, _target, memory.ToArray());
        return true;
    }

    /// <summary>Objects of an entry for some sizes (null: for all), or null.</summary>
    public IReadOnlyList<byte[]>? FindCode(string entry, IReadOnlyDictionary<string, long>? sizes)
    {
        if (_store.Find(CodeKey(entry, sizes), _target) is not { } record)
        {
            return null;
        }

        using var reader = new BinaryReader(new MemoryStream(record));
        var objects = new byte[reader.ReadInt32()][];
        for (var i = 0; i < objects.Length; i++)
        {
            objects[i] = reader.ReadBytes(reader.ReadInt32());
        }

        return objects;
    }

    public void AddCode(string entry, IReadOnlyDictionary<string, long>? sizes, IReadOnlyList<byte[]> objects)
    {
        using var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write(objects.Count);
        foreach (var code in objects)
        {
            writer.Write(code.Length);
            writer.Write(code);
        }

        writer.Flush();
        _store.Add(CodeKey(entry, sizes), _target, memory.ToArray());
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Text(IEnumerable<(string Path, string Hash)> imports) => string.Join('\n', imports.Select(i => $"{i.Path} {i.Hash}"));

    private string CodeKey(string entry, IReadOnlyDictionary<string, long>? sizes)
    {
        var values = sizes is null ? "all sizes" : string.Join(',', sizes.Select(s => string.Create(CultureInfo.InvariantCulture, $"{s.Key}={s.Value}")));
        return $"{_program}\n{_imports}\ncode\n{entry}\n{values}";
    }
}
