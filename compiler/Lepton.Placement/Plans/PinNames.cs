using Lepton.Graphs;
using Lepton.Language.Semantics;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;

namespace Lepton.Placement.Plans;

/// <summary>
/// What the names of pins mean in a fused program: a kernel; a result, the kernel that makes it; a parameter or an argument, every kernel that
/// reads it, also through what is prepared from it.
/// </summary>
public static class PinNames
{
    /// <summary>The device of each kernel that is pinned, by name; mistakes are reported at their places.</summary>
    public static IReadOnlyDictionary<string, string> Resolve(FusedGraph fused, Machine machine, IEnumerable<PlanPin> pins, DiagnosticReport report)
    {
        var names = Names(fused);
        var devices = machine.Devices.Select(d => d.Name).ToArray();
        var found = new Dictionary<string, PlanPin>();
        foreach (var pin in pins)
        {
            var device = machine.Devices.FirstOrDefault(d => d.Name == pin.Device);
            if (device is null)
            {
                report.Add(PlacingDiagnostics.UnknownDevice, pin.DeviceSpan, [pin.Device], help: Help(pin.Device, devices));
            }

            if (!names.TryGetValue(pin.Name, out var kernels))
            {
                report.Add(PlacingDiagnostics.UnknownKernel, pin.NameSpan, [pin.Name], help: Help(pin.Name, [.. names.Keys]));
                continue;
            }

            foreach (var kernel in kernels)
            {
                if (device is null)
                {
                    break;
                }

                if (Abilities.Problem(device, fused, fused.Groups.First(g => g.Name == kernel)) is { } problem)
                {
                    report.Add(PlacingDiagnostics.CannotRun, pin.DeviceSpan, [kernel, pin.Device, problem]);
                }
                else if (!found.TryAdd(kernel, pin) && found[kernel].Device != pin.Device)
                {
                    var first = found[kernel];
                    report.Add(PlacingDiagnostics.PinsDiffer, pin.DeviceSpan, [kernel, first.Device, pin.Device], [new DiagnosticLabel(first.DeviceSpan, "first here")]);
                }
            }
        }

        return found.ToDictionary(p => p.Key, p => p.Value.Device);
    }

    private static Dictionary<string, IReadOnlyList<string>> Names(FusedGraph fused)
    {
        var placed = ProgramProblem.GroupNames(fused).ToHashSet();
        var groups = fused.Groups.Where(g => placed.Contains(g.Name)).ToList();
        var names = groups.ToDictionary(g => g.Name, g => (IReadOnlyList<string>)[g.Name]);
        foreach (var output in fused.Graph.Outputs)
        {
            if (groups.Find(g => g.Outputs.Contains(output.Node)) is { } maker)
            {
                names.TryAdd(output.Name, [maker.Name]);
            }
        }

        foreach (var input in fused.Graph.Inputs)
        {
            if (fused.Graph[input] is InputNode { Kind: InputKind.Argument or InputKind.Parameter } node && Readers(fused, input, placed) is { Count: > 0 } readers)
            {
                names.TryAdd(node.Label, readers);
            }
        }

        return names;
    }

    // What is not placed hands the name on: what a prepared group stores, and views that nobody stores.
    private static List<string> Readers(FusedGraph fused, NodeId input, HashSet<string> placed)
    {
        var known = new HashSet<NodeId> { input };
        var readers = new List<string>();
        foreach (var group in fused.Groups.Where(g => WorkCount.Loads(fused.Graph, g).Any(known.Contains)))
        {
            if (placed.Contains(group.Name))
            {
                readers.Add(group.Name);
            }
            else
            {
                known.UnionWith(group.Outputs);
            }
        }

        return readers;
    }

    private static string Help(string name, string[] known) =>
        NameSuggestion.Help(name, known) ?? (known.Length == 0 ? "there is nothing to pin" : $"there {(known.Length == 1 ? "is" : "are")} {string.Join(", ", known.Select(k => $"`{k}`"))}");
}
