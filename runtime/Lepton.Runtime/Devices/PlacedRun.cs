using System.Buffers;
using Lepton.Runtime.Profiling;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Devices;

/// <summary>What one run of a placed program needs, made once and used again: a block of each memory, and a call for each segment.</summary>
/// <remarks>For one run at a time; the devices' threads see what it set before it submitted their work.</remarks>
internal sealed class PlacedRun(PlacedProgram program) : IDisposable
{
    private readonly PlacedSteps _plan = program.Plan;
    private readonly Dictionary<Location, nint> _addresses = [];
    private readonly SparseTensor?[] _sparse = new SparseTensor?[program.Tensors.Count];
    private readonly Invocation?[] _calls = new Invocation?[program.Segments.Count];
    private readonly LaunchRecorder?[] _recorders = new LaunchRecorder?[program.Segments.Count];
    private DeviceMemory?[] _blocks = [];
    private PlacedRunOptions? _options;

    public OwnedSparseTensor?[] Execute(ReadOnlySpan<TensorRef> inputs, ReadOnlySpan<TensorRef> outputs, PlacedRunOptions options, RunLog log, CancellationToken cancellation)
    {
        var pins = new List<MemoryHandle>();
        try
        {
            Give(inputs, program.Arguments, "argument", pins);
            Give(outputs, program.Results, "result", pins);
            if (Allocate() is (var full, var refused))
            {
                return GoOn(full, refused, program.Arguments.Distinct().ToDictionary(a => program.Tensors[a].Name, a => new Location(a, 0)), [], options, log, cancellation);
            }

            Bind(options);
            using var state = new RunState(_plan.Lanes, options.OnFailure is not null, cancellation);
            var events = Submit(state);
            Array.ForEach(events, e => e.WaitQuietly());
            Note(log, events);
            if (state.Failure is { } failure)
            {
                if (state.FailedDevice is not { } device || options.OnFailure is null)
                {
                    System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
                    return [];
                }

                cancellation.ThrowIfCancellationRequested();
                var finished = _plan.Steps.Index().Where(s => !s.Item.IsCopy && events[s.Index].Error is null).Select(s => program.Segments[s.Item.Segment].Name);
                return GoOn(device, (DeviceFailedException)failure, There(events, state), [.. finished], options, log, cancellation);
            }

            if (Array.Find(events, e => e.Error is not null) is { Error: { } error })
            {
                cancellation.ThrowIfCancellationRequested();
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(error);
            }

            return [.. program.Results.Select(Taken)];
        }
        finally
        {
            pins.ForEach(p => p.Dispose());
            ForgetSparse();
        }
    }

    public void Dispose()
    {
        Array.ForEach(_calls, c => c?.Dispose());
        Array.ForEach(_recorders, r => r?.Dispose());
        Array.ForEach(_blocks, b => b?.Dispose());
    }

    // A call holds on to the tensors that it was given.
    private void ForgetSparse()
    {
        for (var i = 0; i < _calls.Length; i++)
        {
            if (program.Segments[i].Reads.Any(t => program.Tensors[t].Format is not null))
            {
                _calls[i]?.Dispose();
                _calls[i] = null;
            }
        }

        for (var i = 0; i < _sparse.Length; i++)
        {
            (_sparse[i] as OwnedSparseTensor)?.Dispose();
            _sparse[i] = null;
        }
    }

    // Null, or the device that has no memory for its tensors.
    private (Device Device, DeviceFailedException Error)? Allocate()
    {
        if (_blocks.Length > 0)
        {
            return null;
        }

        var blocks = new DeviceMemory?[_plan.Spaces.Count + 1];
        var space = 0;
        try
        {
            for (; space < blocks.Length; space++)
            {
                var bytes = program.Memory.Peaks[space];
                blocks[space] = space == 0 ? HostMemory.Of("host", bytes) : _plan.Spaces[space - 1].Allocate(bytes);
            }
        }
        catch (Exception e)
        {
            Array.ForEach(blocks, b => b?.Dispose());
            if (space > 0 && e is DeviceFailedException failed)
            {
                return (_plan.Spaces[space - 1], failed.In("allocating the tensors of its segments"));
            }

            throw;
        }

        _blocks = blocks;
        foreach (var (location, place) in program.Memory.Places)
        {
            _addresses[location] = blocks[location.Space]!.Address + (nint)place.Offset;
        }

        return null;
    }

    private unsafe void Give(ReadOnlySpan<TensorRef> tensors, Abi.ValueList<int> numbers, string what, List<MemoryHandle> pins)
    {
        if (tensors.Length != numbers.Count)
        {
            throw new LeptonArgumentException($"entry {program.Manifest.Name} has {numbers.Count} {what}{(numbers.Count == 1 ? "" : "s")}, and {tensors.Length} {(tensors.Length == 1 ? "is" : "are")} given");
        }

        for (var i = 0; i < numbers.Count; i++)
        {
            var tensor = program.Tensors[numbers[i]];
            if (what == "result" && tensor.Format is not null)
            {
                continue; // made by the run
            }

            tensors[i].Check(tensor, $"entry {program.Manifest.Name}: {what} {tensor.Name}");
            if (tensors[i].Sparse is { } sparse)
            {
                _sparse[numbers[i]] = sparse is OwnedSparseTensor ? SparseTensor.Unchecked(sparse.Format, sparse.Shape, [.. sparse.Arrays]) : sparse;
            }
            else
            {
                pins.Add(tensors[i].Pin());
                _addresses[new Location(numbers[i], 0)] = (nint)pins[^1].Pointer;
            }
        }
    }

    // Dense tensors are set here, sparse ones when they are there.
    private unsafe void Bind(PlacedRunOptions options)
    {
        var isNew = !ReferenceEquals(options, _options);
        for (var i = 0; i < _calls.Length; i++)
        {
            var segment = program.Segments[i];
            if (isNew || _calls[i] is null)
            {
                _calls[i]?.Dispose();
                _recorders[i] ??= options.Kernels ? new LaunchRecorder(1 << 12) : null;
                _calls[i] = segment.Entry.Bind(new RunOptions { Threads = segment.Device.Threads, Parameters = options.Parameters, Recorder = options.Kernels ? _recorders[i] : null });
            }

            var space = _plan.SpaceOf(segment.Device);
            for (var argument = 0; argument < segment.Reads.Count; argument++)
            {
                if (program.Tensors[segment.Reads[argument]].Format is null)
                {
                    _calls[i]!.SetInput(argument, Reference(new Location(segment.Reads[argument], space)));
                }
            }

            for (var result = 0; result < segment.Makes.Count; result++)
            {
                if (program.Tensors[segment.Makes[result]].Format is null)
                {
                    _calls[i]!.SetOutput(result, Reference(new Location(segment.Makes[result], space)));
                }
            }
        }

        _options = options;
    }

    private unsafe TensorRef Reference(Location location)
    {
        var tensor = program.Tensors[location.Tensor];
        return new TensorRef((void*)_addresses[location], tensor.Element, [.. tensor.Shape]);
    }

    private DeviceEvent[] Submit(RunState state)
    {
        var events = new DeviceEvent[_plan.Steps.Count];
        for (var i = 0; i < events.Length; i++)
        {
            var (number, step) = (i, _plan.Steps[i]);
            var queue = step.IsCopy ? step.Device.Copies : step.Device.Work;
            events[i] = queue.Submit(() => Run(number, step, state), [.. step.After.Select(a => events[a])]);
        }

        return events;
    }

    private void Run(int number, PlacedStep step, RunState state)
    {
        var token = state.Enter(number, step);
        try
        {
            if (step.IsCopy)
            {
                Copy(step);
            }
            else
            {
                Call(program.Segments[step.Segment], step.Segment, token);
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            var name = step.IsCopy ? $"the copy of {program.Tensors[step.Copied.Tensor].Name}" : $"segment {program.Segments[step.Segment].Name}";
            var told = e switch
            {
                DeviceFailedException failed => failed.In(name),
                LeptonRunException { Device: not null } lost => new DeviceFailedException(step.Device.Name, lost.Message, lost).In(name),
                LeptonRunException run => run.In($"{name} on device {step.Device.Name}"),
                _ => e,
            };
            state.Fail(number, step, told);
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(told);
        }
        finally
        {
            state.Leave(step);
        }
    }

    private void Call(PlacedSegment segment, int number, CancellationToken token)
    {
        var call = _calls[number]!;
        for (var i = 0; i < segment.Reads.Count; i++)
        {
            if (program.Tensors[segment.Reads[i]].Format is not null)
            {
                call.SetInput(i, _sparse[segment.Reads[i]]!);
            }
        }

        _recorders[number]?.Clear();
        segment.Device.Run(call, token);
        for (var i = 0; i < segment.Makes.Count; i++)
        {
            if (program.Tensors[segment.Makes[i]].Format is not null)
            {
                _sparse[segment.Makes[i]] = call.TakeOutput(i);
            }
        }
    }

    private void Copy(PlacedStep step)
    {
        var (from, to, bytes) = (step.Copied, step.Makes[0], program.Tensors[step.Copied.Tensor].Bytes);
        if (to.Space == 0)
        {
            step.Device.CopyOut(_blocks[from.Space]!, program.Memory.Places[from].Offset, _addresses[to], bytes);
        }
        else
        {
            step.Device.CopyIn(_addresses[from], _blocks[to.Space]!, program.Memory.Places[to].Offset, bytes);
        }
    }

    private void Note(RunLog log, DeviceEvent[] events)
    {
        for (var i = 0; i < events.Length; i++)
        {
            var step = _plan.Steps[i];
            if (events[i].Start > 0)
            {
                log.Add(step, step.IsCopy ? program.Tensors[step.Copied.Tensor].Name : program.Segments[step.Segment].Name, events[i]);
            }

            if (!step.IsCopy && events[i].Error is null && _options!.Kernels && _recorders[step.Segment] is { } recorder)
            {
                log.Add(program.Segments[step.Segment], recorder);
            }
        }
    }

    // A sparse result is handed over.
    private OwnedSparseTensor? Taken(int tensor)
    {
        var taken = _sparse[tensor] as OwnedSparseTensor;
        _sparse[tensor] = null;
        return taken;
    }

    // What is there is given to the program that makes the rest.
    private OwnedSparseTensor?[] GoOn(
        Device device, DeviceFailedException error, Dictionary<string, Location> there, string[] finished, PlacedRunOptions options, RunLog log, CancellationToken cancellation)
    {
        using var rest = options.OnFailure?.Invoke(new DeviceFailure(device, error, finished, there.Keys.ToHashSet())) ?? throw error;

        var brought = new List<HostMemory>();
        try
        {
            var inputs = rest.Arguments.Select(a => there.TryGetValue(rest.Tensors[a].Name, out var place)
                ? Brought(place, brought)
                : throw new InvalidOperationException($"the program that goes on reads {rest.Tensors[a].Name}, which is not there")).ToArray();
            var byName = program.Results.ToDictionary(r => program.Tensors[r].Name);
            var outputs = rest.Results.Select(r => rest.Tensors[r].Format is null ? Reference(new Location(byName[rest.Tensors[r].Name], 0)) : default).ToArray();

            // If a device fails there too: results that are finished here are no part of that program, and need not be made again.
            HashSet<string> mine = [.. byName.Keys.Except(rest.Results.Select(r => rest.Tensors[r].Name))];
            var again = options with { OnFailure = f => options.OnFailure!(f with { Tensors = f.Tensors.Union(mine).ToHashSet() }) };
            var made = rest.Execute(inputs, outputs, again, cancellation, log);
            var all = program.Results.Select(Taken).ToArray();
            foreach (var (i, tensor) in rest.Results.Index())
            {
                all[program.Results.Span.IndexOf(byName[rest.Tensors[tensor].Name])] = made[i];
            }

            return all;
        }
        finally
        {
            brought.ForEach(b => b.Dispose());
        }
    }

    private Dictionary<string, Location> There(DeviceEvent[] events, RunState state) =>
        Enumerable.Range(0, program.Tensors.Count).Select(t => (program.Tensors[t].Name, Place: PlaceOf(t, events, state)))
            .Where(t => t.Place is not null).ToDictionary(t => t.Name, t => t.Place!.Value);

    // Where a tensor lies whole; null: nowhere any more. The host's memory before others.
    private Location? PlaceOf(int tensor, DeviceEvent[] events, RunState state)
    {
        for (var space = 0; space <= _plan.Spaces.Count; space++)
        {
            var location = new Location(tensor, space);
            if (space > 0 && state.IsLost(_plan.Spaces[space - 1]))
            {
                continue;
            }

            var by = _plan.MadeBy(location);
            var isThere = by >= 0 ? events[by].Error is null : space == 0 && program.Arguments.Contains(tensor);
            if (isThere && !_plan.Steps.Index().Any(s => s.Index > by && events[s.Index].Start > 0 && program.Memory.Overwrites(s.Item, location)))
            {
                return location;
            }
        }

        return null;
    }

    private TensorRef Brought(Location place, List<HostMemory> brought)
    {
        if (_sparse[place.Tensor] is { } sparse)
        {
            return sparse;
        }

        if (place.Space == 0)
        {
            return Reference(place);
        }

        var tensor = program.Tensors[place.Tensor];
        var memory = HostMemory.Of("host", tensor.Bytes);
        brought.Add(memory);
        var device = _plan.Spaces[place.Space - 1];
        device.Copies.Submit(() => device.CopyOut(_blocks[place.Space]!, program.Memory.Places[place].Offset, memory.Address, tensor.Bytes)).Wait();
        unsafe
        {
            return new TensorRef((void*)memory.Address, tensor.Element, [.. tensor.Shape]);
        }
    }
}
