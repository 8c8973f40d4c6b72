using System.Numerics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lepton.Codegen.Clr;

/// <summary>Loads and stores under masks, where there is no instruction for it.</summary>
public static unsafe partial class ClrSupport
{
    /// <summary>(address, mask); null: there is no such instruction.</summary>
    internal static MethodInfo? MaskLoad(Type vector) => MaskHolder(vector)?.GetMethod("MaskLoad", [vector.GetGenericArguments()[0].MakePointerType(), vector]);

    /// <summary>(address, mask, value); null: there is no such instruction.</summary>
    internal static MethodInfo? MaskStore(Type vector) => MaskHolder(vector)?.GetMethod("MaskStore", [vector.GetGenericArguments()[0].MakePointerType(), vector, vector]);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T LoadIf<T>(nint address, int mask)
        where T : unmanaged => mask != 0 ? Unsafe.ReadUnaligned<T>((void*)address) : default;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreIf<T>(nint address, T value, int mask)
        where T : unmanaged
    {
        if (mask != 0)
        {
            Unsafe.WriteUnaligned((void*)address, value);
        }
    }

    /// <summary>The lanes whose bits are 1; 0 in the others.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static Vector128<T> Load128<T>(nint address, long bits)
        where T : unmanaged
    {
        var result = Vector128<T>.Zero;
        Copy((byte*)address, (byte*)&result, bits, sizeof(T));
        return result;
    }

    /// <inheritdoc cref="Load128{T}(nint, long)"/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static Vector256<T> Load256<T>(nint address, long bits)
        where T : unmanaged
    {
        var result = Vector256<T>.Zero;
        Copy((byte*)address, (byte*)&result, bits, sizeof(T));
        return result;
    }

    /// <inheritdoc cref="Load128{T}(nint, long)"/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static Vector512<T> Load512<T>(nint address, long bits)
        where T : unmanaged
    {
        var result = Vector512<T>.Zero;
        Copy((byte*)address, (byte*)&result, bits, sizeof(T));
        return result;
    }

    /// <summary>The lanes whose bits are 1.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Store128<T>(nint address, Vector128<T> value, long bits)
        where T : unmanaged => Copy((byte*)&value, (byte*)address, bits, sizeof(T));

    /// <inheritdoc cref="Store128{T}(nint, Vector128{T}, long)"/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Store256<T>(nint address, Vector256<T> value, long bits)
        where T : unmanaged => Copy((byte*)&value, (byte*)address, bits, sizeof(T));

    /// <inheritdoc cref="Store128{T}(nint, Vector128{T}, long)"/>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Store512<T>(nint address, Vector512<T> value, long bits)
        where T : unmanaged => Copy((byte*)&value, (byte*)address, bits, sizeof(T));

    private static Type? MaskHolder(Type vector)
    {
        var (width, element) = (vector.GetGenericTypeDefinition(), vector.GetGenericArguments()[0]);
        return width == typeof(Vector512<>) || !Avx2.IsSupported ? null
            : element == typeof(float) || element == typeof(double) ? typeof(Avx)
            : element == typeof(int) || element == typeof(long) ? typeof(Avx2) : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Copy(byte* from, byte* to, long bits, int size)
    {
        for (var left = (ulong)bits; left != 0; left &= left - 1)
        {
            var lane = BitOperations.TrailingZeroCount(left);
            for (var b = 0; b < size; b++)
            {
                to[(lane * size) + b] = from[(lane * size) + b];
            }
        }
    }
}
