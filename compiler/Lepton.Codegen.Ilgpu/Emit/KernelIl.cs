using System.Reflection;
using System.Reflection.Emit;
using ILGPU;
using Lepton.Abi;
using Lepton.Codegen.Clr.Emit;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>One kernel as a static method of the shape that ILGPU launches; its parameters are those of <see cref="IlgpuCode"/>.</summary>
internal sealed class KernelIl : LoopStatementVisitor
{
    private const int Alignment = 64;

    private readonly Kernel _kernel;
    private readonly IReadOnlyList<string> _sizes;
    private readonly IlWriter _writer;
    private readonly Lanes?[] _values;
    private readonly LocalBuilder[]?[] _mutable;
    private readonly ExprIl _expr;
    private readonly Place[] _places;
    private readonly Node _chunk;

    private KernelIl(Kernel kernel, MethodBuilder method, IReadOnlyList<string> sizes, ScalarMath math)
    {
        (_kernel, _sizes) = (kernel, sizes);
        if (kernel.Group != 1)
        {
            throw Grouped();
        }

        _writer = new IlWriter(method.GetILGenerator());
        _values = new Lanes?[kernel.Variables];
        _mutable = new LocalBuilder[]?[kernel.Variables];
        _chunk = _writer.Bind(Call(nameof(IlgpuSupport.Chunk), new Node(typeof(Index1D), w => w.Il.Emit(OpCodes.Ldarg_0)), Node.Argument(typeof(long), First)));
        _places = [.. Places()];
        var variables = sizes.Index().ToDictionary(v => v.Item, v => Node.Argument(typeof(long), 1 + kernel.Buffers.Count + v.Index));
        var size = new SizeIl(name => variables[name]);
        var finder = new SizeFinder();
        finder.Look(kernel.Body);
        var known = finder.Found.ToDictionary(s => s, s => _writer.Bind(size.Value(s)));
        _expr = new ExprIl(math, _places, s => known[s], Variable);
        _values[Kernel.ChunkVariable] = new Lanes(LaneType.Index, [_chunk]);
    }

    private int Scratch => 1 + _kernel.Buffers.Count + _sizes.Count;

    private int Report => Scratch + 1;

    private int First => Scratch + 2;

    /// <summary>Writes the method; gives its name and the bytes of memory that a work-item needs besides the buffers.</summary>
    public static (string Name, long ScratchBytes) Define(TypeBuilder type, Kernel kernel, int number, ScalarMath math)
    {
        var sizes = KernelCode.SizeVariables(kernel);
        Type[] parameters =
        [
            typeof(Index1D), .. kernel.Buffers.Select(b => Place.ViewOf(b.Element)), .. sizes.Select(_ => typeof(long)),
            typeof(ArrayView<byte>), typeof(ArrayView<long>), typeof(long),
        ];
        var method = type.DefineMethod($"k{number}", MethodAttributes.Public | MethodAttributes.Static, typeof(void), parameters);
        var code = new KernelIl(kernel, method, sizes, math);
        code.Each(kernel.Body);
        code._writer.Il.Emit(OpCodes.Ret);
        return (method.Name, ScratchBytes(kernel));
    }

    public override void Visit(LetStatement statement)
    {
        var value = _expr.Value(statement.Value);
        _values[statement.Variable] = value with { Parts = _writer.Bind(value.Parts) };
    }

    public override void Visit(DeclareStatement statement)
    {
        var value = _expr.Value(statement.Initial);
        var locals = Array.ConvertAll(value.Parts, p => _writer.NewLocal(p.Type));
        _writer.Push(value.Parts, i => _writer.Il.Emit(OpCodes.Stloc, locals[i]));
        _mutable[statement.Variable] = locals;
        _values[statement.Variable] = value with { Parts = Array.ConvertAll(locals, l => Node.Local(l, mutable: true)) };
    }

    // All lanes are computed before the first is set.
    public override void Visit(AssignStatement statement)
    {
        var (value, locals) = (_expr.Value(statement.Value), _mutable[statement.Variable]!);
        var computed = _writer.Bind(value.Parts);
        _writer.Push(computed, i => _writer.Il.Emit(OpCodes.Stloc, locals[i]));
    }

    // What is to be unrolled, ILGPU unrolls.
    public override void Visit(ForStatement statement) => _writer.Block(() =>
    {
        var il = _writer.Il;
        var (head, done, counter) = (il.DefineLabel(), il.DefineLabel(), _writer.NewLocal(typeof(long)));
        var to = _writer.Bind(_expr.Scalar(statement.To));
        _writer.Push(_expr.Scalar(statement.From));
        il.Emit(OpCodes.Stloc, counter);
        il.MarkLabel(head);
        il.Emit(OpCodes.Ldloc, counter);
        _writer.Push(to);
        il.Emit(OpCodes.Bge, done);
        _values[statement.Variable] = new Lanes(LaneType.Index, [Node.Local(counter)]);
        Body(statement.Body);
        il.Emit(OpCodes.Ldloc, counter);
        il.Emit(OpCodes.Ldc_I8, statement.Step);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, counter);
        il.Emit(OpCodes.Br, head);
        il.MarkLabel(done);
    });

    public override void Visit(WhileStatement statement) =>
        _writer.While(() => Each(statement.Head), () => _expr.Scalar(statement.Condition), () => Body(statement.Body));

    public override void Visit(IfStatement statement) => _writer.If(
        _expr.Scalar(statement.Condition), () => Body(statement.Then), statement.Otherwise.Count == 0 ? null : () => Body(statement.Otherwise));

    public override void Visit(StoreStatement statement) => _writer.Block(() => MemoryIl.Store(
        _writer, _places[statement.Buffer], _expr.Indices(statement.Index, statement.Stride), _expr.Value(statement.Value), _expr.Optional(statement.Mask)));

    public override void Visit(PrefetchStatement statement)
    {
    }

    public override void Visit(FailStatement statement)
    {
        var good = _writer.Il.DefineLabel();
        _writer.Push(_expr.Scalar(statement.Condition));
        _writer.Il.Emit(OpCodes.Brfalse, good);
        _writer.Push(
        [
            new Node(typeof(ArrayView<long>), w => w.Il.Emit(OpCodes.Ldarg, (short)Report)), Node.Int64(statement.Site),
            _expr.Scalar(statement.Element), _expr.Scalar(statement.Value), _expr.Scalar(statement.Bound),
        ]);
        _writer.Il.Emit(OpCodes.Call, typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.Fail))!);
        _writer.Il.MarkLabel(good);
    }

    public override void Visit(BarrierStatement statement) => throw Grouped();

    public override void Visit(CommentStatement statement)
    {
    }

    // Never empty: a view starts before the end of what it is of.
    private static long Bytes(LocalBuffer local) =>
        (((long)Math.Max(1, local.Count) * local.Element.ByteSize()) + Alignment - 1) / Alignment * Alignment;

    private static long ScratchBytes(Kernel kernel) => kernel.Locals.Sum(Bytes);

    private static Node Call(string name, params Node[] a) => Node.Call(typeof(IlgpuSupport).GetMethod(name)!, a);

    // Buffers are arguments; local buffers lie one behind the other in the work-item's part of the scratch memory.
    private IEnumerable<Place> Places()
    {
        for (var i = 0; i < _kernel.Buffers.Count; i++)
        {
            yield return Place.Argument(1 + i, _kernel.Buffers[i].Element);
        }

        var (offset, total) = (0L, ScratchBytes(_kernel));
        foreach (var local in _kernel.Locals)
        {
            var view = _writer.NewLocal(Place.ViewOf(local.Element));
            var start = ((_chunk - Node.Argument(typeof(long), First)) * Node.Int64(total)) + Node.Int64(offset);
            _writer.Push([new Node(typeof(ArrayView<byte>), w => w.Il.Emit(OpCodes.Ldarg, (short)Scratch)), start, Node.Int64(Bytes(local))]);
            var piece = typeof(IlgpuSupport).GetMethod(nameof(IlgpuSupport.Piece))!;
            _writer.Il.Emit(OpCodes.Call, piece.MakeGenericMethod(Place.MemoryOf(local.Element)));
            _writer.Il.Emit(OpCodes.Stloc, view);
            offset += Bytes(local);
            yield return Place.Local(view, local.Element);
        }
    }

    private void Body(ValueList<LoopStatement> body) => _writer.Block(() => Each(body));

    private void Each(ValueList<LoopStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }

    private CompilerBugException Grouped() => new("ilgpu", $"kernel {_kernel.Name} is for groups of chunks");

    private Lanes Variable(VariableExpr expr) => _values[expr.Variable]
        ?? throw new CompilerBugException("ilgpu", $"kernel {_kernel.Name} uses variable {expr.Variable} before it is set");
}
