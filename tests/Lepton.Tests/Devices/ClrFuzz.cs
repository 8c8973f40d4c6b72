using System.Collections.Concurrent;
using Lepton.Compiler;
using Lepton.Tests.Fuzz;
using Lepton.Tests.Support;

namespace Lepton.Tests.Devices;

/// <summary>Some of the random graphs of <see cref="DifferentialFuzz"/> on device clr, between pages that may not be touched. More by hand: tests/fuzz.sh COUNT SEED clr.</summary>
public class ClrFuzz
{
    private const int First = 900_000;
    private const int Count = 30;

    [Fact]
    public void Interpreter_and_device_clr_agree_on_random_programs()
    {
        var problems = new ConcurrentBag<string>();
        Parallel.For(First, First + Count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            FuzzLog.Running($"clr {seed}");
            if (DifferentialCheck.Run(RandomGraphs.Make(seed, DifferentialFuzz.Options(seed)), device: CodeDevice.Clr) is { } problem)
            {
                problems.Add(problem);
            }

            FuzzLog.Running(null);
        });
        Assert.True(problems.IsEmpty, string.Join("\n\n", problems));
    }
}
