using System.Text;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Kernels.Loops;

/// <summary>
/// The text form of kernels and host programs:
/// <code>
/// kernel wave_exp_3 map {            // flat loop over N, 16 lanes
///   buffer 0 read x : f32
///   buffer 1 write out : f32
///   chunks {floordiv(N + 32767, 32768)}
///   v1 = mul.i64(v0, 32768)
///   for v5 = v1 to v4 step 16 {
///     v6 = load.f32x16 b0[v5]
///     v7 = exp.f32x16(v6)
///     store b1[v5] = v7
///   }
/// }
/// entry wave(N) {                     // arena 0 bytes
///   launch wave_exp_3(tensor 0, tensor 1)
/// }
/// </code>
/// Sizes stand in braces, numbers carry their type unless they are i64 scalars, variables have the type of their binding.
/// </summary>
public static class LoopText
{
    public static string Print(KernelModule module)
    {
        var text = new StringBuilder($"module {module.Name}\n");
        for (var i = 0; i < module.Constants.Count; i++)
        {
            var constant = module.Constants[i];
            text.Append($"constant {i} {constant.Name} : {constant.Element.Name()}, {constant.Bytes.Length} bytes\n");
        }

        foreach (var kernel in module.Kernels)
        {
            text.Append(Print(kernel));
        }

        foreach (var entry in module.Entries)
        {
            Print(text, module, entry);
        }

        return text.ToString();
    }

    public static string Print(Kernel kernel)
    {
        var text = new StringBuilder($"kernel {kernel.Name} {kernel.Strategy.ToString().ToLowerInvariant()} {{");
        text.Append(kernel.Note.Length == 0 ? "\n" : $"  // {kernel.Note}\n");
        for (var i = 0; i < kernel.Buffers.Count; i++)
        {
            var buffer = kernel.Buffers[i];
            text.Append($"  buffer {i} {buffer.Access.ToString().ToLowerInvariant()} {buffer.Name} : {buffer.Element.Name()}\n");
        }

        for (var i = 0; i < kernel.Locals.Count; i++)
        {
            var local = kernel.Locals[i];
            text.Append($"  {(local.IsShared ? "shared" : "local")} {kernel.Buffers.Count + i} {local.Name} : {local.Element.Name()}[{local.Count}]\n");
        }

        text.Append(kernel.Group == 1 ? "" : $"  group {kernel.Group}\n");
        text.Append($"  chunks {{{kernel.Chunks}}}\n  flops {{{kernel.Flops}}}\n  bytes {{{kernel.Bytes}}}\n");
        new Statements(text).Block(kernel.Body, 1);
        return text.Append("}\n").ToString();
    }

    public static string Print(LoopExpr expr) => expr.Accept(Exprs.Instance);

    private static void Print(StringBuilder text, KernelModule module, EntryProgram entry)
    {
        text.Append($"entry {entry.Manifest.Name}({string.Join(", ", entry.Manifest.Dims)}) {{\n");
        for (var i = 0; i < entry.Arena.Count; i++)
        {
            text.Append($"  arena {i} {{{entry.Arena[i]}}}\n");
        }

        if (entry.Pointers > 0)
        {
            text.Append($"  pointers {entry.Pointers}\n");
        }

        for (var i = 0; i < entry.Prepared.Count; i++)
        {
            text.Append($"  prepared {i} {{{entry.Prepared[i]}}}\n");
        }

        var host = new Host(text, module);
        if (entry.Prepare.Count > 0)
        {
            text.Append($"  prepare {{{(entry.PrepareArena.Count == 0 ? "" : $" // arena {string.Join(", ", entry.PrepareArena)}")}\n");
            host.Block(entry.Prepare, 2);
            text.Append("  }\n");
        }

        host.Block(entry.Body, 1);
        text.Append("}\n");
    }

    private static string Indent(int depth) => new(' ', depth * 2);

    private sealed class Host(StringBuilder text, KernelModule module) : HostStatementVisitor
    {
        private int _depth;

        public void Block(ValueList<HostStatement> body, int depth)
        {
            var outer = _depth;
            _depth = depth;
            foreach (var statement in body)
            {
                text.Append(Indent(depth));
                statement.Accept(this);
            }

            _depth = outer;
        }

        public override void Visit(Launch s) => text.Append($"launch {module.Kernels[s.Kernel].Name}({string.Join(", ", s.Buffers.Select(Of))})\n");

        public override void Visit(Copy s) => text.Append($"copy {Of(s.To)} = {Of(s.From)} bytes {{{s.Bytes}}}\n");

        public override void Visit(HostLoop s)
        {
            text.Append($"for {s.Counter} to {{{s.Count}}}{(s.Until is null ? "" : $" until {Of(s.Until)}")} {{\n");
            Block(s.Body, _depth + 1);
            text.Append(Indent(_depth)).Append("}\n");
        }

        public override void Visit(SetPointer s) => text.Append($"pointer {s.Pointer} = {Of(s.Place)}\n");

        public override void Visit(SwapPointers s) => text.Append($"swap pointer {s.First}, pointer {s.Second}\n");

        public override void Visit(AllocateLate s) => text.Append($"pointer {s.Pointer} = allocate {{{s.Bytes}}}\n");

        public override void Visit(ReadSize s) => text.Append($"size {s.Size} = {s.Element.Name()} at {Of(s.Place)}\n");

        public override void Visit(GiveArray s) => text.Append($"tensor {s.Tensor} = pointer {s.Pointer}\n");

        private static string Of(BufferRef buffer) =>
            $"{buffer.Kind.ToString().ToLowerInvariant()} {buffer.Number}" + (buffer.Offset == SizeExpr.Zero ? "" : $" + {{{buffer.Offset}}}");
    }

    private sealed class Statements(StringBuilder text) : LoopStatementVisitor
    {
        private int _depth;

        public void Block(ValueList<LoopStatement> body, int depth)
        {
            var outer = _depth;
            _depth = depth;
            foreach (var statement in body)
            {
                text.Append(Indent(depth));
                statement.Accept(this);
            }

            _depth = outer;
        }

        public override void Visit(LetStatement s) => text.Append($"v{s.Variable} = {Print(s.Value)}\n");

        public override void Visit(DeclareStatement s) => text.Append($"var v{s.Variable} = {Print(s.Initial)}\n");

        public override void Visit(AssignStatement s) => text.Append($"v{s.Variable} := {Print(s.Value)}\n");

        public override void Visit(ForStatement s)
        {
            text.Append($"for v{s.Variable} = {Print(s.From)} to {Print(s.To)}");
            text.Append(s.Step == 1 ? "" : $" step {s.Step}").Append(s.Unroll ? " unroll {\n" : " {\n");
            Nested(s.Body);
        }

        public override void Visit(WhileStatement s)
        {
            text.Append("while {\n");
            Block(s.Head, _depth + 1);
            text.Append(Indent(_depth)).Append($"}} holds {Print(s.Condition)} {{\n");
            Nested(s.Body);
        }

        public override void Visit(IfStatement s)
        {
            text.Append($"if {Print(s.Condition)} {{\n");
            Block(s.Then, _depth + 1);
            if (s.Otherwise.Count > 0)
            {
                text.Append(Indent(_depth)).Append("} else {\n");
                Block(s.Otherwise, _depth + 1);
            }

            text.Append(Indent(_depth)).Append("}\n");
        }

        public override void Visit(StoreStatement s) =>
            text.Append($"{(s.Stream ? "stream" : "store")} b{s.Buffer}[{Print(s.Index)}{Part(" stride ", s.Stride)}{Part(" where ", s.Mask)}] = {Print(s.Value)}\n");

        public override void Visit(PrefetchStatement s) => text.Append($"prefetch {(s.Far ? "far " : "")}b{s.Buffer}[{Print(s.Index)}]\n");

        public override void Visit(FailStatement s) => text.Append(
            $"fail {Print(s.Condition)} site {s.Site} element {Print(s.Element)} value {Print(s.Value)} bound {Print(s.Bound)}\n");

        public override void Visit(BarrierStatement s) => text.Append("barrier\n");

        public override void Visit(CommentStatement s) => text.Append($"// {s.Text.ReplaceLineEndings(" ")}\n");

        private void Nested(ValueList<LoopStatement> body)
        {
            Block(body, _depth + 1);
            text.Append(Indent(_depth)).Append("}\n");
        }
    }

    private static string Part(string word, LoopExpr? expr) => expr is null ? "" : word + Print(expr);

    private sealed class Exprs : LoopExprVisitor<string>
    {
        public static readonly Exprs Instance = new();

        public override string Visit(NumberExpr e) => e.Type == LaneType.Index ? e.Value.ToString() : $"({e.Value} {e.Type})";

        public override string Visit(SizeOfExpr e) => $"{{{e.Size}}}";

        public override string Visit(VariableExpr e) => $"v{e.Variable}";

        public override string Visit(MapExpr e) => $"{e.Op.Info().Name}.{e.Type}({string.Join(", ", e.Arguments.Select(Print))})";

        public override string Visit(BitExpr e) => $"{e.Op.ToString().ToLowerInvariant()}.{e.Type}({string.Join(", ", e.Arguments.Select(Print))})";

        public override string Visit(ReinterpretExpr e) => $"reinterpret.{e.Type}({Print(e.Value)})";

        public override string Visit(DotExpr e) => $"dot.{e.Type}({Print(e.A)}, {Print(e.B)}, {Print(e.C)})";

        public override string Visit(FmaExpr e) => $"fma.{e.Type}({Print(e.A)}, {Print(e.B)}, {Print(e.C)})";

        public override string Visit(LoadExpr e) =>
            $"load.{e.Type} b{e.Buffer}[{Print(e.Index)}{Part(" stride ", e.Stride)}{Part(" where ", e.Mask)}]";

        public override string Visit(GatherExpr e) => $"gather.{e.Type} b{e.Buffer}[{Print(e.Indices)}{Part(" where ", e.Mask)}]";

        public override string Visit(SplatExpr e) => $"splat.{e.Type}({Print(e.Value)})";

        public override string Visit(RampExpr e) => $"ramp.{e.Type}({Print(e.Base)}, {Print(e.Step)})";

        public override string Visit(LaneReduceExpr e) => $"lanes.{e.Type}({e.Kind.ToString().ToLowerInvariant()}, {Print(e.Vector)})";

        public override string Visit(LaneExpr e) => $"lane.{e.Type}({Print(e.Vector)}, {e.Lane})";

        public override string Visit(ShuffleExpr e) => $"shuffle.{e.Type}({Print(e.A)}, {Print(e.B)}, {string.Join(", ", e.Lanes)})";
    }
}
