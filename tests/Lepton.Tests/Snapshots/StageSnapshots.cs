using Lepton.Codegen.Llvm;
using Lepton.Codegen.OpenCl;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels.Loops;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Tests.Support;

namespace Lepton.Tests.Snapshots;

/// <summary>Each stage of one tiny program, whole. A snapshot changes only because the behaviour should; the commit says why.</summary>
public class StageSnapshots
{
    private const string Scale = "fn scale(x: f32[N]) -> (y: f32[N]) { y[i] = 2 * x[i] + 1 }";
    private static readonly Dictionary<string, long> Four = new() { ["N"] = 4 };

    [Fact]
    public Task Syntax() => Verifier.Verify(TreePrinter.Print(Compile().Syntax));

    [Fact]
    public Task Program() => Verifier.Verify(TypedProgramText.Print(Compile().Program!));

    [Fact]
    public Task Graph() => Verifier.Verify(GraphText.Print(Compile().Graph("scale")));

    [Fact]
    public Task Optimized() => Verifier.Verify(GraphText.Print(Compile().Fuse("scale", Four).Graph));

    [Fact]
    public Task Kernels() => Verifier.Verify(LoopText.Print(Compile().Lower(["scale"], Four)));

    [Fact]
    public Task LlvmIr()
    {
        var compilation = Compile();
        return Verifier.Verify(compilation.Ir(compilation.Lower(["scale"], Four)));
    }

    [Fact]
    public Task OpenCl()
    {
        var compilation = Compile();
        return Verifier.Verify(compilation.OpenCl(compilation.Lower(["scale"], Four), OpenClTarget.Cpu).Text);
    }

    private static Compilation Compile() => Compilation.Of(new SourceText("scale.lep", Scale), new CompileOptions { Target = CpuTarget.Avx2 });
}
