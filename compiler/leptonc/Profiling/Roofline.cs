using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Profiling;

/// <summary>
/// The fastest that some threads of this machine can be, measured: a kernel takes at least
/// <code>max(flops / peak, bytes / bandwidth(bytes))</code>
/// where the bandwidth is that of reading as many bytes again and again, so that what fits a cache is held to the cache's speed.
/// </summary>
internal sealed class Roofline
{
    // 16 KiB per thread lie in the nearest cache, 128 MiB in memory, on any machine so far; in between by factors of two.
    private const int SmallestBits = 14;
    private const int Sizes = 14;
    private const long BytesPerRound = 8 << 20;

    private readonly double[] _bandwidth;

    private Roofline(double flops, double[] bandwidth) => (Flops, _bandwidth) = (flops, bandwidth);

    /// <summary>FLOP/s of all threads in f32.</summary>
    public double Flops { get; }

    /// <summary>Bytes per second from memory, all threads.</summary>
    public double Memory => _bandwidth[^1];

    public static Roofline Measure(int threads)
    {
        using var data = Tensor.Allocate(ElementType.F32, [(long)threads << (SmallestBits + Sizes - 1 - 2)]);
        data.AsSpan<float>().Fill(1); // pages that were never written are all one page of zeros
        var bandwidth = Enumerable.Range(0, Sizes).Select(i => Bandwidth(data, threads, 1L << (SmallestBits + i))).ToArray();

        // A larger working set is never faster; a measurement may say so when something else ran.
        for (var i = Sizes - 2; i >= 0; i--)
        {
            bandwidth[i] = Math.Max(bandwidth[i], bandwidth[i + 1]);
        }

        return new Roofline(PeakFlops.OfOneCore() * threads, bandwidth.Select(b => b * threads).ToArray());
    }

    /// <summary>Seconds that a launch takes at least, and whether memory is what bounds it.</summary>
    /// <param name="flops">By their <see cref="ArithmeticRate"/>, as f32 would do them.</param>
    public (double Seconds, bool Memory) Bound(double flops, double bytes, int threads)
    {
        // The measured size below: a bound must not be beaten.
        var size = Math.Clamp((int)Math.Floor(Math.Log2(Math.Max(bytes / threads, 1))) - SmallestBits, 0, Sizes - 1);
        var (arithmetic, memory) = (flops / Flops, bytes / _bandwidth[size]);
        return (Math.Max(arithmetic, memory), memory > arithmetic);
    }

    // Bytes per second and thread when each reads its own part.
    private static double Bandwidth(OwnedTensor data, int threads, long bytes)
    {
        var rounds = Math.Max(1, BytesPerRound / bytes);
        var best = 0.0;
        for (var trial = 0; trial < 4; trial++)
        {
            using var together = new Barrier(threads);
            var seconds = new double[threads];
            var workers = Enumerable.Range(0, threads).Select(t => new Thread(() =>
            {
                var part = data.AsSpan<float>().Slice(checked((int)(t * (bytes / 4))), (int)(bytes / 4));
                together.SignalAndWait();
                var start = Stopwatch.GetTimestamp();
                for (var round = 0L; round < rounds; round++)
                {
                    Read(part);
                }

                seconds[t] = Stopwatch.GetElapsedTime(start).TotalSeconds;
            })).ToList();
            workers.ForEach(w => w.Start());
            workers.ForEach(w => w.Join());
            best = Math.Max(best, bytes * rounds / seconds.Max());
        }

        return best;
    }

    // Optimized from the first call on: it is over before the runtime would notice that it is hot.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Read(ReadOnlySpan<float> part)
    {
        // Four places at once: one alone waits for memory longer than memory takes.
        var all = MemoryMarshal.Cast<float, Vector<float>>(part);
        var quarter = all.Length / 4;
        var (p, q, r, s) = (0, quarter, 2 * quarter, 3 * quarter);
        Vector<float> a = default, b = default, c = default, d = default;
        for (; p + 1 < quarter; p += 2, q += 2, r += 2, s += 2)
        {
            a += all[p] + all[p + 1];
            b += all[q] + all[q + 1];
            c += all[r] + all[r + 1];
            d += all[s] + all[s + 1];
        }

        if (Vector.Sum(a + b + c + d) < 0)
        {
            throw new UnreachableException(); // the sum of ones: somebody must want it
        }
    }
}
