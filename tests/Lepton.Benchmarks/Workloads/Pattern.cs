using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Benchmarks.Workloads;

/// <summary>Which elements of a matrix are stored.</summary>
internal enum PatternKind
{
    /// <summary>Each with the same probability.</summary>
    Uniform,

    /// <summary>Those near the diagonal, all of them.</summary>
    Banded,

    /// <summary>Few rows have most, and few columns: degrees fall as a power of the rank, as in graphs of people.</summary>
    PowerLaw,
}

/// <summary>A sparse matrix of a workload: csr with i32 indices.</summary>
/// <param name="Density">The share of elements that are stored.</param>
internal sealed record Pattern(PatternKind Kind, double Density)
{
    private const double Power = 0.6;

    public string Name => Kind switch
    {
        PatternKind.Uniform => "uniform",
        PatternKind.Banded => "banded",
        _ => "power law",
    };

    public SparseTensor Make(Input input, int seed)
    {
        var (rows, columns) = ((int)input.Shape[0], (int)input.Shape[1]);
        var random = new Random(seed);
        var positions = new int[rows + 1];
        var found = new List<int>();
        var weights = Weights(rows, random);
        for (var row = 0; row < rows; row++)
        {
            var start = found.Count;
            switch (Kind)
            {
                case PatternKind.Uniform:
                    for (var column = Gap(random); column < columns; column += 1 + Gap(random))
                    {
                        found.Add((int)column);
                    }

                    break;
                case PatternKind.Banded:
                    var half = Density * columns / 2;
                    var center = (double)row * columns / rows;
                    found.AddRange(Enumerable.Range(0, columns).Skip((int)(center - half)).TakeWhile(c => c < center + half));
                    break;
                default:
                    var degree = Math.Min(columns / 2, (int)(weights[row] * Density * rows * columns));
                    var chosen = new SortedSet<int>();
                    while (chosen.Count < degree)
                    {
                        chosen.Add((int)(columns * Math.Pow(random.NextDouble(), 1 / (1 - Power))));
                    }

                    found.AddRange(chosen);
                    break;
            }

            found.Sort(start, found.Count - start, null);
            positions[row + 1] = found.Count;
        }

        var values = new float[found.Count];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = input.Low + ((input.High - input.Low) * random.NextSingle());
        }

        // In native memory, as the dense ones.
        return SparseTensor.Csr(positions, [.. found], values, input.Shape).ConvertTo(TensorFormat.Csr);
    }

    private double Gap(Random random) => Math.Floor(Math.Log(1 - random.NextDouble()) / Math.Log(1 - Density));

    // Shares of the rows, which fall as a power, in any order; of sum 1.
    private static double[] Weights(int rows, Random random)
    {
        var weights = new double[rows];
        for (var i = 0; i < rows; i++)
        {
            weights[i] = Math.Pow(i + 1, -Power);
        }

        var sum = weights.Sum();
        random.Shuffle(weights);
        return [.. weights.Select(w => w / sum)];
    }
}
