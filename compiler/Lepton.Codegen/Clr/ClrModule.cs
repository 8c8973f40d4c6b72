using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Lepton.Codegen.Clr.Emit;
using Lepton.Codegen.Llvm;
using Lepton.Graphs;
using Lepton.Kernels;

namespace Lepton.Codegen.Clr;

/// <summary>
/// A kernel module as IL in memory, compiled by .NET's own JIT when a function is first called: the device <c>clr</c>, which needs no native library.
/// Its functions may be called until <see cref="Dispose"/>.
/// </summary>
public sealed unsafe class ClrModule : IDisposable
{
    private readonly Dictionary<string, nint> _functions;
    private readonly Type _type;
    private byte* _memory;

    private ClrModule(Type type, byte* memory, KernelModule kernels)
    {
        _type = type;
        _memory = memory;
        _functions = kernels.Entries.SelectMany(e => new[] { "", "_arena", "_prepare", "_prepared" }, (e, part) => e.Manifest.Symbol + part).ToDictionary(n => n, Address);
    }

    /// <summary>What kernels are made for: the vectors that this machine's JIT uses.</summary>
    public static CpuTarget Target { get; } =
        Vector512.IsHardwareAccelerated ? CpuTarget.Avx512
        : Vector256.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Fma.IsSupported ? CpuTarget.Avx2
        : CpuTarget.Sse2;

    /// <summary>Translates a module.</summary>
    /// <param name="kernels">What to translate.</param>
    /// <param name="target">The width of vectors, not above what the machine has; null: <see cref="Target"/>.</param>
    /// <param name="profile">Every launch goes through the host, which learns the kernel's number.</param>
    public static ClrModule Compile(KernelModule kernels, CpuTarget? target = null, bool profile = false)
    {
        target ??= Target;
        var constants = new nint[kernels.Constants.Count];
        var memory = Constants(kernels, constants);
        try
        {
            var assembly = AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("lepton." + kernels.Name), AssemblyBuilderAccess.RunAndCollect);
            var type = assembly.DefineDynamicModule("kernels").DefineType("Kernels", TypeAttributes.Public | TypeAttributes.Abstract | TypeAttributes.Sealed);
            var (shape, pool) = (new LaneShape(target.VectorBytes), new ConstantPool((nint)memory));
            var parts = new ClrParts(kernels, target, type, (nint)memory + sizeof(nint), constants, profile, shape, new ClrMath(type, target, shape, pool));
            var names = kernels.Kernels.Select((_, i) => KernelIl.Define(parts, i).Name).ToArray();
            foreach (var entry in kernels.Entries)
            {
                HostIl.Define(parts, entry);
            }

            var made = type.CreateType();
            *(byte**)memory = Copy(pool.Bytes);
            for (var i = 0; i < names.Length; i++)
            {
                ((nint*)memory)[i + 1] = Address(made, names[i]);
            }

            return new ClrModule(made, memory, kernels);
        }
        catch
        {
            Free(memory);
            throw;
        }
    }

    /// <summary>The address of a function. It is ours to know which there are: a missing one is a bug, not an answer.</summary>
    public nint Lookup(string symbol)
    {
        ObjectDisposedException.ThrowIf(_memory is null, this);
        return _functions.TryGetValue(symbol, out var address) ? address : throw new CompilerBugException("clr", $"there is no function {symbol}");
    }

    /// <summary>Frees the constants; the code goes when the collector finds that nobody has it.</summary>
    public void Dispose()
    {
        if (_memory is not null)
        {
            Free(_memory);
            _memory = null;
        }

        GC.KeepAlive(_type);
    }

    private static byte* Copy(ReadOnlySpan<byte> bytes)
    {
        var place = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(64, bytes.Length), 64);
        bytes.CopyTo(new Span<byte>(place, bytes.Length));
        return place;
    }

    private static void Free(byte* memory)
    {
        NativeMemory.AlignedFree(*(byte**)memory);
        NativeMemory.AlignedFree(memory);
    }

    // The address of the pool of vectors, the kernels' addresses, then the constants, each on a cache line of its own.
    private static byte* Constants(KernelModule kernels, nint[] places)
    {
        static long Rounded(long bytes) => (bytes + 63) & ~63L;

        var total = Rounded((kernels.Kernels.Count + 1) * sizeof(nint)) + kernels.Constants.Sum(c => Rounded(c.Bytes.Length));
        var memory = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(64, total), 64);
        *(byte**)memory = null;
        var next = memory + Rounded((kernels.Kernels.Count + 1) * sizeof(nint));
        for (var i = 0; i < places.Length; i++)
        {
            var bytes = kernels.Constants[i].Bytes;
            bytes.CopyTo(new Span<byte>(next, bytes.Length));
            places[i] = (nint)next;
            next += Rounded(bytes.Length);
        }

        return memory;
    }

    private static nint Address(Type type, string name)
    {
        var method = type.GetMethod(name)!;
        return method.MethodHandle.GetFunctionPointer();
    }

    private nint Address(string name) => Address(_type, name);
}
