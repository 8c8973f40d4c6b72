using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Fills tensors with made-up values: for tests, benchmarks and initial weights. The same seed gives the same values on every machine.</summary>
public static unsafe class TensorFill
{
    private const int Block = 512;

    private delegate double Value(ulong seed, ulong index, ulong stream, double a, double b);

    /// <summary>Every element the same.</summary>
    public static void Constant(Tensor tensor, double value) => Fill(tensor, 0, 0, value, 0, static (_, _, _, a, _) => a);

    /// <summary>0, 1, 2, … in row-major order, cast to the element type.</summary>
    public static void Iota(Tensor tensor)
    {
        using var pin = tensor.Pin();
        Span<long> block = stackalloc long[Block];
        for (long at = 0; at < tensor.Length; at += Block)
        {
            var count = (int)Math.Min(Block, tensor.Length - at);
            for (var i = 0; i < count; i++)
            {
                block[i] = at + i;
            }

            TensorConvert.Store(block[..count], (byte*)pin.Pointer + (at * tensor.Element.ByteSize()), tensor.Element);
        }
    }

    /// <summary>Uniform in [low, high), before rounding to the element type. Bool: 0 or 1, each with probability 1/2, whatever the limits.</summary>
    /// <param name="tensor">What to fill.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="low">The lower limit.</param>
    /// <param name="high">The upper limit.</param>
    /// <param name="stream">Tells apart tensors that are filled from one seed.</param>
    public static void Uniform(Tensor tensor, ulong seed, double low = 0, double high = 1, ulong stream = 0)
    {
        if (tensor.Element == ElementType.Bool)
        {
            Fill(tensor, seed, stream, 0, 0, static (s, i, t, _, _) => Philox.Uniform(s, i, t) < 0.5 ? 0 : 1);
            return;
        }

        Fill(tensor, seed, stream, low, high, static (s, i, t, a, b) => a + ((b - a) * Philox.Uniform(s, i, t)));
    }

    /// <summary>Normal with this mean and standard deviation.</summary>
    /// <param name="tensor">What to fill.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The standard deviation.</param>
    /// <param name="stream">Tells apart tensors that are filled from one seed.</param>
    public static void Normal(Tensor tensor, ulong seed, double mean = 0, double deviation = 1, ulong stream = 0) =>
        Fill(tensor, seed, stream, mean, deviation, static (s, i, t, a, b) => a + (b * Philox.Normal(s, i, t)));

    private static void Fill(Tensor tensor, ulong seed, ulong stream, double a, double b, Value value)
    {
        using var pin = tensor.Pin();
        Span<double> block = stackalloc double[Block];
        for (long at = 0; at < tensor.Length; at += Block)
        {
            var count = (int)Math.Min(Block, tensor.Length - at);
            for (var i = 0; i < count; i++)
            {
                block[i] = value(seed, (ulong)(at + i), stream, a, b);
            }

            TensorConvert.Store(block[..count], (byte*)pin.Pointer + (at * tensor.Element.ByteSize()), tensor.Element);
        }
    }
}
