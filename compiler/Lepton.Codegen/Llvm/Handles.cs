using System.Runtime.InteropServices;
using System.Text;
using Lepton.Graphs;

namespace Lepton.Codegen.Llvm;

/// <summary>A context, which owns everything parsed in it.</summary>
internal sealed unsafe class ContextHandle : SafeHandle
{
    public ContextHandle()
        : base(0, ownsHandle: true) => SetHandle((nint)LLVM.ContextCreate());

    public LLVMOpaqueContext* Pointer => (LLVMOpaqueContext*)handle;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LLVM.ContextDispose(Pointer);
        return true;
    }
}

/// <summary>A module parsed from text. Dispose it before its context.</summary>
internal sealed unsafe class ModuleHandle : SafeHandle
{
    public ModuleHandle(ContextHandle context, string text)
        : base(0, ownsHandle: true)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        LLVMOpaqueMemoryBuffer* buffer;
        using (var name = new Utf8("module"))
        {
            fixed (byte* start = bytes)
            {
                buffer = LLVM.CreateMemoryBufferWithMemoryRangeCopy((sbyte*)start, (nuint)bytes.Length, name.Pointer);
            }
        }

        LLVMOpaqueModule* module;
        sbyte* message = null;
        if (LLVM.ParseIRInContext(context.Pointer, buffer, &module, &message) != 0)
        {
            throw LlvmText.Bug("the code generator wrote text that is not LLVM IR: " + LlvmText.Take(message));
        }

        SetHandle((nint)module);
    }

    public LLVMOpaqueModule* Pointer => (LLVMOpaqueModule*)handle;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LLVM.DisposeModule(Pointer);
        return true;
    }
}

/// <summary>The machine that code is made for.</summary>
internal sealed unsafe class TargetMachineHandle : SafeHandle
{
    public TargetMachineHandle(CpuTarget target, bool quick = false)
        : base(0, ownsHandle: true)
    {
        using var triple = new Utf8(target.Triple);
        using var cpu = new Utf8(target.Cpu);
        using var features = new Utf8(target.Features);
        LLVMTarget* found;
        sbyte* message = null;
        if (LLVM.GetTargetFromTriple(triple.Pointer, &found, &message) != 0)
        {
            throw LlvmText.Bug("LLVM does not know its own target: " + LlvmText.Take(message));
        }

        // Not None: that one (LLVM 22) reads 16 bytes for the 4 of a scalar that a select takes, also at the end of a page.
        SetHandle((nint)LLVM.CreateTargetMachine(
            found,
            triple.Pointer,
            cpu.Pointer,
            features.Pointer,
            quick ? LLVMCodeGenOptLevel.LLVMCodeGenLevelLess : LLVMCodeGenOptLevel.LLVMCodeGenLevelDefault,
            LLVMRelocMode.LLVMRelocPIC,
            LLVMCodeModel.LLVMCodeModelSmall));
    }

    public LLVMOpaqueTargetMachine* Pointer => (LLVMOpaqueTargetMachine*)handle;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        LLVM.DisposeTargetMachine(Pointer);
        return true;
    }
}

/// <summary>A linker of objects into this process; its code lives until it is released.</summary>
internal sealed unsafe class JitHandle : SafeHandle
{
    public JitHandle()
        : base(0, ownsHandle: true)
    {
        LLVMOrcOpaqueLLJIT* jit;
        LlvmText.Check(LLVM.OrcCreateLLJIT(&jit, null), "starting the JIT");
        SetHandle((nint)jit);
    }

    public LLVMOrcOpaqueLLJIT* Pointer => (LLVMOrcOpaqueLLJIT*)handle;

    public override bool IsInvalid => handle == 0;

    protected override bool ReleaseHandle()
    {
        var error = LLVM.OrcDisposeLLJIT(Pointer);
        if (error != null)
        {
            LLVM.DisposeErrorMessage(LLVM.GetErrorMessage(error));
        }

        return error == null;
    }
}

/// <summary>Zero-terminated UTF-8 for the length of a call.</summary>
internal readonly unsafe ref struct Utf8(string text)
{
    public sbyte* Pointer { get; } = (sbyte*)Marshal.StringToCoTaskMemUTF8(text);

    public void Dispose() => Marshal.FreeCoTaskMem((nint)Pointer);
}

/// <summary>Texts and errors that LLVM hands out.</summary>
internal static unsafe class LlvmText
{
    /// <summary>The text of a message, which is released. Null is empty.</summary>
    public static string Take(sbyte* message)
    {
        if (message == null)
        {
            return "";
        }

        var text = Marshal.PtrToStringUTF8((nint)message) ?? "";
        LLVM.DisposeMessage(message);
        return text;
    }

    /// <summary>Throws our bug when there is an error.</summary>
    public static void Check(LLVMOpaqueError* error, string doing)
    {
        if (error == null)
        {
            return;
        }

        var message = LLVM.GetErrorMessage(error);
        var text = Marshal.PtrToStringUTF8((nint)message);
        LLVM.DisposeErrorMessage(message);
        throw Bug($"{doing} failed: {text}");
    }

    public static CompilerBugException Bug(string message) => new("llvm", message);
}
