using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Kernels;

/// <summary>
/// Checks a module: launches name kernels and hand over as many buffers as they have; every variable is bound before it is used, where it is
/// visible, and with its type; only declared variables are assigned; operands have the types and lanes that their operation asks for;
/// indices are i64 scalars (of gathers: lanes), masks bool lanes; buffer numbers exist; what is stored into may be written; prepare
/// reads parameters alone and runs write nothing prepared; arena buffers do not overlap (<see cref="ArenaProof"/>); a chunk's locals take at
/// most 256 KiB; no f16 or bf16 is computed with. That buffers are written before they are read was proved before they shared memory
/// (<see cref="WriteProof"/>).
/// </summary>
public static class KernelVerifier
{
    public const int MaxLocalBytes = 256 * 1024;

    /// <summary>Throws <see cref="CompilerBugException"/> with what is wrong and where.</summary>
    public static void Check(KernelModule module)
    {
        foreach (var kernel in module.Kernels)
        {
            if (kernel.Locals.Sum(l => (long)l.Count * l.Element.ByteSize()) > MaxLocalBytes)
            {
                throw new CompilerBugException("kernels", $"{kernel.Name}: locals take more than {MaxLocalBytes} bytes");
            }

            if (kernel.Group == 1 && kernel.Locals.Any(l => l.IsShared))
            {
                throw new CompilerBugException("kernels", $"{kernel.Name}: a shared buffer where chunks are alone");
            }

            new BodyCheck(kernel).Run();
        }

        foreach (var entry in module.Entries)
        {
            ArenaProof.Check(entry);
            Host(module, entry, entry.Body);
            Host(module, entry, entry.Prepare);
            CheckPrepared(module, entry, entry.Prepare, isPrepare: true);
            CheckPrepared(module, entry, entry.Body, isPrepare: false);
            if (entry.Prepare.Count > 0 && entry.Prepared.Count == 0)
            {
                throw new CompilerBugException("kernels", $"{entry.Manifest.Name}: something is prepared that no run reads");
            }
        }
    }

    // What is prepared depends on parameters alone, and no run changes it.
    private static void CheckPrepared(KernelModule module, EntryProgram entry, ValueList<HostStatement> body, bool isPrepare)
    {
        var parameters = entry.Parameters;
        foreach (var statement in body)
        {
            switch (statement)
            {
                case HostLoop loop:
                    CheckPrepared(module, entry, loop.Body, isPrepare);
                    break;
                case Copy copy:
                    Check(copy.From, true);
                    Check(copy.To, false);
                    break;
                case Launch launch:
                    for (var i = 0; i < launch.Buffers.Count; i++)
                    {
                        Check(launch.Buffers[i], module.Kernels[launch.Kernel].Buffers[i].Access == BufferAccess.Read);
                    }

                    break;
            }
        }

        void Check(BufferRef buffer, bool isRead)
        {
            var isWrong = buffer.Kind switch
            {
                BufferKind.Prepared => !isPrepare && !isRead,
                BufferKind.Tensor => isPrepare && !(isRead && buffer.Number >= parameters.Start.Value && buffer.Number < parameters.End.Value),
                _ => false,
            };
            if (isWrong)
            {
                throw new CompilerBugException("kernels", $"{entry.Manifest.Name}: {(isPrepare ? "prepare" : "a run")} {(isRead ? "reads" : "writes")} {buffer}");
            }
        }
    }

    private static void Host(KernelModule module, EntryProgram entry, ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            switch (statement)
            {
                case Launch launch when (uint)launch.Kernel >= (uint)module.Kernels.Count:
                    throw new CompilerBugException("kernels", $"{entry.Manifest.Name}: there is no kernel {launch.Kernel}");
                case Launch launch when launch.Buffers.Count != module.Kernels[launch.Kernel].Buffers.Count:
                    throw new CompilerBugException("kernels", $"{entry.Manifest.Name}: {module.Kernels[launch.Kernel].Name} gets {launch.Buffers.Count} buffers");
                case Launch launch:
                    CheckOverlap(entry, module.Kernels[launch.Kernel], launch);
                    break;
                case HostLoop loop:
                    Host(module, entry, loop.Body);
                    break;
            }
        }
    }

    private static void CheckOverlap(EntryProgram entry, Kernel kernel, Launch launch)
    {
        for (var i = 0; i < launch.Buffers.Count; i++)
        {
            for (var j = 0; j < launch.Buffers.Count; j++)
            {
                // Different offsets of one buffer are the emits of a loop: places of their own.
                if (i != j && kernel.Buffers[i].Access != BufferAccess.Read && launch.Buffers[i] == launch.Buffers[j])
                {
                    throw new CompilerBugException(
                        "kernels", $"{entry.Manifest.Name}: {kernel.Name} writes {kernel.Buffers[i].Name}, which is also its {kernel.Buffers[j].Name}");
                }
            }
        }
    }

    private sealed class BodyCheck(Kernel kernel) : LoopStatementVisitor
    {
        private readonly LaneType?[] _types = new LaneType?[kernel.Variables];
        private readonly bool[] _mutable = new bool[kernel.Variables];
        private readonly List<int> _visible = [];

        public void Run()
        {
            _types[Kernel.ChunkVariable] = LaneType.Index;
            Block(kernel.Body);
        }

        public override void Visit(LetStatement s) => Bind(s.Variable, Of(s.Value), false);

        public override void Visit(DeclareStatement s) => Bind(s.Variable, Of(s.Initial), true);

        public override void Visit(AssignStatement s)
        {
            var value = Of(s.Value);
            Require(_types[s.Variable] == value && _mutable[s.Variable], $"v{s.Variable} is assigned a {value}");
        }

        public override void Visit(ForStatement s)
        {
            Require(Of(s.From) == LaneType.Index && Of(s.To) == LaneType.Index && s.Step > 0, $"the bounds of loop v{s.Variable}");
            var mark = _visible.Count;
            Bind(s.Variable, LaneType.Index, false);
            Block(s.Body);
            Close(mark);
        }

        public override void Visit(WhileStatement s)
        {
            var mark = _visible.Count;
            Each(s.Head);
            Require(Of(s.Condition) == Bool(1), "the condition of a while");
            Block(s.Body);
            Close(mark);
        }

        public override void Visit(IfStatement s)
        {
            Require(Of(s.Condition) == Bool(1), "the condition of an if");
            Block(s.Then);
            Block(s.Otherwise);
        }

        public override void Visit(StoreStatement s)
        {
            var value = Of(s.Value);
            Require(value.Element == ElementOf(s.Buffer).ComputeType(), $"a {value} is stored into buffer {s.Buffer} of {ElementOf(s.Buffer).Name()}");
            Require(s.Buffer >= kernel.Buffers.Count || kernel.Buffers[s.Buffer].Access != BufferAccess.Read, $"buffer {s.Buffer} is only read");
            Require(
                !s.Stream || (s.Stride is null && s.Mask is null && s.Buffer < kernel.Buffers.Count),
                $"streaming into buffer {s.Buffer}");
            Memory(s.Index, s.Stride, s.Mask, value.Lanes);
        }

        public override void Visit(PrefetchStatement s)
        {
            ElementOf(s.Buffer);
            Memory(s.Index, null, null, 1);
        }

        public override void Visit(FailStatement s)
        {
            Require(Of(s.Condition) == Bool(1), "the condition of a check");
            Require(
                Of(s.Element) == LaneType.Index && Of(s.Value) == LaneType.Index && Of(s.Bound) == LaneType.Index,
                "a check's element, value and bound");
        }

        public override void Visit(BarrierStatement s) => Require(kernel.Group > 1, "a barrier where chunks are alone");

        public override void Visit(CommentStatement s)
        {
        }

        private static LaneType Bool(int lanes) => new(ElementType.Bool, lanes);

        private void Block(ValueList<LoopStatement> body)
        {
            var mark = _visible.Count;
            Each(body);
            Close(mark);
        }

        private void Each(ValueList<LoopStatement> body)
        {
            foreach (var statement in body)
            {
                statement.Accept(this);
            }
        }

        private void Close(int mark)
        {
            for (var i = mark; i < _visible.Count; i++)
            {
                _types[_visible[i]] = null;
            }

            _visible.RemoveRange(mark, _visible.Count - mark);
        }

        private void Bind(int variable, LaneType type, bool mutable)
        {
            Require((uint)variable < (uint)_types.Length, $"v{variable} is beyond the {kernel.Variables} variables");
            Require(_types[variable] is null, $"v{variable} is bound twice");
            _types[variable] = type;
            _mutable[variable] = mutable;
            _visible.Add(variable);
        }

        private ElementType ElementOf(int buffer)
        {
            Require(buffer >= 0 && buffer < kernel.Buffers.Count + kernel.Locals.Count, $"there is no buffer {buffer}");
            return buffer < kernel.Buffers.Count ? kernel.Buffers[buffer].Element : kernel.Locals[buffer - kernel.Buffers.Count].Element;
        }

        private void Memory(LoopExpr index, LoopExpr? stride, LoopExpr? mask, int lanes)
        {
            Require(Of(index) == LaneType.Index && (stride is null || Of(stride) == LaneType.Index), "the index of a load or store");
            Require(mask is null || Of(mask) == Bool(lanes), "the mask of a load or store");
        }

        private LaneType Of(LoopExpr expr)
        {
            Require(expr.Type.Lanes >= 1 && expr.Type.Element.ComputeType() == expr.Type.Element, $"a value of type {expr.Type}");
            switch (expr)
            {
                case NumberExpr e:
                    Require(e.Value.Type == e.Type.Element, "a number");
                    break;
                case SizeOfExpr:
                    break;
                case VariableExpr e:
                    Require((uint)e.Variable < (uint)_types.Length && _types[e.Variable] == e.Type, $"v{e.Variable} is not bound here as {e.Type}");
                    break;
                case MapExpr e:
                    CheckMap(e);
                    break;
                case FmaExpr e:
                    Require(Of(e.A) == e.Type && Of(e.B) == e.Type && Of(e.C) == e.Type, "a fused multiply-add");
                    break;
                case BitExpr e:
                    Require(e.Arguments.Count == (e.Op == BitOp.TrailingZeros ? 1 : 2) && e.Arguments.All(a => Of(a) == LaneType.Index), "an operation on bits");
                    break;
                case ReinterpretExpr e:
                    Require(
                        (Of(e.Value).Element, e.Element) is (ElementType.F32, ElementType.I32) or (ElementType.I32, ElementType.F32)
                            or (ElementType.F64, ElementType.I64) or (ElementType.I64, ElementType.F64),
                        $"the bits of {e.Value.Type} as {e.Type}");
                    break;
                case DotExpr e:
                    LaneType Wide(ElementType element, int group) => new(element, group * e.Type.Lanes);
                    var (pair, unsigned, signed) = (Wide(ElementType.I16, 2), Wide(ElementType.U8, 4), Wide(ElementType.I8, 4));
                    Require(
                        e.Type.Element == ElementType.I32 && Of(e.C) == e.Type && (Of(e.A), Of(e.B)) is var sides
                            && (sides == (pair, pair) || sides == (unsigned, signed) || sides == (signed, unsigned)),
                        "a dot product of pairs or of bytes");
                    break;
                case LoadExpr e:
                    Require(e.Type.Element == ElementOf(e.Buffer).ComputeType(), $"a load of {e.Type} from buffer {e.Buffer}");
                    Memory(e.Index, e.Stride, e.Mask, e.Type.Lanes);
                    break;
                case GatherExpr e:
                    Require(
                        e.Type.Element == ElementOf(e.Buffer).ComputeType() && Of(e.Indices) == new LaneType(ElementType.I64, e.Type.Lanes)
                            && (e.Mask is null || Of(e.Mask) == Bool(e.Type.Lanes)),
                        $"a gather of {e.Type} from buffer {e.Buffer}");
                    break;
                case SplatExpr e:
                    Require(Of(e.Value) == e.Type with { Lanes = 1 }, "a splat");
                    break;
                case RampExpr e:
                    Require(e.Type.Element == ElementType.I64 && Of(e.Base) == LaneType.Index && Of(e.Step) == LaneType.Index, "a ramp");
                    break;
                case LaneReduceExpr e:
                    Require(Of(e.Vector) with { Lanes = 1 } == e.Type && e.Kind < ReduceKind.ArgMax, "a reduction of lanes");
                    break;
                case ShuffleExpr e:
                    Require(
                        Of(e.A) == Of(e.B) && e.A.Type.Element == e.Type.Element && e.Lanes.Count == e.Type.Lanes
                            && e.Lanes.All(l => l >= 0 && l < 2 * e.A.Type.Lanes),
                        "a shuffle");
                    break;
                case LaneExpr e:
                    Require(Of(e.Vector) with { Lanes = 1 } == e.Type && e.Lane >= 0 && e.Lane < e.Vector.Type.Lanes, "a lane");
                    break;
            }

            return expr.Type;
        }

        private void CheckMap(MapExpr e)
        {
            var operands = new ElementType[e.Arguments.Count];
            for (var i = 0; i < operands.Length; i++)
            {
                var type = Of(e.Arguments[i]);
                Require(type.Lanes == e.Type.Lanes, $"{e.Op} has operands of other lanes");
                operands[i] = type.Element;
            }

            Require(
                e.Op.ResultType(operands, e.Type.Element)?.ComputeType() == e.Type.Element,
                $"{e.Op} of ({string.Join(", ", operands.Select(o => o.Name()))}) gives no {e.Type}");
        }

        private void Require(bool holds, string what)
        {
            if (!holds)
            {
                throw new CompilerBugException("kernels", $"{kernel.Name}: {what} is wrong");
            }
        }
    }
}
