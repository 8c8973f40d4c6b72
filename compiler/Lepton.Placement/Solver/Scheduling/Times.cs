using Lepton.Placement.Exact;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>Kernels that stay on a device in their order, with one stream.</summary>
/// <param name="Before">So many of them end before the span in which others may move.</param>
/// <param name="After">From this one on they start after it.</param>
internal sealed record FixedOrder(int Device, int[] Kernels, int Before, int After);

/// <summary>Starts: streams, tensors, links, and when the run ends.</summary>
internal static class Times
{
    // A horizon in parts of a tick: room below 2⁶³ for the sum over a thousand kernels.
    private const double MostParts = 1L << 52;

    public static void Write(PlacementModel model, EdgeForm form, IReadOnlyList<FixedOrder> inOrder)
    {
        Streams(model, inOrder);
        var tables = model.Tables;
        if (tables.Problem.ExclusiveLinks)
        {
            Exclusive(model);
        }

        for (var t = 0; t < tables.Tensors; t++)
        {
            foreach (var w in tables.Consumers[t])
            {
                var u = tables.Producer[t];
                if (tables.VariableOf[u] == tables.VariableOf[w] || form == EdgeForm.Pair)
                {
                    Pair(model, t, u, w);
                }
                else
                {
                    Flow(model, t, u, w);
                }
            }
        }
    }

    /// <summary>¬(x[u,a] ∧ x[w,b]) where no link leads from a to b.</summary>
    public static void WriteLinks(PlacementModel model)
    {
        var tables = model.Tables;
        for (var t = 0; t < tables.Tensors; t++)
        {
            foreach (var w in tables.Consumers[t])
            {
                foreach (var (a, from, b, to) in Places(model, tables.Producer[t], w).Where(p => !tables.Linked(p.A, p.B)))
                {
                    model.Builder.Or(!from, !to);
                }
            }
        }
    }

    /// <summary>The end of the run, with what paths and loads say of it.</summary>
    public static IntVariable Makespan(PlacementModel model)
    {
        var tables = model.Tables;
        var time = model.Int(0, model.Units.Horizon, model.Hinted?.Time);
        var paths = new PathBounds(tables);
        for (var v = 0; v < tables.Kernels; v++)
        {
            model.Builder.LessOrEqual(model.Sum(v, d => model.Units.Ticks(paths.Head[v, d])), model.Start[v]);
            model.Builder.LessOrEqual(
                (LinearExpression)model.Start[v] + model.Sum(v, d => model.Ticks(v, d) + model.Units.Ticks(paths.Tail[v, d])), time);
        }

        for (var d = 0; d < tables.Devices; d++)
        {
            var work = Enumerable.Range(0, tables.Kernels).Where(v => model.At(v, d) is not null)
                .Select(v => model.Ticks(v, d) * (LinearExpression)model.At(v, d)!.Value);
            model.Builder.LessOrEqual(LinearExpression.Sum(work), tables.Problem.Devices[d].Streams * (LinearExpression)time);
        }

        SharedLoad(model, time);
        return time;
    }

    /// <summary>
    /// With λ ≥ 0 and Σ λ = 1:
    /// <code>
    ///   T  ≥  max over d of L(d)  ≥  Σ over d of λ(d) · L(d)  =  Σ over v of   c(v, least) + Σ over d of (c(v, d) - c(v, least)) · x[v, d]
    ///   c(v, d) = λ(d) · p(v, d) / Streams[d]
    /// </code>
    /// The rows of the single loads say as much together; but this one alone shows how much may be lost in all by kernels that do not stand where they
    /// are cheapest, which otherwise only a linear relaxation sees.
    /// </summary>
    private static void SharedLoad(PlacementModel model, IntVariable time)
    {
        var tables = model.Tables;
        var share = LoadBounds.Shares(tables);
        var whole = Math.Pow(2, Math.Clamp(Math.Floor(Math.Log2(MostParts / Math.Max(model.Units.Horizon, 1.0))), 0, 20));
        var parts = new List<LinearExpression>();
        for (var v = 0; v < tables.Kernels; v++)
        {
            // Rounded down, so that it holds for ticks as it does for seconds.
            long Cost(int d) => model.Ticks(v, d) * (long)Math.Floor(whole * share[d] / tables.Problem.Devices[d].Streams);
            var places = Enumerable.Range(0, tables.Devices).Where(d => model.At(v, d) is not null).ToArray();
            var least = places.Select(Cost).DefaultIfEmpty(0).Min();
            parts.Add(least);
            parts.AddRange(places.Where(d => Cost(d) > least).Select(d => (Cost(d) - least) * (LinearExpression)model.At(v, d)!.Value));
        }

        model.Builder.LessOrEqual(LinearExpression.Sum(parts), (long)whole * (LinearExpression)time);
    }

    private static void Streams(PlacementModel model, IReadOnlyList<FixedOrder> inOrder)
    {
        var tables = model.Tables;
        for (var d = 0; d < tables.Devices; d++)
        {
            var intervals = new List<IntervalVariable>();
            var fixedOrder = inOrder.FirstOrDefault(o => o.Device == d);
            var apart = fixedOrder is null ? [] : Fix(model, fixedOrder);
            for (var v = 0; v < tables.Kernels; v++)
            {
                if (!apart.Contains(v) && model.At(v, d) is { } here && model.Ticks(v, d) is > 0 and var length)
                {
                    intervals.Add(model.Builder.Interval(model.Start[v], length, (LinearExpression)model.Start[v] + length, here));
                }
            }

            if (tables.Problem.Devices[d].Streams == 1)
            {
                model.Builder.NoOverlap(intervals);
            }
            else
            {
                model.Builder.Cumulative(intervals.Select(i => (i, LinearExpression.Constant(1))), tables.Problem.Devices[d].Streams);
            }
        }
    }

    // The order as precedences; what lies before and after the span needs no more, so that the device's other rules are asked of few kernels.
    private static HashSet<int> Fix(PlacementModel model, FixedOrder order)
    {
        var (chain, builder) = (order.Kernels, model.Builder);
        for (var i = 1; i < chain.Length; i++)
        {
            builder.LessOrEqual(model.End(chain[i - 1]), model.Start[chain[i]]);
        }

        HashSet<int> apart = [.. chain[..order.Before], .. chain[order.After..]];
        for (var v = 0; v < model.Tables.Kernels; v++)
        {
            if (!chain.Contains(v) && model.At(v, order.Device) is { } here && model.Ticks(v, order.Device) is > 0 and var length)
            {
                if (order.Before > 0)
                {
                    builder.LessOrEqual(model.End(chain[order.Before - 1]), model.Start[v], here);
                }

                if (order.After < chain.Length)
                {
                    builder.LessOrEqual((LinearExpression)model.Start[v] + length, model.Start[chain[order.After]], here);
                }
            }
        }

        return apart;
    }

    // One copy at a time between two devices, from when its producer has ended.
    private static void Exclusive(PlacementModel model)
    {
        var links = model.Copies.All().ToLookup(c => (c.From, c.To));
        foreach (var link in links)
        {
            var intervals = new List<IntervalVariable>();
            foreach (var (t, from, to, needed) in link)
            {
                var (start, length) = (model.Copies.Start(t, to), model.Units.Ticks(model.Tables.Copy(t, from, to)));
                model.Builder.LessOrEqual(model.End(model.Tables.Producer[t]), start, needed);
                if (length > 0)
                {
                    intervals.Add(model.Builder.Interval(start, length, (LinearExpression)start + length, needed));
                }
            }

            model.Builder.NoOverlap(intervals);
        }
    }

    private static void Pair(PlacementModel model, int t, int u, int w)
    {
        var tables = model.Tables;
        model.Builder.LessOrEqual(model.End(u), model.Start[w]);
        foreach (var (a, from, b, to) in Places(model, u, w))
        {
            if (!tables.Linked(a, b))
            {
                model.Builder.Or(!from, !to);
                continue;
            }

            var delay = model.Units.Ticks(tables.Copy(t, a, b));
            if (tables.Problem.ExclusiveLinks)
            {
                model.Builder.LessOrEqual((LinearExpression)model.Copies.Start(t, b) + delay, model.Start[w], from, to);
            }
            else if (delay > 0)
            {
                model.Builder.LessOrEqual((LinearExpression)model.Start[u] + model.Ticks(u, a) + delay, model.Start[w], from, to);
            }
        }
    }

    private static void Flow(PlacementModel model, int t, int u, int w)
    {
        var tables = model.Tables;
        var flow = new Dictionary<(int A, int B), Literal>();
        LinearExpression delay = 0;
        for (var a = 0; a < tables.Devices; a++)
        {
            for (var b = 0; b < tables.Devices; b++)
            {
                if (model.At(u, a) is null || model.At(w, b) is null || !tables.Linked(a, b))
                {
                    continue;
                }

                var both = model.Bool(model.Hinted is { } hint && hint.Device[u] == a && hint.Device[w] == b);
                flow.Add((a, b), both);
                delay += model.Units.Ticks(tables.Copy(t, a, b)) * (LinearExpression)both;
                if (tables.Problem.ExclusiveLinks && a != b)
                {
                    var length = model.Units.Ticks(tables.Copy(t, a, b));
                    model.Builder.LessOrEqual((LinearExpression)model.Copies.Start(t, b) + length, model.Start[w], both);
                }
            }
        }

        for (var d = 0; d < tables.Devices; d++)
        {
            if (model.At(u, d) is { } from)
            {
                model.Builder.Equal(LinearExpression.Sum(flow.Where(f => f.Key.A == d).Select(f => (LinearExpression)f.Value)), from);
            }

            if (model.At(w, d) is { } to)
            {
                model.Builder.Equal(LinearExpression.Sum(flow.Where(f => f.Key.B == d).Select(f => (LinearExpression)f.Value)), to);
            }
        }

        model.Builder.LessOrEqual(model.End(u) + delay, model.Start[w]);
    }

    // Where a tensor from u to w would have to be copied.
    private static IEnumerable<(int A, Literal From, int B, Literal To)> Places(PlacementModel model, int u, int w)
    {
        var tables = model.Tables;
        for (var a = 0; a < tables.Devices && tables.VariableOf[u] != tables.VariableOf[w]; a++)
        {
            for (var b = 0; b < tables.Devices; b++)
            {
                if (a != b && model.At(u, a) is { } from && model.At(w, b) is { } to)
                {
                    yield return (a, from, b, to);
                }
            }
        }
    }
}
