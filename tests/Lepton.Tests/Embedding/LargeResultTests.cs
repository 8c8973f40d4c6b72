using Lepton.Embedding;
using Lepton.Runtime;
using Xunit;

namespace Lepton.Tests.Embedding;

/// <summary>Results that are larger than caches are stored past them, wherever the caller's memory starts.</summary>
public sealed class LargeResultTests
{
    private const int Count = (4 << 20) + 37;

    [Theory]
    [InlineData(0, 1)]
    [InlineData(1, 2)]
    [InlineData(13, 2)]
    public void Are_the_same_at_every_alignment(int offset, int threads)
    {
        using var engine = LeptonEngine.Compile("fn f(x: f32[N]) -> f32[N] = x * 2 + 1");
        var x = Enumerable.Range(0, Count).Select(i => (float)(i & 0xffff)).ToArray();
        var y = new float[Count + 100];
        engine["f"].Run<float, float>(x, [Count], y.AsSpan(offset, Count), new RunOptions { Threads = threads });
        for (var i = 0; i < y.Length; i++)
        {
            var inside = i >= offset && i < offset + Count;
            Assert.True(y[i] == (inside ? (x[i - offset] * 2) + 1 : 0), $"element {i} is {y[i]}");
        }
    }
}
