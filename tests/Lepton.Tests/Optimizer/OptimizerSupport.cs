using Lepton.Abi;
using Lepton.Graphs;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>Random operands full of special values, and comparison of graphs by what the interpreter says of them.</summary>
internal static class OptimizerSupport
{
    private static readonly double[] SpecialFloats =
    [
        0.0, -0.0, 1, -1, 2, -2, 0.5, -0.5, 3, -7.25, double.PositiveInfinity, double.NegativeInfinity, double.NaN, double.Epsilon, -double.Epsilon,
        1e-310, 1e-40, -1e-40, 1e-45, 6e-8, -6e-8, 6.1e-5, 65504, -65504, 3.4028234663852886e38, -3.4028234663852886e38, double.MaxValue, double.MinValue,
        1e-38, 1.5e-5, 1e10, -1e10, 0.1, 1 / 3.0, 2147483648, -2147483649.0, 9.3e18,
    ];

    private static readonly long[] SpecialIntegers =
        [0, 1, -1, 2, -2, 3, 7, 10, 127, -128, 255, 32767, -32768, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue];

    public static Scalar Number(Random random, ElementType type) => type == ElementType.Bool ? Scalar.Bool(random.Next(2) == 0)
        : type.IsFloat() ? Scalar.Float(type, random.Next(3) == 0 ? (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-6, 7)) : Pick(random, SpecialFloats))
        : Scalar.Integer(type, random.Next(3) == 0 ? random.Next(-100, 100) : Pick(random, SpecialIntegers));

    public static TensorValue Values(Random random, ElementType type, params long[] shape)
    {
        var count = (int)shape.Aggregate(1L, (a, b) => a * b);
        return type.IsFloat()
            ? TensorValue.OfFloats(type, shape, Enumerable.Range(0, count).Select(_ => Number(random, type).AsDouble).ToArray())
            : TensorValue.OfIntegers(type, shape, Enumerable.Range(0, count).Select(_ => Number(random, type).AsInteger).ToArray());
    }

    /// <summary>Small whole numbers, of which sums and products are exact in any order.</summary>
    public static TensorValue SmallValues(Random random, ElementType type, params long[] shape)
    {
        var count = (int)shape.Aggregate(1L, (a, b) => a * b);
        return TensorValue.Of(type, shape, Enumerable.Range(0, count).Select(_ => (double)random.Next(type == ElementType.Bool ? 0 : -4, type == ElementType.Bool ? 2 : 5)).ToArray());
    }

    public static T Pick<T>(Random random, IReadOnlyList<T> list) => list[random.Next(list.Count)];

    /// <summary>Fails when the two graphs give different numbers for random inputs.</summary>
    public static void SameMeaning(Graph before, Graph after, Random random, Func<string, long> sizes, bool small = false)
    {
        GraphVerifier.Verify(after, "test");
        var inputs = before.Inputs.Select(i =>
        {
            var type = before[i].Type;
            var shape = type.Shape.Select(s => s.Evaluate(sizes)).ToArray();
            return small ? SmallValues(random, type.Element, shape) : Values(random, type.Element, shape);
        }).ToList();
        var expected = Interpreter.Run(before, inputs, sizes);
        var actual = Interpreter.Run(after, inputs, sizes);
        for (var i = 0; i < expected.Count; i++)
        {
            Assert.True(
                expected[i].Same(actual[i]),
                $"{expected[i]}\n{actual[i]}\nof {string.Join(" ; ", inputs)}\n{GraphText.Print(before)}{GraphText.Print(after)}");
        }
    }
}
