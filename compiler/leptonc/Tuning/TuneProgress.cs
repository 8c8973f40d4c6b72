using Spectre.Console;

namespace Lepton.CommandLine.Tuning;

/// <summary>A bar on standard error while it is a terminal; nothing otherwise.</summary>
internal static class TuneProgress
{
    public static void Show(Action<Action<TuneState>> work)
    {
        if (Console.IsErrorRedirected)
        {
            work(_ => { });
            return;
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        console.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn())
            .Start(context =>
            {
                var task = context.AddTask("measuring the kernels", maxValue: 1);
                work(state =>
                {
                    task.Value = state.Share;
                    task.Description = $"{state.Tried} schedules of {state.Kernels} kernels, {state.Improved} faster";
                });
            });
    }
}
