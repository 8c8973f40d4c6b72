using System.Text.Json;
using System.Text.RegularExpressions;
using Lepton.Language.Text;
using Lepton.Placement.Costs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;
using Lepton.Tests.House;

namespace Lepton.Tests.Placement;

public class MachineFileTests
{
    private const string Slips = ":{}[]-#&*!|>'\"%@`,\t\n\0é";
    private const string Two = "devices: { a: { kind: cpu }, b: { kind: gpu } }\n";

    private const string Profile = "devices:\n  a: { kind: cpu, profile: { compute: 1 TFLOP/s, bandwidth: 1 GB/s, launch: 1 us, ";

    [Fact]
    public void Reader_schema_and_page_know_the_same_keys()
    {
        using var schema = JsonDocument.Parse(MachineFile.Schema);
        var (root, parts) = (schema.RootElement, schema.RootElement.GetProperty("$defs"));
        var (profile, kind) = (parts.GetProperty("profile"), parts.GetProperty("class"));
        Same(MachineKeys.File, root);
        Same(MachineKeys.Device, parts.GetProperty("device"));
        Same(MachineKeys.Link, parts.GetProperty("link"));
        Same(MachineKeys.Profile, profile);
        Same(MachineKeys.Class, kind);
        Same(MachineKeys.Classes, profile.GetProperty("properties").GetProperty("classes"));
        Same(MachineKeys.Cache, kind.GetProperty("properties").GetProperty("caches").GetProperty("items"));
        Same(MachineKeys.Cache, profile.GetProperty("properties").GetProperty("caches").GetProperty("items"));
        Same(MachineKeys.Size, kind.GetProperty("properties").GetProperty("sizes").GetProperty("items"));
        var page = File.ReadAllText(Repository.PathOf("compiler", "Lepton.Placement", "Machines", "machines.md"));
        Assert.All(MachineKeys.File.Concat(MachineKeys.Device).Concat(MachineKeys.Profile).Concat(MachineKeys.Class).Concat(MachineKeys.Link),
            k => Assert.Contains($"{k}:", page));
        Assert.All(MachineKeys.Classes, k => Assert.Contains($"`{k}`", page));
        Assert.Equal(MachineKeys.Lacks, Words(parts.GetProperty("device").GetProperty("properties").GetProperty("lacks").GetProperty("items")));

        static string?[] Words(JsonElement node) => [.. node.GetProperty("enum").EnumerateArray().Select(w => w.GetString())];

        static void Same(string[] keys, JsonElement node) =>
            Assert.Equal(keys.Order(), node.GetProperty("properties").EnumerateObject().Select(p => p.Name).Order());
    }

    [Fact]
    public void The_example_of_the_page_is_read()
    {
        var page = File.ReadAllText(Repository.PathOf("compiler", "Lepton.Placement", "Machines", "machines.md"));
        var (machine, report) = Read(Regex.Match(page, "```yaml\n(.*?)```", RegexOptions.Singleline).Groups[1].Value);
        Assert.Empty(report.Diagnostics);
        Assert.Equal(
            [
                new Device("laptop", "cpu", 16.0 * (1 << 30), 0.05) { Threads = 2, Cores = [0, 1] },
                new Device("server", "gpu", 80e9, 2.5, MinimumSeconds: 60, CopiesOccupy: true) { Lacks = ["f64", "sparse"] },
            ],
            machine!.Devices);
        var server = new DeviceProfile(50e12, 2e12, 5e-6)
        {
            RunSeconds = 20e-6,
            Cold = [new CacheProfile(48 << 20, double.PositiveInfinity), new CacheProfile(1e9, 1.5e12)],
            Caches = [new CacheProfile(48.0 * (1 << 20), 5e12)],
            Classes =
            [
                new ClassProfile(KernelClass.Contraction, 120e12) { Sizes = [new SizeProfile(10e6, 8e12), new SizeProfile(10e9, 120e12)] },
                new ClassProfile(KernelClass.Gather, null, 800e9, 8e-6),
            ],
        };
        Assert.Equal([null, server], machine.Profiles);
        Assert.Equal(0, machine.Home);
        Assert.Equal(2, machine.Links.Count);
        Assert.Equal((0, 1, 125e6, 0.02),
            (machine.Links[0].From, machine.Links[0].To, machine.Links[0].BytesPerSecond, machine.Links[0].UsdPerGigabyte));
        Assert.Equal(1e-3 + 1.5e-3, machine.Links[0].LatencySeconds, 12);
        Assert.Equal(machine.Links[0] with { From = 1, To = 0 }, machine.Links[1]);
        Assert.Equal(MoneyModel.Busy, machine.Money);
    }

    [Fact]
    public void Units_are_read_with_and_without_a_blank()
    {
        var (machine, _) = Read("devices:\n  a: { kind: cpu, memory: 1.5e3MiB, price: 24 usd/day, minimum: 0 }\nmoney: rental\n");
        Assert.Equal(new Device("a", "cpu", 1500.0 * (1 << 20), 1), machine!.Devices[0]);
        Assert.Equal(MoneyModel.Rental, machine.Money);
        var (oneWay, _) = Read(Two + "links:\n  - { from: a, to: b, bandwidth: 1 GB/s, both: false }\n");
        Assert.Equal([new Link(0, 1, 0, 1e9)], oneWay!.Links);
    }

    public static TheoryData<string, string, string, string> Malformed() => new()
    {
        // What stands in the file; the code; where; a part of the message or its mend.
        { "", "LEP7004", "1:1", "devices: { laptop: { kind: cpu } }" },
        { "# nothing\n", "LEP7004", "1:1", "lacks `devices`" },
        { "devices:\n\ta: cpu\n", "LEP7001", "2:1", "not with tabs" },
        { "devices: { a: { kind: cpu }\n", "LEP7001", "2:1", "no YAML" },
        { "devices: \"a\n", "LEP7001", "1:10", "no YAML" },
        { "devices: " + new string('[', 100_000), "LEP7001", "1:57", "nested more than 50 deep" },
        { "devices: *other\n", "LEP7001", "1:10", "no YAML" },
        { "- a\n- b\n", "LEP7002", "1:1", "this is a list" },
        { "cpu\n", "LEP7002", "1:1", "this is `cpu`" },
        { "devices: { a: { kind: cpu } }\n---\ndevices: { b: { kind: cpu } }\n", "LEP7002", "3:1", "take out the `---`" },
        { "money: busy\n", "LEP7004", "1:1", "lacks `devices`" },
        { "devices:\n", "LEP7002", "1:9", "this is nothing" },
        { "devices: {}\n", "LEP7004", "1:10", "lacks `a device`" },
        { "devices:\n  - cpu\n", "LEP7002", "2:3", "this is a list" },
        { "device: { a: { kind: cpu } }\n", "LEP7003", "1:1", "did you mean `devices`?" },
        { "devices:\n  a: cpu\n", "LEP7002", "2:6", "device `a` must be keys with values" },
        { "devices:\n  a: { memory: 1 GiB }\n", "LEP7004", "2:6", "for example `kind: cpu`" },
        { "devices:\n  a: { kind: [cpu] }\n", "LEP7002", "2:14", "this is a list" },
        { "devices:\n  a: { kind: cpu, memroy: 1 GiB }\n", "LEP7003", "2:19", "did you mean `memory`?" },
        { "devices:\n  a: { kind: cpu, colour: red }\n", "LEP7003", "2:19", "it has `kind`, `memory`, `price`" },
        { "devices:\n  a: { kind: cpu }\n  a: { kind: gpu }\n", "LEP7009", "3:3", "`a` stands twice" },
        { "devices:\n  a: { kind: cpu, kind: gpu }\n", "LEP7009", "2:19", "`kind` stands twice" },
        { "devices:\n  a: { kind: cpu, memory: 16 }\n", "LEP7005", "2:27", "write for example `memory: 16 GiB`" },
        { "devices:\n  a: { kind: cpu, memory: 16 gigs }\n", "LEP7005", "2:27", "KiB, MiB, GiB, TiB" },
        { "devices:\n  a: { kind: cpu, memory: much }\n", "LEP7005", "2:27", "`much` is no amount of memory" },
        { "devices:\n  a: { kind: cpu, memory: -1 GiB }\n", "LEP7006", "2:27", "must be more than 0, not -1 GiB" },
        { "devices:\n  a: { kind: cpu, memory: 1e999 GiB }\n", "LEP7005", "2:27", "is no amount of memory" },
        { "devices:\n  a: { kind: cpu, price: 1 eur/h }\n", "LEP7005", "2:26", "`price: 0.25 usd/h`" },
        { "devices:\n  a: { kind: cpu, price: -1 usd/h }\n", "LEP7006", "2:26", "0 or more" },
        { "devices:\n  a: { kind: cpu, streams: 0 }\n", "LEP7006", "2:28", "a whole number from 1 to 1024" },
        { "devices:\n  a: { kind: cpu, streams: 1.5 }\n", "LEP7006", "2:28", "a whole number from 1 to 1024" },
        { "devices:\n  a: { kind: cpu, copies: never }\n", "LEP7002", "2:27", "`overlap` or `occupy`" },
        { "devices:\n  a: { kind: cpu, minimum: 1 GB }\n", "LEP7005", "2:28", "`1 GB` is no time" },
        { "devices:\n  a: { kind: cpu, profile: { compute: 1 TFLOP/s } }\n", "LEP7004", "2:28", "`bandwidth: 12 GB/s`" },
        { "devices:\n  a: { kind: cpu, profile: fast }\n", "LEP7002", "2:28", "the profile of `a`" },
        { "devices:\n  a: { kind: cpu, threads: 0 }\n", "LEP7006", "2:28", "a whole number from 1 to 4096" },
        { "devices:\n  a: { kind: cpu, cores: 3 }\n", "LEP7002", "2:26", "a list of core numbers" },
        { "devices:\n  a: { kind: cpu, cores: [0, x] }\n", "LEP7006", "2:30", "whole numbers from 0 to 4095" },
        { "devices:\n  a: { kind: cpu, lacks: [f65] }\n", "LEP7002", "2:27", "some of `f64`, `sparse`" },
        { Profile + "caches: [ { size: 1 MiB } ] } }\n", "LEP7004", "2:93", "`bandwidth: 12 GB/s`" },
        { Profile + "caches: { size: 1 MiB } } }\n", "LEP7002", "2:91", "a list of memories" },
        { Profile + "caches: [ { size: 2 MiB, bandwidth: 1 GB/s }, { size: 1 MiB, bandwidth: 1 GB/s } ] } }\n", "LEP7006", "2:129", "put the smallest first" },
        { Profile + "cold: [ { size: 2 MiB, bandwidth: none } ] } }\n", "LEP7005", "2:117", "`none` is no bandwidth" },
        { Profile + "cold: { size: 1 MiB } } }\n", "LEP7002", "2:89", "a list of sizes of runs" },
        { Profile + "classes: { srot: { launch: 1 us } } } }\n", "LEP7003", "2:94", "did you mean `sort`" },
        { Profile + "classes: { sort: 3 us } } }\n", "LEP7002", "2:100", "class `sort` must be keys with values" },
        { Profile + "classes: { sort: { compute: 1 GB/s } } }\n }", "LEP7005", "2:111", "`1 GB/s` is no speed" },
        { Profile + "classes: { sort: { sizes: [ { operations: 5 MB, compute: 1 GFLOP/s } ] } } } }\n", "LEP7005", "2:125", "units are FLOP, kFLOP" },
        { Two + "home: c\n", "LEP7007", "2:7", "there are `a`, `b`" },
        { Two + "home: [a]\n", "LEP7002", "2:7", "`home` must be a word" },
        { Two + "links: { from: a, to: b }\n", "LEP7002", "2:8", "write `- from: …` for each link" },
        { Two + "links:\n  - a to b\n", "LEP7002", "3:5", "a link must be keys with values" },
        { Two + "links:\n  - { to: b, bandwidth: 1 GB/s }\n", "LEP7004", "3:5", "lacks `from`" },
        { Two + "links:\n  - { from: a, to: b }\n", "LEP7004", "3:5", "lacks `bandwidth`" },
        { Two + "links:\n  - { from: a, to: c, bandwidth: 1 GB/s }\n", "LEP7007", "3:20", "there are `a`, `b`" },
        { Two + "links:\n  - { from: a, to: a, bandwidth: 1 GB/s }\n", "LEP7010", "3:5", "take the link out" },
        { Two + "links:\n  - { from: a, to: b, bandwidth: 0 GB/s }\n", "LEP7006", "3:34", "more than 0" },
        { Two + "links:\n  - { from: a, to: b, bandwidth: 1 GB }\n", "LEP7005", "3:34", "`1 GB` is no bandwidth" },
        { Two + "links:\n  - { from: a, to: b, bandwidth: 1 GB/s, latency: 3 km }\n", "LEP7005", "3:51", "`3 km` is no time" },
        { Two + "links:\n  - { from: a, to: b, bandwidth: 1 GB/s, distance: 3 ms }\n", "LEP7005", "3:52", "units are m, km" },
        { Two + "links:\n  - { from: a, to: b, bandwidth: 1 GB/s, both: yes }\n", "LEP7002", "3:48", "`true` or `false`" },
        { Two + "links:\n  - { from: a, to: b, bandwidth: 1 GB/s }\n  - { from: b, to: a, bandwidth: 1 GB/s }\n", "LEP7008", "4:5", "both: false" },
        { Two + "money: free\n", "LEP7002", "2:8", "`busy` or `rental`" },
    };

    [Theory]
    [MemberData(nameof(Malformed))]
    public void A_malformed_file_gives_one_message_with_its_place_and_a_mend(string text, string code, string place, string part)
    {
        var (machine, report) = Read(text);
        Assert.Null(machine);
        var message = Assert.Single(report.Diagnostics);
        Assert.Equal($"machine.yaml:{place}: {code}", $"{message.Span.Location}: {message.Kind.Code}");
        Assert.Contains(part, $"{message.Message}\n{message.Help}");
    }

    [Fact]
    public void Every_prefix_and_every_slip_of_a_file_gives_a_machine_or_a_message()
    {
        var text = Two + "links:\n  - { from: a, to: b, latency: 1 us, bandwidth: 1 GB/s, price: 0.1 usd/GB }\nmoney: rental\n";
        var random = new Random(1);
        for (var i = 0; i < 600; i++)
        {
            var at = i % text.Length;
            var changed = i < text.Length ? text[..at] : text[..at] + Slips[random.Next(Slips.Length)] + text[(at + random.Next(2))..];
            var (machine, report) = Read(changed);
            Assert.Equal(machine is null, report.HasErrors);
        }
    }

    private static (Machine? Machine, DiagnosticReport Report) Read(string text)
    {
        var report = new DiagnosticReport();
        return (MachineFile.Read(new SourceText("machine.yaml", text), report), report);
    }
}
