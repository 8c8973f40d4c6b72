using System.Diagnostics;
using System.Text;

namespace Lepton.Placement.Solver.Engines;

/// <summary>
/// CP-SAT in WebAssembly under Node. The process lives as long as the engine, since a start costs half a second and a small solve a millisecond; it is
/// started by <see cref="Start"/> or with the first solve, and again after it was killed or died. It works on one thread, so two solves side by side take two engines.
/// </summary>
public sealed class NodeEngine(NodePackage package) : ICpEngine
{
    // The solver looks at the clock between steps, and a machine may be busy with other things.
    private const double GraceFactor = 1.5, GraceSeconds = 20;
    private readonly Lock _gate = new();
    private NodeProcess? _process;
    private bool _ready;

    public string Name => "CP-SAT in WebAssembly under Node";

    /// <summary>Milliseconds beyond the solver's own limit after which it is taken to hang; null for the usual.</summary>
    internal double? Grace { get; init; }

    public void Start()
    {
        lock (_gate)
        {
            // Where it does not start, the next solve tries again and says why.
            _process ??= NodeProcess.Start(package, out _);
        }
    }

    public EngineAnswer Solve(byte[] model, CpParameters parameters, Action<string>? log, CancellationToken cancel)
    {
        lock (_gate)
        {
            if (cancel.IsCancellationRequested)
            {
                return new EngineAnswer(EngineOutcome.Cancelled, [], "cancelled");
            }

            var limit = Grace is { } grace ? (parameters.MaxSeconds * 1000) + grace : 1000 * ((parameters.MaxSeconds * GraceFactor) + GraceSeconds);
            using var deadline = new CancellationTokenSource(TimeSpan.FromMilliseconds(Math.Min(limit, int.MaxValue)));
            return Ask(model, parameters, log, deadline.Token, cancel);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            Stop();
        }
    }

    /// <summary>Ends the process as a crash would, for tests.</summary>
    internal void KillProcess() => _process?.Kill();

    private EngineAnswer Ask(byte[] model, CpParameters parameters, Action<string>? log, CancellationToken deadline, CancellationToken cancel)
    {
        try
        {
            var watch = Stopwatch.StartNew();
            if (Started(deadline, cancel) is { } failed)
            {
                return failed;
            }

            parameters = parameters with { MaxSeconds = Math.Max(parameters.MaxSeconds - watch.Elapsed.TotalSeconds, parameters.MaxSeconds / 10) };

            using var onCancel = cancel.Register(_process!.Kill);
            using var onDeadline = deadline.Register(_process.Kill);
            _process.Send(model, parameters.Encode(), parameters.Log ? log : null);
            var (kind, body) = _process.Receive();
            if (kind == 1)
            {
                return new EngineAnswer(EngineOutcome.Answered, body, "");
            }

            // What aborts inside leaves the memory as it was then: a fresh process for the next one.
            Stop();
            return new EngineAnswer(EngineOutcome.Died, [], $"the solver aborted: {Encoding.UTF8.GetString(body)}");
        }
        catch (IOException)
        {
            return Gone(parameters, deadline, cancel);
        }
    }

    private EngineAnswer? Started(CancellationToken deadline, CancellationToken cancel)
    {
        if (_process is { IsAlive: true } && _ready)
        {
            return null;
        }

        if (_process is not { IsAlive: true })
        {
            Stop();
            _process = NodeProcess.Start(package, out var reason);
            if (_process is null)
            {
                return new EngineAnswer(EngineOutcome.Missing, [], reason);
            }
        }

        using var onCancel = cancel.Register(_process.Kill);
        using var onDeadline = deadline.Register(_process.Kill);
        try
        {
            _process.Receive();
            _ready = true;
            return null;
        }
        catch (IOException) when (!deadline.IsCancellationRequested && !cancel.IsCancellationRequested)
        {
            Thread.Sleep(50); // What it printed last arrives on another thread.
            var message = $"the solver does not start under {package.Node}: {_process.LastLines}";
            Stop();
            return new EngineAnswer(EngineOutcome.Missing, [], message);
        }
    }

    private EngineAnswer Gone(CpParameters parameters, CancellationToken deadline, CancellationToken cancel)
    {
        var last = _process?.LastLines ?? "";
        Stop();
        if (cancel.IsCancellationRequested)
        {
            // The next solve comes soon, most often: the new process starts meanwhile.
            _process = NodeProcess.Start(package, out _);
            return new EngineAnswer(EngineOutcome.Cancelled, [], "cancelled");
        }

        return deadline.IsCancellationRequested
            ? new EngineAnswer(EngineOutcome.TimedOut, [], $"the solver did not stop at its limit of {parameters.MaxSeconds:0.##} s and was ended")
            : new EngineAnswer(EngineOutcome.Died, [], "the solver's process ended in the middle of its work" + (last.Length > 0 ? $": {last}" : ""));
    }

    private void Stop()
    {
        _process?.Dispose();
        (_process, _ready) = (null, false);
    }
}
