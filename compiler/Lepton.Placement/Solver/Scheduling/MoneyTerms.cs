using Lepton.Placement.Problem;

namespace Lepton.Placement.Solver.Scheduling;

/// <summary>
/// The price of a run, in ticks of money:
/// <code>
///   Busy     Σ usd[v,d] x[v,d] + Σ usd of copies
///   Rental   Σ bill[d] + Σ usd of copies,   bill[d] ≥ price(d) · T  and  ≥ price(d) · minimum(d)   where something stands on d
/// </code>
/// </summary>
internal static class MoneyTerms
{
    public static IntVariable Write(PlacementModel model)
    {
        var (tables, usd) = (model.Tables, model.Units.Usd);
        var parts = new List<LinearExpression>();
        for (var d = 0; d < tables.Devices; d++)
        {
            if (tables.Problem.Money == MoneyModel.Rental)
            {
                parts.Add(Bill(model, d));
                continue;
            }

            parts.AddRange(Enumerable.Range(0, tables.Kernels).Where(v => model.At(v, d) is not null)
                .Select(v => Units.Down(tables.Usd(v, d), usd) * (LinearExpression)model.At(v, d)!.Value));
        }

        foreach (var link in tables.Problem.Links.Where(l => l.UsdPerGigabyte > 0))
        {
            for (var t = 0; t < tables.Tensors; t++)
            {
                if (model.Copies.Needed(t, link.From, link.To) is { } needed)
                {
                    parts.Add(Units.Down(tables.CopyUsd(t, link.From, link.To), usd) * (LinearExpression)needed);
                }
            }
        }

        return model.AtLeast(parts, sum: true);
    }

    private static LinearExpression Bill(PlacementModel model, int d)
    {
        var device = model.Tables.Problem.Devices[d];
        Literal[] kernels = [.. model.X.Select(x => x[d]).OfType<Literal>()];
        if (device.UsdPerSecond == 0 || kernels.Length == 0)
        {
            return 0;
        }

        var used = model.Bool(model.Hinted is { } h && h.Device.Contains(d));
        foreach (var here in kernels)
        {
            model.Builder.Implies(here, used);
        }

        // bill ≥ rate · T, rounded down, as scale · bill + scale - 1 ≥ ⌊rate · scale⌋ · T, with 26 bits of the rate.
        var rate = device.UsdPerSecond * model.Units.Seconds / model.Units.Usd;
        var scale = Math.Pow(2, Math.Clamp(Math.Ceiling(26 - Math.Log2(rate)), 0, 30));
        var slope = Units.Down(rate, 1 / scale);
        var least = Units.Down(device.MinimumSeconds * device.UsdPerSecond, model.Units.Usd);
        var longest = Math.Max(least, (long)Math.Ceiling(rate * model.Units.Horizon) + 1);
        long? hint = model.Hinted is not { } known ? null : !known.Device.Contains(d) ? 0
            : Math.Max(least, (long)Math.Floor((decimal)slope * known.Time / (decimal)scale));
        var bill = model.Int(0, longest, hint);
        model.Builder.LessOrEqual(least, bill, used);
        model.Builder.LessOrEqual(slope * (LinearExpression)model.Time, ((long)scale * (LinearExpression)bill) + ((long)scale - 1), used);
        return bill;
    }
}
