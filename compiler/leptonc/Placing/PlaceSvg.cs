using System.Text;
using Lepton.CommandLine.Profiling;
using Lepton.Placement.Costs;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;
using static Lepton.CommandLine.Profiling.Drawing;

namespace Lepton.CommandLine.Placing;

/// <summary>The pictures of a placement: who works when, and time against money.</summary>
internal static class PlaceSvg
{
    private const int RowHeight = 30;
    private const int Left = 190;
    private const int Top = 26;
    private const double Width = 1000;
    private const double FrontWidth = 640;
    private const double FrontHeight = 340;

    /// <summary>
    /// A row for each device and for each link in use; more than one where a device does several things at a time.
    /// <code>
    /// laptop          ▓▓        ▓▓▓
    /// gpu0               ▓▓▓▓▓
    /// laptop → gpu0     ░
    /// </code>
    /// </summary>
    public static string Timeline(ProgramProblem program, Execution run)
    {
        var problem = program.Problem;
        var total = Math.Max(run.Score.Time * 1e6, 1e-12);
        var scale = Width / total;
        var rows = new List<(string Name, List<Bar> Bars)>();
        for (var d = 0; d < problem.Devices.Count; d++)
        {
            var kernels = program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group && run.Devices[k.Index] == d)
                .Select(k => new Bar(k.Item.Name, k.Item.Name, run.Starts[k.Index] * 1e6, run.Ends[k.Index] * 1e6, k.Item.Times[d].Reason));
            rows.AddRange(Stacked(problem.Devices[d].Name, kernels));
        }

        foreach (var link in run.Copies.GroupBy(c => (c.From, c.To)).OrderBy(g => g.Key))
        {
            var copies = link.Select(c => new Bar(
                problem.Tensors[c.Tensor].Name, "", c.Start * 1e6, c.End * 1e6, $"{Shown.Bytes(problem.Tensors[c.Tensor].Bytes)}"));
            rows.AddRange(Stacked($"{problem.Devices[link.Key.From].Name} → {problem.Devices[link.Key.To].Name}", copies));
        }

        var height = Top + (rows.Count * RowHeight);
        var svg = new StringBuilder();
        svg.Append(Inv($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{Left + Width + 40:F0}\" height=\"{height}\" role=\"img\" aria-label=\"timeline\">\n"));
        for (var (step, t) = (Step(total), 0.0); t <= total; t += step)
        {
            var x = Left + (t * scale);
            svg.Append(Inv($"<line x1=\"{x:F1}\" x2=\"{x:F1}\" y1=\"{Top - 6}\" y2=\"{height}\" stroke=\"#ddd\"/><text x=\"{x:F1}\" y=\"14\" text-anchor=\"middle\">{Shown.Time(t / 1e6)}</text>\n"));
        }

        foreach (var (i, (name, bars)) in rows.Index())
        {
            var y = Top + (i * RowHeight);
            svg.Append(Inv($"<text x=\"6\" y=\"{y + 19}\">{Text(Shown.Short(name, 26))}</text>\n"));
            foreach (var bar in bars)
            {
                var (x, w) = (Left + (bar.Start * scale), Math.Max((bar.End - bar.Start) * scale, 0.5));
                var color = bar.Color.Length > 0 ? Color(bar.Color) : "#bbb";
                svg.Append(Inv($"<rect x=\"{x:F1}\" y=\"{y + 3}\" width=\"{w:F1}\" height=\"{RowHeight - 6}\" fill=\"{color}\">"));
                svg.Append(Inv($"<title>{Text(bar.Name)}: {Shown.Time((bar.End - bar.Start) / 1e6)} from {Shown.Time(bar.Start / 1e6)}; {Text(bar.Note)}</title></rect>\n"));
                if (w > bar.Name.Length * 7)
                {
                    svg.Append(Inv($"<text x=\"{x + 4:F1}\" y=\"{y + 19}\" pointer-events=\"none\">{Text(bar.Name)}</text>\n"));
                }
            }
        }

        return svg.Append("</svg>").ToString();
    }

    /// <summary>Time to the right, money upwards; the plan is the filled point.</summary>
    public static string Front(PlacementReport report)
    {
        const int Margin = 30, Axis = 110;
        var points = report.Front;
        var plan = report.Result.Run!.Score;
        var (seconds, usd) = (points.Select(p => p.Seconds).Append(plan.Time).ToArray(), points.Select(p => p.Usd).Append(plan.Money).ToArray());
        double X(double s) => Axis + (FrontWidth * Share(s, seconds));
        double Y(double u) => Margin + (FrontHeight * (1 - Share(u, usd)));
        var (right, bottom) = (Axis + FrontWidth + Margin, Margin + FrontHeight + 20);
        var svg = new StringBuilder();
        svg.Append(Inv($"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{right + 60:F0}\" height=\"{bottom + 40:F0}\" role=\"img\" aria-label=\"time against cost\">\n"));
        svg.Append(Inv($"<path d=\"M{Axis - 10} {Margin - 10} V{bottom} H{right}\" fill=\"none\" stroke=\"#888\"/>\n"));
        for (var i = 0; i <= 4; i++)
        {
            var (s, u) = (seconds.Min() + (i / 4.0 * (seconds.Max() - seconds.Min())), usd.Min() + (i / 4.0 * (usd.Max() - usd.Min())));
            svg.Append(Inv($"<text x=\"{X(s):F1}\" y=\"{bottom + 18}\" text-anchor=\"middle\">{Shown.Time(s)}</text>"));
            svg.Append(Inv($"<text x=\"{Axis - 16}\" y=\"{Y(u) + 4:F1}\" text-anchor=\"end\">{Shown.Usd(u)}</text>\n"));
        }

        // Between two points money stays what it is until the next one is reached.
        var line = string.Concat(points.Index().Select(p => p.Index == 0 ? Inv($"M{X(p.Item.Seconds):F1} {Y(p.Item.Usd):F1}") : Inv($" H{X(p.Item.Seconds):F1} V{Y(p.Item.Usd):F1}")));
        svg.Append($"<path d=\"{line}\" fill=\"none\" stroke=\"#4477aa\"/>\n");
        foreach (var p in points)
        {
            svg.Append(Inv($"<circle cx=\"{X(p.Seconds):F1}\" cy=\"{Y(p.Usd):F1}\" r=\"5\" fill=\"#fff\" stroke=\"#4477aa\" stroke-width=\"2\">"));
            svg.Append(Inv($"<title>{Shown.Time(p.Seconds)}, {Shown.Usd(p.Usd)}{(p.Gap > 0 ? $", gap {Shown.Percent(p.Gap)}" : ", proven")}</title></circle>\n"));
        }

        svg.Append(Inv($"<circle cx=\"{X(plan.Time):F1}\" cy=\"{Y(plan.Money):F1}\" r=\"6\" fill=\"#cc3311\"><title>the plan: {Shown.Time(plan.Time)}, {Shown.Usd(plan.Money)}</title></circle>\n"));
        return svg.Append("</svg>").ToString();
    }

    private static double Share(double value, double[] all) => all.Max() > all.Min() ? (value - all.Min()) / (all.Max() - all.Min()) : 0.5;

    // As many rows as things happen at a time; a device that does nothing has one all the same.
    private static List<(string Name, List<Bar> Bars)> Stacked(string name, IEnumerable<Bar> bars)
    {
        var rows = new List<(string Name, List<Bar> Bars)> { (name, []) };
        foreach (var bar in bars.OrderBy(b => b.Start))
        {
            var slack = bar.End * Simulator.Tolerance;
            var row = rows.Find(r => r.Bars.Count == 0 || r.Bars[^1].End <= bar.Start + slack).Bars;
            if (row is null)
            {
                rows.Add(("", row = []));
            }

            row.Add(bar);
        }

        return rows;
    }

    // Microseconds.
    private sealed record Bar(string Name, string Color, double Start, double End, string Note);
}
