#if ILGPU
using Lepton.Codegen.Ilgpu;
using Lepton.Compiler;
using Lepton.Kernels;
using Lepton.Runtime;
using Lepton.Runtime.Ilgpu;

namespace Lepton.Embedding;

/// <summary>Kernels as methods that ILGPU compiles for a device of its own.</summary>
public static class IlgpuPrograms
{
    /// <summary>Translates kernels, and brings them to the device that the compilation is for. Dispose the module.</summary>
    /// <exception cref="IlgpuMissingException">There is no such device.</exception>
    /// <exception cref="LeptonRunException">It failed.</exception>
    public static IlgpuModule Build(Compilation compilation, KernelModule kernels)
    {
        var code = IlgpuCode.Emit(kernels);
        return new IlgpuModule(IlgpuDevice.Get(compilation.DeviceName ?? "ilgpu"), code.Host, code.Kernels);
    }
}
#endif
