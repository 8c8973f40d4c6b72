using System.Runtime.InteropServices;

namespace Lepton.Codegen.Llvm;

/// <summary>The libLLVM of this process: found once, by Debian's file names, newest first; the environment variable LEPTON_LLVM overrides.</summary>
/// <param name="Path">What was loaded: a file name for the system's search, or the path in LEPTON_LLVM.</param>
/// <param name="Version">Such as 22.1.0.</param>
public sealed record LlvmLibrary(nint Handle, string Path, Version Version)
{
    private const string Variable = "LEPTON_LLVM";
    private const int OldestMajor = 19;
    private const int NewestMajor = 22;

    private static readonly Lock Guard = new();
    private static LlvmLibrary? _loaded;

    /// <summary>Finds and loads the library and prepares its x86 target. Throws <see cref="LlvmMissingException"/>; a later call tries anew.</summary>
    public static LlvmLibrary Load()
    {
        lock (Guard)
        {
            return _loaded ??= Find();
        }
    }

    /// <summary>The major version names that are looked for, newest first: <c>libLLVM.so.22.1</c>, <c>libLLVM-22.so.1</c>, …</summary>
    public static IEnumerable<string> Names()
    {
        for (var major = NewestMajor; major >= OldestMajor; major--)
        {
            yield return $"libLLVM.so.{major}.1";
            yield return $"libLLVM-{major}.so.1";
            yield return $"libLLVM-{major}.so";
        }
    }

    private static LlvmLibrary Find()
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            throw new LlvmMissingException("Native code is made for x86-64 Linux only; use --device interpreter here.");
        }

        var wanted = Environment.GetEnvironmentVariable(Variable);
        foreach (var name in string.IsNullOrEmpty(wanted) ? Names() : [wanted])
        {
            if (NativeLibrary.TryLoad(name, out var handle))
            {
                return Check(handle, name);
            }
        }

        throw new LlvmMissingException(string.IsNullOrEmpty(wanted)
            ? $"libLLVM {OldestMajor} to {NewestMajor} was not found. Install it: {LlvmMissingException.InstallCommand}"
            : $"{Variable} is '{wanted}', which cannot be loaded. Unset it, or install libLLVM: {LlvmMissingException.InstallCommand}");
    }

    private static unsafe LlvmLibrary Check(nint handle, string name)
    {
        // By pointer, not through the binding: the binding's resolver waits for what we are about to answer.
        if (!NativeLibrary.TryGetExport(handle, "LLVMGetVersion", out var address))
        {
            throw new LlvmMissingException($"{name} is not a libLLVM ({OldestMajor} or newer). Install one: {LlvmMissingException.InstallCommand}");
        }

        uint major, minor, patch;
        ((delegate* unmanaged<uint*, uint*, uint*, void>)address)(&major, &minor, &patch);
        if (major < OldestMajor)
        {
            throw new LlvmMissingException($"{name} is LLVM {major}; {OldestMajor} or newer is needed. Install it: {LlvmMissingException.InstallCommand}");
        }

        foreach (var part in (string[])["TargetInfo", "Target", "TargetMC", "AsmPrinter"])
        {
            if (!NativeLibrary.TryGetExport(handle, "LLVMInitializeX86" + part, out var initialize))
            {
                throw new LlvmMissingException($"{name} was built without the x86 target. Install one that has it: {LlvmMissingException.InstallCommand}");
            }

            ((delegate* unmanaged<void>)initialize)();
        }

#if OFFICIAL_PACKAGES
        LLVM.ResolveLibrary += (library, _, _) => library == "libLLVM" ? handle : 0;
#endif
        return new LlvmLibrary(handle, name, new Version((int)major, (int)minor, (int)patch));
    }
}
