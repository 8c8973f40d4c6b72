using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;
using Lepton.Tests.Support.Guard;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// Sparse work in machine code on arrays of the caller between pages that may not be touched, for sizes around those of vectors: the results are
/// the interpreter's, those that are sparse are well formed, and the bits are the same for any number of threads.
/// </summary>
public sealed unsafe class SparseGuardTests
{
    private static readonly int[] Sizes = [0, 1, 2, 7, 8, 16, 17, 34];
    private static readonly PatternOf[] Patterns = [PatternOf.Some, PatternOf.None, PatternOf.All, PatternOf.OneRow];

    private enum PatternOf
    {
        Some,
        None,
        All,
        OneRow,
    }

    [Theory]
    [InlineData("csr")]
    [InlineData("csc")]
    [InlineData("dcsr")]
    [InlineData("coo")]
    [InlineData("bsr(2, 1)")]
    public void Nobody_reads_or_writes_outside_and_every_number_is_right(string format)
    {
        if (!GuardedPages.IsSupported)
        {
            return;
        }

        using var engine = LeptonEngine.Compile(
            $$"""
            fn vector(a: f32[N, M] in {{format}}, x: f32[M]) -> (y: f32[N]) { y[i] = sum[j] a[i, j] * x[j] }
            fn matrix(a: f32[N, M] in {{format}}, b: f32[M, K]) -> (y: f32[N, K]) { y[i, k] = sum[j] a[i, j] * b[j, k] }
            fn turned(a: f32[N, M] in {{format}}, x: f32[N, K]) -> (y: f32[M, K]) { y[j, k] = sum[i] a[i, j] * x[i, k] }
            fn product(a: f32[N, M] in {{format}}, b: f32[M, K] in csr) -> (y: f32[N, K] in csr) { y[i, k] = sum[j] a[i, j] * b[j, k] }
            fn sum_of(a: f32[N, M] in {{format}}, b: f32[N, M] in csr) -> (y: f32[N, M] in {{format}}) { y = a + 2 * b }
            fn sampled(s: f32[N, M] in {{format}}, q: f32[N, K], k: f32[M, K]) -> (y: f32[N, M] in {{format}}) { y[i, j] = s[i, j] * (sum[d] q[i, d] * k[j, d]) }
            """,
            new LeptonOptions { UseCache = false, MaxSpecializations = 0 });
        var random = new Random(7);
        foreach (var entry in engine.Entries)
        {
            foreach (var size in Sizes)
            {
                foreach (var pattern in Patterns)
                {
                    var dims = entry.Manifest.Dims.ToDictionary(d => d, d => d == "N" ? 2L * size : Sizes[random.Next(Sizes.Length)]);
                    Check(engine, entry, dims, pattern, random, atEnd: random.Next(2) == 0);
                }
            }
        }
    }

    private static void Check(LeptonEngine engine, Entry entry, Dictionary<string, long> dims, PatternOf pattern, Random random, bool atEnd)
    {
        var shapes = entry.Manifest.Arguments.Select(a => a.Shape.Select(s => s.Evaluate(d => dims[d])).ToArray()).ToArray();
        var dense = entry.Manifest.Arguments.Select((a, i) => Values(shapes[i], a.Format is null ? PatternOf.All : pattern, random)).ToArray();
        var expected = Interpreter.Run(engine.Compilation.Graph(entry.Name), [.. dense.Select(t => TensorValue.FromBytes(t.Element, t.Shape, t.AsBytes()))]);
        var what = $"{entry.Manifest.Arguments[0].Format} {entry.Name} {string.Join(", ", dims.Take(3))} {pattern}";
        byte[]? first = null;
        foreach (var threads in (int[])[1, 2, 3])
        {
            using var pages = new Pages(atEnd);
            using var call = entry.Bind(new RunOptions { Threads = threads });
            for (var i = 0; i < dense.Length; i++)
            {
                using var stored = entry.Manifest.Arguments[i].Format is { } format ? SparseTensor.From(dense[i], format) : null;
                call.SetInput(i, stored is null ? pages.Copy(dense[i]) : SparseTensor.Over(stored.Format, stored.Shape, [.. stored.Arrays.Select(pages.Copy)]));
            }

            var result = entry.Manifest.Results[0];
            var output = result.Format is null ? pages.Copy(Tensor.Allocate(result.Element, call.ResultShapes()[0])) : null;
            if (output is not null)
            {
                call.SetOutput(0, output);
            }

            call.Run();
            using var sparse = output is null ? call.TakeOutput(0) : null;
            sparse?.Validate();
            using var made = sparse?.ToDense();
            var bytes = (output ?? made!).AsBytes().ToArray();
            Assert.True((first ??= bytes).AsSpan().SequenceEqual(bytes), $"{what}: other bits with {threads} threads");
            for (var e = 0; e < expected[0].Count; e++)
            {
                var (got, wanted) = (BitConverter.ToSingle(bytes, 4 * e), expected[0][e].AsDouble);
                Assert.True(Math.Abs(got - wanted) <= 1e-5 * (1 + Math.Abs(wanted)), $"{what}: element {e} is {got}, not {wanted}");
            }
        }

        Array.ForEach(dense, d => d.Dispose());
    }

    private static OwnedTensor Values(long[] shape, PatternOf pattern, Random random)
    {
        var tensor = Tensor.Allocate(ElementType.F32, shape);
        var row = shape.Length == 0 || shape[0] == 0 ? 0 : random.Next((int)shape[0]);
        var width = shape.Length < 2 ? 1 : (int)shape[1];
        for (var i = 0; i < tensor.Length; i++)
        {
            var isStored = pattern switch
            {
                PatternOf.Some => random.Next(4) == 0,
                PatternOf.None => false,
                PatternOf.All => true,
                _ => i / width == row,
            };
            tensor.AsSpan<float>()[i] = isStored ? (random.NextSingle() * 2) - 1 : 0;
        }

        return tensor;
    }

    /// <summary>Copies of tensors, each between two pages that may not be touched.</summary>
    private sealed class Pages(bool atEnd) : IDisposable
    {
        private readonly List<GuardedPages> _all = [];

        public Tensor Copy(Tensor tensor)
        {
            _all.Add(new GuardedPages([GuardedPages.Rounded(tensor.ByteLength)]));
            var copy = Tensor.FromPointer(_all[^1].Place(0, tensor.ByteLength, atEnd), tensor.Element, tensor.Shape);
            tensor.AsBytes().CopyTo(copy.AsBytes());
            return copy;
        }

        public void Dispose() => _all.ForEach(p => p.Dispose());
    }
}
