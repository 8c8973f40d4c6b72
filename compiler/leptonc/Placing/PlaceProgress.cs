using Spectre.Console;

namespace Lepton.CommandLine.Placing;

/// <summary>A line on standard error while it is a terminal, with the gap as it falls; nothing otherwise.</summary>
internal sealed class PlaceProgress
{
    private readonly StatusContext? _status;

    private PlaceProgress(StatusContext? status) => _status = status;

    public static T Show<T>(Func<PlaceProgress, T> work)
    {
        if (Console.IsErrorRedirected)
        {
            return work(new PlaceProgress(null));
        }

        var console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return console.Status().Start("placing", context => work(new PlaceProgress(context)));
    }

    /// <summary>Null where nobody looks, so that nobody need speak.</summary>
    public Action<double, double>? Search => _status is null ? null : (value, bound) =>
    {
        var gap = double.IsFinite(value) && value > 0 ? Math.Max(0, (value - bound) / value) : double.NaN;
        _status.Status = double.IsNaN(gap) ? "placing: no plan yet" : $"placing: gap {Shown.Percent(gap)}";
    };

    public void Points(int count)
    {
        if (_status is not null)
        {
            _status.Status = $"front: {count} points";
        }
    }
}
