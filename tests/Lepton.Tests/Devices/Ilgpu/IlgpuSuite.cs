#if ILGPU
using Lepton.Codegen.Llvm;
using Lepton.Compiler;
using Lepton.Runtime.Devices;

namespace Lepton.Tests.Devices.Ilgpu;

/// <summary>The suite on ILGPU's device for the processor.</summary>
[Collection("ilgpu")]
public sealed class IlgpuSuite : DeviceSuite
{
    protected override CompileOptions Options => new() { Device = CodeDevice.Ilgpu, DeviceName = "ilgpu:cpu", Target = CpuTarget.Sse2 };

    protected override Device Open(string name) => new HostDevice(name, "ilgpu", threads: 2);
}
#endif
