namespace Lepton.Runtime;

/// <summary>
/// A call that is prepared once and run many times: tensors stay pinned, sizes stay solved while shapes stay the same. For one thread at a
/// time; make one for each thread. Dispose it to let go of the tensors.
/// </summary>
public sealed class Invocation : IDisposable
{
    private readonly Entry _entry;
    private readonly Frame _frame;
    private readonly RunOptions _options;
    private int _state;

    internal Invocation(Entry entry, RunOptions options) => (_entry, _options, _frame) = (entry, options, new Frame(entry.Plan));

    private static class States
    {
        internal const int Idle = 0;
        internal const int Busy = 1;
        internal const int Disposed = 2;
    }

    /// <summary>Sets an argument by its place.</summary>
    /// <exception cref="LeptonArgumentException">No such argument, or another element type or rank.</exception>
    public Invocation SetInput(int index, TensorRef tensor) => Set(index, 0, _entry.Plan.FirstParameter, tensor, "argument");

    /// <summary>Sets an argument by its name.</summary>
    /// <exception cref="LeptonArgumentException">No such argument, or another element type or rank.</exception>
    public Invocation SetInput(string name, TensorRef tensor) =>
        SetInput(_entry.Plan.Find(name, 0, _entry.Plan.FirstParameter, "argument"), tensor);

    /// <summary>Sets the memory of a result by its place.</summary>
    /// <exception cref="LeptonArgumentException">No such result, or another element type or rank.</exception>
    public Invocation SetOutput(int index, TensorRef tensor) =>
        Set(index, _entry.Plan.FirstResult, _entry.Plan.Tensors.Length, tensor, "result");

    /// <summary>Sets the memory of a result by its name.</summary>
    /// <exception cref="LeptonArgumentException">No such result, or another element type or rank.</exception>
    public Invocation SetOutput(string name, TensorRef tensor) =>
        SetOutput(_entry.Plan.Find(name, _entry.Plan.FirstResult, _entry.Plan.Tensors.Length, "result") - _entry.Plan.FirstResult, tensor);

    /// <summary>Takes the sparse result of the last run, which made it. Once for each run; dispose it.</summary>
    /// <exception cref="LeptonArgumentException">No such result, or a dense one: that was written where <see cref="SetOutput(int, TensorRef)"/> said.</exception>
    /// <exception cref="InvalidOperationException">There was no run, or its result is taken already.</exception>
    public Tensors.OwnedSparseTensor TakeOutput(int index)
    {
        var plan = _entry.Plan;
        if ((uint)index >= (uint)plan.Manifest.Results.Count || plan.Manifest.Results[index].Format is null)
        {
            throw new LeptonArgumentException($"entry {_entry.Name} has no sparse result number {index}");
        }

        Begin();
        try
        {
            return _frame.TakeResult(index);
        }
        finally
        {
            End();
        }
    }

    /// <summary>As by its place.</summary>
    /// <inheritdoc cref="TakeOutput(int)"/>
    public Tensors.OwnedSparseTensor TakeOutput(string name) =>
        TakeOutput(_entry.Plan.Find(name, _entry.Plan.FirstResult, _entry.Plan.Tensors.Length, "result") - _entry.Plan.FirstResult);

    /// <summary>The shapes of the results for the inputs set.</summary>
    /// <exception cref="LeptonArgumentException">An argument is missing or does not fit.</exception>
    public long[][] ResultShapes()
    {
        Begin();
        try
        {
            Prepare();
            return Entry.ResultShapes(_frame);
        }
        finally
        {
            End();
        }
    }

    /// <summary>Runs on what was set.</summary>
    /// <inheritdoc cref="Entry.Run(ReadOnlySpan{TensorRef}, ReadOnlySpan{TensorRef}, RunOptions?, CancellationToken)"/>
    public void Run(CancellationToken cancellation = default)
    {
        Begin();
        try
        {
            _entry.Module.Enter();
            try
            {
                Prepare();
                _frame.CheckResults();
                _frame.Execute(_entry.Module, _options, cancellation);
            }
            finally
            {
                _entry.Module.Exit();
            }
        }
        finally
        {
            End();
        }
    }

    /// <summary>Lets go of the tensors; during a run: when that is over.</summary>
    public void Dispose()
    {
        // Busy -> Busy|Disposed: the run's end disposes. Idle -> Disposed: we do.
        if (Interlocked.Or(ref _state, States.Disposed) == States.Idle)
        {
            _frame.Dispose();
        }
    }

    private Invocation Set(int index, int from, int to, TensorRef tensor, string what)
    {
        if ((uint)index >= (uint)(to - from))
        {
            throw new LeptonArgumentException($"entry {_entry.Name} has {to - from} {what}s; there is no number {index}");
        }

        Begin();
        try
        {
            tensor.Give(_frame, from + index);
            return this;
        }
        finally
        {
            End();
        }
    }

    private void Prepare()
    {
        _frame.SetParameters(_options.Parameters);
        _frame.Bind(_options.Sizes);
    }

    private void Begin()
    {
        var was = Interlocked.CompareExchange(ref _state, States.Busy, States.Idle);
        ObjectDisposedException.ThrowIf((was & States.Disposed) != 0, this);
        if (was == States.Busy)
        {
            throw new InvalidOperationException("this invocation is in use by another thread; make one for each thread, or use Entry.Run");
        }
    }

    private void End()
    {
        if (Interlocked.CompareExchange(ref _state, States.Idle, States.Busy) != States.Busy)
        {
            _frame.Dispose();
        }
    }
}
