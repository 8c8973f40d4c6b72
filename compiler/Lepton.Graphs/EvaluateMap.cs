using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Elementwise operations of the interpreter: the function is chosen once, then a plain loop.</summary>
internal static class EvaluateMap
{
    public static TensorValue Run(MapNode node, long[] shape, TensorValue[] arguments)
    {
        var (op, element) = (node.Op, node.Type.Element);
        var numbers = Evaluator.New(element, shape);
        var (first, second) = (arguments[0], arguments.Length > 1 ? arguments[1] : arguments[0]);
        switch (op.Info().Typing)
        {
            case MapTyping.Select:
                Select(first.Integers!, arguments[1], arguments[2], numbers);
                break;
            case MapTyping.Cast:
                Cast(first, element, numbers);
                break;
            case MapTyping.Random:
                Random(op, arguments, (double[])numbers);
                break;
            case MapTyping.FloatTest:
                var test = ScalarMeaning.Test(op);
                Loop(first.Floats!, (long[])numbers, x => test(x) ? 1 : 0);
                break;
            case MapTyping.Compare when first.Floats is not null:
                var compare = ScalarMeaning.FloatCompare(op);
                Loop(first.Floats, second.Floats!, (long[])numbers, (x, y) => compare(x, y) ? 1 : 0);
                break;
            case MapTyping.Compare:
                var order = ScalarMeaning.IntegerCompare(op);
                Loop(first.Integers!, second.Integers!, (long[])numbers, (x, y) => order(x, y) ? 1 : 0);
                break;
            case var _ when first.Floats is not null:
                if (arguments.Length == 1)
                {
                    Loop(first.Floats, (double[])numbers, ScalarMeaning.FloatUnary(op, element));
                }
                else
                {
                    Loop(first.Floats, second.Floats!, (double[])numbers, ScalarMeaning.FloatBinary(op, element));
                }

                break;
            default:
                if (arguments.Length == 1)
                {
                    Loop(first.Integers!, (long[])numbers, ScalarMeaning.IntegerUnary(op, element));
                }
                else
                {
                    Loop(first.Integers!, second.Integers!, (long[])numbers, ScalarMeaning.IntegerBinary(op, element));
                }

                break;
        }

        return TensorValue.Own(element, shape, numbers);
    }

    private static void Loop<TIn, TOut>(TIn[] x, TOut[] result, Func<TIn, TOut> function)
    {
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = function(x[i]);
        }
    }

    private static void Loop<TIn, TOut>(TIn[] x, TIn[] y, TOut[] result, Func<TIn, TIn, TOut> function)
    {
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = function(x[i], y[i]);
        }
    }

    private static void Select(long[] condition, TensorValue then, TensorValue otherwise, Array result)
    {
        if (result is double[] floats)
        {
            for (var i = 0; i < floats.Length; i++)
            {
                floats[i] = (condition[i] != 0 ? then : otherwise).Floats![i];
            }
        }
        else
        {
            var integers = (long[])result;
            for (var i = 0; i < integers.Length; i++)
            {
                integers[i] = (condition[i] != 0 ? then : otherwise).Integers![i];
            }
        }
    }

    private static void Cast(TensorValue source, ElementType element, Array result)
    {
        switch (source.Floats, result)
        {
            case ({ } floats, double[] target):
                Loop(floats, target, x => Scalar.Round(element, x));
                break;
            case ({ } floats, _):
                Loop(floats, (long[])result, ScalarMeaning.FloatToInteger(element));
                break;
            case (null, double[] target):
                Loop(source.Integers!, target, ScalarMeaning.IntegerToFloat(element));
                break;
            default:
                Loop(source.Integers!, (long[])result, x => Scalar.Wrap(element, x));
                break;
        }
    }

    private static void Random(MapOp op, TensorValue[] arguments, double[] result)
    {
        Span<long> indices = stackalloc long[arguments.Length - 1];
        for (var i = 0; i < result.Length; i++)
        {
            for (var k = 0; k < indices.Length; k++)
            {
                indices[k] = arguments[k + 1].Integers![i];
            }

            var seed = arguments[0].Integers![i];
            result[i] = op == MapOp.RandomUniform ? Philox.Uniform(seed, indices) : Philox.Normal(seed, indices);
        }
    }
}
