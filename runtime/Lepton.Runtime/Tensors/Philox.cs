namespace Lepton.Runtime.Tensors;

/// <summary>Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random bits as a function of key and counter.</summary>
internal static class Philox
{
    private const double Ulp = 1.0 / (1L << 53);

    /// <summary>128 random bits as two words.</summary>
    internal static (ulong Low, ulong High) At(ulong key, ulong counter, ulong stream)
    {
        var (x0, x1, x2, x3) = ((uint)counter, (uint)(counter >> 32), (uint)stream, (uint)(stream >> 32));
        var (k0, k1) = ((uint)key, (uint)(key >> 32));
        for (var round = 0; round < 10; round++)
        {
            var (a, b) = ((ulong)x0 * 0xD2511F53, (ulong)x2 * 0xCD9E8D57);
            (x0, x1, x2, x3) = ((uint)(b >> 32) ^ x1 ^ k0, (uint)b, (uint)(a >> 32) ^ x3 ^ k1, (uint)a);
            unchecked
            {
                (k0, k1) = (k0 + 0x9E3779B9, k1 + 0xBB67AE85);
            }
        }

        return (x0 | ((ulong)x1 << 32), x2 | ((ulong)x3 << 32));
    }

    /// <summary>Uniform in [0, 1) with 53 bits.</summary>
    internal static double Uniform(ulong key, ulong counter, ulong stream) => (At(key, counter, stream).Low >> 11) * Ulp;

    /// <summary>Standard normal, by Box and Muller: sqrt(-2 ln u) cos(2 pi v), u in (0, 1].</summary>
    internal static double Normal(ulong key, ulong counter, ulong stream)
    {
        var (low, high) = At(key, counter, stream);
        var (u, v) = (((low >> 11) + 1) * Ulp, (high >> 11) * Ulp);
        return Math.Sqrt(-2 * Math.Log(u)) * Math.Cos(2 * Math.PI * v);
    }
}
