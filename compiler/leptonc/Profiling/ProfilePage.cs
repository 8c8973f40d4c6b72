using System.Text;
using static Lepton.CommandLine.Profiling.Drawing;

namespace Lepton.CommandLine.Profiling;

/// <summary>The profile as one page that needs nothing else: the timeline as SVG, wide enough to scroll, and the table.</summary>
internal static class ProfilePage
{
    private const int RowHeight = 30;
    private const int Left = 80;
    private const int Top = 26;

    // A pixel for each microsecond, between these limits.
    private const double Narrowest = 900;
    private const double Widest = 6000;

    public static string Of(Profile profile)
    {
        var run = profile.Typical;
        return $$"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>Profile of {{Text(profile.Entry)}}</title>
            <style>
              body { font: 15px system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
              .scroll { overflow-x: auto; border: 1px solid #ddd }
              table { border-collapse: collapse; font-variant-numeric: tabular-nums }
              td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }
              td:first-child, th:first-child { text-align: left; padding-left: 0 }
              svg { display: block } svg text { font: 12px system-ui, sans-serif; fill: #222 } rect:hover { stroke: #000 }
              .swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em }
            </style>
            </head>
            <body>
            <h1>{{Text(profile.Entry)}}: {{Inv($"{run.Seconds * 1e3:G4}")}} ms</h1>
            <p>The median of {{profile.Runs.Count}} recorded runs on {{ProfileTable.Threads(profile.Threads)}}; {{run.Launches.Length}} launches of {{profile.Kernels.Count}} kernels.
            Measured roofline: {{Inv($"{profile.Roofline.Flops / 1e9:F1}")}} GFLOP/s in f32, {{Inv($"{profile.Roofline.Memory / 1e9:F1}")}} GB/s from memory.</p>
            <div class="scroll">
            {{Svg(profile)}}
            </div>
            <h2>Kernels</h2>
            {{Table(profile)}}
            </body>
            </html>

            """;
    }

    private static string Svg(Profile profile)
    {
        var spans = Timeline.Of(profile);
        var total = profile.Typical.Seconds * 1e6;
        var width = Math.Clamp(total, Narrowest, Widest);
        var scale = width / total;
        var rows = spans.Count == 0 ? 1 : spans.Max(s => s.Row) + 1;
        var height = Top + (rows * RowHeight);
        var svg = new StringBuilder();
        svg.Append(Inv($"<svg width=\"{Left + width + 20:F0}\" height=\"{height}\" role=\"img\" aria-label=\"timeline\">\n"));
        for (var (step, t) = (Step(total), 0.0); t <= total; t += step)
        {
            svg.Append(Inv($"<line x1=\"{Left + (t * scale):F1}\" x2=\"{Left + (t * scale):F1}\" y1=\"{Top - 6}\" y2=\"{height}\" stroke=\"#ddd\"/>"));
            svg.Append(Inv($"<text x=\"{Left + (t * scale):F1}\" y=\"14\" text-anchor=\"middle\">{t:G6} µs</text>\n"));
        }

        for (var row = 0; row < rows; row++)
        {
            svg.Append(Inv($"<text x=\"6\" y=\"{Top + (row * RowHeight) + 18}\">{(row == 0 ? "launches" : $"thread {row}")}</text>\n"));
        }

        foreach (var s in spans)
        {
            var (x, w, y) = (Left + (s.Start * scale), Math.Max(s.Duration * scale, 0.2), Top + (s.Row * RowHeight) + 3);
            svg.Append(Inv($"<rect x=\"{x:F1}\" y=\"{y}\" width=\"{w:F1}\" height=\"{RowHeight - 6}\" fill=\"{Color(s.Kernel.Name)}\">"));
            svg.Append(Inv($"<title>{Text(s.Kernel.Name)}: {s.Duration:G4} µs from {s.Start:F1} µs{(s.Row == 0 ? "" : $", chunks {s.First} to {s.Limit}")}</title></rect>\n"));
            if (w > s.Kernel.Name.Length * 7)
            {
                svg.Append(Inv($"<text x=\"{x + 4:F1}\" y=\"{y + 16}\" pointer-events=\"none\">{Text(s.Kernel.Name)}</text>\n"));
            }
        }

        return svg.Append("</svg>").ToString();
    }

    private static string Table(Profile profile)
    {
        var html = new StringBuilder("<table>\n<tr><th>kernel</th><th>strategy</th><th>launches</th><th>ms</th><th>share</th><th>GFLOP/s</th><th>GB/s</th><th>of the roofline</th></tr>\n");
        foreach (var k in profile.Kernels)
        {
            html.Append(Inv($"<tr title=\"{Text(k.Kernel.Note)}\"><td><span class=\"swatch\" style=\"background: {Color(k.Kernel.Name)}\"></span>{Text(k.Kernel.Name)}</td>"));
            html.Append(Inv($"<td>{k.Kernel.Strategy.ToString().ToLowerInvariant()}</td><td>{k.Launches}</td><td>{k.Seconds * 1e3:F4}</td>"));
            html.Append(Inv($"<td>{100 * k.Seconds / profile.Typical.Seconds:F1} %</td><td>{k.Flops / k.Seconds / 1e9:F1}</td><td>{k.Bytes / k.Seconds / 1e9:F1}</td>"));
            html.Append(k.Bound == 0 ? "<td></td></tr>\n" : Inv($"<td>{100 * k.Bound / k.Seconds:F0} % of {(k.BoundByMemory ? "memory" : "arithmetic")}</td></tr>\n"));
        }

        html.Append(Inv($"<tr><td>outside kernels</td><td></td><td></td><td>{profile.Outside * 1e3:F4}</td><td>{100 * profile.Outside / profile.Typical.Seconds:F1} %</td></tr>\n"));
        return html + "</table>";
    }
}
