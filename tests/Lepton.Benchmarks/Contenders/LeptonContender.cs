using Lepton.Abi;
using Lepton.Benchmarks.Workloads;
using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;

namespace Lepton.Benchmarks.Contenders;

/// <summary>Ours: the program compiled for the sizes of the workload, tensors bound once.</summary>
/// <remarks>Native memory: two large managed arrays lie 32 bytes apart modulo 4096, where stores look to the processor like what is loaded next.</remarks>
internal sealed class LeptonContender : IContender
{
    private readonly LeptonEngine _engine;
    private readonly ParameterSet _parameters = new();
    private readonly List<OwnedTensor> _tensors = [];
    private readonly OwnedTensor? _output;
    private readonly Invocation _invocation;

    public LeptonContender(Workload workload, IReadOnlyDictionary<string, float[]> data, IReadOnlyDictionary<string, SparseTensor> matrices, int threads, string? device = null)
    {
        _engine = LeptonEngine.Compile(workload.Program, new LeptonOptions { Device = device });
        foreach (var input in workload.Inputs.Skip(workload.Arguments))
        {
            _parameters.Set(input.Name, Native(input, data[input.Name]));
        }

        _invocation = _engine.Entries.Single().Bind(new RunOptions { Threads = threads, Parameters = _parameters });
        foreach (var input in workload.Inputs.Take(workload.Arguments))
        {
            _invocation.SetInput(input.Name, input.Stored is null ? Native(input, data[input.Name]) : matrices[input.Name]);
        }

        if (workload.Output.Length > 0)
        {
            _output = Tensor.Allocate(ElementType.F32, workload.Output);
            _invocation.SetOutput(0, _output);
        }
    }

    public string Name => "Lepton";

    public double Time(double seconds) => Clock.Median(() => _invocation.Run(), seconds);

    public float[] Output()
    {
        if (_output is not null)
        {
            return _output.AsSpan<float>().ToArray();
        }

        using var result = _invocation.TakeOutput(0);
        return Flat(result);
    }

    public void Dispose()
    {
        _invocation.Dispose();
        _tensors.ForEach(t => t.Dispose());
        _output?.Dispose();
        _parameters.Dispose();
        _engine.Dispose();
    }

    /// <summary>A sparse matrix as one list: columns, lengths of rows, values, without stored zeros. peers.py makes the same.</summary>
    private static float[] Flat(SparseTensor matrix)
    {
        using var csr = matrix.ConvertTo(TensorFormat.Csr);
        var rows = csr.Positions(1).AsSpan<int>();
        var flat = new List<float>();
        foreach (var column in csr.Coordinates(1).AsSpan<int>())
        {
            flat.Add(column);
        }

        for (var i = 1; i < rows.Length; i++)
        {
            flat.Add(rows[i] - rows[i - 1]);
        }

        flat.AddRange(csr.Values.AsSpan<float>());
        return [.. flat];
    }

    private OwnedTensor Native(Input input, float[] values)
    {
        var tensor = Tensor.Allocate(ElementType.F32, input.Shape);
        _tensors.Add(tensor);
        values.CopyTo(tensor.AsSpan<float>());
        return tensor;
    }
}
