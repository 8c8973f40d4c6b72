using System.CommandLine;
using System.Diagnostics;
using System.Runtime.InteropServices;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Llvm;
using Lepton.Runtime.OpenCl;
using Lepton.Placement.Solver.Engines;

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
            OpenCl();
#if ILGPU
            foreach (var (name, model) in Runtime.Ilgpu.IlgpuDevice.All())
            {
                Row(name, $"{model}, by ILGPU");
            }
#endif
            Row("solver", CpEngines.Name(out var lacking) is { } solver ? $"{solver}; leptonc place proves its plans with it" : $"missing; only proofs of leptonc place need it: {lacking}");
            Row("cc", Which("cc") ?? $"missing; only leptonc build --shared needs it; install it with: {SharedLibrary.InstallCommand}");
            Row("cache", ObjectCache.OfUser()?.Folder ?? "none: no folder can be written; set LEPTON_CACHE");
            return missing == 0 ? 0 : Program.Wrong;
        });
        return command;
    }

    // It is a device that one may have, so that it is not missing.
    private static void OpenCl()
    {
        if (OpenClDevice.All.Count == 0)
        {
            Row("opencl", $"no device; PoCL runs OpenCL on the processor; to install it: {OpenClMissingException.InstallCommand}");
        }

        foreach (var device in OpenClDevice.All)
        {
            var memory = device.SharesMemory ? "works in the host's memory" : $"{device.MemoryBytes / (1L << 20)} MiB";
            Row(device.Name, $"{device.Model}, {device.Platform}: {memory}{(device.HasDoubles ? "" : ", no f64")}");
        }
    }

    private static void Row(string name, string value) => Console.WriteLine($"{name,-9} {value}");

    private static string? Which(string program)
    {
        var folders = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        return folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists);
    }
}
