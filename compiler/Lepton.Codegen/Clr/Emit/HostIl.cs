using System.Reflection;
using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// The functions of an entry as static methods, as <see cref="NativeContext"/> describes them. Kernels are called through a table of their
/// addresses, which is filled when the methods exist.
/// </summary>
internal sealed class HostIl : HostStatementVisitor
{
    private const int ArenaAlignment = 64;

    private readonly ClrParts _parts;
    private readonly EntryProgram _program;
    private readonly IlWriter _writer;
    private readonly Dictionary<string, Node> _counters = [];
    private readonly SizeIl _size;
    private readonly Node[] _tensors;
    private readonly Node[] _arena;
    private readonly Node[] _prepared = [];
    private readonly LocalBuilder[] _pointers;
    private readonly Node _buffers;
    private readonly Node _sizes;

    private HostIl(ClrParts parts, EntryProgram program, MethodBuilder method)
    {
        (_parts, _program, _writer) = (parts, program, new IlWriter(method.GetILGenerator()));
        foreach (var (i, name) in program.Manifest.Dims.Index())
        {
            _counters[name] = _writer.Bind(Read(typeof(long), Node.Argument(typeof(nint), 2), i));
        }

        _size = new SizeIl(name => _counters[name]);
        var manifest = program.Manifest;
        var tensors = manifest.Arguments.Concat(manifest.Parameters).Concat(manifest.Results).Sum(t => t.NativeArrays.Count);
        _tensors = [.. Enumerable.Range(0, tensors).Select(i => _writer.Bind(Read(typeof(nint), Node.Argument(typeof(nint), 1), i)))];
        _arena = Places(Node.Argument(typeof(nint), 3), program.Arena);
        if (program.Prepared.Count > 0)
        {
            _prepared = Places(Field("Prepared"), program.Prepared);
        }

        _pointers = [.. Enumerable.Range(0, program.Pointers).Select(_ => _writer.NewLocal(typeof(nint)))];
        _buffers = Allocated(parts.Module.Kernels.Max(k => (int?)k.Buffers.Count) ?? 0);
        _sizes = Allocated(parts.Module.Kernels.Max(k => (int?)KernelCode.SizeVariables(k).Count) ?? 0);
    }

    public static void Define(ClrParts parts, EntryProgram program)
    {
        var symbol = program.Manifest.Symbol;
        Define(parts, program, program.Body, symbol);
        DefineArena(parts, program);
        Define(parts, program with { Arena = program.PrepareArena }, program.Prepare, symbol + "_prepare");
        DefinePrepared(parts, program);
    }

    public override void Visit(Launch statement)
    {
        var kernel = _parts.Module.Kernels[statement.Kernel];
        for (var i = 0; i < statement.Buffers.Count; i++)
        {
            Write(_buffers, i, Address(statement.Buffers[i]));
        }

        foreach (var (i, name) in KernelCode.SizeVariables(kernel).Index())
        {
            Write(_sizes, i, _counters[name]);
        }

        if (_parts.Profile)
        {
            // The error's place is free as long as there is no error.
            WriteField("Site", Node.Int64(statement.Kernel));
        }

        var function = new Node(typeof(nint), w => w.Il.Emit(OpCodes.Ldind_I), Constant(_parts.Table + (statement.Kernel * sizeof(long))));
        _writer.Push([Context, function, _buffers, _sizes, _size.Value(kernel.Chunks), Node.Int64(_parts.Profile ? 1 : 2)]);
        _writer.Il.Emit(OpCodes.Call, ClrSupport.Method("Launch"));
        var (status, next) = (_writer.NewLocal(typeof(int)), _writer.Il.DefineLabel());
        _writer.Il.Emit(OpCodes.Stloc, status);
        _writer.Il.Emit(OpCodes.Ldloc, status);
        _writer.Il.Emit(OpCodes.Brfalse, next);
        _writer.Il.Emit(OpCodes.Ldloc, status);
        _writer.Il.Emit(OpCodes.Ret);
        _writer.Il.MarkLabel(next);
    }

    public override void Visit(Copy statement)
    {
        _writer.Push([Address(statement.From), Address(statement.To), _size.Value(statement.Bytes)]);
        _writer.Il.Emit(OpCodes.Call, ClrSupport.Method("Copy"));
    }

    public override void Visit(HostLoop statement) => _writer.Block(() =>
    {
        var il = _writer.Il;
        var (inside, test, done) = (il.DefineLabel(), il.DefineLabel(), il.DefineLabel());
        var (counter, count) = (_writer.NewLocal(typeof(long)), _writer.Bind(_size.Value(statement.Count)));
        il.Emit(OpCodes.Ldc_I8, 0L);
        il.Emit(OpCodes.Stloc, counter);
        il.Emit(OpCodes.Br, test);
        il.MarkLabel(inside);
        _counters[statement.Counter] = Node.Local(counter);
        Body(statement.Body);
        if (statement.Until is { } until)
        {
            _writer.Push(Address(until));
            il.Emit(OpCodes.Ldind_U1);
            il.Emit(OpCodes.Brtrue, done);
        }

        _writer.Push(Node.Local(counter) + Node.Int64(1));
        il.Emit(OpCodes.Stloc, counter);
        il.MarkLabel(test);
        _writer.Push([Node.Local(counter), count]);
        il.Emit(OpCodes.Blt, inside);
        il.MarkLabel(done);
        _counters.Remove(statement.Counter);
    });

    public override void Visit(SetPointer statement)
    {
        _writer.Push(Address(statement.Place));
        _writer.Il.Emit(OpCodes.Stloc, _pointers[statement.Pointer]);
    }

    public override void Visit(SwapPointers statement)
    {
        var (first, second) = (_pointers[statement.First], _pointers[statement.Second]);
        _writer.Il.Emit(OpCodes.Ldloc, first);
        _writer.Il.Emit(OpCodes.Ldloc, second);
        _writer.Il.Emit(OpCodes.Stloc, first);
        _writer.Il.Emit(OpCodes.Stloc, second);
    }

    public override void Visit(AllocateLate statement)
    {
        var (il, pointer, next) = (_writer.Il, _pointers[statement.Pointer], _writer.Il.DefineLabel());
        _writer.Push([Context, _size.Value(statement.Bytes)]);
        il.Emit(OpCodes.Call, ClrSupport.Method("Allocate"));
        il.Emit(OpCodes.Stloc, pointer);
        il.Emit(OpCodes.Ldloc, pointer);
        il.Emit(OpCodes.Brtrue, next);
        il.Emit(OpCodes.Ldc_I4, (int)NativeStatus.Failed);
        il.Emit(OpCodes.Ret);
        il.MarkLabel(next);
    }

    public override void Visit(ReadSize statement)
    {
        var isLong = statement.Element == ElementType.I64;
        var place = Address(statement.Place);
        var value = _writer.Bind(isLong
            ? new Node(typeof(long), w => w.Il.Emit(OpCodes.Ldind_I8), place)
            : Node.Op(OpCodes.Conv_I8, typeof(long), new Node(typeof(int), w => w.Il.Emit(OpCodes.Ldind_I4), place)));
        _counters[statement.Size] = value;
        if (_program.Manifest.Dims.ToList().IndexOf(statement.Size) is >= 0 and var dim)
        {
            Write(Node.Argument(typeof(nint), 2), dim, value);
        }
    }

    public override void Visit(GiveArray statement) => Write(Node.Argument(typeof(nint), 1), statement.Tensor, Node.Local(_pointers[statement.Pointer]));

    private static Node Context => Node.Argument(typeof(NativeContext*), 0);

    private static void Define(ClrParts parts, EntryProgram program, ValueList<HostStatement> body, string symbol)
    {
        var method = parts.Method(symbol, typeof(int), typeof(nint), typeof(nint), typeof(nint), typeof(nint));

        // What does nothing needs no places.
        var code = new HostIl(parts, body.Count > 0 ? program : program with { Arena = [], Prepared = [], Pointers = 0 }, method);
        code.Body(body);
        code._writer.Il.Emit(OpCodes.Ldc_I4_0);
        code._writer.Il.Emit(OpCodes.Ret);
    }

    private static void DefineArena(ClrParts parts, EntryProgram program)
    {
        var writer = new IlWriter(parts.Method(program.Manifest.Symbol + "_arena", typeof(long), typeof(nint)).GetILGenerator());
        writer.Push(Total(program.Arena, DimsAt(program, 0)));
        writer.Il.Emit(OpCodes.Ret);
    }

    // The same block, and so the same key, as machine code has: see PreparedCode.
    private static void DefinePrepared(ClrParts parts, EntryProgram program)
    {
        var writer = new IlWriter(parts.Method(program.Manifest.Symbol + "_prepared", typeof(long), typeof(nint), typeof(nint)).GetILGenerator());
        var size = DimsAt(program, 0);
        if (program.Prepared.Count > 0)
        {
            var (facts, done) = (Node.Argument(typeof(nint), 1), writer.Il.DefineLabel());
            writer.Push(facts);
            writer.Il.Emit(OpCodes.Brfalse, done);
            var known = new PreparedCode.Facts(parts.Module, program);
            var key = Node.Int64(known.Hash());
            foreach (var name in known.Dims)
            {
                key = (key ^ size.Value(SizeExpr.Variable(name))) * Node.Int64(PreparedCode.Odd);
                key = writer.Bind(key);
                key ^= Node.Op(OpCodes.Shr_Un, typeof(long), key, Node.Int32(29));
            }

            Write(writer, facts, 0, key);
            Write(writer, facts, 1, Total(program.PrepareArena, size));
            writer.Il.MarkLabel(done);
        }

        writer.Push(Total(program.Prepared, size));
        writer.Il.Emit(OpCodes.Ret);
    }

    private static SizeIl DimsAt(EntryProgram program, int argument)
    {
        var dims = program.Manifest.Dims.Index().ToDictionary(d => d.Item, d => d.Index);
        return new SizeIl(name => Read(typeof(long), Node.Argument(typeof(nint), argument), dims[name]));
    }

    private static Node Total(ValueList<SizeExpr> buffers, SizeIl size) => buffers.Aggregate(Node.Int64(0), (sum, b) => sum + Rounded(size.Value(b)));

    private static Node Rounded(Node bytes) => bytes.Integer is { } known
        ? Node.Int64((known + ArenaAlignment - 1) & -ArenaAlignment)
        : (bytes + Node.Int64(ArenaAlignment - 1)) & Node.Int64(-ArenaAlignment);

    private static Node Constant(nint address) => Node.Op(OpCodes.Conv_I, typeof(nint), Node.Int64(address));

    private static Node At(Node start, Node bytes) => bytes.Integer == 0 ? start : Node.Op(OpCodes.Add, typeof(nint), start, Node.Op(OpCodes.Conv_I, typeof(nint), bytes));

    private static Node Read(Type type, Node array, int number) =>
        new(type, w => w.Il.Emit(type == typeof(long) ? OpCodes.Ldind_I8 : OpCodes.Ldind_I), At(array, Node.Int64(number * 8)));

    private static void Write(IlWriter writer, Node array, int number, Node value)
    {
        writer.Push([At(array, Node.Int64(number * 8)), value]);
        writer.Il.Emit(value.Type == typeof(long) ? OpCodes.Stind_I8 : OpCodes.Stind_I);
    }

    private void Write(Node array, int number, Node value) => Write(_writer, array, number, value);

    private static Node Field(string name) => new(typeof(nint), w => w.Il.Emit(OpCodes.Ldfld, typeof(NativeContext).GetField(name)!), Context);

    private void WriteField(string name, Node value)
    {
        _writer.Push([Context, value]);
        _writer.Il.Emit(OpCodes.Stfld, typeof(NativeContext).GetField(name)!);
    }

    private Node Allocated(int count)
    {
        var place = _writer.NewLocal(typeof(nint));
        _writer.Il.Emit(OpCodes.Ldc_I4, 8 * Math.Max(1, count));
        _writer.Il.Emit(OpCodes.Conv_U);
        _writer.Il.Emit(OpCodes.Localloc);
        _writer.Il.Emit(OpCodes.Stloc, place);
        return Node.Local(place);
    }

    private Node[] Places(Node block, ValueList<SizeExpr> buffers)
    {
        var places = new Node[buffers.Count];
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = block;
            block = i + 1 < places.Length ? _writer.Bind(At(block, Rounded(_size.Value(buffers[i])))) : block;
        }

        return places;
    }

    private Node Address(BufferRef buffer)
    {
        var start = buffer.Kind switch
        {
            BufferKind.Tensor => _tensors[buffer.Number],
            BufferKind.Constant => Constant(_parts.Constants[buffer.Number]),
            BufferKind.Arena => _arena[buffer.Number],
            BufferKind.Prepared => _prepared[buffer.Number],
            _ => Node.Local(_pointers[buffer.Number], mutable: true),
        };
        return At(start, _size.Value(buffer.Offset));
    }

    private void Body(ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }
}
