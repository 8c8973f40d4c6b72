using Lepton.Codegen.Llvm;
using Lepton.Codegen.OpenCl;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;

namespace Lepton.Embedding;

/// <summary>What an OpenCL device of this machine is to the compiler, and kernels built for it.</summary>
public static class OpenClCode
{
    /// <summary>How to compile for a device of this machine.</summary>
    /// <param name="options">All that does not depend on the device; a target that is null is what the device has.</param>
    /// <param name="number">Which device.</param>
    /// <exception cref="OpenClMissingException">There is none of that number.</exception>
    public static CompileOptions For(CompileOptions options, int number)
    {
        var device = OpenClDevice.Get(number);
        var vectors = device.VectorBytes >= 64 ? CpuTarget.Avx512 : device.VectorBytes >= 32 ? CpuTarget.Avx2 : CpuTarget.Sse2;
        return options with
        {
            Device = CodeDevice.OpenCl,
            DeviceNumber = number,
            Target = options.Target ?? vectors,
            OpenCl = (device.IsCpu ? OpenClTarget.Cpu : OpenClTarget.Gpu) with { HasFma = device.HasFma },
            Cache = null,
        };
    }

    /// <summary>Builds kernels for the device of a session. Dispose the module before the session.</summary>
    /// <exception cref="CompilerBugException">The driver does not take what the compiler wrote.</exception>
    /// <exception cref="LeptonRunException">The device has no 64-bit numbers, and they are needed; or it failed.</exception>
    public static OpenClModule Build(OpenClSession session, Compilation compilation, KernelModule kernels)
    {
        var code = compilation.CompileOpenCl(kernels, out var needsDoubles);
        if (needsDoubles && !session.Device.HasDoubles)
        {
            throw new LeptonRunException($"device {session.Device} has no 64-bit floating point, and {kernels.Name} computes in f64") { Device = session.Device.Name };
        }

        try
        {
            return session.Build(code);
        }
        catch (OpenClBuildException e)
        {
            throw new CompilerBugException("opencl", e.Message, e);
        }
    }
}
