using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Embedding;

/// <summary>A program does not compile. <see cref="Exception.Message"/> shows every diagnostic with its place, as the command line would.</summary>
public sealed class LeptonCompileException(IEnumerable<Diagnostic> diagnostics) : Exception(new DiagnosticPrinter().PrintAll(diagnostics))
{
    /// <summary>All messages, sorted by place.</summary>
    public ValueList<Diagnostic> Diagnostics { get; } = DiagnosticPrinter.Sorted(diagnostics).ToValueList();
}
