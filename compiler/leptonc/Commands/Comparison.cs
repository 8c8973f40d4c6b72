using System.Globalization;
using Lepton.Abi;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;

namespace Lepton.CommandLine.Commands;

/// <summary>Holds a result against a file of expected values.</summary>
internal static class Comparison
{
    /// <summary>Null when they agree, but for a share of the elements at most; else where they differ most, in words.</summary>
    public static string? Difference(Tensor result, string path, double tolerance, double outliers)
    {
        using var expected = TensorFile.Read(path);
        if (!result.Shape.SequenceEqual(expected.Shape))
        {
            return $"the shape is {Text(result)}, and {path} has {Text(expected)}";
        }

        using var a = result.ConvertTo(ElementType.F64);
        using var b = expected.ConvertTo(ElementType.F64);
        var (worst, at, apart) = (0.0, -1, 0L);
        var got = a.AsSpan<double>();
        var wanted = b.AsSpan<double>();
        for (var i = 0; i < got.Length; i++)
        {
            var same = got[i].Equals(wanted[i]) || got[i] == wanted[i];
            var error = same ? 0 : double.IsFinite(got[i]) && double.IsFinite(wanted[i]) ? Math.Abs(got[i] - wanted[i]) / (1 + Math.Abs(wanted[i])) : double.PositiveInfinity;
            apart += error > tolerance ? 1 : 0;
            if (error > worst)
            {
                (worst, at) = (error, i);
            }
        }

        return apart <= outliers * got.Length ? null : string.Create(CultureInfo.InvariantCulture,
            $"element {at} (row-major) is {got[at]:G9}, and {path} has {wanted[at]:G9}: {worst:E2} apart, {tolerance:E2} allowed; {apart} of {got.Length} elements are farther apart");
    }

    private static string Text(Tensor tensor) => $"[{string.Join(", ", tensor.Shape.ToArray())}]";
}
