using System.Globalization;
using System.Net;
using System.Text;

namespace Lepton.Benchmarks.Reports;

/// <summary>
/// One page that needs nothing else: for each workload a bar for each number of threads, as long as our time by the best peer's, with a tick at
/// the goal; and a table of everybody's times.
/// </summary>
internal static class HtmlReport
{
    private const int NameWidth = 260;
    private const int BarsWidth = 560;
    private const int LineHeight = 18;

    // Ratios above this end at the right edge, with their number.
    private const double Longest = 2;

    public static string Of(Machine machine, IReadOnlyList<Measurement> measurements)
    {
        var lines = measurements.GroupBy(m => m.Workload.Name).Select(g => g.ToList()).ToList();
        return $$"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>Lepton and its peers</title>
            <style>
              body { font: 15px system-ui, sans-serif; max-width: 62em; margin: 2em auto; padding: 0 1em; color: #222; background: #fff }
              table { border-collapse: collapse; font-variant-numeric: tabular-nums }
              td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }
              td:first-child, th:first-child { text-align: left; padding-left: 0 }
              .met { color: #17703c } .missed, .wrong { color: #b3261e }
              svg text { font: 12px system-ui, sans-serif; fill: #222 }
            </style>
            </head>
            <body>
            <h1>Lepton and its peers</h1>
            <p>{{Text(machine.Processor)}}, {{machine.Cores}} cores, {{machine.Started:yyyy-MM-dd HH:mm}} UTC; {{Text(string.Join(", ", machine.Peers))}}.
            Ours and theirs in turn, equal inputs, outputs compared, medians.</p>
            <h2>Our time by the best peer's</h2>
            <p>Shorter is faster; the tick is the goal.</p>
            {{Chart(lines)}}
            <h2>Times in ms</h2>
            {{Times(lines)}}
            </body>
            </html>

            """;
    }

    private static string Chart(List<List<Measurement>> lines)
    {
        var svg = new StringBuilder();
        var y = 20;
        foreach (var line in lines)
        {
            var (top, goal) = (y, line[0].Workload.Goal);
            svg.Append(Inv($"<text x=\"{NameWidth - 8}\" y=\"{y + 12}\" text-anchor=\"end\">{Text(line[0].Workload.Name)}</text>\n"));
            foreach (var m in line.Where(m => m.Ratio is not null))
            {
                var color = (m.Met, m.Threads == 1) switch { (true, true) => "#2e8b57", (true, false) => "#7cc49a", (false, true) => "#c0504d", _ => "#e0a3a1" };
                svg.Append(Inv($"<rect x=\"{NameWidth}\" y=\"{y}\" width=\"{Place(m.Ratio!.Value):F1}\" height=\"{LineHeight - 4}\" fill=\"{color}\">"));
                svg.Append(Inv($"<title>{Threads(m.Threads)}: {Table.Milliseconds(m.Ours)} ms, {Text(m.Best!.Contender)} {Table.Milliseconds(m.Best.Seconds)} ms</title></rect>\n"));
                svg.Append(Inv($"<text x=\"{NameWidth + Place(m.Ratio.Value) + 6:F1}\" y=\"{y + 11}\">{m.Ratio.Value:F2}, {Threads(m.Threads)}</text>\n"));
                y += LineHeight;
            }

            svg.Append(Inv($"<line x1=\"{NameWidth + Place(goal):F1}\" x2=\"{NameWidth + Place(goal):F1}\" y1=\"{top - 3}\" y2=\"{y}\" stroke=\"#222\" stroke-width=\"2\"/>\n"));
            y = Math.Max(y, top + LineHeight) + 8;
        }

        var one = NameWidth + Place(1);
        return Inv($"<svg width=\"{NameWidth + BarsWidth + 110}\" height=\"{y}\" role=\"img\" aria-label=\"our time by the best peer's\">\n")
            + Inv($"<line x1=\"{one}\" x2=\"{one}\" y1=\"14\" y2=\"{y}\" stroke=\"#999\" stroke-dasharray=\"3 3\"/><text x=\"{one}\" y=\"10\" text-anchor=\"middle\">1 = best peer</text>\n")
            + svg + "</svg>";
    }

    private static string Times(List<List<Measurement>> lines)
    {
        var peers = lines.SelectMany(l => l).SelectMany(m => m.Peers.Select(p => p.Contender)).Distinct().ToList();
        var html = new StringBuilder("<table>\n<tr><th>workload</th><th>threads</th><th>Lepton</th>");
        peers.ForEach(p => html.Append(Inv($"<th>{Text(p)}</th>")));
        html.Append("<th>ratio</th><th>goal</th><th>2 threads faster by</th><th>largest difference</th></tr>\n");
        foreach (var line in lines)
        {
            foreach (var m in line)
            {
                html.Append(Inv($"<tr><td>{Text(m.Workload.Name)}</td><td>{m.Threads}</td><td>{Table.Milliseconds(m.Ours)}</td>"));
                foreach (var peer in peers)
                {
                    html.Append(Inv($"<td>{(m.Peers.FirstOrDefault(p => p.Contender == peer) is { } t ? Table.Milliseconds(t.Seconds) : "")}</td>"));
                }

                var faster = m.Threads > 1 && line.FirstOrDefault(l => l.Threads == 1) is { } one ? Inv($"{one.Ours / m.Ours:F2}") : "";
                var largest = m.Peers.Count == 0 ? "" : Inv($"<span class=\"{(m.Wrong.Any() ? "wrong" : "")}\">{m.Peers.Max(p => p.Difference):E1}</span>");
                html.Append(Inv($"<td class=\"{(m.Met ? "met" : "missed")}\">{m.Ratio:F3}</td><td>≤ {m.Workload.Goal:F2}</td><td>{faster}</td><td>{largest}</td></tr>\n"));
            }
        }

        return html + "</table>";
    }

    private static double Place(double ratio) => Math.Min(ratio, Longest) / Longest * BarsWidth;

    private static string Threads(int count) => count == 1 ? "1 thread" : $"{count} threads";

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static string Inv(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
