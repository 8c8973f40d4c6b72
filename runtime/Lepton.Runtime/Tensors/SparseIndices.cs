using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Arrays of sparse tensors in other element types.</summary>
internal static class SparseIndices
{
    /// <summary>The same tensor with its indices, and its values, in other types.</summary>
    /// <exception cref="ArgumentException">An index does not fit.</exception>
    internal static OwnedSparseTensor ConvertTo(SparseTensor tensor, ElementType index, ElementType element)
    {
        var arrays = new List<OwnedTensor>();
        try
        {
            for (var a = 0; a < tensor.Arrays.Count; a++)
            {
                var array = tensor.Arrays[a];
                var isIndex = a < tensor.Arrays.Count - 1;
                arrays.Add(array.ConvertTo(isIndex ? index : element));
                if (isIndex && index == ElementType.I32 && array.Element == ElementType.I64)
                {
                    CheckFits(array, tensor);
                }
            }

            var format = tensor.Format with { Index = index };
            return new OwnedSparseTensor(tensor.Format.Fill is null ? format : format.WithFill(Cast(tensor.Fill, element)), tensor.Shape, [.. arrays]);
        }
        catch
        {
            arrays.ForEach(a => a.Dispose());
            throw;
        }
    }

    private static Scalar Cast(Scalar value, ElementType element)
    {
        using var one = SparseValues.One(value);
        using var cast = one.ConvertTo(element);
        using var wide = cast.ConvertTo(element.IsFloat() ? ElementType.F64 : ElementType.I64);
        return element.IsFloat() ? Scalar.Float(element, wide.AsSpan<double>()[0]) : Scalar.Integer(element, wide.AsSpan<long>()[0]);
    }

    private static unsafe void CheckFits(Tensor array, SparseTensor tensor)
    {
        using var pin = array.Pin();
        var data = (long*)pin.Pointer;
        for (long i = 0; i < array.Length; i++)
        {
            if (data[i] is < 0 or > int.MaxValue)
            {
                throw new ArgumentException($"index {data[i]} of {tensor} does not fit into i32; the program must say that its indices are i64");
            }
        }
    }
}
