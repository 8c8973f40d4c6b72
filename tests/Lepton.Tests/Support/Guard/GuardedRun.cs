using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Runtime.Threading;

namespace Lepton.Tests.Support.Guard;

/// <summary>
/// Machine code that runs between forbidden pages: every argument, parameter, result, intermediate and prepared buffer lies directly behind one
/// (<c>atEnd</c>: directly before one). What is read or written outside of a buffer ends the process, so write down first what is run.
/// </summary>
internal sealed unsafe class GuardedRun : IDisposable
{
    private readonly GuardedProgram _program;
    private readonly NativeRunner.Code _code;
    private readonly EntryManifest _manifest;
    private readonly nint _run;
    private readonly nint _prepare;

    /// <param name="kernels">One entry, lowered with <see cref="KernelOptions.Apart"/>.</param>
    public GuardedRun(KernelModule kernels, CpuTarget target, bool quick = true, CodeDevice? device = null)
    {
        _program = GuardedProgram.Of(kernels);
        _code = NativeRunner.Link(_program.Kernels, target, quick, device);
        _manifest = _program.Kernels.Entries[0].Manifest;
        (_run, _prepare) = (_code.Lookup(_manifest.Symbol), _code.Lookup(_manifest.Symbol + "_prepare"));
    }

    public void Dispose() => _code.Dispose();

    /// <summary>The results, or the error where there is one.</summary>
    /// <exception cref="InvalidOperationException">An input was written to.</exception>
    public (IReadOnlyList<TensorValue> Results, NativeError Error) Run(
        IReadOnlyList<TensorValue> inputs, IReadOnlyDictionary<string, long> sizeOf, bool atEnd, int threads)
    {
        var results = _manifest.Results.Select(r => (r.Element, Shape: r.Shape.Select(s => s.Evaluate(d => sizeOf[d])).ToArray())).ToArray();
        byte[][] given = [.. inputs.Select(i => i.ToBytes())];
        long[] sizes = [.. given.Select(g => (long)g.Length), .. results.Select(r => r.Shape.Aggregate((long)r.Element.ByteSize(), (a, b) => a * b))];
        using var tensors = new GuardedPages([.. sizes.Select(GuardedPages.Rounded)]);
        using var arena = Pages(_program.Arena);
        using var prepared = Pages(_program.Prepared);
        var pointers = stackalloc void*[sizes.Length + 1];
        for (var i = 0; i < sizes.Length; i++)
        {
            pointers[i] = tensors.Place(i, sizes[i], atEnd);
            if (i < given.Length)
            {
                given[i].CopyTo(new Span<byte>(pointers[i], given[i].Length));
            }
        }

        var dims = stackalloc long[_manifest.Dims.Count];
        for (var d = 0; d < _manifest.Dims.Count; d++)
        {
            dims[d] = _manifest.Dims[d] == GuardedProgram.AtEnd ? atEnd ? 1 : 0 : sizeOf[_manifest.Dims[d]];
        }

        var context = default(NativeContext);
        context.Host = (void*)(nint)threads;
        context.Prepared = _program.Prepared.Count > 0 ? prepared.Place(0, 0, false) : null;
        if (threads > 1)
        {
            WorkPool.Reserve(threads);
            context.Parallel = WorkPool.Callback;
        }

        var status = NativeStatus.Done;
        if (_program.Prepared.Count > 0)
        {
            using var scratch = Pages(_program.PrepareArena);
            status = Call(_prepare, &context, pointers, dims, _program.PrepareArena.Count > 0 ? scratch.Place(0, 0, false) : null);
        }

        status = status == NativeStatus.Done ? Call(_run, &context, pointers, dims, _program.Arena.Count > 0 ? arena.Place(0, 0, false) : null) : status;
        for (var i = 0; i < given.Length; i++)
        {
            if (!new ReadOnlySpan<byte>(pointers[i], given[i].Length).SequenceEqual(given[i]))
            {
                throw new InvalidOperationException($"input {i} was written to");
            }
        }

        GuardedPages Pages(ValueList<SizeExpr> buffers) => new([.. buffers.Select(b => GuardedPages.Rounded(b.Evaluate(d => sizeOf[d])))]);

        return status == NativeStatus.Done
            ? (Values(results, pointers + given.Length, sizes.AsSpan(given.Length)), NativeError.None)
            : ([], (NativeError)context.Error);
    }

    private static TensorValue[] Values((ElementType Element, long[] Shape)[] results, void** pointers, ReadOnlySpan<long> sizes)
    {
        var values = new TensorValue[results.Length];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = TensorValue.FromBytes(results[i].Element, results[i].Shape, new ReadOnlySpan<byte>(pointers[i], (int)sizes[i]));
        }

        return values;
    }

    private static NativeStatus Call(nint function, NativeContext* context, void** tensors, long* dims, byte* memory) =>
        (NativeStatus)((delegate* unmanaged<NativeContext*, void**, long*, byte*, int>)function)(context, tensors, dims, memory);
}
