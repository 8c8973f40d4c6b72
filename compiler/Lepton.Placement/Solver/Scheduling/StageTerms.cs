using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// Stages of a pipeline, in ticks of the interval. Devices have a place in the pipeline, and copies go forward:
/// <code>
///   copy[t,a,b] ⇒ place[b] ≥ place[a] + 1
///   I ≥ Σ p x / streams + copies that arrive + Σ over tensors that leave of the longest copy      (copies, where they occupy the device)
///   I ≥ Σ τ of the copies of a link
/// </code>
/// </summary>
internal static class StageTerms
{
    public static IntVariable Write(PlacementModel model)
    {
        var tables = model.Tables;
        var (copies, loads) = (model.Copies.All().ToArray(), new List<LinearExpression>());
        Forward(model, copies);
        long Ticks(double seconds) => Units.Down(seconds, model.Units.Interval);
        for (var d = 0; d < tables.Devices; d++)
        {
            var device = tables.Problem.Devices[d];
            var parts = Enumerable.Range(0, tables.Kernels).Where(v => model.At(v, d) is not null)
                .Select(v => Ticks(tables.Seconds[v, d] / device.Streams) * (LinearExpression)model.At(v, d)!.Value).ToList();
            if (device.CopiesOccupy)
            {
                parts.AddRange(copies.Where(c => c.To == d).Select(c => Ticks(tables.Copy(c.Tensor, c.From, d)) * (LinearExpression)c.Needed));
                foreach (var sent in copies.Where(c => c.From == d).GroupBy(c => c.Tensor))
                {
                    parts.Add(Longest(model, [.. sent.Select(c => (Ticks(tables.Copy(c.Tensor, d, c.To)), c.Needed))]));
                }
            }

            loads.Add(LinearExpression.Sum(parts));
        }

        foreach (var link in copies.GroupBy(c => (c.From, c.To)))
        {
            loads.Add(LinearExpression.Sum(link.Select(c => Ticks(tables.Copy(c.Tensor, c.From, c.To)) * (LinearExpression)c.Needed)));
        }

        return model.AtLeast(loads, sum: false);
    }

    private static LinearExpression Longest(PlacementModel model, (long Ticks, Literal Needed)[] copies)
    {
        if (copies.Length == 1)
        {
            return copies[0].Ticks * (LinearExpression)copies[0].Needed;
        }

        return model.AtLeast([.. copies.Select(c => c.Ticks * (LinearExpression)c.Needed)], sum: false);
    }

    private static void Forward(PlacementModel model, (int Tensor, int From, int To, Literal Needed)[] copies)
    {
        var devices = model.Tables.Devices;
        var order = model.Hinted is { } hint ? Simulation.Orders.Stages(model.Tables.Problem, hint.Device) : null;
        var place = Enumerable.Range(0, devices).Select(d => model.Int(0, devices - 1, order is null ? null : Array.IndexOf(order, d))).ToArray();
        foreach (var link in copies.GroupBy(c => (c.From, c.To)))
        {
            foreach (var (_, from, to, needed) in link)
            {
                model.Builder.LessOrEqual((LinearExpression)place[from] + 1, place[to], needed);
            }
        }
    }
}
