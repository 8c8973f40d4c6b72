namespace Lepton.Tests.Devices;

/// <summary>Cancels in the middle of a run.</summary>
internal static class Cancelling
{
    /// <summary>After 20 ms, from a thread of its own: a timer of the source waits for one of the pool, which other tests may keep for half a minute.</summary>
    public static void Soon(CancellationTokenSource source) => new Thread(() =>
    {
        Thread.Sleep(20);
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The run ended before.
        }
    }) { IsBackground = true }.Start();
}
