using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Language.Text;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;

namespace Lepton.Tests.Kernels;

/// <summary>The plan of intermediate results: nothing overlaps, little is wasted, and what is planned is what the runtime takes.</summary>
public class ArenaPlanTests
{
    private const string Network = """
        dim B = 24
        param w1: f32[40, 300] ~ glorot
        param w2: f32[300, 200] ~ glorot
        param w3: f32[200, 10] ~ glorot
        param gain: f32[200] ~ ones
        fn network(x: f32[B, 40]) -> (y: f32[B, 10]) {
          a = tanh(x @ w1)
          s[b, i] = a[b, i] - max[k] a[b, k]
          c = tanh(s @ w2)
          d[b, i] = c[b, i] * exp(gain[i]) / (sum[k] c[b, k] * c[b, k] + 1.0)
          y = d @ w3
        }
        """;

    [Fact]
    public void Planned_bytes_are_within_5_percent_of_what_is_reserved()
    {
        var kernels = Compilation.Of(new SourceText("network.lep", Network)).Lower(["network"]);
        var program = kernels.Entries[0];
        Assert.True(program.Prepared.Count > 0 && program.ArenaPlan.Count > 1, LoopText.Print(kernels));
        using var module = NativeRunner.Load(kernels, NativeRunner.Targets["sse2"]);
        using var parameters = new ParameterSet();
        parameters.Initialize(module["network"], seed: 1);
        using var y = module["network"].Run([Tensor.From(new float[24 * 40], 24, 40)], new RunOptions { Parameters = parameters })[0];
        var planned = program.PlannedBytes.AsConstant!.Value;
        Assert.InRange(module.ReservedBytes, planned * 0.95, planned * 1.05);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Random_lives_never_overlap_and_take_little_more_than_what_lives_at_once(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 200; round++)
        {
            var lives = Enumerable.Range(0, random.Next(1, 40)).Select(_ =>
            {
                var first = random.Next(1, 60);
                return new ArenaOffsets.Life(random.Next(0, 5000), first, first + random.Next(0, 20));
            }).ToList();
            var (offsets, size) = ArenaOffsets.Place(lives);
            for (var i = 0; i < lives.Count; i++)
            {
                Assert.True(offsets[i] >= 0 && offsets[i] % 64 == 0 && offsets[i] + lives[i].Bytes <= size);
                for (var j = 0; j < i; j++)
                {
                    Assert.True(
                        lives[i].Last < lives[j].First || lives[j].Last < lives[i].First
                        || offsets[i] + lives[i].Bytes <= offsets[j] || offsets[j] + lives[j].Bytes <= offsets[i]);
                }
            }

            var atOnce = Enumerable.Range(1, 80).Max(t => lives.Where(l => l.First <= t && l.Last >= t).Sum(l => (l.Bytes + 127) / 64 * 64));
            Assert.InRange(size, 0, (atOnce * 1.6) + 64);
        }
    }

    [Fact]
    public void The_proof_refuses_buffers_that_overlap_and_places_where_nothing_lives()
    {
        var program = Compilation.Of(new SourceText("network.lep", Network)).Lower(["network"]).Entries[0];
        ArenaProof.Check(program);
        var first = program.ArenaPlan[0];
        var moved = program.ArenaPlan.Where(b => b != first).ToValueList();
        Assert.Throws<CompilerBugException>(() => ArenaProof.Check(program with { ArenaPlan = moved }));
        var over = program.ArenaPlan.Append(first with { Offset = first.Offset + 64 }).ToValueList();
        Assert.Throws<CompilerBugException>(() => ArenaProof.Check(program with { ArenaPlan = over }));
        Assert.Throws<CompilerBugException>(() => ArenaProof.Check(program with { Arena = [64] }));
    }

    [Fact]
    public void The_proof_refuses_who_reads_what_nobody_wrote()
    {
        var fused = Compilation.Of(new SourceText("network.lep", Network)).Fuse("network");
        var module = KernelLowering.Run(fused, KernelOptions.Default with { Apart = true });
        var program = module.Entries[0];
        WriteProof.Check(program, module.Kernels);
        Assert.Throws<CompilerBugException>(() => WriteProof.Check(program with { Body = program.Body.Skip(1).ToValueList() }, module.Kernels));
        Assert.Throws<CompilerBugException>(() => WriteProof.Check(program with { Prepare = [] }, module.Kernels));

        // What is prepared in the arena is gone when a run starts.
        var arena = program.Body.OfType<Launch>().SelectMany(l => l.Buffers).First(b => b.Kind == BufferKind.Arena);
        var early = program.Prepare.Concat(program.Body.Take(1)).ToValueList();
        Assert.Contains(arena, program.Body.Take(1).OfType<Launch>().Single().Buffers);
        Assert.Throws<CompilerBugException>(() => WriteProof.Check(program with { Prepare = early, Body = program.Body.Skip(1).ToValueList() }, module.Kernels));
    }

    /// <summary>Parts of a concatenation lie behind axes of N - M and of M - 2 elements.</summary>
    [Fact]
    public void Axes_have_no_negative_sizes()
    {
        const string Text = """
            fn f(x: f32[N], z: f32[M]) -> (q: f32) {
              a[i: M - 2] = z[i] - z[i + 2]
              b[i: N - M] = x[i] + x[i + M]
              c = concat(sort(a), sort(b), sort(x))
              q = max(c) + c[0 else 0]
            }
            """;
        var program = Compilation.Of(new SourceText("shorter.lep", Text)).Lower(["f"]).Entries[0];
        ArenaProof.Check(program);
        Assert.Throws<CompilerBugException>(() => ArenaProof.Check(program with { NotNegative = [] }));
    }

    /// <summary>Two kernels under opposite conditions write for everybody, one of them for those who stand under its own.</summary>
    [Fact]
    public void The_proof_knows_conditions()
    {
        var fused = Compilation.Of(new SourceText("network.lep", Network)).Fuse("network");
        var module = KernelLowering.Run(fused, KernelOptions.Default with { Apart = true });
        var program = module.Entries[0];
        var (first, some, others) = ((Launch)program.Body[0], SizeExpr.Variable("s"), SizeExpr.One - SizeExpr.Variable("s"));
        void Check(params Launch[] instead) => WriteProof.Check(program with { Body = [.. instead, .. program.Body.Skip(1)] }, module.Kernels);
        Check(first with { Only = some }, first with { Only = others });
        Assert.Throws<CompilerBugException>(() => Check(first with { Only = some }));
        Assert.Throws<CompilerBugException>(() => Check(first with { Only = some }, first with { Only = SizeExpr.Variable("t") }));

        // All of the run under one condition: only the result is not there for everybody.
        var under = program with { Body = [.. program.Body.Cast<Launch>().Select(l => l with { Only = some * SizeExpr.Variable("t") })] };
        Assert.Contains("nobody writes the result", Assert.Throws<CompilerBugException>(() => WriteProof.Check(under, module.Kernels)).Message, StringComparison.Ordinal);
        Assert.Throws<CompilerBugException>(() => WriteProof.Check(program with { Body = program.Body.SkipLast(1).ToValueList() }, module.Kernels));
    }
}
