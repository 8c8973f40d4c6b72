using Lepton.Abi;
using Lepton.Compiler.Scheduling;
using Lepton.Graphs;
using Lepton.Kernels.Scheduling;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Tuning;

/// <summary>
/// The search for one kernel's schedule: from the best so far to one near it that is clearly faster, until none is. Every candidate must give
/// what the model's choice gives: the same bits, or (an algorithm that rounds differently) nearly the same numbers.
/// </summary>
internal sealed class KernelSearch : IDisposable
{
    private const int Rounds = 15;
    private const double RoundsSeconds = 0.25;
    private const int LastRounds = 41;
    private const double LastSeconds = 1;

    // Of results that are rounded differently: how far apart, relative to the largest, and how many decisions (signs, positions) may be others.
    private const double Tolerance = 1e-3;
    private const double Outliers = 0.01;

    private readonly ScheduleUse _use;
    private readonly TuneSetting _setting;
    private readonly KernelTensors _tensors;
    private readonly byte[][] _expected;
    private readonly HashSet<Choice> _tried = [];
    private readonly Random _random = new(1);
    private readonly Queue<Choice> _open = new();
    private Candidate _best;

    // What the best takes of the model's time, as the duels that it came from say.
    private double _share = 1;

    /// <param name="use">The kernel.</param>
    /// <param name="first">A choice to try first, or null.</param>
    /// <param name="setting">How it is run.</param>
    public KernelSearch(ScheduleUse use, Choice? first, TuneSetting setting)
    {
        (_use, _setting, Best) = (use, setting, use.Space.Model);
        _tensors = new KernelTensors(use.Alone.Graph);
        _best = Make(Best, Schedules.None);
        _best.Run();
        _expected = [.. _tensors.Results.Select(r => r.AsBytes().ToArray())];
        (_, Seconds, _) = Duel.Of(_best.Run, _best.Run, 5, RoundsSeconds, default);
        _tried.Add(Best);
        if (first is not null && use.Space.Problem(first) is null)
        {
            _open.Enqueue(first);
        }

        Enqueue();
    }

    public string Key => _use.Key;

    public Choice Best { get; private set; }

    public Choice Model => _use.Space.Model;

    /// <summary>Of one run as the model says.</summary>
    public double Seconds { get; }

    /// <summary>How many choices were measured.</summary>
    public int Tried => _tried.Count;

    /// <summary>Whether nothing near the best is left to try.</summary>
    public bool IsDone => _open.Count == 0;

    /// <summary>Tries one more choice.</summary>
    /// <param name="others">What was found for other kernels; one of them may be within this.</param>
    /// <param name="cancel">Ends it in the middle.</param>
    public void Step(Schedules others, CancellationToken cancel)
    {
        var choice = _open.Dequeue();
        _tried.Add(choice);
        var candidate = Make(choice, others);
        try
        {
            candidate.Run();
            Check(choice);
            var (_, _, shares) = Duel.Of(candidate.Run, _best.Run, Rounds, RoundsSeconds, cancel);
            if (Duel.IsClearlyFaster(shares))
            {
                (Best, _best, candidate) = (choice, candidate, _best);
                _share *= Duel.Median(shares);
                _open.Clear();
                Enqueue();
            }
        }
        finally
        {
            candidate.Dispose();
        }
    }

    /// <summary>The best against the model's choice once more, longer; what is not clearly faster then is not kept.</summary>
    public ScheduledKernel Verdict(Schedules others)
    {
        if (Best == Model)
        {
            return Result;
        }

        using var model = Make(Model, others);
        var (best, modelSeconds, shares) = Duel.Of(_best.Run, model.Run, LastRounds, LastSeconds, CancellationToken.None);
        return Duel.IsClearlyFaster(shares) ? new(Key, Best, best, modelSeconds) : new(Key, null, modelSeconds, modelSeconds);
    }

    /// <summary>What was found until now.</summary>
    public ScheduledKernel Result => new(Key, Best == Model ? null : Best, Seconds * _share, Seconds);

    public void Dispose()
    {
        _best.Dispose();
        _tensors.Dispose();
    }

    private Candidate Make(Choice choice, Schedules others) => new(_use.Alone, others.With(_use.Key, choice), _tensors, _setting);

    private void Enqueue()
    {
        var near = _use.Space.Near(Best).Where(c => !_tried.Contains(c) && _use.Space.Problem(c) is null).Except(_open).ToArray();
        _random.Shuffle(near);
        Array.ForEach(near, _open.Enqueue);
    }

    private void Check(Choice choice)
    {
        var isExact = _use.Space.IsExact(choice) && _use.Space.IsExact(Model) && !_setting.FastMath;
        foreach (var (i, result) in _tensors.Results.Index())
        {
            if (isExact ? !result.AsBytes().SequenceEqual(_expected[i]) : !IsNear(result, _expected[i]))
            {
                throw new CompilerBugException(
                    "kernels", $"the schedule '{choice}' of the kernel '{_use.Key}' gives other results than the model's, '{Model}'; its program is\n{GraphText.Print(_use.Alone.Graph)}");
            }
        }
    }

    private static bool IsNear(Tensor actual, byte[] expected)
    {
        using var wanted = Tensor.Allocate(actual.Element, actual.Shape);
        expected.CopyTo(wanted.AsBytes());
        using var a = actual.ConvertTo(ElementType.F64);
        using var b = wanted.ConvertTo(ElementType.F64);
        var (largest, apart) = (1.0, 0L);
        var got = a.AsSpan<double>();
        var want = b.AsSpan<double>();
        foreach (var value in want)
        {
            largest = double.IsFinite(value) ? Math.Max(largest, Math.Abs(value)) : largest;
        }

        for (var i = 0; i < got.Length; i++)
        {
            apart += got[i].Equals(want[i]) || Math.Abs(got[i] - want[i]) <= Tolerance * largest ? 0 : 1;
        }

        return apart <= Outliers * got.Length;
    }
}
