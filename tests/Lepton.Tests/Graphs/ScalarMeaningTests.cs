using Lepton.Abi;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Graphs;

public sealed class ScalarMeaningTests
{
    private static double Float(MapOp op, ElementType type, params double[] arguments) =>
        ScalarMeaning.Apply(op, type, arguments.Select(a => Scalar.Float(type, a)).ToArray()).AsDouble;

    private static long Integer(MapOp op, ElementType type, params long[] arguments) =>
        ScalarMeaning.Apply(op, type, arguments.Select(a => Scalar.Integer(type, a)).ToArray()).AsInteger;

    // Known-answer tests of Random123 for philox4x32-10.
    [Theory]
    [InlineData(0u, 0u, 0u, 0u, 0u, 0u, 0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u)]
    [InlineData(~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu)]
    [InlineData(0xa4093822u, 0x299f31d0u, 0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u)]
    public void Philox_gives_the_published_words(uint k0, uint k1, uint c0, uint c1, uint c2, uint c3, uint w0, uint w1, uint w2, uint w3) =>
        Assert.Equal((w0, w1, w2, w3), Philox.Words(k0, k1, c0, c1, c2, c3));

    [Fact]
    public void Counters_are_laid_out_as_said()
    {
        const long Big = unchecked((long)0x85a308d3243f6a88);
        const long Other = 0x0370734413198a2e;
        const long Seed = 0x299f31d0a4093822;
        Assert.Equal((0xd16cfe09u, 0x94fdccebu), Philox.Words(Seed, [Big, Other]));
        Assert.Equal((0xd16cfe09u, 0x94fdccebu), Philox.Words(Seed, [Big & 0xFFFFFFFF, 0x85a308d3, 0x13198a2e + (5L << 32), 0x03707344]));
        Assert.Equal(Philox.Words(Seed, [7]), Philox.Words(Seed, [7, 0]));
        Assert.Equal((0xd16cfe09u >> 8) / 16777216.0, Philox.Uniform(Seed, [Big, Other]));
    }

    [Fact]
    public void Normals_are_normal()
    {
        var draws = Enumerable.Range(0, 20000).Select(i => Philox.Normal(5, [i])).ToArray();
        Assert.InRange(draws.Average(), -0.03, 0.03);
        Assert.InRange(draws.Average(x => x * x), 0.96, 1.04);
        Assert.InRange(draws.Count(x => Math.Abs(x) < 1) / 20000.0, 0.67, 0.70);
        Assert.All(draws, x => Assert.Equal(x, (float)x));
    }

    [Theory]
    [InlineData(ElementType.I32, 7, 2, 3, 1)]
    [InlineData(ElementType.I32, -7, 2, -4, 1)]
    [InlineData(ElementType.I32, 7, -2, -4, -1)]
    [InlineData(ElementType.I32, 7, 0, 0, 0)]
    [InlineData(ElementType.I32, int.MinValue, -1, int.MinValue, 0)]
    [InlineData(ElementType.I64, long.MinValue, -1, long.MinValue, 0)]
    [InlineData(ElementType.I8, -128, -1, -128, 0)]
    [InlineData(ElementType.U8, 200, 7, 28, 4)]
    public void Integer_division_floors(ElementType type, long x, long y, long quotient, long remainder)
    {
        Assert.Equal(quotient, Integer(MapOp.Div, type, x, y));
        Assert.Equal(remainder, Integer(MapOp.Rem, type, x, y));
    }

    [Fact]
    public void Integers_wrap()
    {
        Assert.Equal(int.MinValue, Integer(MapOp.Add, ElementType.I32, int.MaxValue, 1));
        Assert.Equal(0, Integer(MapOp.Add, ElementType.U8, 255, 1));
        Assert.Equal(-128, Integer(MapOp.Neg, ElementType.I8, -128));
        Assert.Equal(long.MinValue, Integer(MapOp.Abs, ElementType.I64, long.MinValue));
        Assert.Equal(1, Integer(MapOp.Mul, ElementType.I64, long.MaxValue, long.MaxValue));
        Assert.Equal(unchecked((sbyte)(3 * 3 * 3 * 3 * 3)), Integer(MapOp.Pow, ElementType.I8, 3, 5));
        Assert.Equal((1L, -1L, 1L, 0L, 0L, 1L), (Integer(MapOp.Pow, ElementType.I32, 1, -3), Integer(MapOp.Pow, ElementType.I32, -1, -3),
            Integer(MapOp.Pow, ElementType.I32, -1, -4), Integer(MapOp.Pow, ElementType.I32, 2, -1), Integer(MapOp.Pow, ElementType.I32, 0, -1), Integer(MapOp.Pow, ElementType.I32, 0, 0)));
    }

    [Fact]
    public void Float_remainders_floor()
    {
        Assert.Equal(1, Float(MapOp.Rem, ElementType.F32, -5, 3));
        Assert.Equal(-1, Float(MapOp.Rem, ElementType.F32, 5, -3));
        Assert.Equal(5, Float(MapOp.Rem, ElementType.F64, 5, double.PositiveInfinity));
        Assert.Equal(double.PositiveInfinity, Float(MapOp.Rem, ElementType.F64, -5, double.PositiveInfinity));
        Assert.Equal(double.NaN, Float(MapOp.Rem, ElementType.F64, 5, 0));
        Assert.True(double.IsNegative(Float(MapOp.Rem, ElementType.F64, 6, -3)));
    }

    [Fact]
    public void Floats_are_rounded_to_their_type()
    {
        Assert.Equal(0.1f + 0.2f, Float(MapOp.Add, ElementType.F32, 0.1, 0.2));
        Assert.Equal((double)((Half)0.1 + (Half)0.2), Float(MapOp.Add, ElementType.F16, 0.1, 0.2));
        Assert.Equal(257 - 1, Float(MapOp.Add, ElementType.BF16, 256, 1));
        Assert.Equal(double.PositiveInfinity, Float(MapOp.Mul, ElementType.F16, 60000, 2));
        Assert.Equal(MathF.Sqrt(2), Float(MapOp.Sqrt, ElementType.F32, 2));
        Assert.Equal((2.0, 4.0, -2.0), (Float(MapOp.Round, ElementType.F64, 2.5), Float(MapOp.Round, ElementType.F64, 3.5), Float(MapOp.Round, ElementType.F64, -1.5)));
        Assert.Equal(double.NaN, Float(MapOp.Max, ElementType.F32, 1, double.NaN));
        Assert.True(double.IsNegative(Float(MapOp.Sign, ElementType.F32, -0.0)));
    }

    [Theory]
    [InlineData(1e30, long.MaxValue, int.MaxValue, 255)]
    [InlineData(-1e30, long.MinValue, int.MinValue, 0)]
    [InlineData(double.NaN, 0, 0, 0)]
    [InlineData(-1.9, -1, -1, 0)]
    [InlineData(300.7, 300, 300, 255)]
    [InlineData(9223372036854775808.0, long.MaxValue, int.MaxValue, 255)]
    public void Casts_to_integers_saturate(double x, long asI64, long asI32, long asU8)
    {
        var value = Scalar.Float(ElementType.F64, x);
        Assert.Equal((asI64, asI32, asU8), (ScalarMeaning.Cast(value, ElementType.I64).Bits, ScalarMeaning.Cast(value, ElementType.I32).Bits, ScalarMeaning.Cast(value, ElementType.U8).Bits));
        Assert.True(ScalarMeaning.Cast(value, ElementType.Bool).AsBool);
    }

    [Fact]
    public void Casts_from_integers_round_once()
    {
        // 2^53 + 2^29 + 1 lies just above the middle of two f32 values; by way of f64 it would be exactly in the middle, and go down.
        const long X = (1L << 54) + (1L << 30) + 1;
        Assert.Equal((1L << 54) + (1L << 31), ScalarMeaning.Cast(Scalar.Integer(ElementType.I64, X), ElementType.F32).AsDouble);
        Assert.Equal(-((1L << 54) + (1L << 31)), ScalarMeaning.Cast(Scalar.Integer(ElementType.I64, -X), ElementType.F32).AsDouble);
        Assert.Equal(-9223372036854775808.0, ScalarMeaning.Cast(Scalar.Integer(ElementType.I64, long.MinValue), ElementType.F32).AsDouble);
        Assert.Equal(-1, ScalarMeaning.Cast(Scalar.Integer(ElementType.I32, 255), ElementType.I8).AsInteger);
        Assert.Equal(1, ScalarMeaning.Cast(Scalar.Integer(ElementType.I32, 256), ElementType.Bool).Bits);
    }

    // Correctly rounded values, worked out with 60 decimal digits.
    [Theory]
    [MemberData(nameof(Known))]
    public void Functions_of_doubles_are_within_one_ulp(MapOp op, double x, double expected)
    {
        var actual = Float(op, ElementType.F64, x);
        Assert.True(Math.Abs(BitConverter.DoubleToInt64Bits(actual) - BitConverter.DoubleToInt64Bits(expected)) <= 1, $"{op}({x:R}) = {actual:R}, not {expected:R}");
    }

    public static TheoryData<MapOp, double, double> Known()
    {
        var data = new TheoryData<MapOp, double, double>();
        foreach (var line in KnownValues.Lines)
        {
            data.Add(line.Op, line.X, line.Y);
        }

        return data;
    }

    [Fact]
    public void Special_values()
    {
        foreach (var (op, x, y) in new (MapOp, double, double)[]
        {
            (MapOp.Expm1, double.NegativeInfinity, -1), (MapOp.Expm1, double.PositiveInfinity, double.PositiveInfinity), (MapOp.Expm1, -0.0, -0.0),
            (MapOp.Log1p, -1, double.NegativeInfinity), (MapOp.Log1p, -2, double.NaN), (MapOp.Log1p, double.PositiveInfinity, double.PositiveInfinity), (MapOp.Log1p, -0.0, -0.0),
            (MapOp.Erf, double.PositiveInfinity, 1), (MapOp.Erf, double.NegativeInfinity, -1), (MapOp.Erf, -0.0, -0.0), (MapOp.Erf, double.NaN, double.NaN),
            (MapOp.Cbrt, -8, -2), (MapOp.Cbrt, -0.0, -0.0), (MapOp.Cbrt, double.NegativeInfinity, double.NegativeInfinity), (MapOp.Cbrt, 5e-324, 1.7031839360032603E-108),
            (MapOp.Rsqrt, 0, double.PositiveInfinity), (MapOp.Rsqrt, -0.0, double.NegativeInfinity), (MapOp.Rsqrt, -1, double.NaN), (MapOp.Rsqrt, double.PositiveInfinity, 0), (MapOp.Rsqrt, 4, 0.5),
            (MapOp.Sinh, 711, double.PositiveInfinity), (MapOp.Sinh, double.NegativeInfinity, double.NegativeInfinity), (MapOp.Sinh, -0.0, -0.0),
            (MapOp.Cosh, -711, double.PositiveInfinity), (MapOp.Cosh, 0, 1), (MapOp.Tanh, double.NegativeInfinity, -1), (MapOp.Tanh, -0.0, -0.0), (MapOp.Tanh, double.NaN, double.NaN),
            (MapOp.Exp2, 10, 1024), (MapOp.Cosh, double.NaN, double.NaN), (MapOp.Sinh, double.NaN, double.NaN),
        })
        {
            Assert.Equal(BitConverter.DoubleToInt64Bits(y) & (double.IsNaN(y) ? long.MaxValue : -1), BitConverter.DoubleToInt64Bits(Float(op, ElementType.F64, x)) & (double.IsNaN(y) ? long.MaxValue : -1));
        }
    }

    [Fact]
    public void Every_operation_has_a_meaning_for_every_type_that_it_takes()
    {
        foreach (var info in MapOps.All)
        {
            foreach (var type in ElementTypes.All)
            {
                var arity = info.Arity < 0 ? 3 : info.Arity;
                var types = Enumerable.Repeat(type, arity).ToArray();
                if (info.Op == MapOp.Select)
                {
                    types[0] = ElementType.Bool;
                }

                if (info.Op.ResultType(types, ElementType.F16) is { } result)
                {
                    var value = ScalarMeaning.Apply(info.Op, result, types.Select(t => Scalar.Of(t, 1)).ToArray());
                    Assert.Equal(result, value.Type);
                }
            }
        }
    }
}
