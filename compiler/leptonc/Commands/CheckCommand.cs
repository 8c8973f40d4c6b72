using System.CommandLine;
using Lepton.Compiler;
using Lepton.Language.Text;

namespace Lepton.CommandLine.Commands;

/// <summary>Finds all mistakes of some files.</summary>
internal static class CheckCommand
{
    public static Command Make()
    {
        var files = new Argument<string[]>("FILE") { Description = "The .lep files.", Arity = ArgumentArity.OneOrMore };
        var json = new Option<bool>("--json") { Description = "Print the messages as JSON." };
        var command = new Command("check", "Report all mistakes of .lep files. Example: leptonc check mlp.lep") { files, json };
        command.SetAction(parsed =>
        {
            var bad = 0;
            var all = new List<Diagnostic>();
            foreach (var file in parsed.GetValue(files)!)
            {
                var compilation = Compilation.Of(Source.Read(file));
                all.AddRange(compilation.Report.Diagnostics);
                bad += compilation.Report.HasErrors ? 1 : 0;
                if (!parsed.GetValue(json))
                {
                    Source.Print(compilation.Report);
                    if (!compilation.Report.HasErrors)
                    {
                        Console.WriteLine($"{file}: good; entries: {(compilation.Entries.Count == 0 ? "none" : string.Join(", ", compilation.Entries))}");
                    }
                }
            }

            if (parsed.GetValue(json))
            {
                Console.WriteLine(DiagnosticJson.Print(all));
            }

            return bad == 0 ? 0 : Program.Wrong;
        });
        return command;
    }
}
