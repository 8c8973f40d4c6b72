using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// The storage of a sparse result while the run finds out how much there is to store: counts are read where a kernel left them, arrays come
/// from the host, and those of a result of the graph are given to the caller.
/// </summary>
internal sealed class LateStorage
{
    private readonly LoweringContext _context;
    private readonly SparseStorage _result;
    private readonly ValueList<StorageArray> _arrays;
    private readonly int[] _pointers;
    private readonly bool _isResult;

    public LateStorage(LoweringContext context, NodeId node)
    {
        var stored = (FormatNode)context.Graph[node];
        _context = context;
        _isResult = context.StorageOf(node) is not null;
        var name = context.StorageOf(node)?.Name ?? context.Program.NewCounter();
        _arrays = stored.Format.Arrays(name, stored.Type.Element, stored.Type.Shape);
        _pointers = [.. _arrays.Select(_ => context.Program.NewPointer())];
        _result = context.StorageOf(node) ?? new SparseStorage(name, stored.Type, stored.Format, []);
        Storage = _result with { Arrays = _pointers.Select(p => new BufferRef(BufferKind.Pointer, p, SizeExpr.Zero)).ToValueList() };
        context.SetStorage(node, Storage);
    }

    /// <summary>Where kernels write and read it.</summary>
    public SparseStorage Storage { get; }

    /// <summary>The count of a compressed level is the number at this place.</summary>
    public void Count(int level, BufferRef place, ElementType element) =>
        _context.Program.Add(new ReadSize(TensorFormat.StoredName(Storage.Name, level), place, element));

    /// <summary>A count as it is if positions can hold it; else one that no host has memory for, so that the run ends there.</summary>
    public static LoopExpr Countable(BodyBuilder body, LoopExpr count, ElementType index) => index == ElementType.I64
        ? count
        : body.Select(body.Less(count, BodyMath.Index(1L << 31)), count, BodyMath.Index(1L << 50));

    /// <summary>Memory for an array whose length is known by now.</summary>
    /// <param name="count">Elements; null: as many as the array has.</param>
    public void Allocate(StorageKind kind, int level, SizeExpr? count = null)
    {
        for (var i = 0; i < _arrays.Count; i++)
        {
            if (_arrays[i].Kind == kind && (_arrays[i].Level == level || kind == StorageKind.Values))
            {
                _context.Program.Add(new AllocateLate(_pointers[i], (count ?? _arrays[i].Count) * _arrays[i].Element.ByteSize()));
                if (_isResult)
                {
                    _context.Program.Add(new GiveArray(_result.Arrays[i].Number, _pointers[i]));
                }
            }
        }
    }

    /// <summary>Memory for all arrays.</summary>
    public void AllocateAll()
    {
        foreach (var array in _arrays)
        {
            Allocate(array.Kind, array.Level);
        }
    }
}
