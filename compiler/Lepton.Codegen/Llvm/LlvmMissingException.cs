namespace Lepton.Codegen.Llvm;

/// <summary>No usable libLLVM on this machine. The message says what was tried and what to install.</summary>
public sealed class LlvmMissingException(string message) : Exception(message)
{
    /// <summary>The command that installs what is missing, on Debian and its kin.</summary>
    public const string InstallCommand = "apt-get install libllvm22";
}
