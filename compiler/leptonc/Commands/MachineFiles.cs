using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;

namespace Lepton.CommandLine.Commands;

/// <summary>Machine files and the times that belong to them, as commands take them.</summary>
internal static class MachineFiles
{
    /// <summary>The machine of a file; prints the messages and stops when it has errors.</summary>
    public static Machine Read(string path) => Stop(Source.Read(path), MachineFile.Read)!;

    /// <summary>The times of a file; empty when there is none.</summary>
    public static LearnedCosts Costs(string path) => File.Exists(path) ? Stop(Source.Read(path), LearnedCosts.Read) : LearnedCosts.Empty;

    /// <summary>The cost model of a machine file, with what was learned for it.</summary>
    /// <param name="machine">The machine file.</param>
    /// <param name="costs">The file of measured times; null: the one beside it.</param>
    public static CostModel Model(string machine, string? costs = null) => new(Read(machine), Costs(costs ?? LearnedCosts.PathFor(machine)));

    private static T Stop<T>(SourceText source, Func<SourceText, DiagnosticReport, T> read)
    {
        var report = new DiagnosticReport();
        var result = read(source, report);
        Source.Print(report);
        return report.HasErrors ? throw new UserException("") : result;
    }
}
