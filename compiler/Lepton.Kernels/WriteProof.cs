using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels;

/// <summary>
/// Proves that nobody reads memory that nobody wrote: every buffer of the arena is written in its list of statements (prepare, or the run)
/// before it is read, and what is prepared in prepare; results are written at the end. What is written under a condition counts for what is read under
/// it, and for everybody together with what is written under the opposite one. It looks at buffers as they were allocated, before
/// <see cref="ArenaPlanner"/> puts them into slots. A buffer that a pointer may point at is left to whoever sets the pointer; one without elements is
/// written by nobody.
/// </summary>
public sealed class WriteProof : HostStatementVisitor
{
    private readonly EntryProgram _program;
    private readonly IReadOnlyList<Kernel> _kernels;

    // Of each buffer, the conditions under which it was written: sizes that are 1 or 0.
    private readonly Dictionary<(BufferKind Kind, int Number), HashSet<SizeExpr>> _written = [];

    // Results whose memory the run finds.
    private readonly HashSet<int> _given = [];

    private WriteProof(EntryProgram program, IReadOnlyList<Kernel> kernels) => (_program, _kernels) = (program, kernels);

    /// <summary>Throws <see cref="CompilerBugException"/> with who reads what.</summary>
    public static void Check(EntryProgram program, IReadOnlyList<Kernel> kernels)
    {
        var proof = new WriteProof(program, kernels);
        proof.Walk(program.Prepare);

        // The arena of prepare is gone when a run starts.
        foreach (var buffer in proof._written.Keys.Where(b => b.Kind == BufferKind.Arena).ToArray())
        {
            proof._written.Remove(buffer);
        }

        proof.Walk(program.Body);
        var manifest = program.Manifest;
        var first = manifest.Arguments.Concat(manifest.Parameters).Sum(t => t.NativeArrays.Count);
        foreach (var (array, i) in manifest.Results.SelectMany(r => r.NativeArrays).Select((array, i) => (array, i)))
        {
            if (!proof._given.Contains(first + i) && array.Count != SizeExpr.Zero && !proof.IsWritten((BufferKind.Tensor, first + i), SizeExpr.One))
            {
                throw new CompilerBugException("kernels", $"{manifest.Name}: nobody writes the result {array.Name}");
            }
        }
    }

    public override void Visit(Launch statement)
    {
        var kernel = _kernels[statement.Kernel];
        for (var i = 0; i < statement.Buffers.Count; i++)
        {
            if (kernel.Buffers[i].Access == BufferAccess.Read)
            {
                Read(statement.Buffers[i], kernel.Name, statement.Only);
            }
        }

        for (var i = 0; i < statement.Buffers.Count; i++)
        {
            if (kernel.Buffers[i].Access != BufferAccess.Read)
            {
                Write(statement.Buffers[i], statement.Only);
            }
        }
    }

    public override void Visit(Copy statement)
    {
        Read(statement.From, "a copy", statement.Only);
        Write(statement.To, statement.Only);
    }

    public override void Visit(HostLoop statement)
    {
        Walk(statement.Body);
        if (statement.Until is { } until)
        {
            Read(until, "the end of a loop", SizeExpr.One);
        }
    }

    public override void Visit(SetPointer statement) => Write(statement.Place, SizeExpr.One);

    public override void Visit(SwapPointers statement)
    {
    }

    public override void Visit(AllocateLate statement)
    {
    }

    public override void Visit(ReadSize statement) => Read(statement.Place, "a size", SizeExpr.One);

    public override void Visit(GiveArray statement) => _given.Add(statement.Tensor);

    private void Walk(ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }

    private void Write(BufferRef buffer, SizeExpr only)
    {
        if (!_written.TryGetValue((buffer.Kind, buffer.Number), out var conditions))
        {
            _written.Add((buffer.Kind, buffer.Number), conditions = []);
        }

        conditions.Add(only);
    }

    private void Read(BufferRef buffer, string who, SizeExpr only)
    {
        var sizes = buffer.Kind switch
        {
            BufferKind.Arena => _program.Arena,
            BufferKind.Prepared => _program.Prepared,
            _ => default,
        };
        if (sizes.Count > 0 && sizes[buffer.Number] != SizeExpr.Zero && !IsWritten((buffer.Kind, buffer.Number), only))
        {
            throw new CompilerBugException("kernels", $"{_program.Manifest.Name}: {who} reads {buffer}, which nobody wrote before");
        }
    }

    // Whether a buffer is written wherever this is 1.
    private bool IsWritten((BufferKind Kind, int Number) buffer, SizeExpr only)
    {
        return _written.TryGetValue(buffer, out var conditions)
            && (conditions.Any(Holds) || conditions.Any(a => conditions.Any(b => Holds(a + b))));

        bool Holds(SizeExpr condition) => SizeExpr.TryDivideExactly(only, condition) is not null;
    }
}
