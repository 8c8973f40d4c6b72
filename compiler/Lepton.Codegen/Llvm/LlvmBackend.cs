using System.Globalization;
using System.Text;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Codegen.Llvm.Math;
using Lepton.Kernels;

namespace Lepton.Codegen.Llvm;

/// <summary>A kernel module as LLVM IR text: constants, kernels, the host programs of its entries, and the helpers that they call.</summary>
public static class LlvmBackend
{
    /// <summary>The module's text; the same for the same input, so that it is also the key of the object cache.</summary>
    /// <param name="module">What to translate.</param>
    /// <param name="target">What for.</param>
    /// <param name="fastMath">Allows instructions that change the last bits.</param>
    /// <param name="profile">Every launch goes through the host, which learns the kernel's number.</param>
    public static string Emit(KernelModule module, CpuTarget target, bool fastMath = false, bool profile = false)
    {
        var parts = new ModuleParts(target, fastMath);
        var text = new StringBuilder();
        text.Append("; ").Append(module.Name).Append(" for ").Append(target).Append('\n').Append(ContextLayout.Type).Append("\n\n");
        for (var i = 0; i < module.Constants.Count; i++)
        {
            Constant(text, i, module.Constants[i]);
        }

        text.Append(ContextLayout.Fail).Append(HostCode.LaunchHelper(profile));
        foreach (var kernel in module.Kernels)
        {
            text.Append(KernelCode.Define(kernel, parts)).Append('\n');
        }

        foreach (var entry in module.Entries)
        {
            text.Append(HostCode.Define(module, entry, profile)).Append('\n');
        }

        parts.Append(text);
        text.Append("declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1 immarg)\n");
        text.Append(MathLibrary.Metadata);
        return text.ToString();
    }

    private static void Constant(StringBuilder text, int number, ConstantData data)
    {
        text.Append(CultureInfo.InvariantCulture, $"@lep.constant.{number} = private unnamed_addr constant [{data.Bytes.Length} x i8] c\"");
        foreach (var b in data.Bytes)
        {
            text.Append('\\').Append(b.ToString("X2", CultureInfo.InvariantCulture));
        }

        text.Append("\", align 64\n");
    }
}
