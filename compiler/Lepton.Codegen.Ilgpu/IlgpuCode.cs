using System.Reflection;
using System.Reflection.Emit;
using Lepton.Abi.Devices;
using Lepton.Codegen.Ilgpu.Emit;
using Lepton.Codegen.OpenCl;
using Lepton.Kernels;

namespace Lepton.Codegen.Ilgpu;

/// <summary>
/// A module for ILGPU: the host's part as steps, and of each kernel a static method that ILGPU compiles for its device. In this order a method takes
/// <code>
/// Index1D                      work-item i runs chunk first + i
/// for each buffer              ArrayView of its elements: bool as byte, f16 and bf16 as short
/// for each size variable       long
/// ArrayView of byte            scratch memory: ScratchBytes for each work-item
/// ArrayView of long            { lock, error, site, element, value, bound }: see NativeContext
/// long                         first
/// </code>
/// </summary>
/// <param name="Host">The entries; of its kernels nothing is source text.</param>
/// <param name="Kernels">The methods, in the order of the kernels.</param>
public sealed record IlgpuCode(DeviceModule Host, IReadOnlyList<MethodInfo> Kernels)
{
    /// <summary>Translates a module. The methods live in an assembly of their own, which goes when nobody uses them any more.</summary>
    public static IlgpuCode Emit(KernelModule module)
    {
        var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("lepton.ilgpu." + module.Name), AssemblyBuilderAccess.RunAndCollect);
        var type = assembly.DefineDynamicModule("kernels").DefineType("Kernels", TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
        var math = new ScalarMath(type);
        var kernels = module.Kernels.Select((k, i) => KernelIl.Define(type, k, i, math)).ToList();
        var made = type.CreateType();
        return new IlgpuCode(DeviceSteps.Of(module, "", kernels), [.. kernels.Select(k => made.GetMethod(k.Name)!)]);
    }
}
