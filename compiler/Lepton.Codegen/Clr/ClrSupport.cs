using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Codegen.Clr;

/// <summary>
/// What emitted code calls; public, because it lies in an assembly of its own. The small ones are inlined by the JIT. Nothing here throws.
/// </summary>
public static unsafe partial class ClrSupport
{
    internal static MethodInfo Method(string name) => typeof(ClrSupport).GetMethod(name) ?? throw new CompilerBugException("clr", $"there is no {name}");

    internal static MethodInfo Method(string name, Type type) =>
        Array.Find(typeof(ClrSupport).GetMethods(), m => m.Name == name && m.GetParameters()[0].ParameterType == type)
            ?? throw new CompilerBugException("clr", $"there is no {name} of {type}");

    /// <summary>Whether MaxNative(a, b) is a &gt; b ? a : b, as x86 has it, and so for MinNative.</summary>
    internal static bool HasOrderedExtremes => Sse.IsSupported;

    /// <summary>The instruction that chooses lanes by the sign bits of a mask, (no, yes, mask); null: there is none of this width.</summary>
    internal static MethodInfo? Blend(Type vector)
    {
        var (width, element) = (vector.GetGenericTypeDefinition(), vector.GetGenericArguments()[0]);
        var isFloat = element == typeof(float) || element == typeof(double);
        var holder = Avx512F.IsSupported ? null
            : width == typeof(Vector256<>) && Avx2.IsSupported ? isFloat ? typeof(Avx) : typeof(Avx2)
            : width == typeof(Vector128<>) && Sse41.IsSupported ? typeof(Sse41) : null;
        return holder?.GetMethod("BlendVariable", [vector, vector, vector]);
    }

    /// <summary>The instruction that multiplies the low halves of 64-bit lanes; null: there is none of this width.</summary>
    internal static MethodInfo? MultiplyWords(Type vector) => (vector.GetGenericTypeDefinition() == typeof(Vector256<>) && Avx2.IsSupported ? typeof(Avx2)
        : vector.GetGenericTypeDefinition() == typeof(Vector128<>) && Sse2.IsSupported ? typeof(Sse2) : null)
        ?.GetMethod("Multiply", Array.ConvertAll(new Type[2], _ => vector.GetGenericTypeDefinition().MakeGenericType(typeof(uint))));

    /// <summary>The instruction that multiplies 16-bit lanes and adds neighbours; null: there is none of this width.</summary>
    internal static MethodInfo? MultiplyAddAdjacent(Type vector) => (vector == typeof(Vector512<short>) && Avx512BW.IsSupported ? typeof(Avx512BW)
        : vector == typeof(Vector256<short>) && Avx2.IsSupported ? typeof(Avx2)
        : vector == typeof(Vector128<short>) && Sse2.IsSupported ? typeof(Sse2) : null)?.GetMethod("MultiplyAddAdjacent", [vector, vector]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Select<T>(int condition, T yes, T no) => condition != 0 ? yes : no;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Clamp(int value, int least, int most) => value < least ? least : value > most ? most : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Max(float a, float b) => float.IsNaN(a) ? a : a > b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Max(double a, double b) => double.IsNaN(a) ? a : a > b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Min(float a, float b) => float.IsNaN(a) ? a : a < b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Min(double a, double b) => double.IsNaN(a) ? a : a < b ? a : b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sign(float x) => x > 0 ? 1 : x < 0 ? -1 : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static double Sign(double x) => x > 0 ? 1 : x < 0 ? -1 : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Sign(int x) => x > 0 ? 1 : x >> 31;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Sign(long x) => x > 0 ? 1 : x >> 63;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Abs(int x) => x < 0 ? unchecked(-x) : x;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Abs(long x) => x < 0 ? unchecked(-x) : x;

    /// <summary>Floors; by 0 it is 0; nothing traps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Divide(int x, int y)
    {
        if (y == 0)
        {
            return 0;
        }

        if (y == -1)
        {
            return unchecked(-x);
        }

        var quotient = x / y;
        var rest = x - (quotient * y);
        return rest != 0 && (rest ^ y) < 0 ? quotient - 1 : quotient;
    }

    /// <inheritdoc cref="Divide(int, int)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Divide(long x, long y)
    {
        if (y == 0)
        {
            return 0;
        }

        if (y == -1)
        {
            return unchecked(-x);
        }

        var quotient = x / y;
        var rest = x - (quotient * y);
        return rest != 0 && (rest ^ y) < 0 ? quotient - 1 : quotient;
    }

    /// <summary>The sign is the divisor's; by 0 it is 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Remainder(int x, int y)
    {
        if (y is 0 or -1)
        {
            return 0;
        }

        var rest = x % y;
        return rest != 0 && (rest ^ y) < 0 ? rest + y : rest;
    }

    /// <inheritdoc cref="Remainder(int, int)"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static long Remainder(long x, long y)
    {
        if (y is 0 or -1)
        {
            return 0;
        }

        var rest = x % y;
        return rest != 0 && (rest ^ y) < 0 ? rest + y : rest;
    }

    /// <summary>The exact remainder of the truncated quotient, plus y where its sign is not that of y; a zero has the sign of y.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static double Remainder(double x, double y)
    {
        var rest = Math.Abs(x) % Math.Abs(y);
        return rest > 0 && double.IsNegative(x) != double.IsNegative(y) ? y + Math.CopySign(rest, x) : Math.CopySign(rest, y);
    }

    /// <inheritdoc cref="Remainder(double, double)"/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static float Remainder(float x, float y)
    {
        var rest = MathF.Abs(x) % MathF.Abs(y);
        return rest > 0 && float.IsNegative(x) != float.IsNegative(y) ? y + MathF.CopySign(rest, x) : MathF.CopySign(rest, y);
    }

    public static int Power(int x, int n) => unchecked((int)Power((long)x, n));

    /// <summary>By squaring; wraps. A negative exponent: 1 for 1, ±1 for -1, else 0.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static long Power(long x, long n)
    {
        if (n < 0)
        {
            return x == 1 ? 1 : x == -1 ? (n & 1) != 0 ? -1 : 1 : 0;
        }

        var power = 1L;
        for (; n != 0; n >>= 1, x = unchecked(x * x))
        {
            power = (n & 1) != 0 ? unchecked(power * x) : power;
        }

        return power;
    }

    /// <summary>Keeps the report with the smallest (site, element), under the context's lock.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static void Fail(NativeContext* context, long site, long element, long value, long bound)
    {
        while (Interlocked.CompareExchange(ref context->Lock, 1, 0) != 0)
        {
        }

        if (context->Error == 0 || site < context->Site || (site == context->Site && element < context->Element))
        {
            (context->Error, context->Site, context->Element, context->Value, context->Bound) = ((int)NativeError.IndexOutOfRange, site, element, value, bound);
        }

        Volatile.Write(ref context->Lock, 0);
    }

    /// <summary>Runs a kernel over its chunks, on the host's threads where there are any: a <see cref="NativeStatus"/>.</summary>
    /// <param name="least">How many chunks are worth the host's threads; 1 when it wants to see every launch.</param>
    public static int Launch(NativeContext* context, nint kernel, void** buffers, long* sizes, long chunks, long least)
    {
        if (context->Cancel != null && Volatile.Read(ref *context->Cancel) != 0)
        {
            return (int)NativeStatus.Cancelled;
        }

        if (chunks > 0)
        {
            var function = (delegate* unmanaged<NativeContext*, void**, long*, long, long, void>)kernel;
            if (context->Parallel != null && chunks >= least)
            {
                context->Parallel(context, function, buffers, sizes, chunks);
            }
            else
            {
                function(context, buffers, sizes, 0, chunks);
            }
        }

        return context->Error != 0 ? (int)NativeStatus.Failed : (int)NativeStatus.Done;
    }

    /// <summary>The start of host memory, or 0 with the error set.</summary>
    public static void* Allocate(NativeContext* context, long bytes)
    {
        var place = context->Allocate(context, bytes);
        if (place == null)
        {
            (context->Error, context->Value) = ((int)NativeError.NoMemory, bytes);
        }

        return place;
    }

    public static float FromHalf(int bits) => (float)BitConverter.UInt16BitsToHalf((ushort)bits);

    public static int ToHalf(float value) => BitConverter.HalfToInt16Bits((Half)value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float FromBrain(int bits) => BitConverter.Int32BitsToSingle(bits << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ToBrain(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (short)(float.IsNaN(value) ? (bits >> 16) | 0x40 : (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
    }

    public static void Copy(void* from, void* to, long bytes) => Buffer.MemoryCopy(from, to, bytes, bytes);
}
