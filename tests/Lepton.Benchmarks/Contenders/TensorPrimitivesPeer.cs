using System.Numerics.Tensors;
using Lepton.Abi;
using Lepton.Benchmarks.Workloads;
using Lepton.Runtime.Tensors;
using Tensor = Lepton.Runtime.Tensors.Tensor;

namespace Lepton.Benchmarks.Contenders;

/// <summary>
/// .NET's own vector loops (System.Numerics.Tensors), one for each operation, and its sort: called on pieces or rows that stay in the cache, pieces
/// shared out among the threads.
/// </summary>
internal sealed class TensorPrimitivesPeer : IContender
{
    // Elements of a piece: a handful of them fit into the first-level cache.
    private const int Piece = 2048;

    private readonly Dictionary<string, OwnedTensor> _inputs = [];
    private readonly OwnedTensor _output;
    private readonly ParallelOptions _parallel;
    private readonly Action _run;

    private TensorPrimitivesPeer(Workload workload, IReadOnlyDictionary<string, float[]> data, int threads, Action<TensorPrimitivesPeer> run)
    {
        foreach (var input in workload.Inputs)
        {
            _inputs[input.Name] = Tensor.Allocate(ElementType.F32, input.Shape);
            data[input.Name].CopyTo(_inputs[input.Name].AsSpan<float>());
        }

        _output = Tensor.Allocate(ElementType.F32, workload.Output);
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = threads };
        _run = () => run(this);
    }

    public string Name => ".net";

    /// <summary>Null for what these functions are not made for.</summary>
    public static TensorPrimitivesPeer? Of(Workload workload, IReadOnlyDictionary<string, float[]> data, int threads)
    {
        Action<TensorPrimitivesPeer>? run = workload.Key switch
        {
            "wave" => p => p.Each(p._output.Length / Piece, (i, scratch) =>
            {
                var x = p.Row("x", i, Piece);
                var y = p.Result(i, Piece);
                TensorPrimitives.Sin(x, y);
                TensorPrimitives.Multiply(x, x, scratch);
                TensorPrimitives.Cos(scratch, scratch);
                TensorPrimitives.Add(y, scratch, y);
                TensorPrimitives.Exp(x, scratch);
                TensorPrimitives.Add(y, scratch, y);
            }),
            "multiply_add" => p => p.Each(p._output.Length / Piece, (i, _) =>
                TensorPrimitives.MultiplyAdd(p.Row("a", i, Piece), p.Row("b", i, Piece), 1f, p.Result(i, Piece))),
            "softmax" => p => p.Each(workload.Output[0], (i, _) => TensorPrimitives.SoftMax(p.Row("x", i, workload.Output[1]), p.Result(i, workload.Output[1]))),
            "layer_norm" => p => p.Each(workload.Output[0], (i, _) =>
            {
                var x = p.Row("x", i, workload.Output[1]);
                var y = p.Result(i, workload.Output[1]);
                TensorPrimitives.Subtract(x, TensorPrimitives.Sum(x) / x.Length, y);
                TensorPrimitives.Multiply(y, 1 / MathF.Sqrt((TensorPrimitives.SumOfSquares<float>(y) / x.Length) + 1e-5f), y);
                TensorPrimitives.MultiplyAdd(y, p.Row("gain", 0, x.Length), p.Row("bias", 0, x.Length), y);
            }),
            "row_sum" => p => p.Each(workload.Output[0], (i, _) => p.Result(i, 1)[0] = TensorPrimitives.Sum(p.Row("x", i, workload.Inputs[0].Shape[1]))),
            "column_sum" => p => p.Each(workload.Output[0] / Piece, (i, _) =>
            {
                var sums = p.Result(i, Piece);
                sums.Clear();
                var (rows, columns) = (workload.Inputs[0].Shape[0], workload.Output[0]);
                for (var r = 0L; r < rows; r++)
                {
                    TensorPrimitives.Add(sums, p.Row("x", r, columns).Slice(i * Piece, Piece), sums);
                }
            }),
            "sort" => p => p.Each(workload.Output[0], (i, _) =>
            {
                var y = p.Result(i, workload.Output[1]);
                p.Row("x", i, workload.Output[1]).CopyTo(y);
                y.Sort();
            }),
            _ => null,
        };
        return run is null ? null : new TensorPrimitivesPeer(workload, data, threads, run);
    }

    public double Time(double seconds) => Clock.Median(_run, seconds);

    public float[] Output() => _output.AsSpan<float>().ToArray();

    public void Dispose()
    {
        _inputs.Values.ToList().ForEach(t => t.Dispose());
        _output.Dispose();
    }

    private ReadOnlySpan<float> Row(string input, long number, long length) => _inputs[input].AsSpan<float>().Slice((int)(number * length), (int)length);

    private Span<float> Result(long number, long length) => _output.AsSpan<float>().Slice((int)(number * length), (int)length);

    // As many stretches as threads, each with scratch of its own.
    private void Each(long count, PieceAction body)
    {
        var parts = _parallel.MaxDegreeOfParallelism;
        if (parts == 1)
        {
            Part(0);
        }
        else
        {
            Parallel.For(0, parts, _parallel, Part);
        }

        void Part(int part)
        {
            Span<float> scratch = stackalloc float[Piece];
            for (var i = (int)(count * part / parts); i < count * (part + 1) / parts; i++)
            {
                body(i, scratch);
            }
        }
    }

    private delegate void PieceAction(int number, Span<float> scratch);
}
