using Lepton.Benchmarks.Contenders;
using Lepton.Runtime.Tensors;

namespace Lepton.Benchmarks.Workloads;

/// <summary>A tensor that all contenders get: uniform numbers between two limits; of a sparse one, what is stored.</summary>
internal sealed record Input(string Name, long[] Shape, float Low = -1, float High = 1)
{
    /// <summary>Which elements are stored; null: it is dense.</summary>
    public Pattern? Stored { get; init; }
}

/// <summary>One computation, for everybody: the same inputs, outputs compared.</summary>
/// <param name="Key">Its name in peers.py.</param>
/// <param name="Name">Its name in the table; a filter looks here.</param>
/// <param name="Goal">Our time by the best peer's, at most.</param>
/// <param name="Tolerance">How far results may differ: |ours - theirs| ≤ tolerance · (1 + |theirs|).</param>
/// <param name="Program">A Lepton program with one entry, or the path of one.</param>
/// <param name="Inputs">Arguments, then parameters.</param>
/// <param name="Arguments">How many of the inputs are arguments.</param>
/// <param name="Output">The shape of the result; empty: it is sparse.</param>
/// <param name="Model">null where ONNX has no such operation; else the ONNX model, for the numbers of the parameters; its result is called y.</param>
internal sealed record Workload(
    string Key,
    string Name,
    double Goal,
    double Tolerance,
    string Program,
    Input[] Inputs,
    int Arguments,
    long[] Output,
    Func<IReadOnlyDictionary<string, float[]>, OnnxModel>? Model)
{
    /// <summary>The numbers of each input: the same in every run.</summary>
    public Dictionary<string, float[]> Data()
    {
        var data = new Dictionary<string, float[]>();
        foreach (var input in Inputs.Where(i => i.Stored is null))
        {
            var random = new Random(data.Count);
            var values = new float[input.Shape.Aggregate(1L, (a, b) => a * b)];
            for (var i = 0; i < values.Length; i++)
            {
                values[i] = input.Low + ((input.High - input.Low) * random.NextSingle());
            }

            data[input.Name] = values;
        }

        return data;
    }

    /// <summary>The sparse inputs, in csr.</summary>
    public Dictionary<string, SparseTensor> Matrices() =>
        Inputs.Index().Where(i => i.Item.Stored is not null).ToDictionary(i => i.Item.Name, i => i.Item.Stored!.Make(i.Item, i.Index));

    /// <summary>An ONNX model with the arguments, the result, and the parameters as they are.</summary>
    public static OnnxModel Onnx(IReadOnlyList<Input> inputs, int arguments, long[] output, IReadOnlyDictionary<string, float[]> data)
    {
        var model = new OnnxModel("lepton").Output("y", output);
        foreach (var (input, i) in inputs.Select((input, i) => (input, i)))
        {
            _ = i < arguments ? model.Input(input.Name, input.Shape) : model.Weights(input.Name, data[input.Name], input.Shape);
        }

        return model;
    }
}
