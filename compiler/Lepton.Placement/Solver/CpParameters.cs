using System.Globalization;
using Google.Protobuf;

namespace Lepton.Placement.Solver;

/// <summary>
/// How the solver works; a subset of SatParameters, with its names. One part of the presolve of CP-SAT 9.15, which merges a linear constraint with an
/// at-most-one inside it, loses solutions (google/or-tools, issue 5293; it called a pipeline of 176 nodes infeasible whose hint was a solution). It is
/// always off: presolve_inclusion_work_limit = 0.
/// </summary>
public sealed record CpParameters
{
    /// <summary>Seconds of wall time after which the best solution so far is the answer.</summary>
    public double MaxSeconds { get; init; } = 10;

    /// <summary>The same in the solver's own count of its work, which is the same on every run; null for no limit.</summary>
    public double? MaxDeterministicTime { get; init; }

    public int Workers { get; init; } = 1;

    public int Seed { get; init; } = 1;

    /// <summary>0: no linear relaxation (searches fast), 1: the usual, 2: everything that can be linear is (proves).</summary>
    public int LinearizationLevel { get; init; } = 1;

    /// <summary>Stop when (objective - bound) / objective falls below it.</summary>
    public double RelativeGap { get; init; }

    /// <summary>0 leaves probing before the search out.</summary>
    public int? ProbingLevel { get; init; }

    /// <summary>Looks for solutions at the bound first and, as there are none, above it: the bound rises step by step.</summary>
    public bool FromBound { get; init; }

    /// <summary>False leaves out all simplification before the search.</summary>
    public bool Presolve { get; init; } = true;

    /// <summary>The presolve may not leave out solutions only because others are as good.</summary>
    public bool KeepAllSolutions { get; init; }

    /// <summary>Lines about its progress, for those who watch.</summary>
    public bool Log { get; init; }

    // One table for both forms.
    private IEnumerable<(int Field, string Name, object Value)> Fields()
    {
        yield return (31, "random_seed", Seed);
        yield return (36, "max_time_in_seconds", MaxSeconds);
        if (Log)
        {
            yield return (41, "log_search_progress", true);
        }

        if (MaxDeterministicTime is { } deterministic)
        {
            yield return (67, "max_deterministic_time", deterministic);
        }

        yield return (86, "cp_model_presolve", Presolve);
        yield return (90, "linearization_level", LinearizationLevel);
        if (ProbingLevel is { } probing)
        {
            yield return (110, "cp_model_probing_level", probing);
        }

        yield return (160, "relative_gap_limit", RelativeGap);
        yield return (173, "keep_all_feasible_solutions_in_presolve", KeepAllSolutions);
        yield return (201, "presolve_inclusion_work_limit", 0); // See the remark on the class.
        yield return (206, "num_workers", Workers);
        yield return (228, "use_objective_lb_search", FromBound);
    }

    /// <summary>The bytes of a SatParameters message.</summary>
    public byte[] Encode()
    {
        using var bytes = new MemoryStream();
        using (var o = new CodedOutputStream(bytes, leaveOpen: true))
        {
            foreach (var (field, _, value) in Fields())
            {
                o.WriteTag(field, value is double ? WireFormat.WireType.Fixed64 : WireFormat.WireType.Varint);
                switch (value)
                {
                    case double v: o.WriteDouble(v); break;
                    case bool v: o.WriteBool(v); break;
                    case int v: o.WriteInt32(v); break;
                }
            }
        }

        return bytes.ToArray();
    }

    /// <summary>The same in the text form of protocol buffers.</summary>
    public string ToText() => string.Join(' ', Fields().Select(f => $"{f.Name}:{Text(f.Value)}"));

    private static string Text(object value) => value switch
    {
        double v => v.ToString("R", CultureInfo.InvariantCulture),
        bool v => v ? "true" : "false",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };
}
