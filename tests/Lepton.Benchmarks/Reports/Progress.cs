namespace Lepton.Benchmarks.Reports;

/// <summary>What is going on, on the error stream: one line that is written over on a terminal, and nothing in a file.</summary>
internal static class Progress
{
    public static void Show(string text)
    {
        if (!Console.IsErrorRedirected)
        {
            Console.Error.Write("\r\e[K" + text);
        }
    }

    public static void Clear() => Show("");
}
