using Lepton.Placement.Costs;

namespace Lepton.Placement.Machines;

/// <summary>The keys of machine files, by what they belong to. The reader, the schema (machine.schema.json) and machines.md know the same ones.</summary>
internal static class MachineKeys
{
    public static readonly string[] File = ["devices", "links", "money", "home"];

    public static readonly string[] Device = ["kind", "memory", "price", "streams", "minimum", "copies", "threads", "cores", "lacks", "profile"];

    public static readonly string[] Profile = ["compute", "bandwidth", "launch", "run", "caches", "cold", "classes"];

    public static readonly string[] Class = ["compute", "bandwidth", "launch", "caches", "sizes"];

    public static readonly string[] Cache = ["size", "bandwidth"];

    public static readonly string[] Size = ["operations", "compute"];

    public static readonly string[] Link = ["from", "to", "latency", "cold", "bandwidth", "distance", "price", "both"];

    public static readonly string[] Lacks = ["f64", "sparse"];

    public static readonly string[] Classes = [.. Enum.GetNames<KernelClass>().Select(n => n.ToLowerInvariant())];
}
