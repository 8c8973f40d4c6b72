namespace Lepton.Codegen.Llvm;

/// <summary>Object code linked into this process. Its functions may be called until <see cref="Dispose"/>.</summary>
public sealed unsafe class JitModule : IDisposable
{
    private readonly JitHandle _jit;

    private JitModule(JitHandle jit) => _jit = jit;

    /// <summary>
    /// Compiles <paramref name="ir"/> (or takes the code from <paramref name="cache"/>) and links it.
    /// <paramref name="target"/> must be one that this machine can run: <see cref="CpuTarget.ForThisHost"/>.
    /// </summary>
    public static JitModule Compile(string ir, CpuTarget target, ObjectCache? cache = null)
    {
        var code = cache?.Find(ir, target);
        if (code is null)
        {
            code = ObjectCode.Emit(ir, target);
            cache?.Add(ir, target, code);
        }

        return Link([code]);
    }

    /// <summary>Links objects made by <see cref="ObjectCode.Emit"/> for a target that this machine can run; they may use each other's symbols.</summary>
    public static JitModule Link(IReadOnlyList<byte[]> objects)
    {
        LlvmLibrary.Load();
        var jit = new JitHandle();
        try
        {
            using var name = new Utf8("module.o");
            foreach (var code in objects)
            {
                LLVMOpaqueMemoryBuffer* buffer;
                fixed (byte* start = code)
                {
                    buffer = LLVM.CreateMemoryBufferWithMemoryRangeCopy((sbyte*)start, (nuint)code.Length, name.Pointer);
                }

                LlvmText.Check(LLVM.OrcLLJITAddObjectFile(jit.Pointer, LLVM.OrcLLJITGetMainJITDylib(jit.Pointer), buffer), "loading object code");
            }

            return new JitModule(jit);
        }
        catch
        {
            jit.Dispose();
            throw;
        }
    }

    /// <summary>The address of a function. It is ours to know which there are: a missing one is a bug, not an answer.</summary>
    public nint Lookup(string symbol)
    {
        ObjectDisposedException.ThrowIf(_jit.IsClosed, this);
        using var name = new Utf8(symbol);
        ulong address;
        LlvmText.Check(LLVM.OrcLLJITLookup(_jit.Pointer, &address, name.Pointer), $"looking up '{symbol}'");
        return (nint)address;
    }

    public void Dispose() => _jit.Dispose();
}
