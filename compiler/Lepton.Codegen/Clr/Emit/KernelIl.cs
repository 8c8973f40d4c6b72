using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// One kernel as a static method with the signature of every kernel (<see cref="NativeContext"/>), which threads call as they call machine code:
/// <code>
/// addresses and sizes to locals; local buffers on the stack
/// for (chunk = first; chunk &lt; end; chunk++) body
/// </code>
/// </summary>
internal sealed class KernelIl : LoopStatementVisitor
{
    public static readonly Type[] Parameters = [typeof(NativeContext*), typeof(void**), typeof(long*), typeof(long), typeof(long)];

    // A loop is repeated in the code up to so often.
    private const int MaxUnrolled = 64;
    private const int LocalAlignment = 64;

    private readonly Kernel _kernel;
    private readonly IlWriter _writer;
    private readonly Lanes?[] _values;
    private readonly LocalBuilder[]?[] _mutable;
    private readonly ExprIl _expr;
    private readonly MemoryIl _memory;
    private readonly Dictionary<Node, Node> _definitions = [];
    private readonly Place[] _places;
    private readonly bool _streams;

    private KernelIl(Kernel kernel, MethodBuilder method, ClrParts parts)
    {
        _kernel = kernel;
        _writer = new IlWriter(method.GetILGenerator());
        _values = new Lanes?[kernel.Variables];
        _mutable = new LocalBuilder[]?[kernel.Variables];
        var vectors = new VectorIl(parts.Shape, parts.Target.HasFma, parts.Math, _writer.Bind(parts.Math.PoolBase));
        vectors.Definition = _definitions.GetValueOrDefault;
        _memory = new MemoryIl(vectors, vectors.Shape);
        var variables = KernelCode.SizeVariables(kernel).Index().ToDictionary(v => v.Item, v => _writer.Bind(Element(typeof(long), 2, v.Index)));
        _places = [.. Places()];
        var size = new SizeIl(name => variables[name]);
        var finder = new SizeFinder();
        finder.Look(kernel.Body);
        _streams = finder.Streamed.Count > 0;
        var known = finder.Found.ToDictionary(s => s, s => _writer.Bind(size.Value(s)));
        _expr = new ExprIl(vectors, _memory, _places, s => known[s], Variable);
    }

    public static MethodBuilder Define(ClrParts parts, int number)
    {
        var kernel = parts.Module.Kernels[number];
        var method = parts.Method($"kernel{number}.{kernel.Name}", typeof(void), Parameters);
        new KernelIl(kernel, method, parts).Chunks();
        return method;
    }

    /// <summary>Callable from machine code and from the pool; compiled once, with all optimisations; locals come uninitialised.</summary>
    public static void Mark(MethodBuilder method)
    {
        method.SetCustomAttribute(new CustomAttributeBuilder(typeof(UnmanagedCallersOnlyAttribute).GetConstructor([])!, []));
        method.SetImplementationFlags(MethodImplAttributes.AggressiveOptimization);
        method.InitLocals = false;
    }

    public override void Visit(LetStatement statement)
    {
        var value = _expr.Value(statement.Value);
        var bound = value with { Parts = _writer.Bind(value.Parts) };
        _values[statement.Variable] = bound;
        if (value.Type is { Element: ElementType.Bool, Lanes: > 1 })
        {
            foreach (var (local, part) in bound.Parts.Zip(value.Parts))
            {
                _definitions[local] = part;
            }
        }
    }

    public override void Visit(DeclareStatement statement)
    {
        var value = _expr.Value(statement.Initial);
        var locals = Array.ConvertAll(value.Parts, p => _writer.NewLocal(p.Type));
        _writer.Push(value.Parts, i => _writer.Il.Emit(OpCodes.Stloc, locals[i]));
        _mutable[statement.Variable] = locals;
        _values[statement.Variable] = value with { Parts = Array.ConvertAll(locals, l => Node.Local(l, mutable: true)) };
    }

    public override void Visit(AssignStatement statement)
    {
        var (value, locals) = (_expr.Value(statement.Value), _mutable[statement.Variable]!);
        _definitions.Clear();
        var carrier = _values[statement.Variable]!.Carrier;
        value = value.Carrier == carrier || value.IsScalar ? value : _expr.MaskOf(value, carrier.ByteSize());

        // All parts are computed before the first is set.
        if (value.Parts.Length == 1 || !value.Parts.Any(p => ReadsMutable(p)))
        {
            _writer.Push(value.Parts, i => _writer.Il.Emit(OpCodes.Stloc, locals[i]));
            return;
        }

        _writer.Push(value.Parts);
        for (var i = locals.Length - 1; i >= 0; i--)
        {
            _writer.Il.Emit(OpCodes.Stloc, locals[i]);
        }
    }

    public override void Visit(ForStatement statement)
    {
        var (from, to) = (_expr.Scalar(statement.From), _expr.Scalar(statement.To));
        if (statement.Unroll && from.Integer is { } first && to.Integer is { } last && (last - first) / statement.Step <= MaxUnrolled)
        {
            for (var i = first; i < last; i += statement.Step)
            {
                _values[statement.Variable] = Index(Node.Int64(i));
                Body(statement.Body);
            }

            return;
        }

        Loop(statement.Variable, from, to, statement.Step, statement.Body);
    }

    public override void Visit(WhileStatement statement) =>
        _writer.While(() => Each(statement.Head), () => _expr.Scalar(statement.Condition), () => Body(statement.Body));

    public override void Visit(IfStatement statement) => _writer.If(
        _expr.Scalar(statement.Condition), () => Body(statement.Then), statement.Otherwise.Count == 0 ? null : () => Body(statement.Otherwise));

    public override void Visit(StoreStatement statement) => _writer.Block(() => _memory.Store(
        _writer,
        _places[statement.Buffer],
        _expr.Scalar(statement.Index),
        _expr.Value(statement.Value),
        statement.Stride is null ? null : _expr.Scalar(statement.Stride),
        statement.Mask is null ? null : _expr.Value(statement.Mask),
        statement.Stream));

    public override void Visit(PrefetchStatement statement)
    {
        if (System.Runtime.Intrinsics.X86.Sse.IsSupported)
        {
            _writer.Push(MemoryIl.Address(_places[statement.Buffer], _expr.Scalar(statement.Index)));
            _writer.Il.Emit(OpCodes.Call, typeof(System.Runtime.Intrinsics.X86.Sse).GetMethod(statement.Far ? "Prefetch1" : "Prefetch0")!);
        }
    }

    public override void Visit(FailStatement statement)
    {
        var good = _writer.Il.DefineLabel();
        _writer.Push(_expr.Scalar(statement.Condition));
        _writer.Il.Emit(OpCodes.Brfalse, good);
        _writer.Push([Context, Node.Int64(statement.Site), _expr.Scalar(statement.Element), _expr.Scalar(statement.Value), _expr.Scalar(statement.Bound)]);
        _writer.Il.Emit(OpCodes.Call, ClrSupport.Method("Fail"));
        _writer.Il.MarkLabel(good);
    }

    public override void Visit(BarrierStatement statement) => throw new CompilerBugException("clr", $"kernel {_kernel.Name} is for groups of chunks");

    public override void Visit(CommentStatement statement)
    {
    }

    private static Node Context => Node.Argument(typeof(NativeContext*), 0);

    private static Lanes Index(Node value) => new(LaneType.Index, ElementType.I64, [value]);

    // Element number so and so of an array of pointers or sizes that is an argument.
    private static Node Element(Type type, int argument, int number) => new(
        type == typeof(long) ? type : typeof(nint),
        w => w.Il.Emit(type == typeof(long) ? OpCodes.Ldind_I8 : OpCodes.Ldind_I),
        Node.Op(OpCodes.Add, typeof(nint), Node.Argument(typeof(nint), argument), Node.Int32(number * 8)));

    private static bool ReadsMutable(Node node)
    {
        var open = new Stack<Node>([node]);
        while (open.TryPop(out var next))
        {
            if (next.IsMutable)
            {
                return true;
            }

            foreach (var operand in next.Operands.Concat(next.Branches))
            {
                open.Push(operand);
            }
        }

        return false;
    }

    private IEnumerable<Place> Places()
    {
        for (var i = 0; i < _kernel.Buffers.Count; i++)
        {
            yield return new Place(_writer.Bind(Element(typeof(nint), 1, i)), _kernel.Buffers[i].Element);
        }

        foreach (var local in _kernel.Locals)
        {
            // One behind the other would do as well; each is rounded up to where the next aligned place is.
            var il = _writer.Il;
            var place = _writer.NewLocal(typeof(nint));
            il.Emit(OpCodes.Ldc_I4, checked((local.Count * local.Element.ByteSize()) + (2 * LocalAlignment)));
            il.Emit(OpCodes.Conv_U);
            il.Emit(OpCodes.Localloc);
            il.Emit(OpCodes.Ldc_I4, LocalAlignment - 1);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Ldc_I4, -LocalAlignment);
            il.Emit(OpCodes.Conv_I);
            il.Emit(OpCodes.And);
            il.Emit(OpCodes.Stloc, place);
            yield return new Place(Node.Local(place), local.Element);
        }
    }

    private void Chunks()
    {
        Loop(Kernel.ChunkVariable, Node.Argument(typeof(long), 3), Node.Argument(typeof(long), 4), 1, _kernel.Body);
        if (_streams && System.Runtime.Intrinsics.X86.Sse.IsSupported)
        {
            // What is behind it sees what was streamed before it.
            _writer.Il.Emit(OpCodes.Call, typeof(System.Runtime.Intrinsics.X86.Sse).GetMethod("StoreFence")!);
        }

        _writer.Il.Emit(OpCodes.Ret);
    }

    private void Body(ValueList<LoopStatement> body) => _writer.Block(() => Each(body));

    // What was known before is not known in a body that may run again, nor what is found in it behind it.
    private void Each(ValueList<LoopStatement> body)
    {
        _definitions.Clear();
        foreach (var statement in body)
        {
            statement.Accept(this);
        }

        _definitions.Clear();
    }

    //   v = from;  goto test;  body: …  v += step;  test: if (v < to) goto body
    private void Loop(int variable, Node from, Node to, long step, ValueList<LoopStatement> body) => _writer.Block(() =>
    {
        var il = _writer.Il;
        var (inside, test, counter) = (il.DefineLabel(), il.DefineLabel(), _writer.NewLocal(typeof(long)));
        to = _writer.Bind(to);
        _writer.Push(from);
        il.Emit(OpCodes.Stloc, counter);
        il.Emit(OpCodes.Br, test);
        il.MarkLabel(inside);
        _values[variable] = Index(Node.Local(counter));
        Body(body);
        il.Emit(OpCodes.Ldloc, counter);
        il.Emit(OpCodes.Ldc_I8, step);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, counter);
        il.MarkLabel(test);
        il.Emit(OpCodes.Ldloc, counter);
        _writer.Push(to);
        il.Emit(OpCodes.Blt, inside);
    });

    private Lanes Variable(VariableExpr expr) => _values[expr.Variable]
        ?? throw new CompilerBugException("clr", $"kernel {_kernel.Name} uses variable {expr.Variable} before it is set");
}
