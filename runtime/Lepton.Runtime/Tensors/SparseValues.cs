using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Elements as bits, whatever their type: compared, copied and moved by their width.</summary>
internal static unsafe class SparseValues
{
    /// <summary>A tensor of one element.</summary>
    internal static OwnedTensor One(Scalar value)
    {
        var tensor = new OwnedTensor(value.Type, [1], zeroed: false);
        using var pin = tensor.Pin();
        if (value.Type.IsFloat())
        {
            TensorConvert.Store([value.AsDouble], (byte*)pin.Pointer, value.Type);
        }
        else
        {
            TensorConvert.Store([value.Bits], (byte*)pin.Pointer, value.Type);
        }

        return tensor;
    }

    /// <summary>How many elements are not the one of <paramref name="pattern"/>.</summary>
    internal static long CountOthers(Tensor tensor, Tensor pattern)
    {
        using var pin = tensor.Pin();
        using var other = pattern.Pin();
        return tensor.Element.ByteSize() switch
        {
            8 => Count((long*)pin.Pointer, tensor.Length, *(long*)other.Pointer),
            4 => Count((int*)pin.Pointer, tensor.Length, *(int*)other.Pointer),
            2 => Count((short*)pin.Pointer, tensor.Length, *(short*)other.Pointer),
            _ => Count((byte*)pin.Pointer, tensor.Length, *(byte*)other.Pointer),
        };

        static long Count<T>(T* data, long length, T pattern)
            where T : unmanaged, IEquatable<T>
        {
            long same = 0;
            for (long at = 0; at < length; at += 1 << 30)
            {
                same += MemoryExtensions.Count(new ReadOnlySpan<T>(data + at, (int)Math.Min(1 << 30, length - at)), pattern);
            }

            return length - same;
        }
    }

    /// <summary>Copies the elements that are not the one of <paramref name="pattern"/>, and their row-major numbers.</summary>
    internal static void CopyOthers(Tensor tensor, Tensor pattern, Tensor target, long[] numbers)
    {
        using var pin = tensor.Pin();
        using var other = pattern.Pin();
        using var to = target.Pin();
        switch (tensor.Element.ByteSize())
        {
            case 8:
                Copy((long*)pin.Pointer, tensor.Length, *(long*)other.Pointer, (long*)to.Pointer, numbers);
                break;
            case 4:
                Copy((int*)pin.Pointer, tensor.Length, *(int*)other.Pointer, (int*)to.Pointer, numbers);
                break;
            case 2:
                Copy((short*)pin.Pointer, tensor.Length, *(short*)other.Pointer, (short*)to.Pointer, numbers);
                break;
            default:
                Copy((byte*)pin.Pointer, tensor.Length, *(byte*)other.Pointer, (byte*)to.Pointer, numbers);
                break;
        }

        static void Copy<T>(T* data, long length, T pattern, T* target, long[] numbers)
            where T : unmanaged, IEquatable<T>
        {
            long at = 0;
            for (var i = 0; i < numbers.Length; i++)
            {
                at += Skip(data + at, length - at, pattern);
                (target[i], numbers[i]) = (data[at], at);
                at++;
            }
        }

        // Runs of the fill value are long: the span's search is one of vectors.
        static long Skip<T>(T* data, long length, T pattern)
            where T : unmanaged, IEquatable<T>
        {
            long skipped = 0;
            while (true)
            {
                var found = new ReadOnlySpan<T>(data + skipped, (int)Math.Min(1 << 30, length - skipped)).IndexOfAnyExcept(pattern);
                if (found >= 0)
                {
                    return skipped + found;
                }

                skipped += 1 << 30;
            }
        }
    }

    /// <summary>The elements in another order.</summary>
    internal static OwnedTensor Gather(Tensor values, int[] order)
    {
        var result = new OwnedTensor(values.Element, [order.Length], zeroed: false);
        using var from = values.Pin();
        using var to = result.Pin();
        for (var i = 0; i < order.Length; i++)
        {
            Move(values.Element, from.Pointer, order[i], to.Pointer, i);
        }

        return result;
    }

    /// <summary>Adds one element to another: integers wrap, of bools either.</summary>
    internal static void Add(Tensor values, long to, long from)
    {
        using var pin = values.Pin();
        var size = values.Element.ByteSize();
        byte* target = (byte*)pin.Pointer + (to * size), source = (byte*)pin.Pointer + (from * size);
        if (values.Element.IsFloat())
        {
            Span<double> a = [0], b = [0];
            TensorConvert.Load(target, values.Element, a);
            TensorConvert.Load(source, values.Element, b);
            TensorConvert.Store([a[0] + b[0]], target, values.Element);
        }
        else
        {
            Span<long> a = [0], b = [0];
            TensorConvert.Load(target, values.Element, a);
            TensorConvert.Load(source, values.Element, b);
            TensorConvert.Store([unchecked(a[0] + b[0])], target, values.Element);
        }
    }

    /// <summary>Writes each element to its place.</summary>
    internal static void Scatter(Tensor values, ReadOnlySpan<long> places, Tensor target)
    {
        using var from = values.Pin();
        using var to = target.Pin();
        for (var i = 0; i < places.Length; i++)
        {
            Move(values.Element, from.Pointer, i, to.Pointer, places[i]);
        }
    }

    /// <summary>Makes every element that of <paramref name="pattern"/>.</summary>
    internal static void Fill(Tensor tensor, Tensor pattern)
    {
        using var pin = tensor.Pin();
        using var other = pattern.Pin();
        for (long i = 0; i < tensor.Length; i++)
        {
            Move(tensor.Element, other.Pointer, 0, pin.Pointer, i);
        }
    }

    private static void Move(ElementType element, void* from, long source, void* to, long target)
    {
        switch (element.ByteSize())
        {
            case 8:
                ((long*)to)[target] = ((long*)from)[source];
                break;
            case 4:
                ((int*)to)[target] = ((int*)from)[source];
                break;
            case 2:
                ((short*)to)[target] = ((short*)from)[source];
                break;
            default:
                ((byte*)to)[target] = ((byte*)from)[source];
                break;
        }
    }
}
