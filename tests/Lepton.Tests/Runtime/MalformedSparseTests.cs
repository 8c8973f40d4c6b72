using Lepton.Abi;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;
using Lepton.Tests.Support.Guard;
using Xunit;

namespace Lepton.Tests.Runtime;

/// <summary>Index arrays that cannot be: each is refused with one message that says where, when the tensor is made.</summary>
public sealed class MalformedSparseTests
{
    private const int Max = int.MaxValue;
    private static readonly float Nan = float.NaN;

    /// <summary>What is wrong, how it is stored, the shape, the index arrays, the number of values, and the message.</summary>
    public static TheoryData<string, TensorFormat, long[], int[][], int, string> Kinds()
    {
        var (csr, csc, dcsr, coo, csf) = (TensorFormat.Csr, TensorFormat.Csc, TensorFormat.Dcsr, TensorFormat.Coo(2), TensorFormat.Csf(3));
        var bsr = TensorFormat.Bsr(2, 2);
        var vector = TensorFormat.Coo(1);
        return new()
        {
            { "no arrays", csr, [3, 4], [], 2, "a tensor in csr has 3 arrays, and 1 are given" },
            { "an array too many", csr, [3, 4], [[0, 1, 1, 2], [0, 1], [0, 1]], 2, "a tensor in csr has 3 arrays, and 4 are given" },
            { "positions too short", csr, [3, 4], [[0, 1, 2], [0, 1]], 2, "positions of level 1: expected 4, one more than the 3 positions before it; got 3" },
            { "positions too long", csr, [3, 4], [[0, 1, 2, 2, 2], [0, 1]], 2, "positions of level 1: expected 4, one more than the 3 positions before it; got 5" },
            { "positions empty", csr, [3, 4], [[], [0, 1]], 2, "positions of level 1: expected 4, one more than the 3 positions before it; got 0" },
            { "too few values", csr, [3, 4], [[0, 1, 1, 2], [0, 1]], 1, "values: expected 2, one for each stored position; got 1" },
            { "too many values", csr, [3, 4], [[0, 1, 1, 2], [0, 1]], 3, "values: expected 2, one for each stored position; got 3" },
            { "no values", csr, [3, 4], [[0, 1, 1, 2], [0, 1]], 0, "values: expected 2, one for each stored position; got 0" },
            { "first position", csr, [3, 4], [[1, 1, 1, 2], [0, 1]], 2, "positions of level 1: entry 0 is 1; it must be 0" },
            { "first position negative", csr, [3, 4], [[-1, 1, 1, 2], [0, 1]], 2, "positions of level 1: entry 0 is -1; it must be 0" },
            { "position decreases", csr, [3, 4], [[0, 2, 1, 2], [0, 1]], 2, "positions of level 1: entry 2 is 1, less than 2 before it; they never decrease" },
            { "position negative", csr, [3, 4], [[0, -1, 1, 2], [0, 1]], 2, "positions of level 1: entry 1 is -1, less than 0 before it; they never decrease" },
            { "position beyond and back", csr, [3, 4], [[0, Max, 1, 2], [0, 1]], 2, $"positions of level 1: entry 2 is 1, less than {Max} before it; they never decrease" },
            { "last position too small", csr, [3, 4], [[0, 1, 1, 1], [0, 1]], 2, "positions of level 1: the last, entry 3, is 1; there are 2 coordinates" },
            { "last position too large", csr, [3, 4], [[0, 1, 1, 3], [0, 1]], 2, "positions of level 1: the last, entry 3, is 3; there are 2 coordinates" },
            { "last position the largest", csr, [3, 4], [[0, 1, 1, Max], [0, 1]], 2, $"positions of level 1: the last, entry 3, is {Max}; there are 2 coordinates" },
            { "positions of all zeros", csr, [3, 4], [[0, 0, 0, 0], [0, 1]], 2, "positions of level 1: the last, entry 3, is 0; there are 2 coordinates" },
            { "column negative", csr, [3, 4], [[0, 1, 1, 2], [-1, 1]], 2, "column indices of level 1: entry 0 is -1; it must be 0 to 3" },
            { "column the smallest", csr, [3, 4], [[0, 1, 1, 2], [0, int.MinValue]], 2, $"column indices of level 1: entry 1 is {int.MinValue}; it must be 0 to 3" },
            { "column outside", csr, [3, 4], [[0, 1, 1, 2], [0, 4]], 2, "column indices of level 1: entry 1 is 4; it must be 0 to 3" },
            { "column the largest", csr, [3, 4], [[0, 1, 1, 2], [Max, 1]], 2, $"column indices of level 1: entry 0 is {Max}; it must be 0 to 3" },
            { "columns from 1", csr, [2, 2], [[0, 2, 4], [1, 2, 1, 2]], 4, "column indices of level 1: entry 1 is 2; it must be 0 to 1" },
            { "column of a width of 0", csr, [3, 0], [[0, 1, 1, 1], [0]], 1, "column indices of level 1: entry 0 is 0; its axis has size 0" },
            { "columns not sorted", csr, [3, 4], [[0, 0, 3, 3], [2, 1, 3]], 3, "column indices of level 1: entry 1 is 1, after 2; they ascend" },
            { "columns sorted the other way", csr, [1, 4], [[0, 4], [3, 2, 1, 0]], 4, "column indices of level 1: entry 1 is 2, after 3; they ascend" },
            { "column twice", csr, [3, 4], [[0, 0, 3, 3], [1, 1, 3]], 3, "column indices of level 1: entry 1 is 1, as the one before it; each stands once" },
            { "column twice at the end", csr, [2, 4], [[0, 2, 4], [0, 3, 3, 3]], 4, "column indices of level 1: entry 3 is 3, as the one before it; each stands once" },
            { "descent far inside", csr, [1, 99], [[0, 40], [.. Enumerable.Range(0, 37), 38, 37, 39]], 40, "column indices of level 1: entry 38 is 37, after 38; they ascend" },
            { "rows of csc", csc, [3, 4], [[0, 1, 1, 2, 2], [3, 0]], 2, "row indices of level 1: entry 0 is 3; it must be 0 to 2" },
            { "csr given as csc", csc, [3, 4], [[0, 1, 1, 2], [0, 1]], 2, "positions of level 1: expected 5, one more than the 4 positions before it; got 4" },
            { "outer level of dcsr outside", dcsr, [3, 4], [[0, 2], [0, 3], [0, 1, 2], [0, 1]], 2, "row indices of level 0: entry 1 is 3; it must be 0 to 2" },
            { "outer level of dcsr twice", dcsr, [3, 4], [[0, 2], [1, 1], [0, 1, 2], [0, 1]], 2, "row indices of level 0: entry 1 is 1, as the one before it; each stands once" },
            { "outer level of dcsr not sorted", dcsr, [3, 4], [[0, 2], [2, 1], [0, 1, 2], [0, 1]], 2, "row indices of level 0: entry 1 is 1, after 2; they ascend" },
            { "outer positions of dcsr", dcsr, [3, 4], [[0, 1], [1, 2], [0, 1, 2], [0, 1]], 2, "positions of level 0: the last, entry 1, is 1; there are 2 coordinates" },
            { "inner positions of dcsr", dcsr, [3, 4], [[0, 2], [1, 2], [0, 2, 1], [0, 1]], 2, "positions of level 1: entry 2 is 1, less than 2 before it; they never decrease" },
            { "coo of too few columns", coo, [3, 4], [[0, 2], [0, 1], [0]], 2, "column indices of level 1: expected 2, as many as level 0 has; got 1" },
            { "coo of too many columns", coo, [3, 4], [[0, 2], [0, 1], [0, 1, 2]], 2, "column indices of level 1: expected 2, as many as level 0 has; got 3" },
            { "coo with a row outside", coo, [3, 4], [[0, 2], [0, 3], [0, 1]], 2, "row indices of level 0: entry 1 is 3; it must be 0 to 2" },
            { "coo with a column outside", coo, [3, 4], [[0, 2], [0, 1], [0, 4]], 2, "column indices of level 1: entry 1 is 4; it must be 0 to 3" },
            { "coo with rows not sorted", coo, [3, 4], [[0, 2], [1, 0], [0, 1]], 2, "row indices of level 0: entry 1 is 0, after 1; they ascend" },
            { "coo with columns not sorted", coo, [3, 4], [[0, 2], [1, 1], [1, 0]], 2, "column indices of level 1: entry 1 is 0, after 1; they ascend" },
            { "coo with an entry twice", coo, [3, 4], [[0, 2], [1, 1], [1, 1]], 2, "column indices of level 1: entry 1 is 1, as the one before it; each stands once" },
            { "coo with two segments", coo, [3, 4], [[0, 1, 2], [0, 1], [0, 1]], 2, "positions of level 0: expected 2, one more than the 1 positions before it; got 3" },
            { "csf, second level", csf, [2, 3, 4], [[0, 1], [1], [0, 2], [2, 0], [0, 1, 2], [0, 1]], 2, "indices of axis 1, level 1: entry 1 is 0, after 2; they ascend" },
            { "csf, last level", csf, [2, 3, 4], [[0, 1], [1], [0, 1], [2], [0, 2], [1, 1]], 2, "indices of axis 2, level 2: entry 1 is 1, as the one before it; each stands once" },
            { "blocks that do not divide", bsr, [3, 4], [[0, 1], [0]], 4, "bsr(2, 2): blocks of 2 do not divide axis 0 of shape [3, 4]" },
            { "block outside", bsr, [4, 4], [[0, 1, 1], [2]], 4, "block column indices of level 1: entry 0 is 2; it must be 0 to 1" },
            { "block twice", bsr, [4, 4], [[0, 2, 2], [1, 1]], 8, "block column indices of level 1: entry 1 is 1, as the one before it; each stands once" },
            { "half a block", bsr, [4, 4], [[0, 1, 1], [1]], 3, "values: expected 4, one for each stored position; got 3" },
            { "vector outside", vector, [5], [[0, 2], [0, 5]], 2, "indices of axis 0, level 0: entry 1 is 5; it must be 0 to 4" },
            { "vector twice", vector, [5], [[0, 2], [4, 4]], 2, "indices of axis 0, level 0: entry 1 is 4, as the one before it; each stands once" },
            { "another rank", csr, [3, 4, 5], [[0, 1, 1, 2], [0, 1]], 2, "csr does not suit a tensor of shape [3, 4, 5]: axis 2 has neither one level nor a level of blocks and one inside them" },
            { "a negative size", csr, [3, -4], [[0, 1, 1, 2], [0, 1]], 2, "size -4 in shape [3, -4] is negative" },
            { "a size beyond all memory", csr, [long.MaxValue, 4], [[0, 1], [0]], 1, $"size {long.MaxValue} in shape [{long.MaxValue}, 4] is too large" },
            { "nan as fill value", csr.WithFill(Scalar.Float(ElementType.F32, Nan)), [3, 4], [[0, 1, 1, 2], [0, 1]], 2, "the fill value is nan: it differs from itself, so that nothing could be told to be stored" },
            { "a fill value of another type", csr.WithFill(Scalar.Integer(ElementType.I32, 1)), [3, 4], [[0, 1, 1, 2], [0, 1]], 2, "the fill value of csr fill 1 is i32, and the values are f32" },
            { "levels that cannot be", new("bad", [new(LevelKind.Dense, 0), new(LevelKind.Singleton, 1)]), [3, 4], [[0, 1, 1]], 3, "bad does not suit a tensor of shape [3, 4]: level 1 is a singleton, and the level before it has no repeated coordinates" },
        };
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_is_one_clear_error(string kind, TensorFormat format, long[] shape, int[][] indices, int values, string message)
    {
        Assert.NotEmpty(kind);
        Assert.Equal(message, Refused(format, shape, [.. indices.Select(i => Tensor.From(i)), Tensor.From(new float[values])]));
        if (format.Index == ElementType.I32)
        {
            // The same in 64 bits.
            var wide = indices.Select(i => Tensor.From(Array.ConvertAll(i, x => (long)x)));
            Assert.Equal(message, Refused(format with { Index = ElementType.I64 }, shape, [.. wide, Tensor.From(new float[values])]));
        }
    }

    /// <summary>Every array directly before, or behind, a page that may not be touched: whoever reads outside of one ends the process.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public unsafe void Nobody_reads_outside_of_an_array(bool atEnd)
    {
        foreach (var row in GuardedPages.IsSupported ? Kinds() : [])
        {
            var (format, shape, indices, values, message) = ((TensorFormat)row[1], (long[])row[2], (int[][])row[3], (int)row[4], (string)row[5]);
            Guarded(format, shape, indices, values, atEnd, (arrays, given) => Assert.Equal(message, Refused(given, shape, arrays)));
        }

        var random = new Random(atEnd ? 1 : 2);
        for (var turn = 0; turn < 100 && GuardedPages.IsSupported; turn++)
        {
            long[] shape = [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => (long)random.Next(12))];
            using var tensor = SparseFill.Uniform(ElementType.F32, shape, random.NextDouble(), (ulong)turn, SparseFormats.Random(random, shape) with { Index = ElementType.I32 });
            var indices = tensor.Arrays.Take(tensor.Arrays.Count - 1).Select(a => a.AsSpan<int>().ToArray()).ToArray();
            Guarded(tensor.Format, shape, indices, (int)tensor.StoredCount, atEnd, (arrays, format) =>
            {
                using var turned = SparseTensor.Over(format, shape, arrays).ConvertTo(SparseFormats.Random(random, shape));
                using var dense = turned.ToDense();
            });
        }

        static void Guarded(TensorFormat format, long[] shape, int[][] indices, int values, bool atEnd, Action<Tensor[], TensorFormat> use)
        {
            foreach (var index in new[] { ElementType.I32, ElementType.I64 })
            {
                long[] sizes = [.. indices.Select(i => (long)i.Length * index.ByteSize()), values * 4L];
                using var pages = new GuardedPages([.. sizes.Select(GuardedPages.Rounded)]);
                var arrays = new Tensor[sizes.Length];
                for (var a = 0; a < arrays.Length; a++)
                {
                    var element = a < indices.Length ? index : ElementType.F32;
                    arrays[a] = Tensor.FromPointer(pages.Place(a, sizes[a], atEnd), element, sizes[a] / element.ByteSize());
                    for (var i = 0; a < indices.Length && i < indices[a].Length; i++)
                    {
                        if (index == ElementType.I32)
                        {
                            arrays[a].AsSpan<int>()[i] = indices[a][i];
                        }
                        else
                        {
                            arrays[a].AsSpan<long>()[i] = indices[a][i];
                        }
                    }
                }

                use(arrays, format with { Index = index });
            }
        }
    }

    [Fact]
    public void Arrays_of_other_types_or_more_axes_are_refused()
    {
        Tensor positions = Tensor.From([0, 1, 2]), columns = Tensor.From([0, 1]), values = Tensor.From([1f, 2]);
        Assert.Equal("positions of level 1: expected i32, got i64", Refused(TensorFormat.Csr, [2, 2], [Tensor.From([0L, 1, 2]), columns, values]));
        Assert.Equal("column indices of level 1: expected i32, got f32", Refused(TensorFormat.Csr, [2, 2], [positions, values, values]));
        Assert.Equal("column indices of level 1: expected one axis, got shape [1, 2]", Refused(TensorFormat.Csr, [2, 2], [positions, Tensor.From([0, 1], 1, 2), values]));
        Assert.Equal("values: expected one axis, got shape [2, 1]", Refused(TensorFormat.Csr, [2, 2], [positions, columns, Tensor.From([1f, 2], 2, 1)]));
        Assert.Contains("positions are i32 or i64, not u8", Refused(TensorFormat.Csr with { Index = ElementType.U8 }, [2, 2], [positions, columns, values]));
    }

    [Fact]
    public void What_the_owner_breaks_later_is_found_when_asked_again()
    {
        int[] columns = [1, 0, 2];
        var a = SparseTensor.Csr([0, 1, 1, 3], columns, new float[3], [3, 4]);
        columns[2] = 77;
        Assert.Equal("column indices of level 1: entry 2 is 77; it must be 0 to 3", Assert.Throws<ArgumentException>(a.Validate).Message);
    }

    private static string Refused(TensorFormat format, long[] shape, Tensor[] arrays) =>
        Assert.Throws<ArgumentException>(() => SparseTensor.Over(format, shape, arrays)).Message;
}
