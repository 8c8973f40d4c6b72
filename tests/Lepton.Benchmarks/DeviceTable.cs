using System.Globalization;
using Lepton.Benchmarks.Contenders;
using Lepton.Benchmarks.Reports;
using Lepton.Benchmarks.Workloads;
using Lepton.Runtime.Tensors;

namespace Lepton.Benchmarks;

/// <summary>Device clr against cpu on the workloads, on one thread: what it costs to have no LLVM.</summary>
internal static class DeviceTable
{
    // A time that a user of clr accepts, as a multiple of cpu's.
    private const double Goal = 3;

    /// <summary>Prints a line for each workload; 1 when results differ.</summary>
    public static int Print(IReadOnlyList<Workload> workloads, double seconds)
    {
        Console.WriteLine($"medians in ms on one thread; + goal (≤ {Goal}) met, - missed\n\n{"workload",-30} {"cpu",9} {"clr",9} {"ratio",7}");
        var wrong = 0;
        foreach (var workload in workloads)
        {
            var (data, matrices) = (workload.Data(), workload.Matrices());
            using (var cpu = new LeptonContender(workload, data, matrices, 1, "cpu"))
            using (var clr = new LeptonContender(workload, data, matrices, 1, "clr"))
            {
                var (a, b) = (cpu.Time(seconds), clr.Time(seconds));
                a = Math.Min(a, cpu.Time(seconds));
                b = Math.Min(b, clr.Time(seconds));
                var ratio = (b / a).ToString("F2", CultureInfo.InvariantCulture);
                Console.WriteLine($"{workload.Name,-30} {Table.Milliseconds(a),9} {Table.Milliseconds(b),9} {ratio,7} {(b <= Goal * a ? "+" : "-")}");
                wrong += Differs(workload, cpu.Output(), clr.Output()) ? 1 : 0;
            }

            matrices.Values.OfType<IDisposable>().ToList().ForEach(m => m.Dispose());
        }

        return wrong > 0 ? 1 : 0;
    }

    private static bool Differs(Workload workload, float[] cpu, float[] clr)
    {
        var scale = cpu.Length == 0 ? 0 : cpu.Max(MathF.Abs);
        var worst = cpu.Length == clr.Length ? cpu.Zip(clr, (a, b) => Math.Abs(a - b) / (1e-30 + scale)).DefaultIfEmpty(0).Max() : double.PositiveInfinity;
        var differs = !(worst <= workload.Tolerance + 1e-6);
        if (differs)
        {
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  WRONG: differs by {worst:E1}, allowed {workload.Tolerance:E1}"));
        }

        return differs;
    }
}
