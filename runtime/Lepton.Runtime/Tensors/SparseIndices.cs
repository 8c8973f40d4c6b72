using Lepton.Abi;

namespace Lepton.Runtime.Tensors;

/// <summary>Positions and coordinates in another integer type.</summary>
internal static class SparseIndices
{
    /// <summary>The same tensor with its indices in another type; the values are copied too.</summary>
    /// <exception cref="ArgumentException">An index does not fit.</exception>
    internal static OwnedSparseTensor ConvertTo(SparseTensor tensor, ElementType index)
    {
        var arrays = new List<OwnedTensor>();
        try
        {
            for (var a = 0; a < tensor.Arrays.Count; a++)
            {
                var array = tensor.Arrays[a];
                var isIndex = a < tensor.Arrays.Count - 1;

                // Checked ones are not negative, so those that are too large have become negative, or another number.
                arrays.Add(array.ConvertTo(isIndex ? index : array.Element));
                if (isIndex && index == ElementType.I32)
                {
                    CheckFits(array, tensor);
                }
            }

            return new OwnedSparseTensor(tensor.Format with { Index = index }, tensor.Shape, [.. arrays]);
        }
        catch
        {
            arrays.ForEach(a => a.Dispose());
            throw;
        }
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
