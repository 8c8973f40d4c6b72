using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lepton.Placement.Solver.Engines;
using Lepton.Tests.Placement.Solver;
using Lepton.Tests.Runtime;

namespace Lepton.Tests.CommandLine;

/// <summary><c>leptonc place</c> in a process of its own, whose solver is killed in the middle of its work.</summary>
[Collection("solver")] // One engine at a time works here: they would only slow each other down.
public class KilledSolverTests
{
    private const int Layers = 5, Width = 6;

    // Equal kernels on unequal devices: no bound meets the best plan.
    private const string Machine = """
        devices:
          a: { kind: cpu, profile: { compute: 20 GFLOP/s, bandwidth: 20 GB/s, launch: 1 us } }
          b: { kind: cpu, profile: { compute: 33 GFLOP/s, bandwidth: 20 GB/s, launch: 1 us } }
          c: { kind: cpu, profile: { compute: 61 GFLOP/s, bandwidth: 20 GB/s, launch: 1 us } }
        links:
          - { from: a, to: b, latency: 20 us, bandwidth: 1 GB/s, both: true }
          - { from: a, to: c, latency: 20 us, bandwidth: 1 GB/s, both: true }
          - { from: b, to: c, latency: 20 us, bandwidth: 1 GB/s, both: true }
        """;

    [SolverFact]
    public void A_killed_solver_leaves_a_plan_with_its_bound_and_says_what_happened()
    {
        using var engine = CpEngines.Create(out _);
        if (engine is not NodeEngine || !OperatingSystem.IsLinux())
        {
            return; // The engine of this build is no process, or there is no /proc to find it in.
        }

        using var folder = new TempFolder();
        File.WriteAllText(folder["lab.yaml"], Machine);
        File.WriteAllText(folder["net.lep"], Network());
        string[] arguments = ["place", folder["net.lep"], "--machine", folder["lab.yaml"], "--seconds", "300", "--out", folder["net.plan"]];
        var start = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "leptonc.dll"), .. arguments])
        {
            RedirectStandardOutput = true, RedirectStandardError = true,
        };
        using var command = Process.Start(start)!;
        var errors = command.StandardError.ReadToEndAsync();
        var output = command.StandardOutput.ReadToEndAsync();
        var killed = 0;
        while (!command.WaitForExit(200))
        {
            // Once it has worked for a while; and each one that is started in its stead.
            killed += SolversOf(command.Id).Count(KillWorking);
        }

        Assert.True(command.ExitCode == 0, $"exit code {command.ExitCode}: {output.Result}{errors.Result}");
        Assert.True(killed > 0, output.Result);
        Assert.Matches(@"status +GAP [\d.]+ %: a better plan may exist", output.Result);
        Assert.Matches(@"solver +the solver's process ended in the middle of its work", output.Result);
        Assert.Matches(@"value +[\d.]+ ms, at least [\d.]+ ms, a gap of [\d.]+ %; found by: ", output.Result);
        Assert.Matches(@"\nstatus GAP [\d.]+ %", File.ReadAllText(folder["net.plan"]));
    }

    // Layers of products, each of which reads two of the layer before.
    private static string Network()
    {
        var text = new StringBuilder();
        for (var i = 0; i < Layers * Width; i++)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"param w{i}: f32[256, 256] ~ glorot");
        }

        text.AppendLine("fn net(x: f32[256, 256]) -> (y: f32[256, 256]) {");
        for (var i = 0; i < Layers * Width; i++)
        {
            var above = i - (i % Width) - Width;
            var (one, other) = above < 0 ? ("x", "x") : ($"h{above + (i % Width)}", $"h{above + ((i + 1) % Width)}");
            text.AppendLine(CultureInfo.InvariantCulture, $"  h{i} = max({one} @ w{i} + {other}, 0)");
        }

        return text.AppendLine(CultureInfo.InvariantCulture, $"  y = {string.Join(" + ", Enumerable.Range((Layers - 1) * Width, Width).Select(i => $"h{i}"))}").AppendLine("}").ToString();
    }

    private static IEnumerable<Process> SolversOf(int parent)
    {
        foreach (var candidate in Process.GetProcessesByName("node"))
        {
            var isChild = false;
            try
            {
                // pid (name) state parent …
                isChild = File.ReadAllText($"/proc/{candidate.Id}/stat").Split(") ")[^1].Split(' ')[1] == $"{parent}";
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }

            if (isChild)
            {
                yield return candidate;
            }

            candidate.Dispose();
        }
    }

    // A start takes less than half a second of its time, a solve here far more.
    private static bool KillWorking(Process solver)
    {
        try
        {
            if (solver.TotalProcessorTime.TotalSeconds < 2)
            {
                return false;
            }

            solver.Kill();
            return true;
        }
        catch (Exception e) when (e is InvalidOperationException or Win32Exception)
        {
            return false;
        }
    }
}
