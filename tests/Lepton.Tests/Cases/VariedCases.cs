using System.Text.RegularExpressions;
using Lepton.Compiler;
using Lepton.Language.Text;
using Lepton.Optimizer;
using Lepton.Tests.Fuzz;
using Lepton.Tests.House;

namespace Lepton.Tests.Cases;

/// <summary>
/// The right programs of tests/cases in other ways: arguments, parameters and results in random formats (the meaning of a program does not depend
/// on them); without one of the passes; with <see cref="ForcedChoices"/>. Which of these, follows from a seed. Every eighth file by one seed;
/// LEPTON_VARIED_ROUNDS=n: all files by n seeds, from LEPTON_VARIED_SEED on.
/// </summary>
public sealed partial class VariedCases
{
    // By rank; the last ones are declared here.
    private static readonly string[][] Formats = [[], ["coo", "csf"], ["csr", "csc", "coo", "dcsr", "csf", "sorted"], ["csf", "coo", "middle"], ["csf", "coo"]];

    private static readonly Dictionary<string, string> Declarations = new()
    {
        ["sorted"] = "format sorted[i, j]: i64 = j: compressed, i: compressed",
        ["middle"] = "format middle[i, j, k] = j: dense, k: compressed, i: compressed",
    };

    public static TheoryData<string, int> Rounds()
    {
        var files = RunCases.Names().Where(f => !f.StartsWith("sparse", StringComparison.Ordinal)).ToList();
        var rounds = int.Parse(Environment.GetEnvironmentVariable("LEPTON_VARIED_ROUNDS") ?? "0");
        var first = int.Parse(Environment.GetEnvironmentVariable("LEPTON_VARIED_SEED") ?? "1");
        var all = new TheoryData<string, int>();
        for (var seed = first; seed < first + Math.Max(1, rounds); seed++)
        {
            foreach (var file in files.Where((_, i) => rounds > 0 || i % 8 == 0))
            {
                all.Add(file, seed);
            }
        }

        return all;
    }

    [Theory]
    [MemberData(nameof(Rounds))]
    public void Give_the_same_results(string file, int seed)
    {
        var random = new Random(seed + (int)file.Sum(c => (long)c));
        var path = Path.Combine("tests", "cases", file);
        var text = WithFormats(File.ReadAllText(Repository.PathOf(path)), random);
        var pass = GraphPasses.Names[random.Next(GraphPasses.Names.Count)];
        var isForced = random.Next(2) == 0;
        var options = new CompileOptions { Verify = true };
        options = random.Next(2) == 0 ? options : options with { Skip = new HashSet<string> { pass } };
        var compilation = Compilation.Of(new SourceText(path, text), options);
        Assert.True(compilation.Program is not null, new DiagnosticPrinter().PrintAll(compilation.Report.Diagnostics));
        var check = new CaseCheck(compilation, CaseFile.Of(path, text)!)
        {
            Choices = usual => isForced ? ForcedChoices.Of(usual, seed, allowsWinograd: false) : usual,
        };
        var problems = check.Run();
        Assert.True(problems.Count == 0, $"{string.Join('\n', problems)}\n{(isForced ? "forced" : "usual")} choices, without [{string.Join(", ", options.Skip)}]\n\n{text}");
    }

    // What a file counts (kernels, launches) may change with the formats: those lines are left out.
    private static string WithFormats(string text, Random random)
    {
        var used = new HashSet<string>();
        var lines = text.Split('\n').Where(l => !l.StartsWith("// count:", StringComparison.Ordinal)).Select(line =>
            line.StartsWith("fn ", StringComparison.Ordinal) || (line.StartsWith("param ", StringComparison.Ordinal) && !text.Contains("\n  precision ", StringComparison.Ordinal))
                ? Tensors().Replace(line, Stored)
                : line).ToList();
        return string.Join('\n', lines) + string.Concat(Declarations.Where(d => used.Contains(d.Key)).Select(d => $"\n{d.Value}\n"));

        string Stored(Match match)
        {
            var rank = match.Groups["shape"].Value.Split(',').Length;
            if (rank >= Formats.Length || match.Value.Contains("...", StringComparison.Ordinal) || random.Next(3) == 0)
            {
                return match.Value;
            }

            var format = Formats[rank][random.Next(Formats[rank].Length)];
            used.Add(format);
            return $"{match.Value} in {format}";
        }
    }

    // A tensor's type with no format, of an argument, a result or a parameter.
    [GeneratedRegex(@": (f64|f32|f16|bf16|i64|i32|i16|i8|u8|bool)\[(?<shape>[^\]]+)\](?=,|\)| +~)")]
    private static partial Regex Tensors();
}
