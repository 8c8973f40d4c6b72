namespace Lepton.Runtime.Devices;

/// <summary>
/// How far a run is, and what went wrong. The failure that counts is that of the lowest step, as if steps ran one by one: a failing step stops all
/// behind it, at once, and none before it, so that a run on the same data always fails alike.
/// </summary>
internal sealed class RunState : IDisposable
{
    private readonly Lock _gate = new();
    private readonly int[] _current;
    private readonly CancellationTokenSource[] _stop;
    private readonly bool _keepsOthers;
    private readonly HashSet<Device> _lost = [];
    private int _limit = int.MaxValue;
    private int _failedAt = int.MaxValue;

    /// <param name="lanes">How many queues.</param>
    /// <param name="keepsOthers">Whether a device that fails stops itself alone.</param>
    /// <param name="cancellation">Of the run.</param>
    public RunState(int lanes, bool keepsOthers, CancellationToken cancellation)
    {
        _keepsOthers = keepsOthers;
        _current = new int[lanes];
        Array.Fill(_current, -1);
        _stop = new CancellationTokenSource[lanes];
        for (var i = 0; i < lanes; i++)
        {
            _stop[i] = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        }
    }

    /// <summary>What the run fails with; null: nothing did. Only when nothing runs.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>The device that failed, where <see cref="Failure"/> is that.</summary>
    public Device? FailedDevice { get; private set; }

    /// <summary>Whether a device failed.</summary>
    public bool IsLost(Device device) => _lost.Contains(device);

    /// <summary>A step begins.</summary>
    /// <exception cref="OperationCanceledException">It must not.</exception>
    public CancellationToken Enter(int number, PlacedStep step)
    {
        lock (_gate)
        {
            if (number > _limit || _lost.Contains(step.Device))
            {
                throw new OperationCanceledException("a step before this one failed");
            }

            _current[step.Lane] = number;
        }

        _stop[step.Lane].Token.ThrowIfCancellationRequested();
        return _stop[step.Lane].Token;
    }

    /// <summary>A step is over.</summary>
    public void Leave(PlacedStep step)
    {
        lock (_gate)
        {
            _current[step.Lane] = -1;
        }
    }

    public void Fail(int number, PlacedStep step, Exception error)
    {
        lock (_gate)
        {
            if (error is DeviceFailedException)
            {
                _lost.Add(step.Device);
            }

            if (number < _failedAt)
            {
                (_failedAt, Failure, FailedDevice) = (number, error, error is DeviceFailedException ? step.Device : null);
            }

            if (error is DeviceFailedException && _keepsOthers)
            {
                return;
            }

            _limit = Math.Min(_limit, number);
            for (var lane = 0; lane < _stop.Length; lane++)
            {
                if (_current[lane] > _limit)
                {
                    _stop[lane].Cancel();
                }
            }
        }
    }

    public void Dispose() => Array.ForEach(_stop, s => s.Dispose());
}
