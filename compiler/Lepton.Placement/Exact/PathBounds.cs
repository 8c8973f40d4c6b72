using Lepton.Placement.Problem;

namespace Lepton.Placement.Exact;

/// <summary>
/// What the tensors alone enforce, for each kernel v on each device d, in seconds:
/// <code>
///   head(v, d) = max over inputs t of v    min over a   head(u, a) + p(u, a) + τ(t, a, d)          u makes t
///   tail(v, d) = max over readers w of v   min over b   τ(t, d, b) + p(w, b) + tail(w, b)
///   T ≥ head(v, d) + p(v, d) + tail(v, d)    for each v on its d
/// </code>
/// Every path chooses its devices for itself, so no plan is faster; where paths do not meet (chains, trees towards the root with enough
/// streams) the bound is the optimum. +∞: the kernel cannot stand there, whatever the others do.
/// </summary>
internal sealed class PathBounds
{
    /// <param name="set">Bits of the devices that may be used.</param>
    public PathBounds(Tables tables, ulong set = ulong.MaxValue)
    {
        bool Allowed(int v, int d) => (set >> d & 1) != 0 && tables.Allowed(v, d);
        Head = new double[tables.Kernels, tables.Devices];
        Tail = new double[tables.Kernels, tables.Devices];
        foreach (var v in tables.Order)
        {
            for (var d = 0; d < tables.Devices; d++)
            {
                Head[v, d] = Allowed(v, d) ? HeadOf(tables, v, d) : double.PositiveInfinity;
            }
        }

        foreach (var v in tables.Order.Reverse())
        {
            for (var d = 0; d < tables.Devices; d++)
            {
                Tail[v, d] = Allowed(v, d) ? TailOf(tables, v, d) : double.PositiveInfinity;
            }
        }

        for (var v = 0; v < tables.Kernels; v++)
        {
            Critical = Math.Max(Critical, Enumerable.Range(0, tables.Devices).Min(d => Through(tables, v, d)));
        }
    }

    /// <summary>No earlier start, by kernel and device.</summary>
    public double[,] Head { get; }

    /// <summary>No shorter rest after its end, by kernel and device.</summary>
    public double[,] Tail { get; }

    /// <summary>No run is shorter; +∞ when some kernel can stand nowhere.</summary>
    public double Critical { get; }

    /// <summary>No run with the kernel on the device is shorter.</summary>
    public double Through(Tables tables, int v, int d) => Head[v, d] + tables.Seconds[v, d] + Tail[v, d];

    private double HeadOf(Tables tables, int v, int d)
    {
        var head = 0.0;
        foreach (var t in tables.Inputs[v])
        {
            var (u, best) = (tables.Producer[t], double.PositiveInfinity);
            for (var a = 0; a < tables.Devices; a++)
            {
                best = Math.Min(best, Head[u, a] + tables.Seconds[u, a] + tables.Copy(t, a, d));
            }

            head = Math.Max(head, best);
        }

        return head;
    }

    private double TailOf(Tables tables, int v, int d)
    {
        var tail = 0.0;
        foreach (var t in tables.Outputs[v])
        {
            foreach (var w in tables.Consumers[t])
            {
                var best = double.PositiveInfinity;
                for (var b = 0; b < tables.Devices; b++)
                {
                    best = Math.Min(best, tables.Copy(t, d, b) + tables.Seconds[w, b] + Tail[w, b]);
                }

                tail = Math.Max(tail, best);
            }
        }

        return tail;
    }
}
