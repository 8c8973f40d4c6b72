using System.CommandLine;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.CommandLine.Commands;

/// <summary>Formats files in the one style.</summary>
internal static class FmtCommand
{
    public static Command Make()
    {
        var files = new Argument<string[]>("FILE") { Description = "The .lep files; - formats standard input to standard output.", Arity = ArgumentArity.OneOrMore };
        var check = new Option<bool>("--check") { Description = "Change nothing; exit with 1 when a file is not formatted." };
        var command = new Command("fmt", "Format .lep files in place. Example: leptonc fmt mlp.lep") { files, check };
        command.SetAction(parsed =>
        {
            var bad = 0;
            foreach (var file in parsed.GetValue(files)!)
            {
                var source = Source.Read(file);
                var report = new DiagnosticReport();
                var formatted = Formatter.Format(source, report);
                Source.Print(report);
                if (formatted is null)
                {
                    bad++; // it does not parse; nothing is written
                }
                else if (file == "-")
                {
                    Console.Out.Write(formatted);
                }
                else if (formatted != source.Text)
                {
                    Console.WriteLine(parsed.GetValue(check) ? $"{file}: not formatted" : $"{file}: formatted");
                    if (parsed.GetValue(check))
                    {
                        bad++;
                    }
                    else
                    {
                        TextFile.Replace(file, formatted);
                    }
                }
            }

            return bad == 0 ? 0 : Program.Wrong;
        });
        return command;
    }
}
