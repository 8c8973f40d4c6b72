using Lepton.Abi;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>The native functions of an entry: <c>lep_ENTRY</c>, which runs its launches, <c>lep_ENTRY_arena</c>, and those that prepare. See NativeContext.</summary>
internal sealed class HostCode : HostStatementVisitor
{
    private const int ArenaAlignment = 64;

    private readonly KernelModule _module;
    private readonly EntryProgram _program;
    private readonly bool _profile;
    private readonly FunctionText _text = new();
    private readonly Dictionary<string, string> _counters = [];
    private readonly string[] _arena;
    private readonly string[] _prepared = [];
    private readonly string[] _pointers;
    private readonly string _buffers;
    private readonly string _sizes;
    private SizeCode _size;

    private HostCode(KernelModule module, EntryProgram program, bool profile)
    {
        (_module, _program, _profile) = (module, program, profile);
        for (var i = 0; i < program.Manifest.Dims.Count; i++)
        {
            _counters[program.Manifest.Dims[i]] = _text.Value($"load i64, ptr {_text.Value($"getelementptr i64, ptr %dims, i64 {i}")}");
        }

        _size = NewScope();
        _arena = Places("%arena", program.Arena);
        if (program.Prepared.Count > 0)
        {
            _prepared = Places(_text.Value($"load ptr, ptr {Field(ContextLayout.Prepared)}"), program.Prepared);
        }

        _pointers = [.. Enumerable.Range(0, program.Pointers).Select(_ => _text.Alloca("ptr", 8))];
        _buffers = _text.Alloca($"[{System.Math.Max(1, module.Kernels.Max(k => (int?)k.Buffers.Count) ?? 0)} x ptr]", 8);
        _sizes = _text.Alloca($"[{System.Math.Max(1, module.Kernels.Max(k => (int?)KernelCode.SizeVariables(k).Count) ?? 0)} x i64]", 8);
    }

    /// <summary>
    /// Runs a kernel over its chunks, on the host's threads where there are any: 0, or the status that ends the run. A single chunk is handed to
    /// the host only when that wants to see every launch.
    /// </summary>
    public static string LaunchHelper(bool profile) => $$"""
        define internal i32 @lep.launch(ptr %ctx, ptr %kernel, ptr %buffers, ptr %sizes, i64 %chunks) noinline {
        entry:
          %cancelAt = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 1
          %cancel = load ptr, ptr %cancelAt
          %canCancel = icmp ne ptr %cancel, null
          br i1 %canCancel, label %look, label %some
        look:
          %flag = load volatile i32, ptr %cancel
          %cancelled = icmp ne i32 %flag, 0
          br i1 %cancelled, label %stop, label %some
        stop:
          ret i32 2
        some:
          %any = icmp sgt i64 %chunks, 0
          br i1 %any, label %choose, label %done
        choose:
          %parallel = load ptr, ptr %ctx
          %hasThreads = icmp ne ptr %parallel, null
          %several = icmp sgt i64 %chunks, {{(profile ? 0 : 1)}}
          %share = and i1 %hasThreads, %several
          br i1 %share, label %threads, label %alone
        threads:
          call void %parallel(ptr %ctx, ptr %kernel, ptr %buffers, ptr %sizes, i64 %chunks)
          br label %check
        alone:
          call void %kernel(ptr %ctx, ptr %buffers, ptr %sizes, i64 0, i64 %chunks)
          br label %check
        check:
          %errorAt = getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 3
          %error = load i32, ptr %errorAt
          %failed = icmp ne i32 %error, 0
          %status = zext i1 %failed to i32
          ret i32 %status
        done:
          ret i32 0
        }

        """;

    public static string Define(KernelModule module, EntryProgram program, bool profile)
    {
        var symbol = program.Manifest.Symbol;
        var prepare = program with { Arena = program.PrepareArena };
        return Define(module, program, program.Body, symbol, profile) + DefineArena(program)
            + Define(module, prepare, program.Prepare, symbol + "_prepare", profile) + PreparedCode.Define(module, program);
    }

    /// <summary>Bytes up to the next place that is aligned.</summary>
    public static string Rounded(FunctionText text, string bytes) =>
        text.Value($"and i64 {text.Value($"add i64 {bytes}, {ArenaAlignment - 1}")}, -{ArenaAlignment}");

    private static string Define(KernelModule module, EntryProgram program, ValueList<HostStatement> body, string symbol, bool profile)
    {
        // What does nothing needs no places.
        var code = new HostCode(module, body.Count > 0 ? program : program with { Arena = [], Prepared = [], Pointers = 0 }, profile);
        code.Body(body);
        code._text.Line("ret i32 0");
        return code._text.Define($"i32 @{symbol}(ptr %ctx, ptr %tensors, ptr %dims, ptr %arena)");
    }

    public override void Visit(Launch statement)
    {
        var kernel = _module.Kernels[statement.Kernel];
        for (var i = 0; i < statement.Buffers.Count; i++)
        {
            _text.Line($"store ptr {Address(statement.Buffers[i])}, ptr {Slot("ptr", _buffers, i)}");
        }

        var variables = KernelCode.SizeVariables(kernel);
        for (var i = 0; i < variables.Count; i++)
        {
            _text.Line($"store i64 {_counters[variables[i]]}, ptr {Slot("i64", _sizes, i)}");
        }

        if (_profile)
        {
            // The error's place is free as long as there is no error.
            _text.Line($"store i64 {statement.Kernel}, ptr {Field(ContextLayout.Site)}");
        }

        var chunks = _size.Value(kernel.Chunks);
        var status = _text.Value($"call i32 @lep.launch(ptr %ctx, ptr @{KernelCode.Symbol(kernel)}, ptr {_buffers}, ptr {_sizes}, i64 {chunks})");
        var (stop, next) = (_text.NewLabel("stop"), _text.NewLabel("next"));
        _text.Line($"br i1 {_text.Value($"icmp eq i32 {status}, 0")}, label %{next}, label %{stop}");
        _text.Label(stop);
        _text.Line($"ret i32 {status}");
        _text.Label(next);
    }

    public override void Visit(Copy statement) => _text.Line(
        $"call void @llvm.memcpy.p0.p0.i64(ptr {Address(statement.To)}, ptr {Address(statement.From)}, i64 {_size.Value(statement.Bytes)}, i1 false)");

    public override void Visit(HostLoop statement)
    {
        var count = _size.Value(statement.Count);
        var (head, inside, done, latch) = (_text.NewLabel("loop"), _text.NewLabel("step"), _text.NewLabel("done"), _text.NewLabel("again"));
        var (counter, next, before) = (_text.NewName(), _text.NewName(), _text.Block);
        _text.FallInto(head);
        _text.Line($"{counter} = phi i64 [ 0, %{before} ], [ {next}, %{latch} ]");
        _text.Line($"br i1 {_text.Value($"icmp slt i64 {counter}, {count}")}, label %{inside}, label %{done}");
        _text.Label(inside);

        var outer = _size;
        _counters[statement.Counter] = counter;
        _size = NewScope();
        Body(statement.Body);
        if (statement.Until is { } until)
        {
            var flag = _text.Value($"load i8, ptr {Address(until)}");
            _text.Line($"br i1 {_text.Value($"icmp ne i8 {flag}, 0")}, label %{done}, label %{latch}");
            _text.Label(latch);
        }
        else
        {
            _text.FallInto(latch);
        }

        _text.Line($"{next} = add nsw i64 {counter}, 1");
        _text.Line($"br label %{head}");
        _text.Label(done);
        _counters.Remove(statement.Counter);
        _size = outer;
    }

    public override void Visit(SetPointer statement) => _text.Line($"store ptr {Address(statement.Place)}, ptr {_pointers[statement.Pointer]}");

    public override void Visit(SwapPointers statement)
    {
        var first = _text.Value($"load ptr, ptr {_pointers[statement.First]}");
        var second = _text.Value($"load ptr, ptr {_pointers[statement.Second]}");
        _text.Line($"store ptr {second}, ptr {_pointers[statement.First]}");
        _text.Line($"store ptr {first}, ptr {_pointers[statement.Second]}");
    }

    public override void Visit(AllocateLate statement)
    {
        var function = _text.Value($"load ptr, ptr {Field(ContextLayout.Allocate)}");
        var place = _text.Value($"call ptr {function}(ptr %ctx, i64 {_size.Value(statement.Bytes)})");
        var (none, next) = (_text.NewLabel("none"), _text.NewLabel("next"));
        _text.Line($"br i1 {_text.Value($"icmp eq ptr {place}, null")}, label %{none}, label %{next}");
        _text.Label(none);
        _text.Line($"store i32 {(int)NativeError.NoMemory}, ptr {Field(ContextLayout.Error)}");
        _text.Line($"store i64 {_size.Value(statement.Bytes)}, ptr {Field(ContextLayout.Value)}");
        _text.Line($"ret i32 {(int)NativeStatus.Failed}");
        _text.Label(next);
        _text.Line($"store ptr {place}, ptr {_pointers[statement.Pointer]}");
    }

    public override void Visit(ReadSize statement)
    {
        var place = Address(statement.Place);
        var value = statement.Element == ElementType.I64
            ? _text.Value($"load i64, ptr {place}")
            : _text.Value($"sext i32 {_text.Value($"load i32, ptr {place}")} to i64");
        _counters[statement.Size] = value;
        if (_program.Manifest.Dims.ToList().IndexOf(statement.Size) is >= 0 and var dim)
        {
            _text.Line($"store i64 {value}, ptr {_text.Value($"getelementptr i64, ptr %dims, i64 {dim}")}");
        }
    }

    public override void Visit(GiveArray statement)
    {
        var pointer = _text.Value($"load ptr, ptr {_pointers[statement.Pointer]}");
        _text.Line($"store ptr {pointer}, ptr {_text.Value($"getelementptr ptr, ptr %tensors, i64 {statement.Tensor}")}");
    }

    private static string DefineArena(EntryProgram program)
    {
        var text = new FunctionText();
        var dims = program.Manifest.Dims.Select((name, i) => (name, i)).ToDictionary(d => d.name, d => d.i);
        var size = new SizeCode(text, name => text.Value($"load i64, ptr {text.Value($"getelementptr i64, ptr %dims, i64 {dims[name]}")}"));
        var total = "0";
        foreach (var slot in program.Arena)
        {
            total = text.Value($"add i64 {total}, {Rounded(text, size.Value(slot))}");
        }

        text.Line($"ret i64 {total}");
        return text.Define($"i64 @{program.Manifest.Symbol}_arena(ptr %dims)");
    }

    private SizeCode NewScope() => new(_text, name => _counters[name]);

    private string[] Places(string block, ValueList<SizeExpr> buffers)
    {
        var places = new string[buffers.Count];
        var offset = "0";
        for (var i = 0; i < places.Length; i++)
        {
            places[i] = _text.Value($"getelementptr i8, ptr {block}, i64 {offset}");
            if (i + 1 < places.Length)
            {
                offset = _text.Value($"add i64 {offset}, {Rounded(_text, _size.Value(buffers[i]))}");
            }
        }

        return places;
    }

    private string Field(int number) => _text.Value($"getelementptr inbounds %lep.context, ptr %ctx, i32 0, i32 {number}");

    private string Slot(string type, string array, int index) => index == 0 ? array : _text.Value($"getelementptr {type}, ptr {array}, i64 {index}");

    private string Address(BufferRef buffer)
    {
        var start = buffer.Kind switch
        {
            // Read where it is wanted: thousands of them, alive from the start on, take LLVM's register allocator minutes.
            BufferKind.Tensor => _text.Value($"load ptr, ptr {_text.Value($"getelementptr ptr, ptr %tensors, i64 {buffer.Number}")}"),
            BufferKind.Constant => $"@lep.constant.{buffer.Number}",
            BufferKind.Arena => _arena[buffer.Number],
            BufferKind.Prepared => _prepared[buffer.Number],
            _ => _text.Value($"load ptr, ptr {_pointers[buffer.Number]}"),
        };
        return buffer.Offset == SizeExpr.Zero ? start : _text.Value($"getelementptr i8, ptr {start}, i64 {_size.Value(buffer.Offset)}");
    }

    private void Body(ValueList<HostStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }
}
