using System.Diagnostics;
using System.Globalization;
using System.Text;
using Lepton.Embedding;
using Xunit.Abstractions;

namespace Lepton.Tests.Compiler;

/// <summary>
/// Long programs: x₁ = x₀ + 1.5, x₂ = x₁ + 1.5, … and one sum of as many terms, from text to results of machine code. Ten times the
/// length may take about ten times the time. tests/chain.sh runs them at 10,000 and 100,000 operations, alone and with the exact bound.
/// </summary>
public class ChainTests(ITestOutputHelper output)
{
    private const int ShortLength = 2_000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ten_times_the_operations_take_about_ten_times_the_time(bool asOneExpression)
    {
        var byHand = Environment.GetEnvironmentVariable("LEPTON_CHAIN") is { Length: > 0 } given ? int.Parse(given, CultureInfo.InvariantCulture) : 0;
        var length = byHand > 0 ? byHand : ShortLength;
        Run(100, asOneExpression); // so that the compiler itself is warm
        var once = Run(length, asOneExpression);
        var tenfold = Run(10 * length, asOneExpression);
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{(asOneExpression ? "one expression" : "equations")}: {length} operations {once:F2} s, {10 * length} operations {tenfold:F2} s of processor time, ratio {tenfold / once:F1}"));

        // Beside other tests the clock is theirs too; squared time would still show: a hundredfold.
        Assert.True(tenfold < (byHand > 0 ? 12 : 50) * Math.Max(once, 0.1), $"{once:F2} s, then {tenfold:F2} s");
    }

    /// <summary>Compiles, runs, compares; seconds of processor time.</summary>
    private static double Run(int length, bool asOneExpression)
    {
        var text = asOneExpression ? Expression(length) : Equations(length);
        var start = Process.GetCurrentProcess().TotalProcessorTime;
        float[] x = [0, 1, 2];
        var y = new float[3];
        using (var engine = LeptonEngine.Compile(text, new LeptonOptions { UseCache = false }))
        {
            engine["chain"].Run<float, float>(x, [3], y);
        }

        var seconds = (Process.GetCurrentProcess().TotalProcessorTime - start).TotalSeconds;

        // All partial sums are multiples of a half below 2²³: exact in f32.
        Assert.Equal([1.5f * length, 1.5f * length + 1, 1.5f * length + 2], y);
        return seconds;
    }

    private static string Equations(int length)
    {
        var text = new StringBuilder("fn chain(x0: f32[N]) -> (y: f32[N]) {\n");
        for (var i = 0; i < length; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"  x{i + 1} = x{i} + 1.5\n");
        }

        return text.Append(CultureInfo.InvariantCulture, $"  y = x{length}\n}}\n").ToString();
    }

    private static string Expression(int length)
    {
        var text = new StringBuilder("fn chain(x: f32[N]) -> (y: f32[N]) {\n  y = x");
        for (var i = 0; i < length; i++)
        {
            text.Append(i % 10 == 9 ? "\n     + 1.5" : " + 1.5");
        }

        return text.Append("\n}\n").ToString();
    }
}
