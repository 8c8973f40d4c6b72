using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>A failed check of a run: the smallest (site, element).</summary>
public sealed record LoopFailure(long Site, long Element, long Value, long Bound);

/// <summary>
/// Runs a module statement by statement on byte arrays: what native code must do, and stricter. Every access is checked against its buffer,
/// masked-off lanes too stay untouched, arena and locals start filled with rubbish, and chunks run from the last to the first.
/// </summary>
public sealed class LoopInterpreter : HostStatementVisitor
{
    private readonly KernelModule _module;
    private readonly EntryProgram _entry;
    private readonly byte[][] _tensors;
    private readonly byte[][] _constants;
    private byte[] _arena = [];
    private long[] _slots = [];
    private ValueList<SizeExpr> _buffers;
    private ValueList<ArenaBuffer> _plan;
    private readonly byte[][] _prepared;
    private readonly (byte[] Memory, long Offset, long End)[] _pointers;
    private readonly Dictionary<string, long> _sizes;

    private LoopInterpreter(KernelModule module, EntryProgram entry, byte[][] tensors, Dictionary<string, long> sizes)
    {
        (_module, _entry, _tensors, _sizes) = (module, entry, tensors, sizes);
        _constants = module.Constants.Select(c => c.Bytes).ToArray();
        _prepared = [.. entry.Prepared.Select(p => Rubbish(p.Evaluate(Size)))];
        _pointers = new (byte[], long, long)[entry.Pointers];
    }

    public LoopFailure? Failure { get; private set; }

    /// <summary>Runs an entry; tensors are arguments, parameters, results, and results are written in place.</summary>
    public static LoopFailure? Run(KernelModule module, string entry, byte[][] tensors, IReadOnlyDictionary<string, long> dims) =>
        Run(module, entry, tensors, new Dictionary<string, long>(dims));

    /// <summary>Sizes that the run finds out are added; arrays that it allocates take their places in <paramref name="tensors"/>.</summary>
    public static LoopFailure? Run(KernelModule module, string entry, byte[][] tensors, Dictionary<string, long> dims)
    {
        var run = new LoopInterpreter(module, module.Entries.Single(e => e.Manifest.Name == entry), tensors, dims);
        run.Run(run._entry.Prepare, run._entry.PrepareArena, []);
        run.Run(run._entry.Body, run._entry.Arena, run._entry.ArenaPlan);
        return run.Failure;
    }

    public override void Visit(Launch statement)
    {
        var kernel = _module.Kernels[statement.Kernel];
        var memory = statement.Buffers.Select(Resolve).ToArray();
        var chunks = kernel.Chunks.Evaluate(Size);
        Assert.Equal(0, chunks % kernel.Group);
        for (var chunk = chunks - 1; chunk >= 0; chunk -= kernel.Group)
        {
            KernelRun[] runs = kernel.Group > 1 ? Group(kernel, memory, chunk) : [new KernelRun(kernel, memory, Size, chunk)];
            if (kernel.Group == 1)
            {
                runs[0].Run();
            }

            foreach (var failure in runs.SelectMany(r => r.Failures))
            {
                if (Failure is null || (failure.Site, failure.Element).CompareTo((Failure.Site, Failure.Element)) < 0)
                {
                    Failure = failure;
                }
            }
        }
    }

    // Each on a thread of its own, on which it waits for the others; one that fails no longer comes.
    private KernelRun[] Group(Kernel kernel, (byte[] Memory, long Offset, long End)[] memory, long last)
    {
        using var barrier = new Barrier(kernel.Group);
        byte[]?[] shared = [.. kernel.Locals.Select(l => l.IsShared ? KernelRun.Rubbish(l) : null)];
        KernelRun[] runs = [.. Enumerable.Range(0, kernel.Group).Select(i => new KernelRun(kernel, memory, Size, last - i, shared, barrier))];
        var problems = new Exception?[runs.Length];
        Thread[] threads = [.. runs.Select((run, i) => new Thread(() =>
        {
            try
            {
                run.Run();
            }
            catch (Exception e)
            {
                problems[i] = e;
            }

            barrier.RemoveParticipant();
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => t.Join());
        return problems.FirstOrDefault(p => p is not null) is { } problem ? throw new InvalidOperationException(problem.Message, problem) : runs;
    }

    public override void Visit(Copy statement)
    {
        var (from, fromOffset, fromEnd) = Resolve(statement.From);
        var (to, toOffset, toEnd) = Resolve(statement.To);
        var bytes = statement.Bytes.Evaluate(Size);
        if (bytes > fromEnd - fromOffset || bytes > toEnd - toOffset)
        {
            throw new InvalidOperationException("a copy runs over the end of a buffer");
        }

        Array.Copy(from, fromOffset, to, toOffset, bytes);
    }

    public override void Visit(HostLoop statement)
    {
        var count = statement.Count.Evaluate(Size);
        for (long i = 0; i < count && Failure is null; i++)
        {
            _sizes[statement.Counter] = i;
            Walk(statement.Body);
            if (statement.Until is { } until && Resolve(until) is var (memory, offset, _) && memory[offset] != 0)
            {
                break;
            }
        }

        _sizes.Remove(statement.Counter);
    }

    public override void Visit(SetPointer statement) => _pointers[statement.Pointer] = Resolve(statement.Place);

    public override void Visit(SwapPointers statement) =>
        (_pointers[statement.First], _pointers[statement.Second]) = (_pointers[statement.Second], _pointers[statement.First]);

    public override void Visit(AllocateLate statement)
    {
        var memory = Rubbish(statement.Bytes.Evaluate(Size));
        _pointers[statement.Pointer] = (memory, 0, memory.Length);
    }

    public override void Visit(ReadSize statement)
    {
        var (memory, offset, _) = Resolve(statement.Place);
        _sizes[statement.Size] = TensorValue.FromBytes(statement.Element, [1], memory.AsSpan((int)offset, statement.Element.ByteSize()))[0].AsInteger;
    }

    public override void Visit(GiveArray statement) => _tensors[statement.Tensor] = _pointers[statement.Pointer].Memory;

    private void Run(ValueList<HostStatement> body, ValueList<SizeExpr> arena, ValueList<ArenaBuffer> plan)
    {
        (_buffers, _plan) = (arena, plan);
        _slots = new long[arena.Count + 1];
        for (var i = 0; i < arena.Count; i++)
        {
            _slots[i + 1] = _slots[i] + ((arena[i].Evaluate(Size) + 63) / 64 * 64);
        }

        _arena = Rubbish(_slots[^1]);
        Walk(body);
    }

    private static byte[] Rubbish(long bytes)
    {
        var memory = new byte[bytes];
        Array.Fill(memory, (byte)0x5A);
        return memory;
    }

    private void Walk(ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            if (Failure is not null)
            {
                return;
            }

            statement.Accept(this);
        }
    }

    // The largest of the buffers that start there; somewhere inside of one, the slot's end.
    private long ArenaEnd(BufferRef place) => _plan.Where(b => b.Slot == place.Number && b.Offset == place.Offset).Select(b => (b.Offset + b.Bytes).Evaluate(Size))
        .DefaultIfEmpty(_buffers[place.Number].Evaluate(Size)).Max();

    private long Size(string name) => _sizes[name];

    private (byte[] Memory, long Offset, long End) Resolve(BufferRef buffer)
    {
        var (memory, start, end) = buffer.Kind switch
        {
            BufferKind.Tensor => (_tensors[buffer.Number], 0, _tensors[buffer.Number].Length),
            BufferKind.Constant => (_constants[buffer.Number], 0, _constants[buffer.Number].Length),
            BufferKind.Prepared => (_prepared[buffer.Number], 0, _prepared[buffer.Number].Length),
            BufferKind.Arena => (_arena, _slots[buffer.Number], _slots[buffer.Number] + ArenaEnd(buffer)),
            _ => _pointers[buffer.Number],
        };
        return (memory, start + buffer.Offset.Evaluate(Size), end);
    }
}
