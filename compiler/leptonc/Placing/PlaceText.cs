using System.Text;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Graphs;
using Lepton.Placement;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;

namespace Lepton.CommandLine.Placing;

/// <summary>A placement for a terminal of 100 columns.</summary>
internal sealed class PlaceText
{
    private const int NameWidth = 34;
    private const int DeviceWidth = 12;

    private readonly StringBuilder _text = new();
    private readonly PlaceRequest _request;
    private readonly PlacementReport _report;
    private readonly ProgramProblem _program;
    private readonly PlacementProblem _problem;

    private PlaceText(PlaceRequest request, PlacementReport report) =>
        (_request, _report, _program, _problem) = (request, report, report.Program, report.Program.Problem);

    /// <param name="solver">Null: one took part; else what is missing for a proof, and how to get it.</param>
    /// <param name="notes">What went wrong with the solver.</param>
    public static string Of(PlaceRequest request, PlacementReport report, string? solver, IReadOnlyList<string> notes)
    {
        var text = new PlaceText(request, report);
        text.Head(solver, notes);
        if (report.Result.Run is { } run)
        {
            text.Plan(run);
            text.Loads(run);
            text.Copies(run);
            text.Critical(run);
        }

        text.Alternatives();
        text.Elsewhere();
        text.Prices();
        text.Front();
        text.Sources();
        return text._text.ToString();
    }

    private void Head(string? solver, IReadOnlyList<string> notes)
    {
        var sizes = string.Concat(_request.Dims.Select(d => $" {d.Name}={d.Size}"));
        var kernels = _program.Kernels.Count(k => k.Role == KernelRole.Group);
        Line($"{_request.Entry}{sizes}: {kernels} kernel{(kernels == 1 ? "" : "s")} on {_problem.Devices.Count} device{(_problem.Devices.Count == 1 ? "" : "s")} of {_request.MachinePath}");
        Line("");
        var result = _report.Result;
        Wrapped("status", result.Status switch
        {
            PlacementStatus.Optimal => "OPTIMAL: no plan is better, proven; a simulator of its own agrees",
            PlacementStatus.Gap => $"{Shown.Status(result)}: a better plan may exist, better by this part at most",
            PlacementStatus.Heuristic => $"HEURISTIC: not proven best. {solver}",
            PlacementStatus.Infeasible => $"INFEASIBLE: {Shown.Conflict(result.Conflict, _problem)}",
            _ => $"UNKNOWN: no plan was found that keeps all limits, and no proof that there is none. {solver}",
        });
        foreach (var note in notes)
        {
            Wrapped("solver", note);
        }

        Wrapped("objective", _request.Objective);
        if (Source.Rounded(EntrySignature.Of(_program.Fused.Graph)) is { } rounded)
        {
            Wrapped("precision", rounded);
        }

        foreach (var (i, goal) in result.Goals.Index())
        {
            var unit = _request.Goals.Count > i ? _request.Goals[i] : null;
            var known = goal.Proven ? "proven best" : $"at least {Shown.Value(goal.Bound, unit)}, a gap of {Shown.Percent(goal.Gap)}";
            Wrapped(i == 0 ? "value" : "then", $"{Shown.Value(goal.Value, unit)}, {known}; found by: {goal.Method}");
        }

        var (time, money, interval) = result.References;
        var references = new[] { time > 0 ? $"time {Shown.Time(time)}" : "", money > 0 ? $"cost {Shown.Usd(money)}" : "", interval > 0 ? $"interval {Shown.Time(interval)}" : "" }.Where(r => r.Length > 0).ToArray();
        if (_problem.NeedsPipeline)
        {
            Wrapped("pipeline", "arguments come from home one after the other; results stay where they are made");
        }

        if (references.Length > 0)
        {
            Wrapped("references", $"each term is divided by the best it can be alone: {string.Join(", ", references)}{(result.ReferencesProven ? "" : ", not proven")}; one that can be 0 is not divided");
        }

        if (result.Run is { Score: var score })
        {
            Wrapped("plan", $"time {Shown.Time(score.Time)}, cost {Shown.Usd(score.Money)} ({(_problem.Money == MoneyModel.Busy ? "busy seconds" : "rental")})"
                + (_problem.NeedsPipeline ? $", interval {Shown.Time(score.Interval)}" : ""));
            if (_request.Fused is { } fused)
            {
                var unit = _request.Goals.Count > 0 ? _request.Goals[0] : null;
                Wrapped("fusion", $"contractions stand alone, without the elementwise work behind them: in one kernel with it the best plan has {Shown.Value(fused, unit)}; what lands on one device is fused again");
            }

            foreach (var shared in SharedCores.Of(_problem, result.Run))
            {
                Wrapped("cores", Reasons.Shared(_problem, shared));
            }

            if (Reasons.Sooner(_problem, result) is { } sooner)
            {
                Wrapped("cores", sooner);
            }
        }
    }

    private void Plan(Execution run)
    {
        Title($"{"kernel",-NameWidth}  {"device",-DeviceWidth}  {"start",9}  {"time",9}  bound by");
        foreach (var v in Groups().OrderBy(v => run.Starts[v]).ThenBy(v => v))
        {
            var estimate = _program.Kernels[v].Times[run.Devices[v]];
            var reason = estimate.Reason.Split(": bound by ");
            Line($"{Name(v),-NameWidth}  {Device(run.Devices[v]),-DeviceWidth}  {Shown.Time(run.Starts[v]),9}  {Shown.Time(run.Ends[v] - run.Starts[v]),9}  {reason[^1]}");
        }
    }

    private void Loads(Execution run)
    {
        Title($"{"device",-DeviceWidth}  {"kernels",7}  {"busy",9}  {"of the run",10}  {"memory",9}  {"of",9}  {"cost",14}");
        foreach (var (d, load) in run.Loads.Index())
        {
            var count = Groups().Count(v => run.Devices[v] == d);
            Line($"{Device(d),-DeviceWidth}  {count,7}  {Shown.Time(load.Busy),9}  {Shown.Percent(run.Score.Time > 0 ? load.Busy / run.Score.Time : 0),10}  {Shown.Bytes(load.Peak),9}  {Shown.Bytes(_problem.Devices[d].MemoryBytes),9}  {Shown.Usd(load.Usd),14}");
        }
    }

    private void Copies(Execution run)
    {
        if (run.Copies.Count == 0)
        {
            Title("copies: none");
            return;
        }

        Title($"{"copy of",-NameWidth}  {"from",-DeviceWidth}  {"to",-DeviceWidth}  {"bytes",8}  {"start",9}  {"time",9}");
        foreach (var copy in run.Copies.OrderBy(c => c.Start))
        {
            var tensor = _problem.Tensors[copy.Tensor];
            Line($"{Shown.Short(tensor.Name, NameWidth),-NameWidth}  {Device(copy.From),-DeviceWidth}  {Device(copy.To),-DeviceWidth}  {Shown.Bytes(tensor.Bytes),8}  {Shown.Time(copy.Start),9}  {Shown.Time(copy.End - copy.Start),9}");
        }
    }

    private void Critical(Execution run)
    {
        Title("critical path: what makes the run as long as it is");
        foreach (var step in _report.Critical.Where(s => s.Copy >= 0 || _program.Kernels[s.Kernel].Role == KernelRole.Group))
        {
            Wrapped($"  {Shown.Time(step.Start),9} to {Shown.Time(step.End),9}", $" {Reasons.What(_program, run, step)}");
            Wrapped(new string(' ', 26), Reasons.Why(_program, run, step));
        }
    }

    private void Alternatives()
    {
        Title($"{"instead",-NameWidth}  {"time",9}  {"cost",14}  {"value",12}");
        foreach (var (name, run) in _report.Result.Alternatives)
        {
            var head = $"{Shown.Short(name, NameWidth),-NameWidth}  ";
            if (!run.Score.Feasible)
            {
                var isRun = double.IsFinite(run.Score.Time);
                var score = isRun ? $"{Shown.Time(run.Score.Time),9}  {Shown.Usd(run.Score.Money),14}  " : "";
                Line(head + score + Shown.Short(Shown.Broken(run, _problem), ErrorText.Width - head.Length - score.Length));
                continue;
            }

            var value = _report.Result.Goals is [var goal, ..] ? Compared(goal, run) : "";
            Line($"{head}{Shown.Time(run.Score.Time),9}  {Shown.Usd(run.Score.Money),14}  {value,12}");
        }
    }

    private static string Compared(GoalOutcome goal, Execution run)
    {
        var change = goal.Value > 0 ? (goal.Goal.Value(run.Score) - goal.Value) / goal.Value : 0;
        return $"{(change >= 0 ? "+" : "")}{Shown.Percent(change)}";
    }

    private void Elsewhere()
    {
        if (_report.Elsewhere.Count == 0)
        {
            return;
        }

        Title("elsewhere: what it would cost to have a kernel on another device, all else at its best");
        foreach (var kernel in _report.Elsewhere.GroupBy(f => f.Kernel))
        {
            Columns($"{Name(kernel.Key),-NameWidth}  ", kernel.Select(f => $"{Device(f.Device)} {Shown.Change(f)}"));
        }
    }

    private void Prices()
    {
        if (_report.Result.Run is null)
        {
            return;
        }

        if (_report.Prices.Count == 0)
        {
            Title(_problem.Objective.Mentions(Metric.Money) ? "prices: no device has one" : "prices: cost is no part of the objective, so they change nothing");
            return;
        }

        Title("prices: where another plan becomes better, all else the same");
        foreach (var device in _report.Prices.GroupBy(p => p.Device))
        {
            Columns($"{Device(device.Key),-DeviceWidth}  {"now " + Shown.Price(_problem.Devices[device.Key].UsdPerHour),-18}  ", device.Select(Reasons.Price));
        }
    }

    private void Front()
    {
        if (_report.Front.Count == 0)
        {
            return;
        }

        Title($"{"front",5}  {"time",9}  {"cost",14}  {"",8}  kernels by device");
        foreach (var (i, point) in _report.Front.Index())
        {
            var kernels = Groups().GroupBy(v => point.Run.Devices[v]).OrderBy(g => g.Key).Select(g => $"{Device(g.Key)} {g.Count()}");
            Columns($"{i + 1,5}  {Shown.Time(point.Seconds),9}  {Shown.Usd(point.Usd),14}  {(point.Gap > 0 ? Shown.Percent(point.Gap) : "proven"),8}  ", kernels);
        }
    }

    private void Sources()
    {
        Title("where the times come from");
        foreach (var line in Reasons.Sources(_program))
        {
            Line($"  {line}");
        }
    }

    private IEnumerable<int> Groups() => _program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group).Select(k => k.Index);

    private string Name(int kernel) => Shown.Short(_problem.Kernels[kernel].Name, NameWidth);

    private string Device(int device) => Shown.Short(_problem.Devices[device].Name, DeviceWidth);

    private void Title(string line)
    {
        Line("");
        Line(line);
    }

    // Items behind a head, on as many lines as they need.
    private void Columns(string head, IEnumerable<string> items)
    {
        var line = head;
        var isFirst = true;
        foreach (var item in items)
        {
            if (!isFirst && line.Length + 2 + item.Length > Commands.ErrorText.Width)
            {
                Line(line + ",");
                (line, isFirst) = (new string(' ', head.Length), true);
            }

            line += (isFirst ? "" : ", ") + item;
            isFirst = false;
        }

        Line(line);
    }

    private void Wrapped(string head, string text)
    {
        var line = $"{head,-11} ";
        var indent = line.Length;
        foreach (var word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length + word.Length > Commands.ErrorText.Width && line.Length > indent)
            {
                Line(line);
                line = new string(' ', indent);
            }

            line += word + " ";
        }

        Line(line);
    }

    private void Line(string line) => _text.Append(line.TrimEnd()).Append('\n');
}
