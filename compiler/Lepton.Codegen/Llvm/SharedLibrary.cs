using System.ComponentModel;
using System.Diagnostics;

namespace Lepton.Codegen.Llvm;

/// <summary>An object made into a shared library by the system's C compiler driver, <c>cc</c>.</summary>
public static class SharedLibrary
{
    public const string InstallCommand = "apt-get install gcc";

    /// <summary>Links <paramref name="objectPath"/> into <paramref name="libraryPath"/>. Null, or a message for the user when it cannot.</summary>
    public static string? Link(string objectPath, string libraryPath)
    {
        // CC is the customary way to name another compiler.
        var cc = Environment.GetEnvironmentVariable("CC") is { Length: > 0 } named ? named : "cc";
        var start = new ProcessStartInfo(cc) { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])["-shared", "-o", libraryPath, objectPath])
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            using var process = Process.Start(start)!;
            var output = process.StandardOutput.ReadToEndAsync();
            var errors = process.StandardError.ReadToEnd() + output.Result;
            process.WaitForExit();
            return process.ExitCode == 0 ? null : $"{cc} could not link {libraryPath}: {errors.Trim()}";
        }
        catch (Win32Exception e)
        {
            return $"a shared library needs a C compiler, and '{cc}' cannot be started ({e.Message}); install one: {InstallCommand}";
        }
    }
}
