using Lepton.Abi;
using Lepton.Abi.Devices;
using Lepton.Runtime.Sizes;

namespace Lepton.Runtime.Devices.Steps;

/// <summary>An entry ready to run: its steps with sizes as programs over the slots of one array. Made once.</summary>
internal class EntrySteps
{
    private readonly ValueList<DeviceKernel> _kernels;
    private readonly Dictionary<string, int> _slots = [];
    private int _stack = 1;

    internal EntrySteps(DeviceModule module, DeviceEntry entry)
    {
        (_kernels, Entry) = (module.Kernels, entry);
        foreach (var dim in entry.Manifest.Dims)
        {
            _slots.Add(dim, _slots.Count);
        }

        Arena = Programs(entry.Arena);
        PrepareArena = Programs(entry.PrepareArena);
        Prepared = Programs(entry.Prepared);
        PreparedSlots = [.. entry.PreparedDims.Select(d => _slots[d])];
        Prepare = Steps(entry.Prepare);
        Body = Steps(entry.Body);

        var manifest = entry.Manifest;
        FirstParameter = manifest.Arguments.Sum(a => a.NativeArrays.Count);
        FirstResult = FirstParameter + manifest.Parameters.Sum(p => p.NativeArrays.Count);
        Tensors = FirstResult + manifest.Results.Sum(r => r.NativeArrays.Count);
        ParameterKey = manifest.Parameters.Aggregate(unchecked((long)0xCBF29CE484222325), (key, p) => p.Name.Aggregate(key * 31, (k, c) => unchecked((k ^ c) * 0x100000001B3)));
    }

    internal DeviceEntry Entry { get; }

    internal SizeProgram[] Arena { get; }

    internal SizeProgram[] PrepareArena { get; }

    internal SizeProgram[] Prepared { get; }

    internal int[] PreparedSlots { get; }

    internal Step[] Prepare { get; }

    internal Step[] Body { get; }

    /// <summary>How many native tensors come before those of parameters, and before those of results; and all.</summary>
    internal int FirstParameter { get; }

    /// <inheritdoc cref="FirstParameter"/>
    internal int FirstResult { get; }

    /// <inheritdoc cref="FirstParameter"/>
    internal int Tensors { get; }

    /// <summary>Says which parameters lie in a block of them all.</summary>
    internal long ParameterKey { get; }

    /// <summary>How many sizes there are: dims, counters of loops, sizes that are read.</summary>
    internal int Slots => _slots.Count;

    /// <summary>How long the stack for size programs must be.</summary>
    internal int StackDepth => _stack;

    // Statements nest as deep as loops are written inside each other.
    private Step[] Steps(ValueList<DeviceStep> steps) => [.. steps.Select(Ready)];

    private Step Ready(DeviceStep step) => step switch
    {
        LaunchStep s => Launch(s),
        CopyStep s => new Step.Copy(Place(s.From), Place(s.To), Program(s.Bytes)),
        LoopStep s => new Step.Loop(Program(s.Count), Slot(s.Counter), Steps(s.Body), s.Until is null ? null : Place(s.Until)),
        SetPointerStep s => new Step.SetPointer(s.Pointer, Place(s.Place)),
        SwapPointersStep s => new Step.Swap(s.First, s.Second),
        AllocateStep s => new Step.Allocate(s.Pointer, Program(s.Bytes)),
        ReadSizeStep s => new Step.ReadSize(Place(s.Place), s.Element == ElementType.I64 ? 8 : 4, Slot(s.Size), Entry.Manifest.Dims.ToList().IndexOf(s.Size)),
        GiveArrayStep s => new Step.Give(s.Tensor, s.Pointer),
        _ => throw new ModuleLoadException($"there is no step {step.GetType().Name}"),
    };

    private Step.Launch Launch(LaunchStep step)
    {
        var kernel = _kernels[step.Kernel];
        return new Step.Launch(step.Kernel, kernel, [.. step.Buffers.Select(Place)], [.. kernel.Sizes.Select(Slot)], Program(kernel.Chunks));
    }

    private SizedPlace Place(DevicePlace place) => new(place.Kind, place.Number, Program(place.Offset));

    // A size is known before it is read: dims first, counters and read sizes by the steps that set them, which come before those that use them.
    private int Slot(string name)
    {
        _ = _slots.TryAdd(name, _slots.Count);
        return _slots[name];
    }

    private SizeProgram[] Programs(ValueList<SizeExpr> sizes) => [.. sizes.Select(Program)];

    private SizeProgram Program(SizeExpr size)
    {
        foreach (var name in size.Variables())
        {
            _ = Slot(name);
        }

        var program = new SizeProgram(size, _slots);
        _stack = Math.Max(_stack, program.StackDepth);
        return program;
    }
}
