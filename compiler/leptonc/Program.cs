using Lepton.Language.Syntax;
using Lepton.Language.Text;
foreach (var f in args)
{
    var report = new DiagnosticReport();
    Parser.Parse(new SourceText(f, File.ReadAllText(f)), report);
    foreach (var d in report.Diagnostics) Console.WriteLine(d + (d.Help is null ? "" : " help: " + d.Help));
}
return 0;
