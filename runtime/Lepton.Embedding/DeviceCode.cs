using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Kernels;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Lepton.Runtime.OpenCl;

namespace Lepton.Embedding;

/// <summary>Kernels and host programs as a module that runs in this process, on the kind of device that the compilation is for.</summary>
public static class DeviceCode
{
    /// <summary>Makes the code. Dispose the module.</summary>
    /// <param name="compilation">Says how: its device, target and cache.</param>
    /// <param name="kernels">What <see cref="Compilation.Lower(string, IReadOnlyList{Graphs.FusedGraph}, IReadOnlyDictionary{string, long}?)"/> gave.</param>
    /// <param name="device">Where it is to run; null: any device of that kind.</param>
    public static Module Load(Compilation compilation, KernelModule kernels, Device? device = null)
    {
        if (compilation.Device == CodeDevice.OpenCl)
        {
            return device is OpenClExecutor executor
                ? LoadOpenCl(executor.Session, compilation, kernels, ownsSession: false)
                : LoadOpenCl(new OpenClSession(OpenClDevice.Get(compilation.DeviceNumber)), compilation, kernels, ownsSession: true);
        }

#if ILGPU
        if (compilation.Device == CodeDevice.Ilgpu)
        {
            var methods = IlgpuPrograms.Build(compilation, kernels);
            return Module.FromPrograms(compilation.Manifest(kernels), e => methods[e.Symbol], methods);
        }
#endif

        (Func<string, nint> Lookup, IDisposable Owner) code;
        if (compilation.Device == CodeDevice.Clr)
        {
            var methods = compilation.CompileMethods(kernels);
            code = (methods.Lookup, methods);
        }
        else
        {
            var linked = JitModule.Link(compilation.CompileParts(kernels));
            code = (linked.Lookup, linked);
        }

        try
        {
            return Module.FromAddresses(compilation.Manifest(kernels), code.Lookup, code.Owner);
        }
        catch
        {
            code.Owner.Dispose();
            throw;
        }
    }

    private static Module LoadOpenCl(OpenClSession session, Compilation compilation, KernelModule kernels, bool ownsSession)
    {
        OpenClModule? built = null;
        try
        {
            built = OpenClCode.Build(session, compilation, kernels);
            return Module.FromPrograms(compilation.Manifest(kernels), e => built[e.Symbol], ownsSession ? new Owned(built, session) : built);
        }
        catch
        {
            built?.Dispose();
            if (ownsSession)
            {
                session.Dispose();
            }

            throw;
        }
    }

    private sealed class Owned(OpenClModule module, OpenClSession session) : IKeepsMemory, IDisposable
    {
        public long ReservedBytes => session.ReservedBytes;

        public void Trim() => session.Trim();

        public void Dispose()
        {
            module.Dispose();
            session.Dispose();
        }
    }
}
