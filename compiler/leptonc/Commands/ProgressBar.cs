using Spectre.Console;

namespace Lepton.CommandLine.Commands;

/// <summary>A bar on standard error while it is a terminal; nothing otherwise.</summary>
internal static class ProgressBar
{
    /// <param name="title">What is shown first.</param>
    /// <param name="work">Does the work, and says which share of it is done and what it is at.</param>
    public static void Show(string title, Action<Action<double, string>> work)
    {
        if (Console.IsErrorRedirected)
        {
            work((_, _) => { });
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask(title, maxValue: 1);
                work((share, text) => (task.Value, task.Description) = (share, text));
            });
    }
}
