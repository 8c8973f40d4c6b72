using System.Text.Json;
using System.Text.Json.Nodes;
using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Graphs;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;
using Lepton.Placement.Reports;
using Lepton.Placement.Simulation;

namespace Lepton.CommandLine.Placing;

/// <summary>A placement for programs: seconds, usd, bytes; null for what is infinite or not known.</summary>
internal static class PlaceJson
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    public static string Of(PlaceRequest request, PlacementReport report, string? solver, IReadOnlyList<string> notes)
    {
        var (result, problem) = (report.Result, report.Program.Problem);
        var json = new JsonObject
        {
            ["program"] = request.Program,
            ["entry"] = request.Entry,
            ["dims"] = new JsonObject(request.Dims.Select(d => KeyValuePair.Create<string, JsonNode?>(d.Name, d.Size))),
            ["machine"] = request.MachinePath,
            ["machine_key"] = request.MachineKey,
            ["objective"] = request.Objective,
            ["status"] = result.Status.ToString().ToLowerInvariant(),
            ["goals"] = List(result.Goals, g => new JsonObject
            {
                ["value"] = Number(g.Value),
                ["bound"] = Number(g.Bound),
                ["gap"] = Number(g.Gap),
                ["proven"] = g.Proven,
                ["found_by"] = g.Method,
            }),
            ["references"] = new JsonObject
            {
                ["time"] = Number(result.References.Time),
                ["cost"] = Number(result.References.Money),
                ["interval"] = Number(result.References.Interval),
                ["proven"] = result.ReferencesProven,
            },
        };
        if (Source.Rounded(EntrySignature.Of(report.Program.Fused.Graph)) is { } rounded)
        {
            json["precision"] = rounded;
        }

        if (solver is not null)
        {
            json["solver_missing"] = solver;
        }

        if (notes.Count > 0)
        {
            json["solver_notes"] = List(notes, n => JsonValue.Create(n));
        }

        if (result.Conflict is { } conflict)
        {
            json["conflict"] = new JsonObject
            {
                ["message"] = Shown.Conflict(conflict, problem),
                ["limits"] = List(conflict.Limits, l => new JsonObject { ["metric"] = Metric(l.Metric), ["most"] = Number(l.Most) }),
                ["memories"] = List(conflict.Memories, d => JsonValue.Create(problem.Devices[d].Name)),
            };
        }

        if (result.Run is { } run)
        {
            json["plan"] = Plan(report.Program, run);
            json["contractions_alone"] = request.Fused is not null;
            json["shared_cores"] = List(SharedCores.Of(problem, run), s => new JsonObject
            {
                ["devices"] = new JsonArray(problem.Devices[s.A].Name, problem.Devices[s.B].Name),
                ["cores"] = List(s.Cores, c => JsonValue.Create(c)),
                ["seconds"] = Number(s.Seconds),
                ["may_add"] = Number(s.MayAdd),
            });
            json["critical_path"] = List(report.Critical, s => new JsonObject
            {
                ["step"] = Reasons.What(report.Program, run, s),
                ["start"] = Number(s.Start),
                ["end"] = Number(s.End),
                ["waited_for"] = s.Waited.ToString().ToLowerInvariant(),
                ["why"] = Reasons.Why(report.Program, run, s),
            });
        }

        json["alternatives"] = List(result.Alternatives, a => new JsonObject
        {
            ["name"] = a.Name,
            ["feasible"] = a.Run.Score.Feasible,
            ["time"] = Number(a.Run.Score.Time),
            ["cost"] = Number(a.Run.Score.Money),
            ["breaks"] = List(a.Run.Violations, v => JsonValue.Create(v.Message)),
        });
        json["elsewhere"] = List(report.Elsewhere, f => new JsonObject
        {
            ["kernel"] = problem.Kernels[f.Kernel].Name,
            ["device"] = problem.Devices[f.Device].Name,
            ["change"] = Number(f.Change),
            ["exact"] = f.IsExact,
            ["time"] = f.Score is null ? null : Number(f.Score.Time),
            ["cost"] = f.Score is null ? null : Number(f.Score.Money),
        });
        json["prices"] = List(report.Prices, p => new JsonObject
        {
            ["device"] = problem.Devices[p.Device].Name,
            ["now"] = Number(problem.Devices[p.Device].UsdPerHour),
            ["changes_when"] = p.IsUp ? "above" : "below",
            ["usd_per_hour"] = p.UsdPerHour is { } price ? Number(price) : null,
            ["exact"] = p.IsExact,
        });
        json["front"] = List(report.Front, p => new JsonObject
        {
            ["time"] = Number(p.Seconds),
            ["cost"] = Number(p.Usd),
            ["gap"] = Number(p.Gap),
            ["devices"] = Devices(report.Program, p.Run),
        });
        return json.ToJsonString(Indented) + "\n";
    }

    private static JsonObject Plan(ProgramProblem program, Execution run)
    {
        var problem = program.Problem;
        return new JsonObject
        {
            ["time"] = Number(run.Score.Time),
            ["cost"] = Number(run.Score.Money),
            ["interval"] = problem.NeedsPipeline ? Number(run.Score.Interval) : null,
            ["kernels"] = List(program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group), k => new JsonObject
            {
                ["name"] = k.Item.Name,
                ["device"] = problem.Devices[run.Devices[k.Index]].Name,
                ["start"] = Number(run.Starts[k.Index]),
                ["end"] = Number(run.Ends[k.Index]),
                ["flops"] = Number(k.Item.Work!.Flops),
                ["times"] = new JsonObject(k.Item.Times.Index().Select(t => KeyValuePair.Create<string, JsonNode?>(problem.Devices[t.Index].Name, new JsonObject
                {
                    ["seconds"] = Number(t.Item.Seconds),
                    ["source"] = t.Item.Source.ToString().ToLowerInvariant(),
                    ["reason"] = t.Item.Reason,
                }))),
            }),
            ["copies"] = List(run.Copies, c => new JsonObject
            {
                ["tensor"] = problem.Tensors[c.Tensor].Name,
                ["from"] = problem.Devices[c.From].Name,
                ["to"] = problem.Devices[c.To].Name,
                ["bytes"] = Number(problem.Tensors[c.Tensor].Bytes),
                ["start"] = Number(c.Start),
                ["end"] = Number(c.End),
            }),
            ["devices"] = List(run.Loads.Index(), l => new JsonObject
            {
                ["name"] = problem.Devices[l.Index].Name,
                ["busy"] = Number(l.Item.Busy),
                ["peak_bytes"] = Number(l.Item.Peak),
                ["memory_bytes"] = Number(problem.Devices[l.Index].MemoryBytes),
                ["cost"] = Number(l.Item.Usd),
            }),
        };
    }

    private static JsonObject Devices(ProgramProblem program, Execution run) => new(program.Kernels.Index().Where(k => k.Item.Role == KernelRole.Group)
        .Select(k => KeyValuePair.Create<string, JsonNode?>(k.Item.Name, program.Problem.Devices[run.Devices[k.Index]].Name)));

    private static string Metric(Metric metric) => metric == Lepton.Placement.Problem.Metric.Money ? "cost" : metric.ToString().ToLowerInvariant();

    private static JsonValue? Number(double number) => double.IsFinite(number) ? JsonValue.Create(number) : null;

    private static JsonArray List<T>(IEnumerable<T> items, Func<T, JsonNode?> make) => new([.. items.Select(make)]);
}
