using Lepton.Abi.Devices;
using Lepton.Runtime.Sizes;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Devices.Steps;

/// <summary>
/// One run of an entry whose kernels are a device's: carries out the steps. What a step does to the device, and what a place in memory is to it, a kind of
/// device says.
/// </summary>
/// <typeparam name="TPlace">A place in memory that kernels see.</typeparam>
internal abstract class StepRun<TPlace>
    where TPlace : struct
{
    private readonly EntrySteps _entry;
    private readonly long[] _sizes;
    private readonly long[] _stack;
    private readonly TPlace[] _pointers;
    private long[] _arena = [];
    private long[] _prepared = [];

    /// <summary>A run of an entry, with the sizes of a call.</summary>
    protected StepRun(EntrySteps entry, EntryCall call)
    {
        (_entry, Call) = (entry, call);
        _sizes = new long[Math.Max(1, entry.Slots)];
        _stack = new long[entry.StackDepth];
        _pointers = new TPlace[entry.Entry.Pointers];
        call.Dims.CopyTo(_sizes);
    }

    /// <summary>The call that is run.</summary>
    protected EntryCall Call { get; }

    /// <summary>The values of the sizes by slot.</summary>
    protected ReadOnlySpan<long> Sizes => _sizes;

    /// <summary>The start of the memory with the intermediate results.</summary>
    protected abstract TPlace Arena { get; }

    /// <summary>The start of the memory with what is prepared.</summary>
    protected abstract TPlace Prepared { get; }

    /// <summary>A native tensor.</summary>
    protected abstract TPlace Tensor(int number);

    /// <summary>A constant of the module.</summary>
    protected abstract TPlace Constant(int number);

    /// <summary>So many bytes behind a place.</summary>
    protected abstract TPlace Behind(TPlace place, long bytes);

    /// <summary>Submits a kernel with some chunks, at least one.</summary>
    protected abstract void Launch(Step.Launch step, long chunks);

    /// <summary>Submits a copy of some bytes, at least one.</summary>
    protected abstract void Copy(TPlace from, TPlace to, long bytes);

    /// <summary>
    /// A number of 1, 4 or 8 bytes, once all that was submitted is done. Throws where that failed: what decides is not read from a run that has failed.
    /// </summary>
    protected abstract long Read(TPlace place, int bytes);

    /// <summary>New memory for an array of a sparse tensor.</summary>
    protected abstract TPlace Allocate(long bytes);

    /// <summary>The array of a sparse result is at a place. How long it is, is known at the end.</summary>
    protected abstract void Give(int tensor, TPlace place);

    /// <summary>Places the buffers of the arena one behind the other.</summary>
    /// <returns>The bytes of them all.</returns>
    protected long PlaceArena(SizeProgram[] buffers)
    {
        _arena = Starts(buffers, "intermediate results", out var bytes);
        return bytes;
    }

    /// <summary>Places what is prepared, and says what it is: a number that hangs on what is computed and on the sizes that matter for it.</summary>
    protected (long Key, long Bytes) PlacePrepared()
    {
        _prepared = Starts(_entry.Prepared, "what it prepares", out var bytes);
        var key = _entry.Entry.PreparedHash;
        foreach (var slot in _entry.PreparedSlots)
        {
            key = unchecked((key ^ _sizes[slot]) * (long)0x9E3779B97F4A7C15);
            key ^= key >>> 29;
        }

        return (key, bytes);
    }

    /// <summary>Submits steps.</summary>
    protected void Steps(Step[] steps)
    {
        foreach (var step in steps)
        {
            switch (step)
            {
                case Step.Launch s:
                    Call.Cancellation.ThrowIfCancellationRequested();
                    if (Value(s.Chunks) is > 0 and var chunks)
                    {
                        Launch(s, chunks);
                    }

                    break;
                case Step.Copy s:
                    if (Value(s.Bytes) is > 0 and var bytes)
                    {
                        Copy(At(s.From), At(s.To), bytes);
                    }

                    break;
                case Step.Loop s:
                    Loop(s);
                    break;
                case Step.SetPointer s:
                    _pointers[s.Pointer] = At(s.Place);
                    break;
                case Step.Swap s:
                    (_pointers[s.First], _pointers[s.Second]) = (_pointers[s.Second], _pointers[s.First]);
                    break;
                case Step.Allocate s:
                    _pointers[s.Pointer] = Allocate(Value(s.Bytes));
                    break;
                case Step.ReadSize s:
                    ReadSize(s);
                    break;
                case Step.Give s:
                    Give(s.Tensor, _pointers[s.Pointer]);
                    break;
            }
        }
    }

    /// <summary>Where a place is with the sizes of now.</summary>
    protected TPlace At(SizedPlace place)
    {
        var offset = Value(place.Offset);
        return place.Kind switch
        {
            PlaceKind.Tensor => Behind(Tensor(place.Number), offset),
            PlaceKind.Constant => Behind(Constant(place.Number), offset),
            PlaceKind.Arena => Behind(Arena, _arena[place.Number] + offset),
            PlaceKind.Prepared => Behind(Prepared, _prepared[place.Number] + offset),
            _ => Behind(_pointers[place.Number], offset),
        };
    }

    private void Loop(Step.Loop step)
    {
        var count = Value(step.Count);
        for (var i = 0L; i < count; i++)
        {
            _sizes[step.Counter] = i;
            Steps(step.Body);
            if (step.Until is { } until && Read(At(until), 1) != 0)
            {
                return;
            }
        }
    }

    private void ReadSize(Step.ReadSize step)
    {
        _sizes[step.Slot] = Read(At(step.Place), step.Bytes);
        if (step.Dim >= 0)
        {
            Call.SetDim(step.Dim, _sizes[step.Slot]);
        }
    }

    private long Value(SizeProgram size) => size.Evaluate(_sizes, _stack);

    // Each buffer on a line of its own: [ 0 | b0 rounded up | … ].
    private long[] Starts(SizeProgram[] buffers, string what, out long total)
    {
        var starts = new long[buffers.Length];
        total = 0;
        for (var i = 0; i < starts.Length; i++)
        {
            starts[i] = total;
            total = checked(total + ((Value(buffers[i]) + 63) & ~63L));
        }

        return total is >= 0 and <= TensorShape.MaxBytes
            ? starts
            : throw new LeptonRunException($"{Call.Description} needs {total} bytes for {what}: too many");
    }
}
