namespace Lepton.Codegen.Llvm;

/// <summary>LLVM IR text to object code. Thread-safe: each call works in a context of its own.</summary>
public static unsafe class ObjectCode
{
    /// <summary>The bytes of a relocatable ELF object for <paramref name="ir"/>.</summary>
    /// <param name="quick">LLVM does little: slow code in less time, for what runs once.</param>
    public static byte[] Emit(string ir, CpuTarget target, bool quick = false)
    {
        LlvmLibrary.Load();
        using var context = new ContextHandle();
        using var machine = new TargetMachineHandle(target, quick);
        using var module = Optimize(context, machine, ir, target, quick);

        LLVMOpaqueMemoryBuffer* buffer;
        sbyte* message = null;
        if (LLVM.TargetMachineEmitToMemoryBuffer(machine.Pointer, module.Pointer, LLVMCodeGenFileType.LLVMObjectFile, &message, &buffer) != 0)
        {
            throw LlvmText.Bug("LLVM made no object code: " + LlvmText.Take(message));
        }

        return Take(buffer);
    }

    /// <summary>The assembly text, for people.</summary>
    public static string Assembly(string ir, CpuTarget target)
    {
        LlvmLibrary.Load();
        using var context = new ContextHandle();
        using var machine = new TargetMachineHandle(target);
        using var module = Optimize(context, machine, ir, target);

        LLVMOpaqueMemoryBuffer* buffer;
        sbyte* message = null;
        if (LLVM.TargetMachineEmitToMemoryBuffer(machine.Pointer, module.Pointer, LLVMCodeGenFileType.LLVMAssemblyFile, &message, &buffer) != 0)
        {
            throw LlvmText.Bug("LLVM made no assembly: " + LlvmText.Take(message));
        }

        return System.Text.Encoding.UTF8.GetString(Take(buffer));
    }

    /// <summary>The IR after LLVM's own passes, for people.</summary>
    public static string OptimizedIr(string ir, CpuTarget target)
    {
        LlvmLibrary.Load();
        using var context = new ContextHandle();
        using var machine = new TargetMachineHandle(target);
        using var module = Optimize(context, machine, ir, target);
        return LlvmText.Take(LLVM.PrintModuleToString(module.Pointer));
    }

    private static ModuleHandle Optimize(ContextHandle context, TargetMachineHandle machine, string ir, CpuTarget target, bool quick = false)
    {
        var module = new ModuleHandle(context, ir);
        try
        {
            SetTarget(module, machine, target);
            sbyte* message = null;
            var broken = LLVM.VerifyModule(module.Pointer, LLVMVerifierFailureAction.LLVMReturnStatusAction, &message) != 0;
            var text = LlvmText.Take(message);
            if (broken)
            {
                throw LlvmText.Bug("the code generator wrote ill-formed LLVM IR: " + text);
            }

            RunPasses(module, machine, quick);
            return module;
        }
        catch
        {
            module.Dispose();
            throw;
        }
    }

    private static void SetTarget(ModuleHandle module, TargetMachineHandle machine, CpuTarget target)
    {
        using var triple = new Utf8(target.Triple);
        LLVM.SetTarget(module.Pointer, triple.Pointer);
        var layout = LLVM.CreateTargetDataLayout(machine.Pointer);
        LLVM.SetModuleDataLayout(module.Pointer, layout);
        LLVM.DisposeTargetData(layout);
    }

    private static void RunPasses(ModuleHandle module, TargetMachineHandle machine, bool quick)
    {
        // Vectors are explicit in our text: LLVM's own are not asked for. LLVM 22 makes some all the same, from scalar loops without branches.
        var options = LLVM.CreatePassBuilderOptions();
        LLVM.PassBuilderOptionsSetLoopVectorization(options, 0);
        LLVM.PassBuilderOptionsSetSLPVectorization(options, 0);
        LLVM.PassBuilderOptionsSetLoopInterleaving(options, 0);
        using var passes = new Utf8(quick ? "function(sroa,early-cse,simplifycfg,dce)" : "default<O2>");
        var error = LLVM.RunPasses(module.Pointer, passes.Pointer, machine.Pointer, options);
        LLVM.DisposePassBuilderOptions(options);
        LlvmText.Check(error, "running LLVM's passes");
    }

    private static byte[] Take(LLVMOpaqueMemoryBuffer* buffer)
    {
        var bytes = new ReadOnlySpan<byte>(LLVM.GetBufferStart(buffer), checked((int)LLVM.GetBufferSize(buffer))).ToArray();
        LLVM.DisposeMemoryBuffer(buffer);
        return bytes;
    }
}
