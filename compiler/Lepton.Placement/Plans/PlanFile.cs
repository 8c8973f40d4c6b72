using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Placement.Plans;

/// <summary>
/// A placement as a text that people can read, compare and keep beside the program.
/// <code>
/// lepton-plan 1
/// program mlp.lep
/// entry mlp B=32
/// machine edge.yaml #1f2e3d4c
/// times edge.costs #9a8b7c6d
/// objective minimize cost subject to time &lt;= 100 ms
/// status optimal, at least 0.00012 usd
/// time 1.234 ms
/// cost 0.00012 usd
///
/// contract_add_max_0 #5e0c1234 on server at 0 us
/// sum_2 #00c0ffee on laptop at 812.5 us
/// </code>
/// The line of times is there when some of them were measured; <c>fusion contractions alone</c> behind it when kernels were placed that fusion would join.
/// </summary>
/// <param name="Program">The file that was placed, without its folder.</param>
/// <param name="Dims">The sizes it was placed for, in the entry's order.</param>
/// <param name="Machine">The machine file, without its folder.</param>
/// <param name="MachineKey">Of the machine file's text: <see cref="KeyOf"/>.</param>
/// <param name="Objective">What was wanted, as a plan block says it.</param>
/// <param name="Status">How much is known about the plan.</param>
/// <param name="Seconds">Of one run, as planned, with what devices that share cores may add.</param>
/// <param name="Usd">Of one run, as planned.</param>
/// <param name="Groups">In the order of their starts.</param>
public sealed record PlanFile(
    string Program,
    string Entry,
    ValueList<(string Name, long Size)> Dims,
    string Machine,
    string MachineKey,
    string Objective,
    string Status,
    double Seconds,
    double Usd,
    ValueList<PlannedGroup> Groups)
{
    public const int Version = 1;
    public const string Ending = ".plan";
    internal const string AloneLine = "fusion contractions alone";

    /// <summary>The file of measured times (<see cref="Costs.LearnedCosts"/>), without its folder; null: all times are by formula.</summary>
    public string? Times { get; init; }

    /// <summary>Of the measured times among those that the plan was made from: <see cref="Plans.TimesKey"/>; null: there were none.</summary>
    public string? TimesKey { get; init; }

    /// <summary>The kernels are those of a program whose contractions are kernels without the elementwise work behind them.</summary>
    public bool ContractionsAlone { get; init; }

    /// <summary>Where lines were read, and the end of the text; null where the plan was made.</summary>
    public SourceSpan? MachinePlace { get; init; }

    /// <inheritdoc cref="MachinePlace"/>
    public SourceSpan? TimesPlace { get; init; }

    /// <inheritdoc cref="MachinePlace"/>
    public SourceSpan? EntryPlace { get; init; }

    /// <inheritdoc cref="MachinePlace"/>
    public SourceSpan? ObjectivePlace { get; init; }

    /// <inheritdoc cref="MachinePlace"/>
    public SourceSpan? End { get; init; }

    /// <summary>The plan of a text, or null with messages (LEP81xx) in the report.</summary>
    public static PlanFile? Read(SourceText source, DiagnosticReport report) => new PlanFileReader(source, report).Read();

    /// <summary>Eight digits that change when a text does; how its lines end does not count.</summary>
    public static string KeyOf(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ReplaceLineEndings("\n"))).AsSpan(0, 4));

    public string Print()
    {
        var text = new StringBuilder($"lepton-plan {Version}\nprogram {Program}\nentry {Entry}");
        foreach (var (name, size) in Dims)
        {
            text.Append(CultureInfo.InvariantCulture, $" {name}={size}");
        }

        text.Append($"\nmachine {Machine} #{MachineKey}\n");
        if (TimesKey is not null)
        {
            text.Append($"times {Times} #{TimesKey}\n");
        }

        if (ContractionsAlone)
        {
            text.Append(AloneLine).Append('\n');
        }

        text.Append($"objective {Objective}\nstatus {Status}\n");
        text.Append(CultureInfo.InvariantCulture, $"time {Seconds * 1e3:G6} ms\ncost {Usd:G6} usd\n\n");
        foreach (var group in Groups)
        {
            text.Append(CultureInfo.InvariantCulture, $"{group.Name} #{group.Key} on {group.Device} at {group.Start * 1e6:G9} us\n");
        }

        return text.ToString();
    }

    /// <summary>Writes it whole or not at all.</summary>
    public void Save(string path) => TextFile.Replace(path, Print());
}

/// <summary>One line of a plan.</summary>
/// <param name="Name">The group's name in the fused graph.</param>
/// <param name="Key">Eight digits that change when the group does.</param>
/// <param name="Device">As the machine file calls it.</param>
/// <param name="Start">Seconds from the start of the run, as planned.</param>
public sealed record PlannedGroup(string Name, string Key, string Device, double Start)
{
    /// <summary>Where it was read; null where it was made.</summary>
    public SourceSpan? Place { get; init; }
}
