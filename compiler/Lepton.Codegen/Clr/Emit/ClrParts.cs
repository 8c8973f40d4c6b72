using System.Reflection;
using System.Reflection.Emit;
using Lepton.Codegen.Llvm;
using Lepton.Kernels;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>What the methods of a module share.</summary>
/// <param name="Module">What is translated.</param>
/// <param name="Target">The width of vectors.</param>
/// <param name="Type">The class that holds the methods.</param>
/// <param name="Table">Where the kernels' addresses will stand.</param>
/// <param name="Constants">Where the constants lie.</param>
/// <param name="Profile">Every launch goes through the host, which learns the kernel's number.</param>
/// <param name="Shape">Lanes as such.</param>
/// <param name="Math">Functions of floats.</param>
internal sealed record ClrParts(KernelModule Module, CpuTarget Target, TypeBuilder Type, nint Table, nint[] Constants, bool Profile, LaneShape Shape, ClrMath Math)
{
    /// <summary>A method that is called as machine code is.</summary>
    public MethodBuilder Method(string name, Type result, params Type[] parameters)
    {
        var method = Type.DefineMethod(name, MethodAttributes.Public | MethodAttributes.Static, result, parameters);
        KernelIl.Mark(method);
        return method;
    }
}
