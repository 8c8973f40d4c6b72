using System.Runtime.ExceptionServices;

namespace Lepton.Compiler;

/// <summary>
/// Runs a compilation on a thread with a deep stack: a program may nest as deep as the parser allows, and a compiler must answer with a
/// diagnostic, never with a stack overflow that takes the host process with it. Memory is only taken for the depth that is used.
/// </summary>
internal static class CompileThread
{
    private const int StackBytes = 1 << 30;

    [ThreadStatic]
    private static bool _isDeep;

    /// <summary>Calls <paramref name="work"/> and hands on its result or its exception.</summary>
    public static T Run<T>(Func<T> work)
    {
        if (_isDeep)
        {
            return work();
        }

        T? result = default;
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(
            () =>
            {
                _isDeep = true;
                try
                {
                    result = work();
                }
                catch (Exception e)
                {
                    failure = ExceptionDispatchInfo.Capture(e);
                }
            },
            StackBytes)
        {
            IsBackground = true,
            Name = "lepton compile",
        };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result!;
    }

    /// <summary>Calls <paramref name="work"/> for each item, on as many deep threads as there are processors; results in the items' order.</summary>
    public static IReadOnlyList<TResult> Map<T, TResult>(IReadOnlyList<T> items, Func<T, TResult> work)
    {
        var (results, next) = (new TResult[items.Count], -1);
        var helpers = Enumerable.Range(1, Math.Min(items.Count, Environment.ProcessorCount) - 1).Select(_ => Task.Run(() => Run(Take))).ToArray();
        try
        {
            Take();
        }
        finally
        {
            Task.WaitAll(helpers.Select(h => h.ContinueWith(_ => { }, TaskScheduler.Default)).ToArray());
        }

        Array.ForEach(helpers, h => h.GetAwaiter().GetResult());
        return results;

        int Take()
        {
            for (var i = Interlocked.Increment(ref next); i < items.Count; i = Interlocked.Increment(ref next))
            {
                results[i] = work(items[i]);
            }

            return 0;
        }
    }
}
