using System.Diagnostics;
using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Compiler.Scheduling;
using Lepton.CommandLine.Commands;
using Lepton.Kernels;
using Lepton.Kernels.Scheduling;

namespace Lepton.CommandLine.Tuning;

/// <summary>What a search is at, for whoever shows it.</summary>
/// <param name="Share">Of the time, or of the work when that is over sooner.</param>
internal sealed record TuneState(double Share, int Kernels, int Tried, int Improved);

/// <summary>
/// Searches the schedules of an entry's kernels. Each gets its share of the time budget: as much of it as its time is of a run's.
/// </summary>
internal sealed class Tuner(Func<Schedules, KernelModule> lower, ScheduleFile? known, TuneSetting setting) : IDisposable
{
    private readonly Dictionary<string, (KernelSearch Search, double Weight)> _searches = [];
    private readonly Dictionary<string, double> _spent = [];

    /// <summary>How many schedules were measured.</summary>
    public int Tried => _searches.Values.Sum(s => s.Search.Tried);

    /// <summary>Goes on until the time is over, nothing is left to try, or it is cancelled. May be called again.</summary>
    public void Run(double seconds, Action<TuneState> show, CancellationToken cancel)
    {
        var start = Stopwatch.GetTimestamp();
        try
        {
            Discover(Show, cancel);
            while (Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
            {
                cancel.ThrowIfCancellationRequested();
                Show();
                var open = _searches.Values.Where(s => !s.Search.IsDone).ToArray();
                if (open.Length == 0)
                {
                    if (!Discover(Show, cancel))
                    {
                        break;
                    }

                    continue;
                }

                var (search, _) = open.MinBy(s => (_spent[s.Search.Key] / s.Weight, s.Search.Key));
                var before = Stopwatch.GetTimestamp();
                search.Step(Found(), cancel);
                _spent[search.Key] += Stopwatch.GetElapsedTime(before).TotalSeconds;
            }
        }
        catch (OperationCanceledException) when (cancel.IsCancellationRequested)
        {
            // What was found until now is kept.
        }

        void Show() => show(new TuneState(
            Math.Min(1, Stopwatch.GetElapsedTime(start).TotalSeconds / seconds), _searches.Count, Tried, _searches.Values.Count(s => s.Search.Best != s.Search.Model)));
    }

    /// <summary>What was found, checked once more (not when it was cancelled: then soon), for the kernels that the entry is made of then.</summary>
    public IReadOnlyList<ScheduledKernel> Results(CancellationToken cancel)
    {
        var kept = new Dictionary<string, ScheduledKernel>();
        foreach (var (search, _) in _searches.Values)
        {
            kept[search.Key] = cancel.IsCancellationRequested ? search.Result : search.Verdict(Found());
        }

        var schedules = new Schedules(kept.Values.Where(k => k.Choice is not null).ToDictionary(k => k.Key, k => k.Choice!));
        var asked = lower(schedules).Uses.Select(u => u.Key).ToHashSet();
        return [.. kept.Values.Where(k => asked.Contains(k.Key)).OrderBy(k => k.Key, StringComparer.Ordinal)];
    }

    public void Dispose()
    {
        foreach (var (search, _) in _searches.Values)
        {
            search.Dispose();
        }
    }

    // Searches for kernels that the entry asks for now and that have none yet: at first all; later those that an algorithm brought along.
    private bool Discover(Action show, CancellationToken cancel)
    {
        var module = lower(Found());
        var launches = new LaunchCounts(module).Of(module.Entries[0]).Where(l => l.Kernel.Use is not null)
            .GroupBy(l => l.Kernel.Use!.Key).ToDictionary(g => g.Key, g => g.Sum(l => l.Launches));
        var found = false;
        foreach (var use in module.Uses.Where(u => !_searches.ContainsKey(u.Key)))
        {
            cancel.ThrowIfCancellationRequested();
            var search = new KernelSearch(use, known?.Find(use.Key)?.Choice, setting);
            _searches[use.Key] = (search, Math.Max(1e-9, search.Seconds * launches.GetValueOrDefault(use.Key, 1)));
            _spent[use.Key] = 0;
            found = true;
            show();
        }

        return found;
    }

    private Schedules Found() =>
        new(_searches.Values.Where(s => s.Search.Best != s.Search.Model).ToDictionary(s => s.Search.Key, s => s.Search.Best));
}
