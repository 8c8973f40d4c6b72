using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Devices;

/// <summary>
/// A program cut into segments for several devices. A run hands all segments and copies to the devices' queues at once; events keep them in order,
/// so that devices work, and copies move, at the same time. Thread-safe: runs may overlap. Devices belong to the caller, the code to the program.
/// </summary>
public sealed class PlacedProgram : IDisposable
{
    private const int Closed = int.MinValue;

    private readonly Slots<PlacedRun> _idle = new(16);
    private int _users;
    private int _released;

    /// <summary>A program.</summary>
    /// <param name="manifest">Arguments, parameters and results as the program has them, with constant sizes.</param>
    /// <param name="tensors">All tensors between segments and at the ends; their names are different.</param>
    /// <param name="arguments">By argument of the manifest: the tensor.</param>
    /// <param name="results">By result of the manifest: the tensor.</param>
    /// <param name="segments">In an order in which each finds what it reads. The program disposes the modules of their entries.</param>
    /// <exception cref="ArgumentException">A segment reads what nothing made before, or a result is not made.</exception>
    public PlacedProgram(EntryManifest manifest, IReadOnlyList<PlacedTensor> tensors, ValueList<int> arguments, ValueList<int> results, IReadOnlyList<PlacedSegment> segments)
    {
        (Manifest, Tensors, Arguments, Results, Segments) = (manifest, tensors, arguments, results, segments);
        var given = arguments.Concat(results).ToHashSet();
        Plan = PlacedSteps.Of(tensors, arguments, results.ToHashSet(), segments);
        if (results.FirstOrDefault(r => Plan.MadeBy(new Location(r, 0)) < 0, -1) is >= 0 and var missing)
        {
            throw new ArgumentException($"no segment makes {tensors[missing].Name}", nameof(segments));
        }

        Memory = PlacedMemory.Of(Plan, tensors, l => l.Space != 0 || !given.Contains(l.Tensor));
    }

    /// <summary>Arguments, parameters and results.</summary>
    public EntryManifest Manifest { get; }

    /// <summary>All tensors between segments and at the ends.</summary>
    public IReadOnlyList<PlacedTensor> Tensors { get; }

    /// <summary>By argument: the number of its tensor.</summary>
    public ValueList<int> Arguments { get; }

    /// <summary>By result: the number of its tensor.</summary>
    public ValueList<int> Results { get; }

    /// <summary>The pieces, in order.</summary>
    public IReadOnlyList<PlacedSegment> Segments { get; }

    /// <summary>Bytes that a run keeps for tensors between segments, by memory: the host's, and of each device with a memory of its own.</summary>
    /// <remarks>Sum: if no place were used twice.</remarks>
    public IReadOnlyList<(string Memory, long Peak, long Sum)> PlannedMemory =>
        [("host", Memory.Peaks[0], Memory.Sums[0]), .. Plan.Spaces.Select((d, i) => (d.Name, Memory.Peaks[i + 1], Memory.Sums[i + 1]))];

    /// <summary>How many copies a run makes, and how many bytes they move.</summary>
    public (int Count, long Bytes) Copies => (Plan.Steps.Count(s => s.IsCopy), Plan.Steps.Where(s => s.IsCopy).Sum(s => Tensors[s.Copied.Tensor].Bytes));

    internal PlacedSteps Plan { get; }

    internal PlacedMemory Memory { get; }

    /// <summary>Runs on the caller's memory; for programs whose results are all dense.</summary>
    /// <param name="inputs">One for each argument, in order.</param>
    /// <param name="outputs">One for each result, in order, of the right shape; written whole.</param>
    /// <param name="options">Parameters, what to do when a device fails; null: <see cref="PlacedRunOptions.Default"/>.</param>
    /// <param name="cancellation">Ends the run soon; the outputs are then undefined.</param>
    /// <exception cref="LeptonArgumentException">Types, shapes or parameters do not fit.</exception>
    /// <exception cref="LeptonRunException">An index of the data lies outside its axis; the message names segment and device too.</exception>
    /// <exception cref="DeviceFailedException">A device failed, and nothing was planned in its stead.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    public void Run(ReadOnlySpan<TensorRef> inputs, ReadOnlySpan<TensorRef> outputs, PlacedRunOptions? options = null, CancellationToken cancellation = default)
    {
        if (Manifest.Results.FirstOrDefault(r => r.Format is not null) is { } sparse)
        {
            throw new LeptonArgumentException($"entry {Manifest.Name}: result {sparse.Name} is sparse, and how much it stores is known after a run; use Evaluate");
        }

        Execute(inputs, outputs, options ?? PlacedRunOptions.Default, cancellation);
    }

    /// <summary>Runs and makes the results, dense or sparse as the program says. Dispose them.</summary>
    /// <inheritdoc cref="Run"/>
    public EntryResults Evaluate(ReadOnlySpan<TensorRef> inputs, PlacedRunOptions? options = null, CancellationToken cancellation = default)
    {
        var results = new EntryResults(Manifest);
        try
        {
            var outputs = new TensorRef[Results.Count];
            results.Allocate([.. Results.Select(r => Tensors[r].Shape.ToArray())], (number, tensor) => outputs[number] = tensor);
            var sparse = Execute(inputs, outputs, options ?? PlacedRunOptions.Default, cancellation);
            results.Take(number => sparse[number]!);
            return results;
        }
        catch
        {
            results.Dispose();
            throw;
        }
    }

    /// <summary>Refuses new runs; memory and code are released when the last run in flight is over.</summary>
    public void Dispose()
    {
        if (Interlocked.Or(ref _users, Closed) == 0)
        {
            Release();
        }
    }

    /// <summary>By result: what a sparse one is.</summary>
    internal OwnedSparseTensor?[] Execute(ReadOnlySpan<TensorRef> inputs, ReadOnlySpan<TensorRef> outputs, PlacedRunOptions options, CancellationToken cancellation, RunLog? log = null)
    {
        if ((Interlocked.Increment(ref _users) & Closed) != 0)
        {
            Exit();
            throw new ObjectDisposedException(nameof(PlacedProgram), $"the placed program {Manifest.Name} is disposed");
        }

        var (run, isOwnLog) = (_idle.Take() ?? new PlacedRun(this), log is null);
        log ??= new RunLog();
        try
        {
            return run.Execute(inputs, outputs, options, log, cancellation);
        }
        finally
        {
            if (isOwnLog)
            {
                options.Timeline?.Invoke(log.ToTimeline());
            }

            if (!_idle.Put(run))
            {
                run.Dispose();
            }

            Exit();
        }
    }

    private void Exit()
    {
        if (Interlocked.Decrement(ref _users) == Closed)
        {
            Release();
        }
    }

    private void Release()
    {
        // A late run that is refused counts up and down too, so Closed may be reached again.
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            while (_idle.Take() is { } run)
            {
                run.Dispose();
            }

            foreach (var module in Segments.Select(s => s.Entry.Module).Distinct())
            {
                module.Dispose();
            }
        }
    }
}
