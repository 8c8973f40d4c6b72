using Lepton.Runtime.Tensors;
using Lepton.Runtime.Text;
using Xunit;

namespace Lepton.Tests.Runtime;

/// <summary>The expected texts are NumPy's own.</summary>
public sealed class NumPyTextTests
{
    [Theory]
    [InlineData(new[] { 1.0, 2.5, -3.25 }, "[ 1.    2.5  -3.25]")]
    [InlineData(new[] { 1.0, 2.0 }, "[1. 2.]")]
    [InlineData(new[] { 0.1, 1 / 3.0 }, "[0.1        0.33333333]")]
    [InlineData(new[] { 1e8, 1.0 }, "[1.e+08 1.e+00]")]
    [InlineData(new[] { 1e-5, 1.0 }, "[1.e-05 1.e+00]")]
    [InlineData(new[] { 1.0, 1000.0 }, "[   1. 1000.]")]
    [InlineData(new[] { 1.0, 1001.0 }, "[1.000e+00 1.001e+03]")]
    [InlineData(new[] { 99999999.0 }, "[99999999.]")]
    [InlineData(new[] { double.NaN, 1, double.NegativeInfinity }, "[ nan   1. -inf]")]
    [InlineData(new[] { double.PositiveInfinity, double.NaN }, "[inf nan]")]
    [InlineData(new[] { -0.0, 0.0 }, "[-0.  0.]")]
    [InlineData(new[] { 1e-300, 1e300, double.NaN }, "[1.e-300 1.e+300     nan]")]
    [InlineData(new[] { 0.001953125 }, "[0.00195312]")] // a tie at the eighth digit: to even
    [InlineData(new[] { 1.23456789e-7, 2e-7 }, "[1.23456789e-07 2.00000000e-07]")]
    [InlineData(new double[0], "[]")]
    public void Vectors_of_f64(double[] values, string expected) => Assert.Equal(expected, NumPyText.Format(Tensor.From(values)));

    [Theory]
    [InlineData(new[] { 0.1f, 1.2345679e-5f }, "[1.0000000e-01 1.2345679e-05]")]
    [InlineData(new[] { 1 / 3f }, "[0.33333334]")]
    [InlineData(new[] { 50331648f }, "[50331648.]")]
    [InlineData(new[] { 1e-4f }, "[0.0001]")]
    public void Vectors_of_f32(float[] values, string expected) => Assert.Equal(expected, NumPyText.Format(Tensor.From(values)));

    [Fact]
    public void Vectors_of_narrow_floats()
    {
        Assert.Equal("[9136.    122.44]", NumPyText.Format(Tensor.From([(Half)9136, (Half)122.44])));
        Assert.Equal("[0.1   1.016]", NumPyText.Format(Tensor.From([(BFloat16)0.1f, (BFloat16)1.015625f])));
    }

    [Fact]
    public void Integers_and_truth_values()
    {
        Assert.Equal("[[  1 -20]\n [300   4]]", NumPyText.Format(Tensor.From([1L, -20, 300, 4], 2, 2)));
        Assert.Equal("[ True False]", NumPyText.Format(Tensor.From([true, false])));
        Assert.Equal("[-9223372036854775808]", NumPyText.Format(Tensor.From([long.MinValue])));
    }

    [Fact]
    public void Scalars()
    {
        Assert.Equal("1.0", NumPyText.Format(Tensor.Scalar(1.0)));
        Assert.Equal("1e+16", NumPyText.Format(Tensor.Scalar(1e16)));
        Assert.Equal("1.5e-05", NumPyText.Format(Tensor.Scalar(1.5e-5)));
        Assert.Equal("0.30000000000000004", NumPyText.Format(Tensor.Scalar(0.1 + 0.2)));
        Assert.Equal("123456790.0", NumPyText.Format(Tensor.Scalar(123456789f)));
        Assert.Equal("65500.0", NumPyText.Format(Tensor.Scalar(Half.MaxValue)));
        Assert.Equal("5e-324", NumPyText.Format(Tensor.Scalar(double.Epsilon)));
        Assert.Equal("1.7976931348623157e+308", NumPyText.Format(Tensor.Scalar(double.MaxValue)));
        Assert.Equal("nan", NumPyText.Format(Tensor.Scalar(float.NaN)));
        Assert.Equal("-inf", NumPyText.Format(Tensor.Scalar(float.NegativeInfinity)));
        Assert.Equal("True", NumPyText.Format(Tensor.Scalar(true)));
        Assert.Equal("-7", NumPyText.Format(Tensor.Scalar((sbyte)-7)));
    }

    [Fact]
    public void Rows_are_broken_at_75_characters()
    {
        using var tensor = Tensor.Allocate(Lepton.Abi.ElementType.I32, 1, 30);
        TensorFill.Iota(tensor);
        Assert.Equal(
            "[[ 0  1  2  3  4  5  6  7  8  9 10 11 12 13 14 15 16 17 18 19 20 21 22 23\n  24 25 26 27 28 29]]",
            NumPyText.Format(tensor));
    }

    [Fact]
    public void Planes_are_parted_by_an_empty_line() => Assert.Equal(
        "[[[1. 2.]\n  [3. 4.]]\n\n [[5. 6.]\n  [7. 8.]]]", NumPyText.Format(Tensor.From([1f, 2, 3, 4, 5, 6, 7, 8], 2, 2, 2)));

    [Fact]
    public void Above_1000_elements_only_the_ends_are_shown_and_decide_the_format()
    {
        using var vector = Tensor.Allocate(Lepton.Abi.ElementType.F32, 1001);
        TensorFill.Iota(vector);
        Assert.Equal("[   0.    1.    2. ...  998.  999. 1000.]", NumPyText.Format(vector));
        vector.AsSpan<float>()[500] = 1e20f; // not shown
        Assert.Equal("[   0.    1.    2. ...  998.  999. 1000.]", NumPyText.Format(vector));

        using var table = Tensor.Allocate(Lepton.Abi.ElementType.I64, 2, 7, 200);
        TensorFill.Iota(table);
        Assert.Equal(
            """
            [[[   0    1    2 ...  197  198  199]
              [ 200  201  202 ...  397  398  399]
              [ 400  401  402 ...  597  598  599]
              ...
              [ 800  801  802 ...  997  998  999]
              [1000 1001 1002 ... 1197 1198 1199]
              [1200 1201 1202 ... 1397 1398 1399]]

             [[1400 1401 1402 ... 1597 1598 1599]
              [1600 1601 1602 ... 1797 1798 1799]
              [1800 1801 1802 ... 1997 1998 1999]
              ...
              [2200 2201 2202 ... 2397 2398 2399]
              [2400 2401 2402 ... 2597 2598 2599]
              [2600 2601 2602 ... 2797 2798 2799]]]
            """.ReplaceLineEndings("\n"),
            NumPyText.Format(table));
    }
}
