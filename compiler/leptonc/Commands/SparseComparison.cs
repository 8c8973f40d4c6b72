using System.Globalization;
using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Commands;

/// <summary>Holds a sparse result against a file of expected values, sparse or dense, by value: what is not stored is the fill value.</summary>
internal static class SparseComparison
{
    /// <summary>As <see cref="Comparison.Difference"/>; the share of outliers is one of the elements that either stores.</summary>
    public static string? Difference(SparseTensor result, string path, double tolerance, double outliers)
    {
        using var wide = result.ConvertTo(ElementType.F64);
        var format = (TensorFormat.Coo(result.Rank) with { Index = ElementType.I64 }).WithFill(wide.Fill);
        using var expected = TensorFile.ReadSparse(path);
        if (!result.Shape.SequenceEqual(expected.Shape))
        {
            return $"the shape is {TensorShape.Text(result.Shape)}, and {path} has {TensorShape.Text(expected.Shape)}";
        }

        using var expectedWide = expected.ConvertTo(ElementType.F64);
        using var got = wide.ConvertTo(format);
        using var wanted = expectedWide.ConvertTo(format);
        var (worst, at, apart, count) = (0.0, "", 0L, 0L);
        var (g, w) = (new Entries(got), new Entries(wanted));
        while (!g.IsAtEnd || !w.IsAtEnd)
        {
            var order = g.CompareTo(w);
            var (a, b, place) = (order <= 0 ? g.Value : wide.Fill.AsDouble, order >= 0 ? w.Value : wide.Fill.AsDouble, order <= 0 ? g.Text : w.Text);
            var same = a.Equals(b) || a == b;
            var error = same ? 0 : double.IsFinite(a) && double.IsFinite(b) ? Math.Abs(a - b) / (1 + Math.Abs(b)) : double.PositiveInfinity;
            count++;
            apart += error > tolerance ? 1 : 0;
            if (error > worst)
            {
                worst = error;
                at = string.Create(CultureInfo.InvariantCulture, $"element {place} is {a:G9}, and {path} has {b:G9}");
            }

            g.At += order <= 0 ? 1 : 0;
            w.At += order >= 0 ? 1 : 0;
        }

        return apart <= outliers * count ? null : string.Create(CultureInfo.InvariantCulture,
            $"{at}: {worst:E2} apart, {tolerance:E2} allowed; {apart} of {count} stored elements are farther apart");
    }

    /// <summary>Sorted entries, and the one that it stands at.</summary>
    private sealed class Entries(SparseTensor tensor)
    {
        private readonly long[][] _axes = [.. Enumerable.Range(0, tensor.Rank).Select(axis => tensor.Coordinates(axis).AsSpan<long>().ToArray())];
        private readonly double[] _values = tensor.Values.AsSpan<double>().ToArray();

        public int At { get; set; }

        public bool IsAtEnd => At == _values.Length;

        public double Value => _values[At];

        public string Text => $"[{string.Join(", ", _axes.Select(a => a[At]))}]";

        public int CompareTo(Entries other)
        {
            if (IsAtEnd || other.IsAtEnd)
            {
                return IsAtEnd ? 1 : -1;
            }

            for (var axis = 0; axis < _axes.Length; axis++)
            {
                if (_axes[axis][At] != other._axes[axis][other.At])
                {
                    return _axes[axis][At].CompareTo(other._axes[axis][other.At]);
                }
            }

            return 0;
        }
    }
}
