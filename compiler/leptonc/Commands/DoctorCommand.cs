using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Llvm;

namespace Lepton.CommandLine.Commands;

/// <summary>Says which native parts are found, and how to get what is missing.</summary>
internal static class DoctorCommand
{
    public static Command Make()
    {
        var command = new Command("doctor", "Show which native parts are found, and how to install what is missing. Example: leptonc doctor");
        command.SetAction(_ =>
        {
            var missing = 0;
            Row("leptonc", $"{typeof(DoctorCommand).Assembly.GetName().Version} on {RuntimeInformation.FrameworkDescription}");
            Row("machine", $"{RuntimeInformation.OSDescription}, {RuntimeInformation.ProcessArchitecture}, {Environment.ProcessorCount} processors");
            try
            {
                var library = LlvmLibrary.Load();
                Row("LLVM", $"{library.Version}, {library.Path}");
                var host = HostCpu.Detect();
                Row("CPU", $"{host.Target.Cpu} ({host.Target.Level.ToString().ToLowerInvariant()})");
            }
            catch (LlvmMissingException)
            {
                missing++;
                Row("LLVM", $"missing; install it with: {LlvmMissingException.InstallCommand}");
            }

            Row("clr", $".NET's own compiler, {ClrModule.Target.Level.ToString().ToLowerInvariant()}; runs where LLVM is missing, or with --device clr");
            Row("cc", Which("cc") ?? $"missing; only leptonc build --shared needs it; install it with: {SharedLibrary.InstallCommand}");
            Row("cache", ObjectCache.OfUser()?.Folder ?? "none: no folder can be written; set LEPTON_CACHE");
            return missing == 0 ? 0 : Program.Wrong;
        });
        return command;
    }

    private static void Row(string name, string value) => Console.WriteLine($"{name,-8} {value}");

    private static string? Which(string program)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
    }
}
