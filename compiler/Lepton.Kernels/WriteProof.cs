using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels;

/// <summary>
/// Proves that nobody reads memory that nobody wrote: every buffer of the arena is written in its list of statements (prepare, or the run)
/// before it is read, and what is prepared in prepare. It looks at buffers as they were allocated, before <see cref="ArenaPlanner"/> puts them
/// into slots. A buffer that a pointer may point at is left to whoever sets the pointer; one without elements is written by nobody.
/// </summary>
public sealed class WriteProof : HostStatementVisitor
{
    private readonly EntryProgram _program;
    private readonly IReadOnlyList<Kernel> _kernels;
    private readonly HashSet<(BufferKind Kind, int Number)> _written = [];

    private WriteProof(EntryProgram program, IReadOnlyList<Kernel> kernels) => (_program, _kernels) = (program, kernels);

    /// <summary>Throws <see cref="CompilerBugException"/> with who reads what.</summary>
    public static void Check(EntryProgram program, IReadOnlyList<Kernel> kernels)
    {
        var proof = new WriteProof(program, kernels);
        proof.Walk(program.Prepare);

        // The arena of prepare is gone when a run starts.
        proof._written.RemoveWhere(b => b.Kind == BufferKind.Arena);
        proof.Walk(program.Body);
    }

    public override void Visit(Launch statement)
    {
        var kernel = _kernels[statement.Kernel];
        for (var i = 0; i < statement.Buffers.Count; i++)
        {
            if (kernel.Buffers[i].Access == BufferAccess.Read)
            {
                Read(statement.Buffers[i], kernel.Name);
            }
        }

        for (var i = 0; i < statement.Buffers.Count; i++)
        {
            if (kernel.Buffers[i].Access != BufferAccess.Read)
            {
                Write(statement.Buffers[i]);
            }
        }
    }

    public override void Visit(Copy statement)
    {
        Read(statement.From, "a copy");
        Write(statement.To);
    }

    public override void Visit(HostLoop statement)
    {
        Walk(statement.Body);
        if (statement.Until is { } until)
        {
            Read(until, "the end of a loop");
        }
    }

    public override void Visit(SetPointer statement) => Write(statement.Place);

    public override void Visit(SwapPointers statement)
    {
    }

    public override void Visit(AllocateLate statement)
    {
    }

    public override void Visit(ReadSize statement) => Read(statement.Place, "a size");

    public override void Visit(GiveArray statement)
    {
    }

    private void Walk(ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }

    private void Write(BufferRef buffer) => _written.Add((buffer.Kind, buffer.Number));

    private void Read(BufferRef buffer, string who)
    {
        var sizes = buffer.Kind switch
        {
            BufferKind.Arena => _program.Arena,
            BufferKind.Prepared => _program.Prepared,
            _ => default,
        };
        if (sizes.Count > 0 && sizes[buffer.Number] != SizeExpr.Zero && !_written.Contains((buffer.Kind, buffer.Number)))
        {
            throw new CompilerBugException("kernels", $"{_program.Manifest.Name}: {who} reads {buffer}, which nobody wrote before");
        }
    }
}
