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
}
