using System.Diagnostics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Lepton.CommandLine.Commands;

/// <summary>The f32 peak of one core, measured: independent fused multiply-adds on the widest registers, nothing else.</summary>
internal static class PeakFlops
{
    /// <summary>FLOP/s; an fma counts two.</summary>
    public static double OfOneCore()
    {
        var best = 0.0;
        for (var round = 0; round < 8; round++)
        {
            const int Steps = 200_000;
            var start = Stopwatch.GetTimestamp();
            var flopsPerStep = Vector512.IsHardwareAccelerated && Avx512F.IsSupported ? Wide(Steps) : Fma.IsSupported ? Narrow(Steps) : Plain(Steps);
            best = Math.Max(best, flopsPerStep * Steps / Stopwatch.GetElapsedTime(start).TotalSeconds);
        }

        return best;
    }

    // Ten chains: fma latency times the number of units on every x86 so far.
    private static int Narrow(int steps)
    {
        var (m, c) = (Vector256.Create(0.999f), Vector256.Create(0.001f));
        Vector256<float> a = c, b = c, d = c, e = c, f = c, g = c, h = c, i = c, j = c, k = c;
        for (var s = 0; s < steps; s++)
        {
            a = Fma.MultiplyAdd(a, m, c);
            b = Fma.MultiplyAdd(b, m, c);
            d = Fma.MultiplyAdd(d, m, c);
            e = Fma.MultiplyAdd(e, m, c);
            f = Fma.MultiplyAdd(f, m, c);
            g = Fma.MultiplyAdd(g, m, c);
            h = Fma.MultiplyAdd(h, m, c);
            i = Fma.MultiplyAdd(i, m, c);
            j = Fma.MultiplyAdd(j, m, c);
            k = Fma.MultiplyAdd(k, m, c);
        }

        Keep(Vector256.Sum(a + b + d + e + f + g + h + i + j + k));
        return 10 * 8 * 2;
    }

    private static int Wide(int steps)
    {
        var (m, c) = (Vector512.Create(0.999f), Vector512.Create(0.001f));
        Vector512<float> a = c, b = c, d = c, e = c, f = c, g = c, h = c, i = c, j = c, k = c;
        for (var s = 0; s < steps; s++)
        {
            a = Avx512F.FusedMultiplyAdd(a, m, c);
            b = Avx512F.FusedMultiplyAdd(b, m, c);
            d = Avx512F.FusedMultiplyAdd(d, m, c);
            e = Avx512F.FusedMultiplyAdd(e, m, c);
            f = Avx512F.FusedMultiplyAdd(f, m, c);
            g = Avx512F.FusedMultiplyAdd(g, m, c);
            h = Avx512F.FusedMultiplyAdd(h, m, c);
            i = Avx512F.FusedMultiplyAdd(i, m, c);
            j = Avx512F.FusedMultiplyAdd(j, m, c);
            k = Avx512F.FusedMultiplyAdd(k, m, c);
        }

        Keep(Vector512.Sum(a + b + d + e + f + g + h + i + j + k));
        return 10 * 16 * 2;
    }

    private static int Plain(int steps)
    {
        var (m, c) = (Vector128.Create(0.999f), Vector128.Create(0.001f));
        Vector128<float> a = c, b = c, d = c, e = c;
        for (var s = 0; s < steps; s++)
        {
            a = (a * m) + c;
            b = (b * m) + c;
            d = (d * m) + c;
            e = (e * m) + c;
        }

        Keep(Vector128.Sum(a + b + d + e));
        return 4 * 4 * 2;
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
    private static void Keep(float value) => GC.KeepAlive(value);
}
