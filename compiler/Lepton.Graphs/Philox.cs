namespace Lepton.Graphs;

/// <summary>
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel Random Numbers: As Easy as 1, 2, 3; SC 2011): four random words from a key of two
/// and a counter of four. The key is the seed, low word first. The counter is made of the indices:
/// <code>
/// no index    (0, 0, 0, 0)
/// i           (low i, high i, 0, 0)
/// i, j        (low i, high i, low j, high j)
/// i, j, k     (i, j, k, 0)      each modulo 2^32
/// i, j, k, l  (i, j, k, l)
/// </code>
/// So draws with different numbers of indices share the counters of a seed: uniform(s, i) is uniform(s, i, 0). Draws that must be independent
/// have different seeds, whatever their indices.
/// </summary>
public static class Philox
{
    /// <summary>The four words for a key and a counter.</summary>
    public static (uint W0, uint W1, uint W2, uint W3) Words(uint key0, uint key1, uint c0, uint c1, uint c2, uint c3)
    {
        for (var round = 0; round < 10; round++)
        {
            var p0 = 0xD2511F53UL * c0;
            var p1 = 0xCD9E8D57UL * c2;
            (c0, c1, c2, c3) = ((uint)(p1 >> 32) ^ c1 ^ key0, (uint)p1, (uint)(p0 >> 32) ^ c3 ^ key1, (uint)p0);
            key0 += 0x9E3779B9;
            key1 += 0xBB67AE85;
        }

        return (c0, c1, c2, c3);
    }

    /// <summary>The first two words for a seed and up to four indices.</summary>
    public static (uint W0, uint W1) Words(long seed, ReadOnlySpan<long> indices)
    {
        long At(ReadOnlySpan<long> list, int i) => i < list.Length ? list[i] : 0;
        var (i, j) = (At(indices, 0), At(indices, 1));
        var (c0, c1, c2, c3) = indices.Length <= 2
            ? ((uint)i, (uint)(i >> 32), (uint)j, (uint)(j >> 32))
            : ((uint)i, (uint)j, (uint)At(indices, 2), (uint)At(indices, 3));
        var (w0, w1, _, _) = Words((uint)seed, (uint)(seed >> 32), c0, c1, c2, c3);
        return (w0, w1);
    }

    /// <summary>The top 24 bits of word 0 times 2^-24: in [0, 1), exact in f32.</summary>
    public static double Uniform(long seed, ReadOnlySpan<long> indices) => (Words(seed, indices).W0 >> 8) * (1.0 / (1 << 24));

    /// <summary>sqrt(-2 ln u1) cos(2 pi u2), u1 = (top 24 bits of word 0, plus 1) · 2^-24 in (0, 1], u2 = top 24 bits of word 1 · 2^-24; rounded to f32.</summary>
    public static double Normal(long seed, ReadOnlySpan<long> indices)
    {
        var (w0, w1) = Words(seed, indices);
        var u1 = ((w0 >> 8) + 1) * (1.0 / (1 << 24));
        var u2 = (w1 >> 8) * (1.0 / (1 << 24));
        return (float)(Math.Sqrt(-2 * Math.Log(u1)) * Math.Cos(2 * Math.PI * u2));
    }
}
