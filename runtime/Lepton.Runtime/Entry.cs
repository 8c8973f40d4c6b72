using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>
/// A compiled function of a module. Thread-safe: any number of threads may run one entry at once. A run that is repeated allocates no
/// managed memory and takes no lock.
/// </summary>
public sealed class Entry
{
    private readonly Slots<Frame> _frames = new(64);

    internal Entry(Module module, EntryPlan plan) => (Module, Plan) = (module, plan);

    /// <summary>The module that it belongs to.</summary>
    public Module Module { get; }

    /// <summary>Name, arguments, parameters, results and sizes.</summary>
    public EntryManifest Manifest => Plan.Manifest;

    /// <summary>The name in the program.</summary>
    public string Name => Plan.Manifest.Name;

    internal EntryPlan Plan { get; }

    /// <summary>Runs on the caller's memory.</summary>
    /// <param name="inputs">One for each argument, in order; e.g. <c>[x, y]</c>.</param>
    /// <param name="outputs">One for each result, in order, of the right shape; they are written whole and must not lie over another tensor.</param>
    /// <param name="options">Threads, parameters, sizes by name; null: <see cref="RunOptions.Default"/>.</param>
    /// <param name="cancellation">Stops the run before its next launch; the outputs are then undefined.</param>
    /// <exception cref="LeptonArgumentException">Types, shapes, sizes or parameters do not fit.</exception>
    /// <exception cref="LeptonRunException">An index of the data lies outside its axis, or memory is short.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The module, or a tensor, is disposed.</exception>
    public void Run(
        ReadOnlySpan<TensorRef> inputs,
        ReadOnlySpan<TensorRef> outputs,
        RunOptions? options = null,
        CancellationToken cancellation = default)
    {
        options ??= RunOptions.Default;
        CheckCount(inputs.Length, Plan.FirstParameter, "argument");
        CheckCount(outputs.Length, Plan.Manifest.Results.Count, "result");
        Module.Enter();
        var frame = RentFrame();
        try
        {
            Give(frame, inputs, options);
            for (var i = 0; i < outputs.Length; i++)
            {
                outputs[i].Give(frame, Plan.FirstResult + i);
            }

            frame.CheckResults();
            frame.Execute(Module, options, cancellation);
        }
        finally
        {
            ReturnFrame(frame);
            Module.Exit();
        }
    }

    /// <summary>Runs and makes the results, dense or sparse as the program says. Dispose them.</summary>
    /// <inheritdoc cref="Run(ReadOnlySpan{TensorRef}, ReadOnlySpan{TensorRef}, RunOptions?, CancellationToken)"/>
    public EntryResults Evaluate(ReadOnlySpan<TensorRef> inputs, RunOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= RunOptions.Default;
        CheckCount(inputs.Length, Plan.FirstParameter, "argument");
        Module.Enter();
        var frame = RentFrame();
        var results = new EntryResults(Manifest);
        try
        {
            Give(frame, inputs, options);
            results.Allocate(ResultShapes(frame), (number, tensor) => frame.Set(Plan.FirstResult + number, tensor));
            frame.CheckResults();
            frame.Execute(Module, options, cancellation);
            results.Take(frame.TakeResult);
            return results;
        }
        catch
        {
            results.Dispose();
            throw;
        }
        finally
        {
            ReturnFrame(frame);
            Module.Exit();
        }
    }

    /// <summary>Runs and makes the outputs: one owned tensor for each result, which must all be dense. Dispose them.</summary>
    /// <inheritdoc cref="Run(ReadOnlySpan{TensorRef}, ReadOnlySpan{TensorRef}, RunOptions?, CancellationToken)"/>
    public OwnedTensor[] Run(ReadOnlySpan<TensorRef> inputs, RunOptions? options = null, CancellationToken cancellation = default)
    {
        var outputs = AllocateOutputs(inputs, options);
        try
        {
            Run(inputs, Array.ConvertAll(outputs, o => new TensorRef(o)), options, cancellation);
            return outputs;
        }
        catch
        {
            DisposeAll(outputs);
            throw;
        }
    }

    /// <summary>Runs one argument and one result given as spans, used in place.</summary>
    /// <param name="x">The argument's elements, row-major.</param>
    /// <param name="shape">The argument's sizes.</param>
    /// <param name="result">The result's elements; as long as the result's shape says.</param>
    /// <param name="options">As for the other forms.</param>
    /// <param name="cancellation">As for the other forms.</param>
    /// <inheritdoc cref="Run(ReadOnlySpan{TensorRef}, ReadOnlySpan{TensorRef}, RunOptions?, CancellationToken)"/>
    public unsafe void Run<TIn, TOut>(
        ReadOnlySpan<TIn> x,
        ReadOnlySpan<long> shape,
        Span<TOut> result,
        RunOptions? options = null,
        CancellationToken cancellation = default)
        where TIn : unmanaged
        where TOut : unmanaged
    {
        options ??= RunOptions.Default;
        CheckCount(1, Plan.FirstParameter, "argument");
        CheckCount(1, Plan.Manifest.Results.Count, "result");
        if (TensorShape.Count(shape) != x.Length)
        {
            throw new LeptonArgumentException(
                $"entry {Name}: shape {TensorShape.Text(shape)} has {TensorShape.Count(shape)} elements, and {Plan.Describe(0)} has {x.Length}");
        }

        Module.Enter();
        var frame = RentFrame();
        try
        {
            fixed (TIn* input = x)
            fixed (TOut* output = result)
            {
                frame.Set(0, input, Tensor.ElementOf<TIn>(), shape);
                frame.SetParameters(options.Parameters);
                frame.Bind(options.Sizes);
                Span<long> resultShape = stackalloc long[Plan.Manifest.Results[0].Shape.Count];
                long count = 1;
                for (var axis = 0; axis < resultShape.Length; axis++)
                {
                    resultShape[axis] = frame.ResultSize(0, axis);
                    count *= resultShape[axis];
                }

                if (count != result.Length)
                {
                    throw new LeptonArgumentException(
                        $"entry {Name}: {Plan.Describe(Plan.FirstResult)} has shape {TensorShape.Text(resultShape)}, {count} elements; "
                        + $"the span given has {result.Length}");
                }

                frame.Set(Plan.FirstResult, output, Tensor.ElementOf<TOut>(), resultShape);
                frame.CheckResults();
                frame.Execute(Module, options, cancellation);
            }
        }
        finally
        {
            ReturnFrame(frame);
            Module.Exit();
        }
    }

    /// <summary>The shapes of the results for these arguments.</summary>
    /// <exception cref="LeptonArgumentException">The arguments do not fit.</exception>
    public long[][] ResultShapes(ReadOnlySpan<TensorRef> inputs, RunOptions? options = null)
    {
        CheckCount(inputs.Length, Plan.FirstParameter, "argument");
        Module.Enter();
        var frame = RentFrame();
        try
        {
            Give(frame, inputs, options ?? RunOptions.Default);
            return ResultShapes(frame);
        }
        finally
        {
            ReturnFrame(frame);
            Module.Exit();
        }
    }

    /// <summary>New tensors of zeros, one for each result. Dispose them.</summary>
    /// <exception cref="LeptonArgumentException">The arguments do not fit, or a result is sparse.</exception>
    public OwnedTensor[] AllocateOutputs(ReadOnlySpan<TensorRef> inputs, RunOptions? options = null)
    {
        if (Plan.SparseResults is [var sparse, ..])
        {
            throw new LeptonArgumentException($"entry {Name}: {Plan.Describe(sparse.Tensor)} is sparse, and how much it stores is known after a run; use Evaluate");
        }

        var shapes = ResultShapes(inputs, options);
        var outputs = new OwnedTensor[shapes.Length];
        try
        {
            for (var i = 0; i < shapes.Length; i++)
            {
                outputs[i] = Tensor.Allocate(Manifest.Results[i].Element, shapes[i]);
            }
        }
        catch (ArgumentException e)
        {
            DisposeAll(outputs);
            throw new LeptonArgumentException($"{Manifest.Name}: result {Manifest.Results[Array.IndexOf(outputs, null)].Name}: {e.Message}", e);
        }
        catch
        {
            DisposeAll(outputs);
            throw;
        }

        return outputs;
    }

    /// <summary>A reusable call: set inputs and outputs once, run many times. For one thread at a time.</summary>
    public Invocation Bind(RunOptions? options = null) => new(this, options ?? RunOptions.Default);

    internal static long[][] ResultShapes(Frame frame)
    {
        var shapes = new long[frame.Plan.ResultShapes.Length][];
        for (var i = 0; i < shapes.Length; i++)
        {
            shapes[i] = new long[frame.Plan.ResultShapes[i].Length];
            for (var axis = 0; axis < shapes[i].Length; axis++)
            {
                shapes[i][axis] = frame.ResultSize(i, axis);
            }
        }

        return shapes;
    }

    /// <summary>Frees what is kept for the next runs; no run is in flight.</summary>
    internal void ReleaseFrames()
    {
        while (_frames.Take() is { } frame)
        {
            frame.Dispose();
        }
    }

    private static void DisposeAll(OwnedTensor?[] tensors)
    {
        foreach (var tensor in tensors)
        {
            tensor?.Dispose();
        }
    }

    private static void Give(Frame frame, ReadOnlySpan<TensorRef> inputs, RunOptions options)
    {
        for (var i = 0; i < inputs.Length; i++)
        {
            inputs[i].Give(frame, i);
        }

        frame.SetParameters(options.Parameters);
        frame.Bind(options.Sizes);
    }

    private void CheckCount(int given, int wanted, string what)
    {
        if (given != wanted)
        {
            throw new LeptonArgumentException($"entry {Name} has {wanted} {what}{(wanted == 1 ? "" : "s")}, and {given} {(given == 1 ? "is" : "are")} given");
        }
    }

    private Frame RentFrame() => _frames.Take() ?? new Frame(Plan);

    private void ReturnFrame(Frame frame)
    {
        frame.Clear();
        if (!_frames.Put(frame))
        {
            frame.Dispose();
        }
    }
}
