using System.Globalization;
using System.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Machines;

/// <summary>Machines as the text of a machine file, which <see cref="MachineFile.Read"/> reads. Numbers have four digits.</summary>
public static class MachineText
{
    /// <param name="machine">What is written.</param>
    /// <param name="comment">Lines that go above it.</param>
    public static string Print(Machine machine, params IEnumerable<string> comment)
    {
        var text = new StringBuilder();
        foreach (var line in comment)
        {
            text.Append("# ").Append(line).Append('\n');
        }

        Line(0, "devices:");
        foreach (var (device, profile) in machine.Devices.Zip(machine.Profiles))
        {
            Line(1, $"{Word(device.Name)}:");
            Line(2, $"kind: {Word(device.Kind)}");
            If(double.IsFinite(device.MemoryBytes), $"memory: {Quantity.Bytes.Write(device.MemoryBytes)}");
            If(device.UsdPerHour > 0, string.Create(CultureInfo.InvariantCulture, $"price: {device.UsdPerHour:0.######} usd/h"));
            If(device.Streams > 1, $"streams: {device.Streams}");
            If(device.MinimumSeconds > 0, $"minimum: {Quantity.Seconds.Write(device.MinimumSeconds)}");
            If(device.CopiesOccupy, "copies: occupy");
            If(device.Threads > 0, $"threads: {device.Threads}");
            If(device.Cores.Count > 0, $"cores: [{string.Join(", ", device.Cores)}]");
            If(device.Lacks.Count > 0, $"lacks: [{string.Join(", ", device.Lacks)}]");
            if (profile is not null)
            {
                Profile(profile);
            }
        }

        if (machine.Links.Count > 0)
        {
            Line(0, "links:");
        }

        foreach (var link in machine.Links.Where(l => !machine.Links.Any(b => IsWayBack(b, l) && b.From < l.From)))
        {
            Line(1, $"- from: {Word(machine.Devices[link.From].Name)}");
            Line(2, $"to: {Word(machine.Devices[link.To].Name)}");
            If(link.LatencySeconds > 0, $"latency: {Quantity.Seconds.Write(link.LatencySeconds)}");
            If(link.ColdSeconds > 0, $"cold: {Quantity.Seconds.Write(link.ColdSeconds)}");
            Line(2, $"bandwidth: {Rate(link.BytesPerSecond)}");
            If(link.UsdPerGigabyte > 0, string.Create(CultureInfo.InvariantCulture, $"price: {link.UsdPerGigabyte:0.######} usd/GB"));
            If(!machine.Links.Any(b => IsWayBack(b, link)), "both: false");
        }

        Line(0, $"home: {Word(machine.Devices[machine.Home].Name)}");
        Line(0, $"money: {(machine.Money == MoneyModel.Rental ? "rental" : "busy")}");
        return text.ToString();

        void Line(int depth, string line) => text.Append(' ', 2 * depth).Append(line).Append('\n');

        void If(bool holds, string line)
        {
            if (holds)
            {
                Line(2, line);
            }
        }

        void Profile(DeviceProfile profile)
        {
            Line(2, "profile:");
            Line(3, $"compute: {Quantity.Flops.Write(profile.FlopsPerSecond)}");
            Line(3, $"bandwidth: {Quantity.Rate.Write(profile.BytesPerSecond)}");
            Line(3, $"launch: {Quantity.Seconds.Write(profile.LaunchSeconds)}");
            if (profile.RunSeconds > 0)
            {
                Line(3, $"run: {Quantity.Seconds.Write(profile.RunSeconds)}");
            }

            Caches(3, "caches", profile.Caches);
            Caches(3, "cold", profile.Cold);
            if (profile.Classes.Count > 0)
            {
                Line(3, "classes:");
            }

            foreach (var of in profile.Classes)
            {
                Line(4, $"{of.Class.ToString().ToLowerInvariant()}:{(of is { OperationsPerSecond: null, BytesPerSecond: null, LaunchSeconds: null, Caches.Count: 0, Sizes.Count: 0 } ? " {}" : "")}");
                Class(of);
            }
        }

        void Class(ClassProfile of)
        {
            if (of.OperationsPerSecond is { } compute)
            {
                Line(5, $"compute: {Quantity.Flops.Write(compute)}");
            }

            if (of.BytesPerSecond is { } bandwidth)
            {
                Line(5, $"bandwidth: {Quantity.Rate.Write(bandwidth)}");
            }

            if (of.LaunchSeconds is { } launch)
            {
                Line(5, $"launch: {Quantity.Seconds.Write(launch)}");
            }

            Caches(5, "caches", of.Caches);
            if (of.Sizes.Count > 0)
            {
                Line(5, "sizes:");
            }

            foreach (var size in of.Sizes)
            {
                Line(6, $"- {{ operations: {Quantity.Operations.Write(size.Operations)}, compute: {Quantity.Flops.Write(size.OperationsPerSecond)} }}");
            }
        }

        void Caches(int depth, string key, Lepton.Abi.ValueList<CacheProfile> caches)
        {
            if (caches.Count > 0)
            {
                Line(depth, $"{key}:");
            }

            foreach (var cache in caches)
            {
                Line(depth + 1, $"- {{ size: {Quantity.Bytes.Write(cache.Bytes)}, bandwidth: {Rate(cache.BytesPerSecond)} }}");
            }
        }
    }

    private static string Rate(double bytesPerSecond) => double.IsFinite(bytesPerSecond) ? Quantity.Rate.Write(bytesPerSecond) : MachineFile.Unlimited;

    private static bool IsWayBack(Link back, Link link) => back == link with { From = link.To, To = link.From };

    // A name that YAML would take for something else stands in quotes.
    private static string Word(string name) =>
        name.Length > 0 && char.IsAsciiLetter(name[0]) && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.')
            ? name
            : "\"" + name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal) + "\"";
}
