using Lepton.Abi;
using Lepton.Abi.Devices;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl;

/// <summary>The host's part of a module as steps that a runtime carries out, where machine code has instructions.</summary>
public static class DeviceSteps
{
    /// <summary>The whole module for a device.</summary>
    /// <param name="module">Its kernels and host programs.</param>
    /// <param name="program">The kernels as source text.</param>
    public static DeviceModule Of(KernelModule module, OpenClProgram program) =>
        Of(module, program.Text, [.. program.Kernels.Select(k => (k.Function, k.ScratchBytes))]);

    /// <summary>The same for kernels of any kind.</summary>
    /// <param name="module">Its kernels and host programs.</param>
    /// <param name="source">The kernels as source text; empty: they are no text.</param>
    /// <param name="functions">Of each kernel the function's name, and the bytes of memory that a work-item needs besides its buffers.</param>
    public static DeviceModule Of(KernelModule module, string source, IReadOnlyList<(string Name, long ScratchBytes)> functions) => new(
        module.Name,
        source,
        functions.Zip(module.Kernels, (f, k) => new DeviceKernel(
            f.Name, k.Buffers.Count, KernelCode.SizeVariables(k).ToValueList(), k.Chunks, f.ScratchBytes, CanFail(k)) { Group = k.Group }).ToValueList(),
        module.Constants.Select(c => c.Bytes).ToValueList(),
        module.Entries.Select(e => Entry(module, e)).ToValueList());

    private static DeviceEntry Entry(KernelModule module, EntryProgram program)
    {
        var entry = new DeviceEntry(program.Manifest, program.Arena, program.Pointers, Steps(program.Body));
        if (program.Prepared.Count == 0)
        {
            return entry;
        }

        var facts = new PreparedCode.Facts(module, program);
        return entry with
        {
            Prepared = program.Prepared,
            Prepare = Steps(program.Prepare),
            PrepareArena = program.PrepareArena,
            PreparedHash = facts.Hash(),
            PreparedDims = facts.Dims.ToValueList(),
        };
    }

    private static ValueList<DeviceStep> Steps(ValueList<HostStatement> body)
    {
        var translation = new Translation();
        foreach (var statement in body)
        {
            statement.Accept(translation);
        }

        return translation.Steps.ToValueList();
    }

    private static DevicePlace Place(BufferRef buffer) => new(
        buffer.Kind switch
        {
            BufferKind.Tensor => PlaceKind.Tensor,
            BufferKind.Constant => PlaceKind.Constant,
            BufferKind.Arena => PlaceKind.Arena,
            BufferKind.Prepared => PlaceKind.Prepared,
            BufferKind.Pointer => PlaceKind.Pointer,
            _ => throw new CompilerBugException("opencl", $"a buffer of kind {buffer.Kind}"),
        },
        buffer.Number,
        buffer.Offset);

    private static bool CanFail(Kernel kernel)
    {
        var open = new Stack<ValueList<LoopStatement>>([kernel.Body]);
        while (open.TryPop(out var body))
        {
            foreach (var statement in body)
            {
                switch (statement)
                {
                    case FailStatement:
                        return true;
                    case ForStatement s:
                        open.Push(s.Body);
                        break;
                    case WhileStatement s:
                        open.Push(s.Head);
                        open.Push(s.Body);
                        break;
                    case IfStatement s:
                        open.Push(s.Then);
                        open.Push(s.Otherwise);
                        break;
                }
            }
        }

        return false;
    }

    private sealed class Translation : HostStatementVisitor
    {
        public List<DeviceStep> Steps { get; } = [];

        public override void Visit(Launch statement) => Steps.Add(new LaunchStep(statement.Kernel, statement.Buffers.Select(Place).ToValueList()));

        public override void Visit(Copy statement) => Steps.Add(new CopyStep(Place(statement.From), Place(statement.To), statement.Bytes));

        public override void Visit(HostLoop statement) => Steps.Add(new LoopStep(
            statement.Counter, statement.Count, DeviceSteps.Steps(statement.Body), statement.Until is { } until ? Place(until) : null));

        public override void Visit(SetPointer statement) => Steps.Add(new SetPointerStep(statement.Pointer, Place(statement.Place)));

        public override void Visit(SwapPointers statement) => Steps.Add(new SwapPointersStep(statement.First, statement.Second));

        public override void Visit(AllocateLate statement) => Steps.Add(new AllocateStep(statement.Pointer, statement.Bytes));

        public override void Visit(ReadSize statement) => Steps.Add(new ReadSizeStep(statement.Size, Place(statement.Place), statement.Element));

        public override void Visit(GiveArray statement) => Steps.Add(new GiveArrayStep(statement.Tensor, statement.Pointer));
    }
}
