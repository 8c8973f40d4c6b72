using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Xunit;
using Xunit.Abstractions;

namespace Lepton.Tests.Codegen;

/// <summary>f32 against the double result: every 2,003rd float of all, and each boundary's neighbours.</summary>
public sealed class MathF32Tests(ITestOutputHelper output)
{
    private static readonly MathFunction[] Unary =
        [.. Enum.GetValues<MathFunction>().Except([MathFunction.Pow, MathFunction.Atan2, MathFunction.Remainder])];

    public static TheoryData<MathFunction, string> Cases(bool unary)
    {
        var data = new TheoryData<MathFunction, string>();
        foreach (var f in unary ? Unary : [MathFunction.Pow, MathFunction.Atan2, MathFunction.Remainder])
        {
            data.Add(f, "sse2");
            data.Add(f, "avx2");
            data.Add(f, "avx512");
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases), true)]
    public void One_argument(MathFunction function, string level)
    {
        var target = CpuTarget.Parse(level, out _)!;
        if (target.ForThisHost(out _) is null)
        {
            return; // said by the host's features: nothing of this level can run here
        }

        var x = Sample(level == "avx2" ? 2003u : 20011u);
        var result = Evaluate(function, target, x, x);
        Check(function, x, x, result, level);

        // A single lane gives what many lanes give.
        using var scalar = new MathHarness(function, ElementType.F32, 1, target);
        var few = x.Where((_, i) => i % 97 == 0).ToArray();
        var alone = new float[few.Length];
        scalar.Run<float>(few, few, alone);
        for (var i = 0; i < few.Length; i++)
        {
            Assert.True(alone[i].Equals(result[i * 97]), $"{function}({few[i]:R}) is {alone[i]:R} alone and {result[i * 97]:R} among others");
        }
    }

    [Theory]
    [MemberData(nameof(Cases), false)]
    public void Two_arguments(MathFunction function, string level)
    {
        var target = CpuTarget.Parse(level, out _)!;
        if (target.ForThisHost(out _) is null)
        {
            return;
        }

        var random = new Random(7);
        var edges = Edges();
        var (xs, ys) = (new List<float>(), new List<float>());
        foreach (var a in edges)
        {
            foreach (var b in edges)
            {
                xs.Add(a);
                ys.Add(b);
            }
        }

        for (var i = 0; i < 200_000; i++)
        {
            // Powers mostly where they are neither 0 nor inf; all kinds of bits too.
            var x = i % 2 == 0 ? BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)) : MathF.Exp((float)((random.NextDouble() * 20) - 10));
            var y = i % 3 == 0 ? BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue)) : (float)((random.NextDouble() * 40) - 20);
            xs.Add(x);
            ys.Add(i % 5 == 0 ? MathF.Round(y) : y);
        }

        Pad(xs);
        Pad(ys);
        Check(function, [.. xs], [.. ys], Evaluate(function, target, [.. xs], [.. ys]), level);
    }

    private static float[] Evaluate(MathFunction function, CpuTarget target, float[] x, float[] y)
    {
        using var harness = new MathHarness(function, ElementType.F32, target.Lanes(ElementType.F32), target);
        var result = new float[x.Length];
        harness.Run<float>(x, y, result);
        return result;
    }

    private static float[] Edges()
    {
        float[] places =
        [
            0, float.Epsilon, 1e-40f, 1.17549435E-38f, 1e-20f, 1e-10f, 2.9e-8f, 3e-8f, 1e-4f, 0.25f, 0.34657359f, 0.5f, 0.70710678f, 0.75f, 1, 1.4142135f, 1.5707964f, 2, 2.5f, 3, 3.1415927f, 4, 7, 8,
            10, 16, 22, 64, 65536, 88.02969f, 88.72284f, 89.41599f, 100, 103.27893f, 103.97208f, 127, 128, 149, 150, 1000, 8388607.5f, 8388608, 16777215, 16777216, 1e9f, 1e20f, 1e30f, float.MaxValue, float.PositiveInfinity,
        ];
        var all = new List<float> { float.NaN };
        foreach (var p in places)
        {
            all.AddRange([p, -p, MathF.BitIncrement(p), -MathF.BitIncrement(p), MathF.BitDecrement(p), -MathF.BitDecrement(p)]);
        }

        return [.. all];
    }

    private static float[] Sample(uint stride)
    {
        var all = new List<float>(Edges());
        for (ulong bits = 0; bits <= uint.MaxValue; bits += stride)
        {
            all.Add(BitConverter.UInt32BitsToSingle((uint)bits));
        }

        // Close to multiples of π/2, where reduction is put to the test.
        for (var k = 1; k < 200_000; k = (k * 9 / 8) + 1)
        {
            var near = (float)(k * Math.PI / 2);
            all.AddRange([near, MathF.BitIncrement(near), MathF.BitDecrement(near)]);
        }

        Pad(all);
        return [.. all];
    }

    private static void Pad(List<float> list)
    {
        while (list.Count % 64 != 0)
        {
            list.Add(1);
        }
    }

    private void Check(MathFunction function, float[] x, float[] y, float[] result, string level)
    {
        var worst = 0.0;
        var at = 0;
        for (var i = 0; i < x.Length; i++)
        {
            var wanted = MathReference.Of(function, x[i], y[i]);
            var error = Ulps(result[i], wanted);
            if (error > worst)
            {
                (worst, at) = (error, i);
            }
        }

        output.WriteLine($"{function} {level}: {worst:F3} ulp at {x[at]:R}, {y[at]:R}");
        Assert.True(worst <= Bound(function), $"{function}({x[at]:R}, {y[at]:R}) = {result[at]:R}, but should be {MathReference.Of(function, x[at], y[at]):R}: {worst} ulp");
    }

    private static double Bound(MathFunction function) => function switch
    {
        MathFunction.Floor or MathFunction.Ceil or MathFunction.Trunc or MathFunction.Round => 0,
        MathFunction.Sqrt or MathFunction.Remainder => 0.5000001,
        _ => 2,
    };

    // 0 for equal kinds of nan, inf and (signed) zero; infinite for a kind that is wrong.
    private static double Ulps(float got, double wanted)
    {
        if (double.IsNaN(wanted) || float.IsNaN(got))
        {
            return double.IsNaN(wanted) && float.IsNaN(got) ? 0 : double.PositiveInfinity;
        }

        if (wanted == 0)
        {
            return got == 0 && float.IsNegative(got) == double.IsNegative(wanted) ? 0 : double.PositiveInfinity;
        }

        const double Limit = 3.4028235677973366e38; // the first that rounds to inf
        if (Math.Abs(wanted) >= Limit || float.IsInfinity(got))
        {
            // One that should just overflow may be the largest number, and the other way round, within the bound.
            var near = Math.Abs(wanted) is > 3.40282306e38 and < 3.4028237e38;
            return float.IsInfinity(got) && Math.Abs(wanted) >= Limit && Math.Sign(got) == Math.Sign(wanted) ? 0 : near ? 1 : double.PositiveInfinity;
        }

        var exponent = Math.Max(Math.ILogB(wanted), -126) - 23;
        return Math.Abs(got - wanted) / Math.ScaleB(1, exponent);
    }
}
