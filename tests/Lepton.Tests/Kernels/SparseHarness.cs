using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Optimizer;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>
/// Graphs with sparse inputs and outputs, through the passes and the lowering, on the interpreter of loops, against what the graph means for
/// dense tensors. Storage is made here in the most obvious way: a sorted list of coordinates, level by level.
/// </summary>
internal static class SparseHarness
{
    public static KernelModule Check(Graph graph, TensorValue[] inputs, bool stored = false, double tolerance = 1e-5, IReadOnlySet<string>? skip = null, KernelOptions? options = null)
    {
        GraphVerifier.Verify(graph);
        var fused = GraphPasses.Run(graph, new PassOptions { Verify = true, Skip = skip ?? new HashSet<string>() });
        var module = KernelLowering.Run(fused, options);
        var expected = Interpreter.Run(graph, inputs);
        var entry = module.Entries[0].Manifest;
        var sizeOf = SizeBinding.Infer(graph, inputs);
        var dims = graph.Dims.ToDictionary(d => d, d => sizeOf(d));
        var tensors = new List<byte[]>();
        for (var i = 0; i < inputs.Length; i++)
        {
            var manifest = entry.Arguments[i];
            tensors.AddRange(manifest.Format is { } format ? Store(manifest.Name, format, inputs[i], dims, stored) : [inputs[i].ToBytes()]);
        }

        var first = tensors.Count;
        tensors.AddRange(entry.Results.SelectMany(r => r.Format is null
            ? [new byte[r.Shape.Aggregate(1L, (a, s) => a * s.Evaluate(n => dims[n])) * r.Element.ByteSize()]]
            : r.NativeArrays.Select(_ => Array.Empty<byte>())));
        var native = tensors.ToArray();
        Assert.Null(LoopInterpreter.Run(module, entry.Name, native, dims));
        for (var i = 0; i < expected.Count; i++)
        {
            var manifest = entry.Results[i];
            var count = manifest.NativeArrays.Count;
            var actual = manifest.Format is { } format
                ? Read(manifest, format, native[first..(first + count)], expected[i], dims)
                : TensorValue.FromBytes(manifest.Element, [.. expected[i].Dims], native[first]);
            first += count;
            var wrong = KernelHarness.Difference(expected[i], actual, tolerance);
            Assert.True(wrong is null, $"{manifest.Name}: {wrong}\n{GraphText.Print(fused.Graph)}\n{LoopText.Print(module)}");
        }

        return module;
    }

    /// <param name="stored">Whether fill values are stored here and there: they are legal.</param>
    public static List<byte[]> Store(string name, TensorFormat format, TensorValue value, Dictionary<string, long> dims, bool stored)
    {
        var shape = value.Dims.Select(d => SizeExpr.Constant(d)).ToValueList();
        var fill = format.FillOf(value.Element);
        var entries = new List<(long[] At, long Element)>();
        for (long e = 0; e < value.Count; e++)
        {
            if (value[(int)e].AsDouble != fill.AsDouble || (stored && e % 5 == 2))
            {
                entries.Add((LevelsOf(format, Index(e, value.Dims)), e));
            }
        }

        entries.Sort((a, b) => a.At.AsSpan().SequenceCompareTo(b.At));
        var arrays = new List<byte[]>();

        // The coordinates of each position of the level before; a dense level multiplies them, the others keep what has entries.
        List<long[]> parents = [[]];
        for (var level = 0; level < format.Levels.Count; level++)
        {
            var children = new List<long[]>();
            switch (format.Levels[level].Kind)
            {
                case LevelKind.Dense:
                    children.AddRange(parents.SelectMany(p => Enumerable.Range(0, (int)format.SizeOf(level, shape).AsConstant!.Value).Select(c => (long[])[.. p, c])));
                    break;
                case LevelKind.Compressed:
                    var positions = new List<long> { 0 };
                    foreach (var parent in parents)
                    {
                        var below = entries.Where(e => e.At.AsSpan(0, level).SequenceEqual(parent)).Select(e => e.At[..(level + 1)]);
                        children.AddRange(format.Levels[level].Unique ? below.DistinctBy(c => c[^1]) : below);
                        positions.Add(children.Count);
                    }

                    dims[TensorFormat.StoredName(name, level)] = children.Count;
                    arrays.Add(Bytes(format.Index, positions));
                    arrays.Add(Bytes(format.Index, children.Select(c => c[^1])));
                    break;
                default:
                    // One each: the parents stand in the order of the entries.
                    children.AddRange(entries.Select(e => e.At[..(level + 1)]));
                    arrays.Add(Bytes(format.Index, children.Select(c => c[^1])));
                    break;
            }

            parents = children;
        }

        var byPlace = entries.ToDictionary(e => string.Join(',', e.At), e => value[(int)e.Element]);
        var values = parents.Select(p => byPlace.GetValueOrDefault(string.Join(',', p), fill)).ToArray();
        arrays.Add((value.Element.IsFloat()
            ? TensorValue.OfFloats(value.Element, [values.Length], [.. values.Select(v => v.AsDouble)])
            : TensorValue.OfIntegers(value.Element, [values.Length], [.. values.Select(v => v.Bits)])).ToBytes());
        return arrays;
    }

    private static TensorValue Read(TensorManifest manifest, TensorFormat format, byte[][] arrays, TensorValue like, Dictionary<string, long> dims)
    {
        var shape = like.Dims.Select(d => SizeExpr.Constant(d)).ToValueList();
        var native = format.Arrays(manifest.Name, manifest.Element, shape);
        var lists = native.Select((a, i) =>
        {
            // There may be more memory than entries.
            var count = a.Count.Evaluate(n => dims[n]);
            Assert.InRange(count * a.Element.ByteSize(), 0, arrays[i].Length);
            return TensorValue.FromBytes(a.Element, [count], arrays[i].AsSpan(0, (int)count * a.Element.ByteSize()));
        }).ToArray();
        var fill = format.FillOf(manifest.Element);
        var dense = Enumerable.Repeat(fill, (int)like.Count).ToArray();
        var at = new long[format.Levels.Count];
        Level(0, 0);
        return manifest.Element.IsFloat()
            ? TensorValue.OfFloats(manifest.Element, [.. like.Dims], [.. dense.Select(v => v.AsDouble)])
            : TensorValue.OfIntegers(manifest.Element, [.. like.Dims], [.. dense.Select(v => v.Bits)]);

        TensorValue Array(StorageKind kind, int level)
        {
            for (var i = 0; i < native.Count; i++)
            {
                if (native[i].Kind == kind && (kind == StorageKind.Values || native[i].Level == level))
                {
                    return lists[i];
                }
            }

            throw new InvalidOperationException();
        }

        void Level(int level, long position)
        {
            if (level == at.Length)
            {
                long number = 0;
                for (var axis = 0; axis < shape.Count; axis++)
                {
                    var index = Enumerable.Range(0, at.Length).Where(l => format.Levels[l].Axis == axis)
                        .Sum(l => at[l] * (format.Levels[l].Part == LevelPart.Outer ? format.Levels[l].Block : 1));
                    Assert.InRange(index, 0, shape[axis].AsConstant!.Value - 1);
                    number = (number * shape[axis].AsConstant!.Value) + index;
                }

                dense[number] = Array(StorageKind.Values, -1)[(int)position];
                return;
            }

            switch (format.Levels[level].Kind)
            {
                case LevelKind.Dense:
                    var size = format.SizeOf(level, shape).AsConstant!.Value;
                    for (at[level] = 0; at[level] < size; at[level]++)
                    {
                        Level(level + 1, (position * size) + at[level]);
                    }

                    break;
                case LevelKind.Compressed:
                    var positions = Array(StorageKind.Positions, level);
                    var last = -1L;
                    for (var p = positions[(int)position].AsInteger; p < positions[(int)position + 1].AsInteger; p++)
                    {
                        at[level] = Array(StorageKind.Coordinates, level)[(int)p].AsInteger;
                        Assert.True(format.Levels[level].Unique ? at[level] > last : at[level] >= last, "coordinates ascend");
                        last = at[level];
                        Level(level + 1, p);
                    }

                    break;
                default:
                    at[level] = Array(StorageKind.Coordinates, level)[(int)position].AsInteger;
                    Level(level + 1, position);
                    break;
            }
        }
    }

    private static long[] Index(long number, IReadOnlyList<long> dims)
    {
        var index = new long[dims.Count];
        for (var axis = dims.Count - 1; axis >= 0; axis--)
        {
            (number, index[axis]) = (number / dims[axis], number % dims[axis]);
        }

        return index;
    }

    private static long[] LevelsOf(TensorFormat format, long[] index) => [.. format.Levels.Select(l => l.Part switch
    {
        LevelPart.Whole => index[l.Axis],
        LevelPart.Outer => index[l.Axis] / l.Block,
        _ => index[l.Axis] % l.Block,
    })];

    private static byte[] Bytes(ElementType element, IEnumerable<long> values)
    {
        var list = values.ToArray();
        return TensorValue.OfIntegers(element, [list.Length], list).ToBytes();
    }
}
