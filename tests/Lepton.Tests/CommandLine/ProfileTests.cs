using System.Globalization;
using System.Text.Json;
using System.Xml.Linq;
using Lepton.CommandLine;
using Lepton.Tests.House;

namespace Lepton.Tests.CommandLine;

/// <summary><c>leptonc profile</c> prints a table and writes a trace and a page that hold every launch.</summary>
[Collection(nameof(ConsoleCollection))]
public class ProfileTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Table_trace_and_page_name_every_kernel(int threads)
    {
        var folder = Directory.CreateTempSubdirectory("lepton-test").FullName;
        var before = Console.Out;
        using var output = new StringWriter();
        try
        {
            Console.SetOut(output);
            string[] arguments = ["profile", Repository.PathOf("examples", "rnn.lep"), "--dim", "T=6,B=2", "--seconds", "0.02", "--threads", $"{threads}", "--out", folder];
            Assert.Equal(0, Program.Main(arguments));
            var lines = output.ToString().Split('\n');
            Assert.DoesNotContain(lines, l => l.Length > 100 && !l.StartsWith(folder, StringComparison.Ordinal));
            var head = Array.FindIndex(lines, l => l.StartsWith("kernel ", StringComparison.Ordinal));
            var kernels = lines[(head + 1)..].TakeWhile(l => !l.StartsWith("outside kernels", StringComparison.Ordinal)).Select(l => l.Split(' ')[0]).ToList();
            Assert.NotEmpty(kernels);

            using var trace = JsonDocument.Parse(File.ReadAllText(Path.Combine(folder, "rnn.trace.json")));
            var launches = trace.RootElement.GetProperty("traceEvents").EnumerateArray()
                .Where(e => e.GetProperty("ph").GetString() == "X" && e.GetProperty("tid").GetInt32() == 0).ToList();
            Assert.Equal(kernels.Order(), launches.Select(e => e.GetProperty("name").GetString()!).Distinct().Order());
            Assert.Contains($"{launches.Count} launches of {kernels.Count} kernels", output.ToString());
            Assert.Contains(launches.GroupBy(e => e.GetProperty("name").GetString()), g => g.Count() == 6);

            var page = File.ReadAllText(Path.Combine(folder, "rnn.profile.html"));
            var svg = XElement.Parse(page[page.IndexOf("<svg", StringComparison.Ordinal)..(page.IndexOf("</svg>", StringComparison.Ordinal) + 6)]);
            Assert.True(svg.Elements("rect").Count() >= 2 * launches.Count); // a row of launches, and the rows of threads
            Assert.All(kernels, k => Assert.Contains($"{k}</td>", page));
            Assert.Equal(["rnn.profile.html", "rnn.trace.json"], Directory.GetFiles(folder).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        }
        finally
        {
            Console.SetOut(before);
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Predicted_times_stand_beside_measured_ones_and_what_was_learned_is_predicted()
    {
        var folder = Directory.CreateTempSubdirectory("lepton-test").FullName;
        var before = Console.Out;
        var machine = Path.Combine(folder, "box.yaml");
        File.WriteAllText(machine, "devices:\n  net: { kind: clr, profile: { compute: 20 GFLOP/s, bandwidth: 10 GB/s } }\n");
        string[] arguments = ["profile", Repository.PathOf("examples", "mlp.lep"), "--dim", "B=8", "--device", "clr", "-s", "0.02", "-m", machine, "--out", folder, "--learn"];
        try
        {
            var (first, second) = (Lines(), Lines());
            var groups = first.Skip(2).TakeWhile(l => !l.StartsWith("all kernels", StringComparison.Ordinal)).ToArray();
            Assert.Equal(3, groups.Length);
            Assert.All(groups, l => Assert.Contains("profile: ", l));
            Assert.All(second.Skip(2).Take(3), l => Assert.Contains("learned: measured", l));
            var costs = File.ReadAllLines(Path.Combine(folder, "box.costs"));
            Assert.Equal(["lepton-costs 1", "", "[net]"], costs[..3]);
            Assert.Equal(3, costs[3..].Count(l => l.Contains("  mlp ", StringComparison.Ordinal)));

            // The sum of what was learned is the time that the kernels took then.
            var (all, again) = (first[5].Split(' ', StringSplitOptions.RemoveEmptyEntries), second[5].Split(' ', StringSplitOptions.RemoveEmptyEntries));
            Assert.Equal(double.Parse(all[3], CultureInfo.InvariantCulture), double.Parse(again[2], CultureInfo.InvariantCulture), 0.0003);
        }
        finally
        {
            Console.SetOut(before);
            Directory.Delete(folder, recursive: true);
        }

        string[] Lines()
        {
            using var output = new StringWriter();
            Console.SetOut(output);
            Assert.Equal(0, Program.Main(arguments));
            return [.. output.ToString().Split('\n').SkipWhile(l => !l.StartsWith("predicted for net", StringComparison.Ordinal))];
        }
    }
}
