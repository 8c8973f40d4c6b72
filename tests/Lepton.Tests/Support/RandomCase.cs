using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Support;

/// <summary>What a random graph may be.</summary>
/// <param name="Nodes">About how many operations.</param>
/// <param name="MaxElements">The most elements of one tensor.</param>
/// <param name="Symbolic">Whether shapes may hold size variables.</param>
/// <param name="Failing">Whether some gather without <c>else</c> may get an index out of range, so that the run fails.</param>
/// <param name="Elements">The element types used; null: all.</param>
/// <param name="Networks">Whether there are products of matrices, convolutions, softmaxes …, of axes up to 67.</param>
/// <param name="Winograd">Whether tolerances allow for what Winograd's convolution rounds, and convolutions are such that it suits.</param>
/// <param name="Axis">What every other axis of a network is; null: any size.</param>
public sealed record RandomGraphOptions(
    int Nodes = 12,
    int MaxElements = 3000,
    bool Symbolic = true,
    bool Loops = true,
    bool Failing = false,
    IReadOnlyList<ElementType>? Elements = null,
    bool Networks = false,
    bool Winograd = false,
    long? Axis = null);

/// <summary>
/// A graph with sizes and inputs for one run. Tolerances[i] is the most by which any correct implementation may differ from the interpreter in
/// an element of output i: 0 where no rounding happens at all, else a bound on what rounding at other places, fma, other orders of summing
/// and functions good to 2 ulp can do.
/// </summary>
public sealed record RandomCase(
    int Seed, Graph Graph, IReadOnlyDictionary<string, long> Sizes, IReadOnlyList<TensorValue> Inputs, IReadOnlyList<double> Tolerances)
{
    /// <summary>Whether the tolerances allow for what Winograd's convolution rounds.</summary>
    public bool AllowsWinograd { get; init; }

    /// <summary>
    /// Whether something else may be found where nan is expected: sums with an infinite fill value may stay infinite, also with the other infinity,
    /// and a maximum of them leaves them out.
    /// </summary>
    public bool StaysInfinite { get; init; }

    public long SizeOf(string name) => Sizes[name];

    /// <summary>The interpreter's results of this case, or of a graph made from it by a pass.</summary>
    public IReadOnlyList<TensorValue> Run(Graph? graph = null) => Interpreter.Run(graph ?? Graph, Inputs, SizeOf);

    /// <summary>The first difference beyond the tolerance, or null.</summary>
    public string? Difference(IReadOnlyList<TensorValue> expected, IReadOnlyList<TensorValue> actual)
    {
        for (var i = 0; i < expected.Count; i++)
        {
            var name = Graph.Outputs[i].Name;
            if (expected[i].Element != actual[i].Element || !expected[i].Dims.SequenceEqual(actual[i].Dims))
            {
                return $"seed {Seed}, {name}: {expected[i]}, not {actual[i]}";
            }

            for (var e = 0; e < expected[i].Count; e++)
            {
                var mayDiffer = StaysInfinite && double.IsNaN(expected[i][e].AsDouble);
                if (!mayDiffer && !Close(expected[i][e], actual[i][e], Tolerances[i]))
                {
                    return $"seed {Seed}, {name} [{e}]: {expected[i][e]} expected, {actual[i][e]} found, {Tolerances[i]:g3} allowed";
                }
            }
        }

        return null;
    }

    /// <summary>Graph, sizes and inputs as text, for a message.</summary>
    public override string ToString() =>
        $"seed {Seed}\n{GraphText.Print(Graph)}{string.Join(", ", Sizes.Select(s => $"{s.Key} = {s.Value}"))}\n{string.Join('\n', Inputs)}";

    private static bool Close(Scalar expected, Scalar actual, double tolerance)
    {
        if (!expected.Type.IsFloat())
        {
            return expected == actual;
        }

        // 0.0 and -0.0 are one number here: max(0.0, -0.0) may be either.
        var (a, b) = (expected.AsDouble, actual.AsDouble);
        return a == b || (double.IsNaN(a) && double.IsNaN(b)) || Math.Abs(a - b) <= tolerance;
    }
}
