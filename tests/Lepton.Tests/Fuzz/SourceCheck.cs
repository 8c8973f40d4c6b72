using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Building;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Tests.Fuzz.Programs;
using Lepton.Tests.House;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// One random program through everything: its source must parse, bind and build; the graph's interpreter must give what the program means by
/// definition; passes and machine code must keep that (<see cref="DifferentialCheck"/>). The formatter must keep the tree, and its own output;
/// the graph must read back from its text.
/// </summary>
internal static class SourceCheck
{
    private static readonly TextSourceLoader Loader = new(new Dictionary<string, string> { ["formats"] = File.ReadAllText(Repository.PathOf("stdlib", "formats.lep")) });

    /// <summary>Null when all is well, else what is wrong. Machine code is what takes most of the time.</summary>
    public static string? Run(SourceProgram program, bool withCode = true, StrategyCount? count = null)
    {
        var text = ProgramWriter.Write(program);
        try
        {
            return Run(program, text, withCode, count);
        }
        catch (Exception e) when (e is not MeaninglessException)
        {
            return $"{e.GetType().Name}: {e.Message}\n{e.StackTrace}";
        }
    }

    private static string? Run(SourceProgram program, string text, bool withCode, StrategyCount? count)
    {
        var report = new DiagnosticReport();
        var source = new SourceText("random.lep", text);
        var tree = Parser.Parse(source, report);
        var typed = Binder.Bind(tree, Loader, report);
        if (report.HasErrors)
        {
            return "refused: " + new DiagnosticPrinter().PrintAll(report.Diagnostics);
        }

        var graph = GraphBuilder.Build(typed, "main");
        GraphVerifier.Verify(graph);
        return Formatted(source, tree) ?? ReadBack(graph) ?? Numbers(program, graph, withCode, count);
    }

    private static string? Formatted(SourceText source, FileSyntax tree)
    {
        var report = new DiagnosticReport();
        var formatted = Formatter.Format(source, report);
        if (formatted is null || report.Diagnostics.Count > 0)
        {
            return "the formatter refuses it";
        }

        var again = new SourceText(source.Path, formatted);
        return TreePrinter.Print(Parser.Parse(again, report)) != TreePrinter.Print(tree) ? $"formatted, it is another program:\n{formatted}"
            : Formatter.Format(again, report) is var twice && twice != formatted ? $"formatted twice, it differs:\n{formatted}\n{twice}"
            : null;
    }

    private static string? ReadBack(Graph graph) =>
        GraphCompare.Same(graph, GraphText.Parse(GraphText.Print(graph))) ? null : $"its text is another graph:\n{GraphText.Print(graph)}";

    private static string? Numbers(SourceProgram program, Graph graph, bool withCode, StrategyCount? count)
    {
        IReadOnlyList<RandomValue>? expected = null;
        try
        {
            expected = Meaning.Run(program);
        }
        catch (OutsideException)
        {
            // Then the run has to fail, which DifferentialCheck holds passes and code to.
        }

        var values = program.Inputs.ToDictionary(i => i.Name, i => program.Values[i]);
        var inputs = graph.Inputs.Select(i => values[((InputNode)graph[i]).Label]).ToList();
        var sizes = graph.Dims.ToDictionary(d => d, d => program.Sizes[d]);
        var made = new RandomCase(program.Seed, graph, sizes, inputs, expected?.Select(e => e.Error).ToList() ?? [.. program.Outputs.Select(_ => 0.0)]);
        IReadOnlyList<TensorValue> actual;
        try
        {
            actual = made.Run();
        }
        catch (GraphRunException e)
        {
            return expected is null ? e.Error == GraphRunError.IndexOutOfRange ? DifferentialCheck.Run(made, withCode, count) : $"it fails otherwise: {e.Message}" : $"it fails: {e.Message}";
        }

        return expected is null ? "it does not fail"
            : made.Difference([.. expected.Select(e => e.Value)], actual) is { } difference ? "by definition " + difference
            : DifferentialCheck.Run(made, withCode, count);
    }
}
