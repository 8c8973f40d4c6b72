using System.Runtime.InteropServices;
using System.Text;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Support;

namespace Lepton.Tests.Emulation;

/// <summary>One run of an entry of an exported module.</summary>
internal sealed record ExportRun(string Label, string Entry, IReadOnlyDictionary<string, long> Sizes, IReadOnlyList<TensorValue> Inputs);

/// <summary>
/// Writes kernel modules as shared libraries for a target that this machine need not have, and beside each library the runs with what AVX2 code
/// gives on this machine, bit for bit: NAME.so and NAME.runs, which tests/emulation/runner.c reads. All numbers are i64:
/// <code>
/// count of runs; for each:
///   length and text of the symbol, of the label
///   count of sizes, sizes
///   count of inputs, for each its bytes and data
///   count of results, status, site, element, value, bound
///   for each result its element type, bytes of one element, bytes, and data where the status is 0
/// </code>
/// </summary>
internal sealed unsafe class ModuleExport(string folder, CpuTarget target)
{
    private const int ArenaAlignment = 64;

    /// <summary>What the libraries are made for.</summary>
    public CpuTarget Target => target;

    /// <summary>Thread-safe for different names.</summary>
    public void Add(string name, Func<CpuTarget, KernelModule> kernels, IReadOnlyList<ExportRun> runs)
    {
        var (path, objectPath) = (Path.Combine(folder, name + ".so"), Path.Combine(folder, name + ".o"));
        File.WriteAllBytes(objectPath, ObjectCode.Emit(LlvmBackend.Emit(kernels(target), target), target));
        if (SharedLibrary.Link(objectPath, path) is { } error)
        {
            throw new InvalidOperationException(error);
        }

        File.Delete(objectPath);
        var host = NativeRunner.Targets["avx2"];
        var hosted = kernels(host);
        using var code = JitModule.Compile(LlvmBackend.Emit(hosted, host), host);
        using var writer = new BinaryWriter(File.Create(Path.ChangeExtension(path, ".runs")), Encoding.UTF8);
        writer.Write((long)runs.Count);
        foreach (var run in runs)
        {
            Write(writer, code, hosted.Entries.First(e => e.Manifest.Name == run.Entry).Manifest, run);
        }
    }

    private static void Write(BinaryWriter writer, JitModule code, EntryManifest manifest, ExportRun run)
    {
        Text(writer, manifest.Symbol);
        Text(writer, run.Label);
        var dims = manifest.Dims.Select(d => run.Sizes[d]).ToArray();
        writer.Write((long)dims.Length);
        Array.ForEach(dims, writer.Write);
        var inputs = run.Inputs.Select(x => x.ToBytes()).ToList();
        writer.Write((long)inputs.Count);
        foreach (var input in inputs)
        {
            writer.Write((long)input.Length);
            writer.Write(input);
        }

        long Bytes(TensorManifest r) => r.Shape.Aggregate((long)r.Element.ByteSize(), (n, size) => n * size.Evaluate(d => run.Sizes[d]));
        var results = manifest.Results.Select(r => new byte[Bytes(r)]).ToList();
        var (status, context) = Run(code, manifest.Symbol, dims, [.. inputs, .. results]);
        long[] numbers = [results.Count, status, context.Site, context.Element, context.Value, context.Bound];
        Array.ForEach(numbers, writer.Write);
        for (var i = 0; i < results.Count; i++)
        {
            var element = manifest.Results[i].Element;
            long[] facts = [(long)element, element.ByteSize(), results[i].Length];
            Array.ForEach(facts, writer.Write);
            writer.Write(status == 0 ? results[i] : []);
        }
    }

    private static (int Status, NativeContext Context) Run(JitModule code, string symbol, long[] dims, byte[][] tensors)
    {
        var pins = tensors.Select(t => GCHandle.Alloc(t, GCHandleType.Pinned)).ToList();
        void* arena = null, prepared = null, scratch = null;
        try
        {
            var addresses = pins.Select(p => p.AddrOfPinnedObject()).ToArray();
            fixed (long* sizes = dims)
            fixed (nint* places = addresses)
            {
                var bytes = ((delegate* unmanaged<long*, long>)code.Lookup(symbol + "_arena"))(sizes);
                arena = NativeMemory.AlignedAlloc((nuint)bytes + ArenaAlignment, ArenaAlignment);
                var entry = (delegate* unmanaged<NativeContext*, void**, long*, void*, int>)code.Lookup(symbol);
                var prepare = (delegate* unmanaged<NativeContext*, void**, long*, void*, int>)code.Lookup(symbol + "_prepare");
                var context = default(NativeContext);
                var facts = stackalloc long[2];
                bytes = ((delegate* unmanaged<long*, long*, long>)code.Lookup(symbol + "_prepared"))(sizes, facts);
                context.Prepared = (byte*)(prepared = NativeMemory.AlignedAlloc((nuint)bytes + ArenaAlignment, ArenaAlignment));
                scratch = NativeMemory.AlignedAlloc((nuint)facts[1] + ArenaAlignment, ArenaAlignment);
                var status = prepare(&context, (void**)places, sizes, scratch);
                status = status != 0 ? status : entry(&context, (void**)places, sizes, arena);
                return (status, context);
            }
        }
        finally
        {
            NativeMemory.AlignedFree(arena);
            NativeMemory.AlignedFree(prepared);
            NativeMemory.AlignedFree(scratch);
            pins.ForEach(p => p.Free());
        }
    }

    private static void Text(BinaryWriter writer, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }
}
