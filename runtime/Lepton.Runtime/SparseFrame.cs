using Lepton.Abi;
using Lepton.Runtime.Memory;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime;

/// <summary>The part of a frame for sparse tensors: several pointers for each, counts among the sizes, results that the run makes.</summary>
internal sealed unsafe partial class Frame
{
    // Of sparse inputs whose indices had another width; null: none was.
    private OwnedSparseTensor?[]? _converted;

    /// <summary>Takes a sparse tensor of the caller and keeps its arrays pinned until <see cref="Clear"/> or the next one.</summary>
    internal void Set(int index, SparseTensor tensor)
    {
        Check(index, tensor.Element, tensor.Shape, isSparse: true);
        tensor = Suited(index, tensor);
        var (first, end) = (Plan.PointerStart[index], Plan.PointerStart[index + 1]);
        for (var p = first; p < end; p++)
        {
            var array = tensor.Arrays[p - first];
            var pin = array.Pin();
            _pins[p].Dispose();
            _pins[p] = pin;
            if (((nuint)pin.Pointer & (nuint)(array.Element.ByteSize() - 1)) != 0)
            {
                var (format, native) = (Plan.Tensors[index].Format!, Plan.Arrays(index)[p - first]);
                var what = $"{Plan.Describe(index)}, {SparseLayout.Describe(format, native.Level, native.Kind)}";
                throw new LeptonArgumentException($"entry {Plan.Manifest.Name}: {what}: not aligned to the size of an element");
            }

            Pointers[p] = array.ByteLength == 0 ? Nothing : pin.Pointer;
            _bytes[p] = array.ByteLength;
        }

        var dim = Plan.StoredStart[index];
        for (var level = 0; level < tensor.Format.Levels.Count; level++)
        {
            if (tensor.Format.Levels[level].Kind == LevelKind.Compressed)
            {
                (_dims[dim], NativeDims[dim]) = (tensor.Count(level), tensor.Count(level));
                dim++;
            }
        }

        SetShape(index, tensor.Shape);
    }

    /// <summary>Takes a sparse result of the run before; the next run makes another one.</summary>
    /// <exception cref="InvalidOperationException">There was no run, or it is taken already.</exception>
    internal OwnedSparseTensor TakeResult(int result)
    {
        var index = Plan.FirstResult + result;
        var (format, first) = (Plan.Tensors[index].Format!, Plan.PointerStart[index]);
        if (Pointers[first] is null)
        {
            throw new InvalidOperationException($"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is taken already, or no run has made it");
        }

        var arrays = Array.Find(Plan.SparseResults, r => r.Tensor == index)!.Arrays;
        var owned = new OwnedTensor[arrays.Count];
        for (var a = 0; a < owned.Length; a++)
        {
            var memory = Taken->Take(Pointers[first + a])!;
            owned[a] = new OwnedTensor(memory, arrays[a].Element, [_bytes[first + a] / arrays[a].Element.ByteSize()]);
            Pointers[first + a] = null;
        }

        var shape = new long[Plan.ResultShapes[result].Length];
        for (var axis = 0; axis < shape.Length; axis++)
        {
            shape[axis] = ResultSize(result, axis);
        }

        return new OwnedSparseTensor(format, shape, owned);
    }

    /// <summary>Makes every array of every sparse result a block of its own, as long as the counts say.</summary>
    private void KeepResults()
    {
        TakeCounts();
        foreach (var result in Plan.SparseResults)
        {
            for (var a = 0; a < result.Lengths.Length; a++)
            {
                var p = result.FirstPointer + a;
                var bytes = (Int128)Sizes.SizeBinder.Evaluate(this, result.Lengths[a]) * result.Arrays[a].Element.ByteSize();
                var block = Taken->BytesOf(Pointers[p]);
                if (bytes < 0 || bytes > (block ?? TensorShape.MaxBytes))
                {
                    throw new LeptonRunException($"entry {Plan.Manifest.Name}: {result.Arrays[a].Name} has {bytes} bytes, and the run took {block} for it");
                }

                _bytes[p] = (long)bytes;
                if (block is null || IsShared(p))
                {
                    Pointers[p] = Taken->Copy(Pointers[p], _bytes[p]);
                    if (Pointers[p] is null)
                    {
                        throw new LeptonRunException($"entry {Plan.Manifest.Name}: no memory for {_bytes[p]} bytes of {result.Arrays[a].Name}");
                    }
                }
            }
        }
    }

    private void TakeCounts()
    {
        for (var d = Plan.PlainDims; d < _dims.Length; d++)
        {
            _dims[d] = NativeDims[d]; // those of arguments are as they were
        }
    }

    // An array of one result may be that of another one, or of an argument: each result gets its own.
    private bool IsShared(int pointer)
    {
        for (var p = Plan.FirstResultPointer; p < pointer; p++)
        {
            if (Pointers[p] == Pointers[pointer])
            {
                return true;
            }
        }

        return false;
    }

    private void ForgetResults()
    {
        foreach (var result in Plan.SparseResults)
        {
            new Span<nint>(Pointers + result.FirstPointer, result.Arrays.Count).Clear();
        }
    }

    // Formats that store alike are the same, whatever their names; only the width of indices is changed here.
    private SparseTensor Suited(int index, SparseTensor tensor)
    {
        var format = Plan.Tensors[index].Format!;
        if (tensor.Format.Levels != format.Levels || tensor.Fill != format.FillOf(tensor.Element))
        {
            throw new LeptonArgumentException(
                $"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is stored in {format}, and the tensor given in {tensor.Format}; convert it with ConvertTo");
        }

        if (tensor.Format.Index == format.Index)
        {
            return tensor;
        }

        try
        {
            var converted = SparseIndices.ConvertTo(tensor, format.Index, tensor.Element);
            _converted ??= new OwnedSparseTensor?[Plan.FirstResult];
            _converted[index]?.Dispose(); // once its pins are gone
            return _converted[index] = converted;
        }
        catch (ArgumentException e)
        {
            throw new LeptonArgumentException($"entry {Plan.Manifest.Name}: {Plan.Describe(index)}: {e.Message}", e);
        }
    }

    private LeptonArgumentException WrongStorage(int index, bool isSparse) => new(
        $"entry {Plan.Manifest.Name}: {Plan.Describe(index)} is "
        + (isSparse ? "dense, and the tensor given is sparse; ToDense makes it dense" : $"stored in {Plan.Tensors[index].Format}, and the tensor given is dense; convert it with SparseTensor.From"));
}
