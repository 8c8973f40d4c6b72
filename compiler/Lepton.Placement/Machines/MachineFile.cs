using Lepton.Abi;
using Lepton.Language.Text;
using Lepton.Placement.Problem;
using YamlDotNet.RepresentationModel;

namespace Lepton.Placement.Machines;

/// <summary>Reads machine files; what they may say is in machines.md.</summary>
public static class MachineFile
{
    /// <summary>The bandwidth of a link within one memory: nothing is copied.</summary>
    internal const string Unlimited = "unlimited";

    private const int MostStreams = 1024;
    private const int MostThreads = 4096;

    /// <summary>The JSON schema of machine files, for editors that check YAML by one.</summary>
    public static string Schema
    {
        get
        {
            using var stream = typeof(MachineFile).Assembly.GetManifestResourceStream("machine.schema.json")!;
            return new StreamReader(stream).ReadToEnd();
        }
    }

    /// <summary>The machine of a text, or null with messages (LEP7xxx) in the report.</summary>
    public static Machine? Read(SourceText source, DiagnosticReport report)
    {
        var before = report.Diagnostics.Count;
        var nodes = new MachineNodes(source, report);
        var root = nodes.Root();
        if (root is null)
        {
            if (report.Diagnostics.Count == before)
            {
                report.Add(MachineDiagnostics.Missing, new SourceSpan(source, 0, 0), ["the machine file", "devices"], help: Example);
            }

            return null;
        }

        if (nodes.Keys(root, "the machine file", MachineKeys.File) is not { } keys)
        {
            return null;
        }

        var names = new List<string>();
        var (devices, profiles) = (new List<Device>(), new List<DeviceProfile?>());
        if (nodes.Needed(keys, root, "the machine file", "devices", "{ laptop: { kind: cpu } }") is { } list
            && nodes.Keys(list, "`devices`") is { } named)
        {
            foreach (var (name, node) in named)
            {
                names.Add(name);
                var (device, profile) = ReadDevice(nodes, name, node);
                devices.Add(device);
                profiles.Add(profile);
            }

            if (named.Count == 0 && report.Diagnostics.Count == before)
            {
                nodes.Report(MachineDiagnostics.Missing, list, ["`devices`", "a device"], Example);
            }
        }

        var links = keys.TryGetValue("links", out var wires) ? ReadLinks(nodes, wires, names) : [];
        var home = keys.TryGetValue("home", out var place) ? Known(nodes, place, nodes.Word(place, "`home`"), names) : 0;
        var money = keys.TryGetValue("money", out var model) ? ReadMoney(nodes, model) : MoneyModel.Busy;
        return report.Diagnostics.Skip(before).Any(d => d.Kind.Severity == Severity.Error)
            ? null
            : new Machine([.. devices], [.. profiles], [.. links], money) { Home = Math.Max(0, home) };
    }

    private const string Example = "for example `devices: { laptop: { kind: cpu } }`";

    private static (Device Device, DeviceProfile? Profile) ReadDevice(MachineNodes nodes, string name, YamlNode node)
    {
        var what = $"device `{name}`";
        if (nodes.Keys(node, what, MachineKeys.Device) is not { } keys)
        {
            return (new Device(name), null);
        }

        var device = new Device(
            name,
            nodes.Word(nodes.Needed(keys, node, what, "kind", "cpu"), "`kind`") ?? "",
            nodes.Amount(keys, "memory", Quantity.Bytes, double.PositiveInfinity, positive: true),
            nodes.Amount(keys, "price", Quantity.Price, 0),
            nodes.Count(keys, "streams", MostStreams),
            nodes.Amount(keys, "minimum", Quantity.Seconds, 0),
            Choice(nodes, keys, "copies", "overlap", "occupy") == "occupy")
        {
            Threads = keys.ContainsKey("threads") ? nodes.Count(keys, "threads", MostThreads) : 0,
            Cores = [.. nodes.Items(keys, "cores", "core numbers").Select(n => nodes.Whole(n, "`cores`", 0, MostThreads - 1)).Distinct()],
            Lacks = [.. nodes.Items(keys, "lacks", "words").Select(n => nodes.OneOf(n, "`lacks`", MachineKeys.Lacks)).Distinct()],
        };
        return (device, keys.TryGetValue("profile", out var profile) ? ProfileNodes.Read(nodes, $"the profile of `{name}`", profile) : null);
    }

    private static List<Link> ReadLinks(MachineNodes nodes, YamlNode node, List<string> names)
    {
        var links = new List<Link>();
        if (node is not YamlSequenceNode sequence)
        {
            nodes.Report(MachineDiagnostics.Expected, node, ["`links`", "a list", MachineNodes.Kind(node)], "write `- from: …` for each link");
            return links;
        }

        var places = new Dictionary<(int, int), SourceSpan>();
        foreach (var item in sequence)
        {
            if (nodes.Keys(item, "a link", MachineKeys.Link) is not { } keys)
            {
                continue;
            }

            var (from, to) = (End(nodes, keys, item, "from", names), End(nodes, keys, item, "to", names));
            nodes.Needed(keys, item, "a link", "bandwidth", Quantity.Rate.Example);

            // latency + distance / signal speed
            var latency = nodes.Amount(keys, "latency", Quantity.Seconds, 0) + nodes.Amount(keys, "distance", Quantity.Distance, 0);
            var link = new Link(from, to, latency, nodes.RateOrUnlimited(keys, "bandwidth"), nodes.Amount(keys, "price", Quantity.BytePrice, 0))
            {
                ColdSeconds = nodes.Amount(keys, "cold", Quantity.Seconds, 0),
            };
            var both = nodes.Flag(keys, "both", true);
            if (from >= 0 && from == to)
            {
                nodes.Report(MachineDiagnostics.LinkToItself, item, [names[from]], "within a device nothing is copied: take the link out");
            }
            else if (from >= 0 && to >= 0)
            {
                Add(link);
                if (both)
                {
                    Add(link with { From = to, To = from });
                }
            }

            void Add(Link way)
            {
                if (places.TryAdd((way.From, way.To), nodes.Span(item)))
                {
                    links.Add(way);
                    return;
                }

                nodes.Report(
                    MachineDiagnostics.LinkTwice,
                    item,
                    [names[way.From], names[way.To]],
                    "a link goes both ways unless it says `both: false`",
                    [new DiagnosticLabel(places[(way.From, way.To)], "the first one")]);
            }
        }

        return links;
    }

    // The index of a link's end; −1 with a message.
    private static int End(MachineNodes nodes, Dictionary<string, YamlNode> keys, YamlNode item, string key, List<string> names)
    {
        var node = nodes.Needed(keys, item, "a link", key, names.FirstOrDefault("laptop"));
        return Known(nodes, node!, nodes.Word(node, $"`{key}`"), names);
    }

    // The index of a device that a node names; −1, with a message where there is a name.
    private static int Known(MachineNodes nodes, YamlNode node, string? name, List<string> names)
    {
        if (name is not null && !names.Contains(name))
        {
            var help = NameSuggestion.Help(name, names) ?? (names.Count > 0 ? $"there are {string.Join(", ", names.Select(n => $"`{n}`"))}" : null);
            nodes.Report(MachineDiagnostics.UnknownDevice, node, [name], help);
        }

        return name is null ? -1 : names.IndexOf(name);
    }

    private static MoneyModel ReadMoney(MachineNodes nodes, YamlNode node) =>
        Choice(nodes, new Dictionary<string, YamlNode> { ["money"] = node }, "money", "busy", "rental") == "rental" ? MoneyModel.Rental
            : MoneyModel.Busy;

    // One of two words, the first when nothing is said.
    private static string Choice(MachineNodes nodes, Dictionary<string, YamlNode> keys, string key, string first, string second)
    {
        if (!keys.TryGetValue(key, out var node))
        {
            return first;
        }

        if (node is YamlScalarNode { Value: { } word } && (word == first || word == second))
        {
            return word;
        }

        nodes.Report(MachineDiagnostics.Expected, node, [$"`{key}`", $"`{first}` or `{second}`", MachineNodes.Kind(node)]);
        return first;
    }
}
