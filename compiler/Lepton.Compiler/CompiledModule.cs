using Lepton.Abi;
using Lepton.Kernels;

namespace Lepton.Compiler;

/// <summary>Machine code with what there is to know about it.</summary>
/// <param name="Manifest">What a runtime needs.</param>
/// <param name="Kernels">The kernels and host programs that it was made of, for explaining and counting.</param>
/// <param name="ObjectCode">A relocatable object.</param>
public sealed record CompiledModule(ModuleManifest Manifest, KernelModule Kernels, byte[] ObjectCode);
