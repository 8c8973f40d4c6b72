using System.Runtime.InteropServices;
using Lepton.Runtime.Devices;

namespace Lepton.Runtime.OpenCl;

/// <summary>No OpenCL on this machine, or no such device. The message says what to do.</summary>
public sealed class OpenClMissingException : LeptonException
{
    /// <summary>The command that installs the loader and PoCL, which runs OpenCL on the processor, on Debian and its kin.</summary>
    public const string InstallCommand = "apt-get install ocl-icd-libopencl1 pocl-opencl-icd";

    /// <summary>Makes the exception.</summary>
    public OpenClMissingException(string message)
        : base(message)
    {
    }
}

/// <summary>The library that finds the OpenCL drivers of this machine.</summary>
internal static partial class OpenClLibrary
{
    // _SC_NPROCESSORS_ONLN of Linux.
    private const int OnlineProcessors = 84;

    private static readonly string[] Files = OperatingSystem.IsWindows() ? ["OpenCL.dll"]
        : OperatingSystem.IsMacOS() ? ["/System/Library/Frameworks/OpenCL.framework/OpenCL"]
        : ["libOpenCL.so.1", "libOpenCL.so"];

    private static readonly Lazy<nint> Loaded = new(Find);

    /// <summary>0: there is none.</summary>
    internal static nint Handle => Loaded.Value;

    /// <exception cref="OpenClMissingException">There is none.</exception>
    internal static void Load()
    {
        if (Handle == 0)
        {
            throw new OpenClMissingException($"OpenCL was not found ({Named ?? Files[0]}); install it with a driver: {OpenClMissingException.InstallCommand}");
        }
    }

    private static string? Named => Environment.GetEnvironmentVariable("LEPTON_OPENCL") is { Length: > 0 } named ? named : null;

    private static nint Find()
    {
        var found = (Named is { } named ? [named] : Files).Select(f => NativeLibrary.TryLoad(f, out var handle) ? handle : 0).FirstOrDefault(h => h != 0);
        if (found != 0 && OperatingSystem.IsLinux())
        {
            LeaveSignalsAlone();
            KeepCompiledKernels();
            KeepThreadsApart();
        }

        return found;
    }

    // PoCL takes over the signal by which .NET learns of a division by zero, whose exception then ends the process instead. Our kernels never divide by
    // zero. A driver sees the environment of the C library, which .NET does not change.
    private static void LeaveSignalsAlone() => _ = SetEnvironment("POCL_SIGFPE_HANDLER", "0", 1);

    // PoCL compiles a kernel at its first launch, which takes up to a tenth of a second, and keeps the result where this variable says.
    private static void KeepCompiledKernels()
    {
        const string Variable = "POCL_CACHE_DIR";
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } || CacheFolder() is not { } folder)
        {
            return;
        }

        try
        {
            _ = SetEnvironment(Variable, Directory.CreateDirectory(Path.Combine(folder, "pocl")).FullName, 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It then keeps them where it likes.
        }
    }

    // PoCL has a thread for each core and wakes them together. While another device's thread was busy Linux puts two of them on one core, and leaves them
    // there for milliseconds: kernels of a placed run then take twice as long. So each has its core, where the process may use them all.
    private static void KeepThreadsApart()
    {
        if (CoreAffinity.Allowed().Count == GetConfiguration(OnlineProcessors))
        {
            _ = SetEnvironment("POCL_AFFINITY", "1", 0);
        }
    }

    // Where object code is kept too.
    private static string? CacheFolder()
    {
        if (Environment.GetEnvironmentVariable("LEPTON_CACHE") is { Length: > 0 } chosen)
        {
            return chosen == "off" ? null : chosen;
        }

        var xdg = Environment.GetEnvironmentVariable("XDG_CACHE_HOME") ?? "";
        var home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
        return Path.IsPathRooted(xdg) ? Path.Combine(xdg, "lepton") : home.Length > 0 ? Path.Combine(home, ".cache", "lepton") : null;
    }

    [LibraryImport("libc", EntryPoint = "sysconf")]
    private static partial nint GetConfiguration(int name);

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
