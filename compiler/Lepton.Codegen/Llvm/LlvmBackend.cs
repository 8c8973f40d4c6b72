using System.Globalization;
using System.Text;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Codegen.Llvm.Math;
using Lepton.Kernels;

namespace Lepton.Codegen.Llvm;

/// <summary>A kernel module as LLVM IR text: constants, kernels, the host programs of its entries, and the helpers that they call.</summary>
public static class LlvmBackend
{
    // LLVM takes some 3 ms for 1,000 characters of a kernel, and less than that for one module more.
    private const int PartLength = 48_000;
    private const int LargeModule = 8;

    /// <summary>The module's text; the same for the same input, so that it is also the key of the object cache.</summary>
    /// <param name="module">What to translate.</param>
    /// <param name="target">What for.</param>
    /// <param name="fastMath">Allows instructions that change the last bits.</param>
    /// <param name="profile">Every launch goes through the host, which learns the kernel's number.</param>
    public static string Emit(KernelModule module, CpuTarget target, bool fastMath = false, bool profile = false)
    {
        var parts = new ModuleParts(target, fastMath);
        var text = Head(module, target);
        for (var i = 0; i < module.Constants.Count; i++)
        {
            Constant(text, i, module.Constants[i]);
        }

        text.Append(ContextLayout.Fail).Append(HostCode.LaunchHelper(profile));
        foreach (var kernel in module.Kernels)
        {
            text.Append(KernelCode.Define(kernel, parts)).Append('\n');
        }

        Entries(text, module, profile);
        return Finished(text, parts);
    }

    /// <summary>
    /// The same functions as several modules that can be compiled side by side and linked into one process: some kernels each, and the
    /// constants and entries in the last one. A small module stays whole. How it is cut depends on the module alone.
    /// </summary>
    /// <inheritdoc cref="Emit"/>
    public static IReadOnlyList<string> EmitParts(KernelModule module, CpuTarget target, bool fastMath = false, bool profile = false)
    {
        if (module.Kernels.Count < LargeModule)
        {
            return [Emit(module, target, fastMath, profile)];
        }

        var texts = new List<string>();
        for (var next = 0; next < module.Kernels.Count;)
        {
            var (parts, text) = (new ModuleParts(target, fastMath), Head(module, target).Append(ContextLayout.Fail));
            do
            {
                text.Append(KernelCode.Define(module.Kernels[next++], parts, exported: true)).Append('\n');
            }
            while (next < module.Kernels.Count && text.Length < PartLength);
            texts.Add(Finished(text, parts));
        }

        var host = Head(module, target);
        for (var i = 0; i < module.Constants.Count; i++)
        {
            Constant(host, i, module.Constants[i]);
        }

        host.Append(HostCode.LaunchHelper(profile));
        foreach (var kernel in module.Kernels)
        {
            host.Append("declare void @").Append(KernelCode.Symbol(kernel)).Append("(ptr, ptr, ptr, i64, i64)\n");
        }

        Entries(host, module, profile);
        return [.. texts, Finished(host, new ModuleParts(target, fastMath))];
    }

    private static StringBuilder Head(KernelModule module, CpuTarget target) =>
        new StringBuilder("; ").Append(module.Name).Append(" for ").Append(target).Append('\n').Append(ContextLayout.Type).Append("\n\n");

    private static void Entries(StringBuilder text, KernelModule module, bool profile)
    {
        foreach (var entry in module.Entries)
        {
            text.Append(HostCode.Define(module, entry, profile)).Append('\n');
        }
    }

    private static string Finished(StringBuilder text, ModuleParts parts)
    {
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
