using Lepton.Abi;
using Lepton.Placement.Costs;
using YamlDotNet.RepresentationModel;

namespace Lepton.Placement.Machines;

/// <summary>Reads the profile of a device.</summary>
internal static class ProfileNodes
{
    public static DeviceProfile? Read(MachineNodes nodes, string what, YamlNode node)
    {
        if (nodes.Keys(node, what, MachineKeys.Profile) is not { } keys)
        {
            return null;
        }

        nodes.Needed(keys, node, what, "compute", Quantity.Flops.Example);
        nodes.Needed(keys, node, what, "bandwidth", Quantity.Rate.Example);
        return new DeviceProfile(
            nodes.Amount(keys, "compute", Quantity.Flops, 1, positive: true),
            nodes.Amount(keys, "bandwidth", Quantity.Rate, 1, positive: true),
            nodes.Amount(keys, "launch", Quantity.Seconds, 0))
        {
            RunSeconds = nodes.Amount(keys, "run", Quantity.Seconds, 0),
            Caches = Caches(nodes, keys, "caches", what),
            Cold = Caches(nodes, keys, "cold", what),
            Classes = keys.TryGetValue("classes", out var classes) ? Classes(nodes, classes) : [],
        };
    }

    private static ValueList<ClassProfile> Classes(MachineNodes nodes, YamlNode node)
    {
        var classes = new List<ClassProfile>();
        foreach (var (name, of) in nodes.Keys(node, "`classes`", MachineKeys.Classes) ?? [])
        {
            var what = $"class `{name}`";
            if (nodes.Keys(of, what, MachineKeys.Class) is { } keys)
            {
                classes.Add(new ClassProfile(
                    Enum.Parse<KernelClass>(name, ignoreCase: true),
                    keys.ContainsKey("compute") ? nodes.Amount(keys, "compute", Quantity.Flops, 1, positive: true) : null,
                    keys.ContainsKey("bandwidth") ? nodes.Amount(keys, "bandwidth", Quantity.Rate, 1, positive: true) : null,
                    keys.ContainsKey("launch") ? nodes.Amount(keys, "launch", Quantity.Seconds, 0) : null)
                {
                    Caches = Caches(nodes, keys, "caches", what),
                    Sizes = Sizes(nodes, keys, what),
                });
            }
        }

        return [.. classes];
    }

    private static ValueList<CacheProfile> Caches(MachineNodes nodes, Dictionary<string, YamlNode> of, string key, string what)
    {
        var caches = new List<CacheProfile>();
        foreach (var item in nodes.Items(of, key, key == "cold" ? "sizes of runs" : "memories"))
        {
            var each = key == "cold" ? $"a size of `cold` of {what}" : $"a cache of {what}";
            if (nodes.Keys(item, each, MachineKeys.Cache) is { } keys)
            {
                nodes.Needed(keys, item, each, "size", "1 MiB");
                nodes.Needed(keys, item, each, "bandwidth", Quantity.Rate.Example);
                caches.Add(new CacheProfile(
                    nodes.Amount(keys, "size", Quantity.Bytes, caches.Count + 1, positive: true),
                    key == "cold" ? nodes.RateOrUnlimited(keys, "bandwidth") : nodes.Amount(keys, "bandwidth", Quantity.Rate, 1, positive: true)));
                nodes.Ascending(item, "size", caches.Count > 1 ? caches[^2].Bytes : 0, caches[^1].Bytes);
            }
        }

        return [.. caches];
    }

    private static ValueList<SizeProfile> Sizes(MachineNodes nodes, Dictionary<string, YamlNode> of, string what)
    {
        var sizes = new List<SizeProfile>();
        foreach (var item in nodes.Items(of, "sizes", "sizes of kernels"))
        {
            var each = $"a size of {what}";
            if (nodes.Keys(item, each, MachineKeys.Size) is { } keys)
            {
                nodes.Needed(keys, item, each, "operations", Quantity.Operations.Example);
                nodes.Needed(keys, item, each, "compute", Quantity.Flops.Example);
                sizes.Add(new SizeProfile(
                    nodes.Amount(keys, "operations", Quantity.Operations, sizes.Count + 1, positive: true),
                    nodes.Amount(keys, "compute", Quantity.Flops, 1, positive: true)));
                nodes.Ascending(item, "operations", sizes.Count > 1 ? sizes[^2].Operations : 0, sizes[^1].Operations);
            }
        }

        return [.. sizes];
    }
}
