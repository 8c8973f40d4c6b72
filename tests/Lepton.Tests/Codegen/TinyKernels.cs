using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Tests.Codegen;

/// <summary>Modules of one small kernel, for snapshots of what they are translated to.</summary>
internal static class TinyKernels
{
    private static readonly LaneType Lanes = new(ElementType.F32, 8);
    private static readonly LoopExpr At = new VariableExpr(LaneType.Index, 1);

    /// <summary>y[i] = x[i] * x[i] + 1</summary>
    public static KernelModule SquarePlusOne { get; } = Module(
        ElementType.F32,
        new LetStatement(2, new LoadExpr(Lanes, 0, At)),
        new LetStatement(3, new FmaExpr(Lanes, Value(2), Value(2), new NumberExpr(Lanes, Scalar.Float(ElementType.F32, 1)))),
        new StoreStatement(1, At, Value(3)));

    /// <summary>y[i] = x[i], from f16, where x[i] > 0; a check of each chunk</summary>
    public static KernelModule MaskedHalves { get; } = Module(
        ElementType.F16,
        new LetStatement(2, new LoadExpr(Lanes, 0, At)),
        new LetStatement(3, new MapExpr(Lanes with { Element = ElementType.Bool }, MapOp.Greater, [Value(2), new NumberExpr(Lanes, Scalar.Float(ElementType.F32, 0))])),
        new StoreStatement(1, At, Value(2), Mask: new VariableExpr(Lanes with { Element = ElementType.Bool }, 3)),
        new FailStatement(new LaneReduceExpr(new LaneType(ElementType.Bool, 1), ReduceKind.Any, new VariableExpr(Lanes with { Element = ElementType.Bool }, 3)), 0, At, At, At));

    private static VariableExpr Value(int variable) => new(Lanes, variable);

    private static KernelModule Module(ElementType input, params LoopStatement[] body)
    {
        var loop = new ForStatement(
            1, new NumberExpr(LaneType.Index, Scalar.Integer(ElementType.I64, 0)), new SizeOfExpr(SizeExpr.Variable("N")), Lanes.Lanes, body.ToValueList());
        var kernel = new Kernel(
            "tiny",
            KernelStrategy.Map,
            [new KernelBuffer("x", input, BufferAccess.Read), new KernelBuffer("y", ElementType.F32, BufferAccess.Write)],
            [],
            1,
            [loop],
            4,
            0,
            0,
            "");
        var manifest = new EntryManifest("tiny", "lep_tiny", ["N"], [], [], [], [], []);
        var module = new KernelModule("tiny", [kernel], [], [new EntryProgram(manifest, [], 0, [])]);
        KernelVerifier.Check(module);
        return module;
    }
}
