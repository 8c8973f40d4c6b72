using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>Views, gathers and scatters of the interpreter: first where each element lies, then the copying.</summary>
internal static class EvaluateAccess
{
    /// <summary>
    /// For each element of <paramref name="over"/>, in row-major order, the row-major number of the element of the source that is meant; -1
    /// where it lies outside and the mode is fill. Throws for the first element whose checked index is outside.
    /// </summary>
    public static int[] Places(Run run, ValueList<AxisAccess> access, long[] source, long[] over, long[][] data)
    {
        var places = new int[TensorValue.CountOf(over)];
        var rank = over.Length;

        // at[s]: the affine index along source axis s; step[s][r]: how it moves with axis r of the result.
        var at = access.Select(a => run.Size(a.Offset)).ToArray();
        var step = access.Select(a =>
        {
            var steps = new long[rank];
            foreach (var term in a.Terms)
            {
                steps[term.Axis] = run.Size(term.Coefficient);
            }

            return steps;
        }).ToArray();
        var index = new long[rank];
        for (var e = 0; e < places.Length; e++)
        {
            run.Breathe(e);
            long place = 0;
            for (var s = 0; s < source.Length; s++)
            {
                var i = access[s].Data >= 0 ? data[access[s].Data][e] : at[s];
                if ((ulong)i >= (ulong)source[s])
                {
                    i = Inside(run, access[s], i, source[s], e);
                }

                place = i < 0 || place < 0 ? -1 : (place * source[s]) + i;
            }

            places[e] = (int)place;
            for (var r = rank - 1; r >= 0; r--)
            {
                var wraps = ++index[r] == over[r];
                for (var s = 0; s < source.Length; s++)
                {
                    at[s] += wraps ? -step[s][r] * (over[r] - 1) : step[s][r];
                }

                if (!wraps)
                {
                    break;
                }

                index[r] = 0;
            }
        }

        return places;
    }

    public static TensorValue Take(TensorValue source, long[] shape, int[] places, Scalar? fill)
    {
        var numbers = Evaluator.New(source.Element, shape);
        if (numbers is double[] floats)
        {
            Take(source.Floats!, floats, places, fill?.AsDouble ?? 0);
        }
        else
        {
            Take(source.Integers!, (long[])numbers, places, fill?.Bits ?? 0);
        }

        return TensorValue.Own(source.Element, shape, numbers);
    }

    /// <summary>Combines in the order of the updates; floats in f64, rounded once at the end.</summary>
    public static TensorValue Scatter(ScatterKind kind, TensorValue start, TensorValue updates, int[] places)
    {
        var element = start.Element;
        if (start.Floats is not null)
        {
            var floats = (double[])start.Floats.Clone();
            Scatter(floats, updates.Floats!, places, kind switch
            {
                ScatterKind.Add => static (x, y) => x + y,
                ScatterKind.Mul => static (x, y) => x * y,
                ScatterKind.Max => Math.Max,
                _ => Math.Min,
            });
            return TensorValue.Own(element, start.Shape, Array.ConvertAll(floats, x => Scalar.Round(element, x)));
        }

        var integers = (long[])start.Integers!.Clone();
        Scatter(integers, updates.Integers!, places, kind switch
        {
            ScatterKind.Add => static (x, y) => unchecked(x + y),
            ScatterKind.Mul => static (x, y) => unchecked(x * y),
            ScatterKind.Max => Math.Max,
            _ => Math.Min,
        });
        return TensorValue.Own(element, start.Shape, Array.ConvertAll(integers, x => Scalar.Wrap(element, x)));
    }

    /// <summary>An index outside 0 … n-1 brought inside, or -1 for fill.</summary>
    private static long Inside(Run run, AxisAccess access, long i, long n, long element)
    {
        if (access.Outside == Outside.Fill)
        {
            return -1;
        }

        if (access.Outside == Outside.Never)
        {
            throw access.Site >= 0
                ? new GraphRunException(
                    GraphRunError.IndexOutOfRange,
                    $"{run.Root.Sites[access.Site].Text} at {run.Root.Sites[access.Site].Location}: index {i} at element {element} is outside of 0 … {n - 1}",
                    access.Site,
                    element,
                    i,
                    n)
                : new CompilerBugException("interpreter", $"access {access} reaches {i} in an axis of {n} at element {element}");
        }

        if (n == 0)
        {
            throw new CompilerBugException("interpreter", $"access {access} reads from an empty axis");
        }

        var period = access.Outside == Outside.Wrap ? n : Math.Max(2 * (n - 1), 1);
        var folded = ((i % period) + period) % period;
        return access.Outside switch
        {
            Outside.Clamp => i < 0 ? 0 : n - 1,
            Outside.Wrap => folded,
            _ => Math.Min(folded, period - folded) is var mirrored && n == 1 ? 0 : mirrored,
        };
    }

    private static void Take<T>(T[] source, T[] result, int[] places, T fill)
    {
        for (var i = 0; i < result.Length; i++)
        {
            result[i] = places[i] < 0 ? fill : source[places[i]];
        }
    }

    private static void Scatter<T>(T[] result, T[] updates, int[] places, Func<T, T, T> combine)
    {
        for (var i = 0; i < updates.Length; i++)
        {
            if (places[i] >= 0)
            {
                result[places[i]] = combine(result[places[i]], updates[i]);
            }
        }
    }
}
