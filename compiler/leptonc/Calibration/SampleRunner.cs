using Lepton.Abi;
using Lepton.CommandLine.Commands;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Graphs;
using Lepton.Language.Text;
using Lepton.Runtime;

namespace Lepton.CommandLine.Calibration;

/// <summary>Compiles calibration programs for a device of this machine.</summary>
/// <param name="compile">How to compile for it.</param>
/// <param name="threads">How many threads it may use.</param>
/// <param name="asksDevice">Whether a run's time is mostly not the kernels', which the device is asked for: of what is not the host's own processor.</param>
internal sealed class SampleRunner(CompileOptions compile, int threads, bool asksDevice)
{
    /// <summary>One measurement of about so many seconds.</summary>
    public CalibrationSample Run(CalibrationProgram program, long size, double seconds, CancellationToken cancel)
    {
        using var compiled = Compile(program, size);
        return compiled.Measure(seconds, cancel);
    }

    /// <summary>A program with its inputs, to be measured any number of times. Dispose it.</summary>
    public CompiledSample Compile(CalibrationProgram program, long size)
    {
        var compilation = Compilation.Of(new SourceText("calibration.lep", program.Text), compile with { Profile = asksDevice });
        if (compilation.Report.HasErrors)
        {
            throw new CompilerBugException("calibrate", $"{compilation.Report.Diagnostics.First()}: {program.Text}");
        }

        var engine = LeptonEngine.Of(compilation);
        try
        {
            var entry = engine[compilation.Entries.Single()];
            var made = Inputs.Make(entry, [], new Dictionary<string, long> { [program.Size] = size }, null, 1, i => BenchCommand.Standard(entry.Manifest.Arguments[i], i));
            FillIndices(made, program.Limit);
            return new CompiledSample(compilation, engine, made, program, size, threads, asksDevice);
        }
        catch
        {
            engine.Dispose();
            throw;
        }
    }

    // All over the table, as data does; always the same ones.
    private static void FillIndices(Inputs made, long limit)
    {
        var random = new Random(1);
        foreach (var tensor in made.Arguments.Select(a => a.Dense).Where(d => d?.Element == ElementType.I32 && limit > 0))
        {
            foreach (ref var index in tensor!.AsSpan<int>())
            {
                index = (int)random.NextInt64(limit);
            }
        }
    }
}
