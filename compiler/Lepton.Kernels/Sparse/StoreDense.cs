using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Building;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels.Sparse;

/// <summary>
/// A dense tensor stored in any format: what differs from the fill value, and what the format's dense levels put beside it. In two passes over
/// the levels' coordinates, in order, one that counts and one that writes:
/// <code>
/// dense:        for c:                                           below, at p·size + c
/// compressed:   for c, if anything below differs from the fill:  crd[q] = c, below, at q++;   then pos[p + 1] = q
/// repeated:     for c, for the singletons' c' …, if …:           crd[q] = c, crd'[q] = c' …, below, at q++
/// </code>
/// </summary>
internal sealed class StoreDense
{
    private readonly LoweringContext _context;
    private readonly KernelBuilder _kernel;
    private readonly SparseStorage _storage;
    private readonly NodeId _source;
    private readonly LoopExpr[] _coordinates;
    private readonly Dictionary<int, VariableExpr> _next = [];
    private readonly bool _writes;

    private StoreDense(LoweringContext context, string name, SparseStorage storage, NodeId source, bool writes)
    {
        (_context, _storage, _source, _writes) = (context, storage, source, writes);
        _kernel = new KernelBuilder(context, name, new FusionGroup(name, KernelStrategy.Sparse, [], []));
        _coordinates = new LoopExpr[storage.Format.Levels.Count];
    }

    private BodyBuilder Body => _kernel.Body;

    private ValueList<FormatLevel> Levels => _storage.Format.Levels;

    public static void Run(LoweringContext context, NodeId node)
    {
        var stored = (FormatNode)context.Graph[node];
        GraphLowering.Materialize(context, stored.Source);
        var late = new LateStorage(context, node);
        var levels = stored.Format.Levels;
        var compressed = Enumerable.Range(0, levels.Count).Where(l => levels[l].Kind == LevelKind.Compressed).ToArray();
        if (compressed.Length > 0)
        {
            var counts = context.Allocate(ElementType.I64, SizeExpr.Constant(compressed.Length));
            new StoreDense(context, $"{context.Graph.Name}_count_{node.Value}", late.Storage, stored.Source, writes: false).Count(compressed, counts);
            for (var k = 0; k < compressed.Length; k++)
            {
                late.Count(compressed[k], counts with { Offset = counts.Offset + SizeExpr.Constant(8 * k) }, ElementType.I64);
            }
        }

        late.AllocateAll();
        new StoreDense(context, $"{context.Graph.Name}_store_{node.Value}", late.Storage, stored.Source, writes: true).Write(compressed);
    }

    private void Count(int[] compressed, BufferRef counts)
    {
        var buffer = _kernel.Buffer("counts", ElementType.I64, BufferAccess.Write, counts);
        Start(compressed);
        Level(0, BodyMath.Index(0));
        for (var k = 0; k < compressed.Length; k++)
        {
            Body.Store(buffer, BodyMath.Index(k), LateStorage.Countable(Body, Body.Read(_next[compressed[k]]), _storage.Format.Index));
        }

        _kernel.Launch(SizeExpr.One, $"counts what {_storage.Format} stores, in order");
    }

    private void Write(int[] compressed)
    {
        // Settled first: what is written is never read early.
        foreach (var array in _storage.Format.Arrays(_storage.Name, _storage.Type.Element, _storage.Type.Shape))
        {
            Buffer(array.Kind, array.Level);
        }

        Start(compressed);
        foreach (var level in compressed)
        {
            Put(StorageKind.Positions, level, BodyMath.Index(0), BodyMath.Index(0));
        }

        Level(0, BodyMath.Index(0));
        _kernel.Launch(SizeExpr.One, $"dense to {_storage.Format}, in order");
    }

    private void Start(int[] compressed)
    {
        foreach (var level in compressed)
        {
            _next[level] = Body.Declare(BodyMath.Index(0));
        }
    }

    private void Level(int level, LoopExpr position)
    {
        if (level == Levels.Count)
        {
            if (_writes)
            {
                Body.Store(Buffer(StorageKind.Values, -1), position, Value());
            }

            return;
        }

        var size = _storage.Format.SizeOf(level, _storage.Type.Shape);
        if (Levels[level].Kind == LevelKind.Dense)
        {
            Body.For(BodyMath.Index(0), BodyMath.Index(size), 1, mayBeEmpty: true, c =>
            {
                _coordinates[level] = c;
                Level(level + 1, Body.Add(Body.Mul(position, BodyMath.Index(size)), c));
            });
            return;
        }

        // A level with repeated coordinates and its singletons run together.
        var last = level;
        while (!Levels[last].Unique)
        {
            last++;
        }

        Together(level, level, last);
        if (_writes)
        {
            Put(StorageKind.Positions, level, Body.Add(position, BodyMath.Index(1)), Body.Read(_next[level]));
        }
    }

    private void Together(int first, int level, int last)
    {
        Body.For(BodyMath.Index(0), BodyMath.Index(_storage.Format.SizeOf(level, _storage.Type.Shape)), 1, mayBeEmpty: true, c =>
        {
            _coordinates[level] = c;
            if (level < last)
            {
                Together(first, level + 1, last);
                return;
            }

            Body.If(Differs(last + 1), () =>
            {
                var position = Body.Read(_next[first]);
                for (var l = first; _writes && l <= last; l++)
                {
                    Put(StorageKind.Coordinates, l, position, _coordinates[l]);
                }

                Body.Assign(_next[first], Body.Add(position, BodyMath.Index(1)));
                Level(last + 1, position);
            });
        });
    }

    // Whether anything below the coordinates of the levels before this one is not the fill value.
    private LoopExpr Differs(int level)
    {
        if (level == Levels.Count)
        {
            return Body.Map(MapOp.NotEqual, ElementType.Bool, Value(), BodyMath.Number(_storage.Fill));
        }

        var found = Body.Declare(BodyMath.Number(ElementType.Bool, 0));
        Search(level, found);
        return Body.Read(found);
    }

    private void Search(int level, VariableExpr found) =>
        Body.For(BodyMath.Index(0), BodyMath.Index(_storage.Format.SizeOf(level, _storage.Type.Shape)), 1, mayBeEmpty: true, c =>
        {
            _coordinates[level] = c;
            if (level + 1 < Levels.Count)
            {
                Search(level + 1, found);
            }
            else
            {
                Body.Assign(found, Body.Map(MapOp.Or, ElementType.Bool, Body.Read(found), Differs(Levels.Count)));
            }
        });

    private LoopExpr Value()
    {
        LoopExpr address = BodyMath.Index(0);
        for (var axis = 0; axis < _storage.Type.Rank; axis++)
        {
            var index = new StorageLevels(_kernel, _storage).Index(axis, _coordinates);
            address = Body.Add(Body.Mul(address, BodyMath.Index(_storage.Type.Shape[axis])), index);
        }

        var buffer = _kernel.Buffer("in", _storage.Type.Element, BufferAccess.Read, ((BufferPlace)_context.PlaceOf(_source)!).Ref);
        return Body.Let(new LoadExpr(new LaneType(_storage.Type.Element.ComputeType(), 1), buffer, address));
    }

    private void Put(StorageKind kind, int level, LoopExpr index, LoopExpr value) =>
        Body.Store(Buffer(kind, level), index, Body.Cast(value, _storage.Format.Index));

    private int Buffer(StorageKind kind, int level)
    {
        var element = kind == StorageKind.Values ? _storage.Type.Element : _storage.Format.Index;
        var name = kind == StorageKind.Values ? "values" : $"{(kind == StorageKind.Positions ? "pos" : "crd")}{level}";
        return _kernel.Buffer(name, element, BufferAccess.Write, _storage.Array(kind, level));
    }
}
