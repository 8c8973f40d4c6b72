using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Tests.Kernels;

/// <summary>One chunk of one kernel. A value is an array of numbers, one per lane.</summary>
internal sealed class KernelRun : LoopStatementVisitor
{
    private readonly Kernel _kernel;
    private readonly (byte[] Memory, long Offset, long End)[] _memory;
    private readonly Func<string, long> _size;
    private readonly Scalar[]?[] _variables;
    private readonly Exprs _exprs;
    private readonly Barrier? _barrier;

    /// <param name="shared">The shared ones among the locals; null: there are none.</param>
    /// <param name="barrier">Where the chunks of a group meet.</param>
    public KernelRun(
        Kernel kernel, (byte[] Memory, long Offset, long End)[] memory, Func<string, long> size, long chunk, byte[]?[]? shared = null, Barrier? barrier = null)
    {
        (_kernel, _size, _barrier) = (kernel, size, barrier);
        var locals = kernel.Locals.Select((l, i) => shared?[i] ?? Rubbish(l)).Select(bytes => (bytes, 0L, (long)bytes.Length));
        _memory = [.. memory, .. locals];
        _variables = new Scalar[]?[kernel.Variables];
        _variables[Kernel.ChunkVariable] = [Scalar.Integer(ElementType.I64, chunk)];
        _exprs = new Exprs(this);
    }

    public List<LoopFailure> Failures { get; } = [];

    /// <summary>Memory of a local buffer.</summary>
    public static byte[] Rubbish(LocalBuffer local)
    {
        var bytes = new byte[local.Count * local.Element.ByteSize()];
        Array.Fill(bytes, (byte)0x5A);
        return bytes;
    }

    public void Run() => Walk(_kernel.Body);

    public override void Visit(LetStatement s) => _variables[s.Variable] = Of(s.Value);

    public override void Visit(DeclareStatement s) => _variables[s.Variable] = Of(s.Initial);

    public override void Visit(AssignStatement s) => _variables[s.Variable] = Of(s.Value);

    public override void Visit(ForStatement s)
    {
        var to = Integer(s.To);
        for (var i = Integer(s.From); i < to; i += s.Step)
        {
            _variables[s.Variable] = [Scalar.Integer(ElementType.I64, i)];
            Walk(s.Body);
        }
    }

    public override void Visit(WhileStatement s)
    {
        for (Walk(s.Head); Of(s.Condition)[0].AsBool; Walk(s.Head))
        {
            Walk(s.Body);
        }
    }

    public override void Visit(IfStatement s) => Walk(Of(s.Condition)[0].AsBool ? s.Then : s.Otherwise);

    public override void Visit(StoreStatement s)
    {
        var (index, stride, value) = (Integer(s.Index), s.Stride is null ? 1 : Integer(s.Stride), Of(s.Value));
        var mask = s.Mask is null ? null : Of(s.Mask);
        for (var lane = 0; lane < value.Length; lane++)
        {
            if (mask is null || mask[lane].AsBool)
            {
                var at = Element(s.Buffer, index + (lane * stride));
                var element = ElementOf(s.Buffer);
                var rounded = element.IsFloat() ? Scalar.Float(element, value[lane].AsDouble) : value[lane];
                (element.IsFloat()
                    ? TensorValue.OfFloats(element, [1], [rounded.AsDouble])
                    : TensorValue.OfIntegers(element, [1], [rounded.Bits])).ToBytes().CopyTo(at);
            }
        }
    }

    public override void Visit(PrefetchStatement s) => Integer(s.Index);

    public override void Visit(FailStatement s)
    {
        if (Of(s.Condition)[0].AsBool)
        {
            Failures.Add(new LoopFailure(s.Site, Integer(s.Element), Integer(s.Value), Integer(s.Bound)));
        }
    }

    public override void Visit(BarrierStatement s) => _barrier!.SignalAndWait();

    public override void Visit(CommentStatement s)
    {
    }

    private void Walk(ValueList<LoopStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }

    private Scalar[] Of(LoopExpr expr) => expr.Accept(_exprs);

    private long Integer(LoopExpr expr) => Of(expr)[0].AsInteger;

    private ElementType ElementOf(int buffer) =>
        buffer < _kernel.Buffers.Count ? _kernel.Buffers[buffer].Element : _kernel.Locals[buffer - _kernel.Buffers.Count].Element;

    private Span<byte> Element(int buffer, long index)
    {
        var (memory, offset, end) = _memory[buffer];
        var width = ElementOf(buffer).ByteSize();
        return index < 0 || offset + ((index + 1) * width) > end
            ? throw new InvalidOperationException($"{_kernel.Name}: element {index} of buffer {buffer} ({(end - offset) / width} elements)")
            : memory.AsSpan((int)(offset + (index * width)), width);
    }

    private Scalar Load(int buffer, long index)
    {
        var element = ElementOf(buffer);
        var value = TensorValue.FromBytes(element, [1], Element(buffer, index))[0];
        return element.IsFloat() ? new Scalar(element.ComputeType(), value.Bits) : value;
    }

    private sealed class Exprs(KernelRun run) : LoopExprVisitor<Scalar[]>
    {
        public override Scalar[] Visit(NumberExpr e) => Fill(e.Type.Lanes, e.Value);

        public override Scalar[] Visit(SizeOfExpr e) => [Scalar.Integer(ElementType.I64, e.Size.Evaluate(run._size))];

        public override Scalar[] Visit(VariableExpr e) => run._variables[e.Variable]!;

        public override Scalar[] Visit(MapExpr e)
        {
            var arguments = e.Arguments.Select(a => a.Accept(this)).ToArray();
            return Lanes(e.Type, l => ScalarMeaning.Apply(e.Op, e.Type.Element, Array.ConvertAll(arguments, a => a[l])));
        }

        public override Scalar[] Visit(FmaExpr e)
        {
            var (a, b, c) = (e.A.Accept(this), e.B.Accept(this), e.C.Accept(this));
            return Lanes(e.Type, l => e.Type.Element.IsFloat()
                ? Scalar.Float(e.Type.Element, Math.FusedMultiplyAdd(a[l].AsDouble, b[l].AsDouble, c[l].AsDouble))
                : Scalar.Integer(e.Type.Element, unchecked((a[l].Bits * b[l].Bits) + c[l].Bits)));
        }

        public override Scalar[] Visit(BitExpr e)
        {
            var a = e.Arguments.Select(x => x.Accept(this)[0].AsInteger).ToArray();
            return
            [
                Scalar.Integer(ElementType.I64, e.Op switch
                {
                    BitOp.BitAnd => a[0] & a[1],
                    BitOp.BitOr => a[0] | a[1],
                    BitOp.ShiftLeft => a[0] << (int)a[1],
                    BitOp.ShiftRight => a[0] >>> (int)a[1],
                    _ => System.Numerics.BitOperations.TrailingZeroCount(a[0]),
                }),
            ];
        }

        public override Scalar[] Visit(ReinterpretExpr e) => [.. e.Value.Accept(this).Select(v => e.Element switch
        {
            ElementType.I32 => Scalar.Integer(e.Element, BitConverter.SingleToInt32Bits((float)v.AsDouble)),
            ElementType.I64 => Scalar.Integer(e.Element, BitConverter.DoubleToInt64Bits(v.AsDouble)),
            ElementType.F32 => Scalar.Float(e.Element, BitConverter.Int32BitsToSingle((int)v.AsInteger)),
            _ => Scalar.Float(e.Element, BitConverter.Int64BitsToDouble(v.AsInteger)),
        })];

        public override Scalar[] Visit(DotExpr e)
        {
            var (a, b, c) = (e.A.Accept(this), e.B.Accept(this), e.C.Accept(this));
            return Lanes(e.Type, l => Scalar.Integer(
                e.Type.Element, (int)(c[l].AsInteger + Enumerable.Range(e.Group * l, e.Group).Sum(j => a[j].AsInteger * b[j].AsInteger))));
        }

        public override Scalar[] Visit(LoadExpr e)
        {
            var (index, stride) = (run.Integer(e.Index), e.Stride is null ? 1 : run.Integer(e.Stride));
            return Masked(e.Type, e.Mask, l => run.Load(e.Buffer, index + (l * stride)));
        }

        public override Scalar[] Visit(GatherExpr e)
        {
            var indices = e.Indices.Accept(this);
            return Masked(e.Type, e.Mask, l => run.Load(e.Buffer, indices[l].Bits));
        }

        public override Scalar[] Visit(SplatExpr e) => Fill(e.Type.Lanes, e.Value.Accept(this)[0]);

        public override Scalar[] Visit(RampExpr e)
        {
            var (start, step) = (run.Integer(e.Base), run.Integer(e.Step));
            return Lanes(e.Type, l => Scalar.Integer(ElementType.I64, start + (l * step)));
        }

        public override Scalar[] Visit(LaneReduceExpr e)
        {
            var op = e.Kind switch
            {
                ReduceKind.Sum => MapOp.Add,
                ReduceKind.Prod => MapOp.Mul,
                ReduceKind.Max => MapOp.Max,
                ReduceKind.Min => MapOp.Min,
                ReduceKind.Any => MapOp.Or,
                _ => MapOp.And,
            };
            var values = e.Vector.Accept(this);
            for (var half = values.Length / 2; half > 0; half /= 2)
            {
                values = Lanes(e.Type with { Lanes = half }, l => ScalarMeaning.Apply(op, e.Type.Element, values[l], values[l + half]));
            }

            return values;
        }

        public override Scalar[] Visit(ShuffleExpr e)
        {
            Scalar[] both = [.. e.A.Accept(this), .. e.B.Accept(this)];
            return Lanes(e.Type, l => both[e.Lanes[l]]);
        }

        public override Scalar[] Visit(LaneExpr e) => [e.Vector.Accept(this)[e.Lane]];

        private static Scalar[] Fill(int lanes, Scalar value)
        {
            var values = new Scalar[lanes];
            Array.Fill(values, value);
            return values;
        }

        private static Scalar[] Lanes(LaneType type, Func<int, Scalar> lane)
        {
            var values = new Scalar[type.Lanes];
            for (var l = 0; l < values.Length; l++)
            {
                values[l] = lane(l);
            }

            return values;
        }

        private Scalar[] Masked(LaneType type, LoopExpr? mask, Func<int, Scalar> lane)
        {
            var on = mask?.Accept(this);
            return Lanes(type, l => on is null || on[l].AsBool ? lane(l) : Scalar.Of(type.Element, 0));
        }
    }
}
