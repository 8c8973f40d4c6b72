using System.Text;
using Lepton.CommandLine.Profiling;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;
using static Lepton.CommandLine.Profiling.Drawing;

namespace Lepton.CommandLine.Placing;

/// <summary>A placement as one page that needs nothing else: the timeline, the front, and the tables.</summary>
internal static class PlacePage
{
    public static string Of(PlaceRequest request, PlacementReport report, string? solver, IReadOnlyList<string> notes)
    {
        var text = PlaceText.Of(request, report, solver, notes).Split('\n');
        var head = text.Skip(2).TakeWhile(l => l.Length > 0);
        var (title, result) = ($"{request.Entry}{string.Concat(request.Dims.Select(d => $" {d.Name}={d.Size}"))}", report.Result);
        var body = new StringBuilder();
        body.Append($"<pre>{Text(string.Join('\n', head))}</pre>\n");
        if (result.Run is { } run)
        {
            body.Append($"<div class=\"scroll\">\n{PlaceSvg.Timeline(report.Program, run)}\n</div>\n");
            body.Append($"<h2>Kernels</h2>\n{Kernels(report, run)}\n<h2>Devices</h2>\n{Devices(report, run)}\n");
            body.Append($"<h2>Critical path</h2>\n{Critical(report, run)}\n");
        }

        body.Append($"<h2>Instead</h2>\n{Alternatives(report)}\n");
        if (report.Front.Count > 0)
        {
            body.Append($"<h2>Time against cost</h2>\n{PlaceSvg.Front(report)}\n");
        }

        body.Append($"<h2>Where the times come from</h2>\n<ul>{string.Concat(Reasons.Sources(report.Program).Select(s => $"<li>{Text(s)}</li>"))}</ul>\n");
        return $$"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <title>Placement of {{Text(title)}}</title>
            <style>
              body { font: 15px system-ui, sans-serif; margin: 2em; color: #222; background: #fff }
              pre { background: #f6f6f6; padding: 1em; overflow-x: auto }
              .scroll { overflow-x: auto; border: 1px solid #ddd }
              table { border-collapse: collapse; font-variant-numeric: tabular-nums }
              td, th { padding: .2em .8em; text-align: right; border-bottom: 1px solid #ddd }
              td:first-child, th:first-child, td.left, th.left { text-align: left; padding-left: 0 }
              td.here { font-weight: bold }
              svg { display: block } svg text { font: 12px system-ui, sans-serif; fill: #222 } rect:hover, circle:hover { stroke: #000 }
              .swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em }
            </style>
            </head>
            <body>
            <h1>{{Text(title)}} on {{Text(Path.GetFileName(request.MachinePath))}}: {{Shown.Status(result)}}</h1>
            {{body}}</body>
            </html>

            """;
    }

    // A row for each kernel; of each device what the kernel would take there, and what forcing it there would cost.
    private static string Kernels(PlacementReport report, Execution run)
    {
        var (program, problem) = (report.Program, report.Program.Problem);
        var forced = report.Elsewhere.ToDictionary(f => (f.Kernel, f.Device));
        var html = new StringBuilder("<table>\n<tr><th>kernel</th><th>start</th>");
        html.Append(string.Concat(problem.Devices.Select(d => $"<th>{Text(d.Name)}</th>"))).Append("</tr>\n");
        foreach (var (v, kernel) in program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group).OrderBy(k => run.Starts[k.Index]))
        {
            html.Append($"<tr><td><span class=\"swatch\" style=\"background: {Color(kernel.Name)}\"></span>{Text(kernel.Name)}</td><td>{Shown.Time(run.Starts[v])}</td>");
            for (var d = 0; d < problem.Devices.Count; d++)
            {
                var (time, isHere) = (kernel.Times[d], run.Devices[v] == d);
                var there = isHere ? "" : forced.TryGetValue((v, d), out var f) ? $"<br>{Shown.Change(f)}" : "";
                html.Append($"<td class=\"{(isHere ? "here" : "")}\" title=\"{Text($"{Reasons.Source(time.Source)}: {time.Reason}")}\">{Shown.Time(time.Seconds)}{there}</td>");
            }

            html.Append("</tr>\n");
        }

        return html + "</table>\n<p>In bold where it runs; elsewhere its time there, and by how much the plan would be worse if it were forced there.</p>";
    }

    private static string Devices(PlacementReport report, Execution run)
    {
        var (program, problem) = (report.Program, report.Program.Problem);
        var html = new StringBuilder("<table>\n<tr><th>device</th><th>kernels</th><th>busy</th><th>of the run</th><th>memory</th><th>cost</th><th>price</th><th class=\"left\">another plan</th></tr>\n");
        foreach (var (d, load) in run.Loads.Index())
        {
            var count = program.Kernels.Index().Count(k => k.Item.Role == KernelRole.Group && run.Devices[k.Index] == d);
            var prices = string.Join(", ", report.Prices.Where(p => p.Device == d).Select(Reasons.Price));
            html.Append($"<tr><td>{Text(problem.Devices[d].Name)}</td><td>{count}</td><td>{Shown.Time(load.Busy)}</td>");
            html.Append($"<td>{Shown.Percent(run.Score.Time > 0 ? load.Busy / run.Score.Time : 0)}</td><td>{Shown.Bytes(load.Peak)} of {Shown.Bytes(problem.Devices[d].MemoryBytes)}</td>");
            html.Append($"<td>{Shown.Usd(load.Usd)}</td><td>{Shown.Price(problem.Devices[d].UsdPerHour)}</td><td class=\"left\">{prices}</td></tr>\n");
        }

        return html + "</table>";
    }

    private static string Critical(PlacementReport report, Execution run)
    {
        var html = new StringBuilder("<table>\n<tr><th>step</th><th>start</th><th>end</th><th class=\"left\">why</th></tr>\n");
        foreach (var step in report.Critical.Where(s => s.Copy >= 0 || report.Program.Kernels[s.Kernel].Role == KernelRole.Group))
        {
            html.Append($"<tr><td>{Text(Reasons.What(report.Program, run, step))}</td><td>{Shown.Time(step.Start)}</td><td>{Shown.Time(step.End)}</td>");
            html.Append($"<td class=\"left\">{Text(Reasons.Why(report.Program, run, step))}</td></tr>\n");
        }

        return html + "</table>";
    }

    private static string Alternatives(PlacementReport report)
    {
        var html = new StringBuilder("<table>\n<tr><th>plan</th><th>time</th><th>cost</th><th class=\"left\">breaks</th></tr>\n");
        foreach (var (name, run) in report.Result.Alternatives)
        {
            var broken = Shown.Broken(run, report.Program.Problem);
            html.Append($"<tr><td>{Text(name)}</td><td>{Shown.Time(run.Score.Time)}</td><td>{(double.IsFinite(run.Score.Money) ? Shown.Usd(run.Score.Money) : "")}</td><td class=\"left\">{Text(broken)}</td></tr>\n");
        }

        return html + "</table>";
    }
}
