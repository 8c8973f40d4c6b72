using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Kernels;

/// <summary>The text form of loops, and what the verifier refuses.</summary>
public sealed class LoopTextTests
{
    private const string Good = """
        kernel k map {  // a note
          buffer 0 read x : f32
          buffer 1 write out : f32
          local 2 tile : f16[32]
          shared 3 block : f32[16]
          group 64
          chunks {floordiv(N + 31, 32)}
          flops {N}
          bytes {8*N}
          v1 = mul.i64(v0, 32)
          var v2 = (0.5 f32x16)
          // what follows is a loop
          for v3 = v1 to {N} step 16 unroll {
            v4 = load.f32x16 b0[v3]
            v5 = less.boolx16(v4, (-inf f32x16))
            v2 := fma.f32x16(v4, v4, v2)
            store b1[v3 stride 1 where v5] = v2
            stream b1[v3] = v2
            barrier
            prefetch b0[v3]
            prefetch far b2[7]
            store b2[0] = shuffle.f32x2((1 f32x2), (2 f32x2), 3, 0)
          }
          while {
            v6 = lanes.f32(sum, v2)
            v7 = less.bool(v6, (1E-05 f32))
          } holds v7 {
            v2 := splat.f32x16(v6)
          }
          v8 = ramp.i64x16(0, 2)
          if lane.bool(less.boolx16(v8, (3 i64x16)), 0) {
            v9 = gather.f32x16 b0[v8 where (true boolx16)]
          } else {
            fail (true bool) site 0 element v1 value -1 bound {N}
          }
          v10 = dot.i32((1 i16x2), (2 i16x2), (3 i32))
          v11 = dot.i32((1 u8x4), (-2 i8x4), v10)
        }

        """;

    [Fact]
    public void Every_statement_is_read_back()
    {
        var kernel = Assert.Single(LoopTextReader.Read(Good));
        Assert.Equal(Good, LoopText.Print(kernel));
        Assert.Equal(("k", "a note", 12), (kernel.Name, kernel.Note, kernel.Variables));
        Check(Good);
    }

    [Fact]
    public void Kernels_of_random_graphs_are_read_back_as_they_were()
    {
        for (var seed = 0; seed < 60; seed++)
        {
            var module = KernelLowering.Run(TrivialFusion.Run(RandomGraphs.Make(seed).Graph, inline: seed % 2 == 0));
            var text = LoopText.Print(module);
            var read = LoopTextReader.Read(text);
            Assert.Equal(module.Kernels.Count, read.Count);
            for (var k = 0; k < read.Count; k++)
            {
                Assert.Equal(LoopText.Print(module.Kernels[k]), LoopText.Print(read[k]));
                Assert.Equal(module.Kernels[k], read[k] with { Variables = module.Kernels[k].Variables });
            }
        }
    }

    [Theory]
    [InlineData("v1 = mul.i64(v0, 32)", "v1 = mul.i64(v9, 32)", "v9 is not bound")]
    [InlineData("v1 = mul.i64(v0, 32)", "v1 = mull.i64(v0, 32)", "'mull' is no operation")]
    [InlineData("v1 = mul.i64(v0, 32)", "v1 = mul.i65(v0, 32)", "'i65' is no type")]
    [InlineData("for v3 = v1 to {N} step 16", "for v3 = v1 {N} step 16", "'to' is missing")]
    public void What_is_no_text_is_refused(string from, string to, string message) =>
        Assert.Contains(message, Assert.Throws<FormatException>(() => LoopTextReader.Read(Good.Replace(from, to))).Message);

    [Theory]
    [InlineData("v1 = mul.i64(v0, 32)", "v1 = mul.i64(v0, (1 i32))", "of (i64, i32)")]
    [InlineData("v8 = ramp.i64x16(0, 2)", "v8 = ramp.i64x16(0, 2)\n  v1 = mul.i64(v0, 32)", "v1 is bound twice")]
    [InlineData("v4 = load.f32x16 b0[v3]", "v4 = load.f32x16 b7[v3]", "no buffer 7")]
    [InlineData("v4 = load.f32x16 b0[v3]", "v4 = load.f64x16 b0[v3]", "a load of f64x16")]
    [InlineData("v4 = load.f32x16 b0[v3]", "v4 = load.f32x16 b0[v3 where (true bool)]", "the mask")]
    [InlineData("store b2[0] = ", "store b0[0] = ", "only read")]
    [InlineData("(2 f32x2), 3, 0)", "(2 f32x2), 4, 0)", "a shuffle")]
    [InlineData("v8 = ramp.i64x16(0, 2)", "v8 = ramp.i64x16(0, v3)", "v3 is not bound here")]
    [InlineData("v2 := splat.f32x16(v6)", "v6 := lane.f32(v2, 0)", "v6 is assigned")]
    [InlineData("v2 := splat.f32x16(v6)", "v2 := splat.f32x8(v6)", "v2 is assigned")]
    [InlineData("lane.bool(less.boolx16(v8, (3 i64x16)), 0)", "lane.bool(less.boolx16(v8, (3 i64x16)), 16)", "a lane")]
    [InlineData("stream b1[v3]", "stream b2[v3]", "streaming")]
    [InlineData("prefetch b0[v3]", "prefetch b0[v5]", "the index")]
    [InlineData("f16[32]", "f16[200000]", "more than")]
    [InlineData("v9 = gather.f32x16 b0[v8", "v9 = gather.f32x16 b0[v1", "a gather")]
    public void What_is_wrong_is_refused(string from, string to, string message) =>
        Assert.Contains(message, Assert.Throws<CompilerBugException>(() => Check(Good.Replace(from, to))).Message);

    private static void Check(string text) => KernelVerifier.Check(new KernelModule("m", LoopTextReader.Read(text), [], []));
}
