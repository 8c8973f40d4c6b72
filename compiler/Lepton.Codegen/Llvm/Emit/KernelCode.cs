using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>
/// One kernel. The function that is launched loads the buffers' addresses and calls a second one that has them as parameters, so that LLVM
/// knows which of them cannot overlap.
/// </summary>
internal sealed class KernelCode : LoopStatementVisitor
{
    // Each has about two vectors of two registers alive.
    private const int MaxInterleaved = 4;

    private readonly FunctionText _text = new();
    private readonly ModuleParts _parts;
    private readonly Kernel _kernel;
    private readonly string[] _values;
    private readonly string?[] _mutable;
    private readonly Place[] _places;
    private readonly ExprCode _expr;
    private readonly Dictionary<int, string> _aligned;
    private readonly MemoryCode _memory;

    private KernelCode(Kernel kernel, ModuleParts parts, IReadOnlyList<string> sizes)
    {
        (_kernel, _parts) = (kernel, parts);
        _values = new string[kernel.Variables];
        _mutable = new string?[kernel.Variables];
        _places = [.. Places()];
        _memory = new MemoryCode(_text, parts);
        var sizeValues = sizes.Select((name, i) => (name, i)).ToDictionary(s => s.name, s => $"%size{s.i}");
        var size = new SizeCode(_text, name => sizeValues[name]);
        var finder = new SizeFinder();
        finder.Look(kernel.Body);
        _aligned = finder.Streamed.ToDictionary(b => b, b => _memory.IsAligned(_places[b]));
        HashSet<SizeExpr> used = [.. finder.Found];
        var known = used.ToDictionary(s => s, size.Value); // at the head, where they dominate everything
        _expr = new ExprCode(_text, parts, _memory, _places, s => known[s], Variable);
    }

    /// <summary>The size variables that a kernel reads, in the order in which a launch hands them over.</summary>
    public static IReadOnlyList<string> SizeVariables(Kernel kernel) =>
        [.. SizesOf(kernel).Append(kernel.Chunks).SelectMany(s => s.Variables()).Distinct().Order(StringComparer.Ordinal)];

    public static string Define(Kernel kernel, ModuleParts parts, bool exported = false)
    {
        var sizes = SizeVariables(kernel);
        var code = new KernelCode(kernel, parts, sizes);
        code.Chunks();
        var parameters = kernel.Buffers.Select((b, i) => $"ptr {(b.Access == BufferAccess.Read ? "noalias readonly" : "noalias")} %buffer{i}")
            .Concat(sizes.Select((_, i) => $"i64 %size{i}"));
        var body = code._text.Define($"internal void @{Symbol(kernel)}.body(ptr %ctx, i64 %first, i64 %end{string.Concat(parameters.Select(p => ", " + p))}) noinline");
        return body + Launcher(kernel, sizes, exported ? "" : "internal ");
    }

    public static string Symbol(Kernel kernel) => "lep." + kernel.Name;

    public override void Visit(LetStatement statement) => _values[statement.Variable] = _expr.Value(statement.Value);

    public override void Visit(DeclareStatement statement)
    {
        var type = statement.Initial.Type;
        var slot = _text.Alloca(type.Text(), System.Math.Max(8, System.Math.Min(64, type.Lanes * 8)));
        _mutable[statement.Variable] = slot;
        _text.Line($"store {type.Text()} {_expr.Value(statement.Initial)}, ptr {slot}");
    }

    public override void Visit(AssignStatement statement) =>
        _text.Line($"store {statement.Value.Type.Text()} {_expr.Value(statement.Value)}, ptr {_mutable[statement.Variable]}");

    public override void Visit(ForStatement statement)
    {
        var (from, to) = (_expr.Value(statement.From), _expr.Value(statement.To));
        if (statement.Unroll && long.TryParse(from, out var first) && long.TryParse(to, out var last) && (last - first) / statement.Step <= 64)
        {
            for (var i = first; i < last; i += statement.Step)
            {
                _values[statement.Variable] = i.ToString(CultureInfo.InvariantCulture);
                Body(statement.Body);
            }

            return;
        }

        Loop(statement.Variable, from, to, statement.Step, () => Body(statement.Body));
    }

    public override void Visit(WhileStatement statement)
    {
        var (head, body, done) = (_text.NewLabel("while"), _text.NewLabel("do"), _text.NewLabel("done"));
        _text.FallInto(head);
        Body(statement.Head);
        _text.Line($"br i1 {_expr.Value(statement.Condition)}, label %{body}, label %{done}");
        _text.Label(body);
        Body(statement.Body);
        _text.Line($"br label %{head}{_parts.ScalarLoop()}");
        _text.Label(done);
    }

    public override void Visit(IfStatement statement)
    {
        var (then, otherwise, done) = (_text.NewLabel("then"), _text.NewLabel("else"), _text.NewLabel("fi"));
        _text.Line($"br i1 {_expr.Value(statement.Condition)}, label %{then}, label %{(statement.Otherwise.Count == 0 ? done : otherwise)}");
        _text.Label(then);
        Body(statement.Then);
        _text.Line($"br label %{done}");
        if (statement.Otherwise.Count > 0)
        {
            _text.Label(otherwise);
            Body(statement.Otherwise);
            _text.Line($"br label %{done}");
        }

        _text.Label(done);
    }

    public override void Visit(StoreStatement statement)
    {
        var (place, index, value) = (_places[statement.Buffer], _expr.Value(statement.Index), _expr.Value(statement.Value));
        if (statement.Stream)
        {
            _memory.Stream(place, statement.Value.Type, index, value, _aligned[statement.Buffer]);
            return;
        }

        _memory.Store(
            place,
            statement.Value.Type,
            index,
            value,
            statement.Stride is null ? null : _expr.Value(statement.Stride),
            statement.Mask is null ? null : _expr.Value(statement.Mask));
    }

    public override void Visit(PrefetchStatement statement) =>
        _memory.Prefetch(_places[statement.Buffer], _expr.Value(statement.Index), statement.Far);

    public override void Visit(FailStatement statement)
    {
        var (fail, done) = (_text.NewLabel("fail"), _text.NewLabel("good"));
        _text.Line($"br i1 {_expr.Value(statement.Condition)}, label %{fail}, label %{done}, !prof !0");
        _text.Label(fail);
        var (element, value, bound) = (_expr.Value(statement.Element), _expr.Value(statement.Value), _expr.Value(statement.Bound));
        _text.Line($"call void @lep.fail(ptr %ctx, i64 {statement.Site}, i64 {element}, i64 {value}, i64 {bound})");
        _text.Line($"br label %{done}");
        _text.Label(done);
    }

    public override void Visit(BarrierStatement statement) => throw new CompilerBugException("llvm", $"kernel {_kernel.Name} is for groups of chunks");

    public override void Visit(CommentStatement statement) => _text.Line("; " + statement.Text.ReplaceLineEndings(" "));

    private static IEnumerable<SizeExpr> SizesOf(Kernel kernel)
    {
        var finder = new SizeFinder();
        finder.Look(kernel.Body);
        return finder.Found;
    }

    private static string Launcher(Kernel kernel, IReadOnlyList<string> sizes, string linkage)
    {
        var text = new FunctionText();
        var arguments = new List<string> { "ptr %ctx", "i64 %first", "i64 %end" };
        for (var i = 0; i < kernel.Buffers.Count; i++)
        {
            arguments.Add("ptr " + text.Value($"load ptr, ptr {text.Value($"getelementptr ptr, ptr %buffers, i64 {i}")}"));
        }

        for (var i = 0; i < sizes.Count; i++)
        {
            arguments.Add("i64 " + text.Value($"load i64, ptr {text.Value($"getelementptr i64, ptr %sizes, i64 {i}")}"));
        }

        text.Line($"call void @{Symbol(kernel)}.body({string.Join(", ", arguments)})");
        text.Line("ret void");
        return text.Define($"{linkage}void @{Symbol(kernel)}({ContextLayout.KernelParameters})");
    }

    private IEnumerable<Place> Places()
    {
        for (var i = 0; i < _kernel.Buffers.Count; i++)
        {
            yield return new Place($"%buffer{i}", _kernel.Buffers[i].Element, "");
        }

        foreach (var local in _kernel.Locals)
        {
            yield return new Place(_text.Alloca($"[{local.Count} x {IrTypes.Memory(local.Element)}]", 64), local.Element, "");
        }
    }

    private void Chunks()
    {
        Loop(Kernel.ChunkVariable, "%first", "%end", 1, () => Body(_kernel.Body));
        if (_aligned.Count > 0)
        {
            _memory.Fence();
        }

        _text.Line("ret void");
    }

    private void Body(ValueList<LoopStatement> body)
    {
        var run = new List<LetStatement>();
        foreach (var statement in body)
        {
            if (statement is LetStatement let)
            {
                run.Add(let);
                continue;
            }

            Lets(run);
            run.Clear();
            statement.Accept(this);
        }

        Lets(run);
    }

    private void Lets(List<LetStatement> run)
    {
        if (SharedCheck.Of(run) is { } check)
        {
            Checked(check);
            return;
        }

        foreach (var let in run)
        {
            let.Accept(this);
        }
    }

    private void Checked(SharedCheck check)
    {
        foreach (var let in check.Before)
        {
            let.Accept(this);
        }

        var (slow, fast, done) = (_text.NewLabel("slow"), _text.NewLabel("usual"), _text.NewLabel("done"));
        _text.Line($"br i1 {_expr.AnyNotBelow(check.Bounds)}, label %{slow}, label %{fast}, !prof !0");
        _text.Label(slow);
        var slowValues = Values(_ => false);
        var slowEnd = Leave();
        _text.Label(fast);
        var start = _text.Length;
        var fastValues = Values(let => check.Calls.Contains(let.Variable));
        if (check.Calls.Count <= MaxInterleaved)
        {
            _text.Replace(start, CriticalPath.Order);
        }

        var fastEnd = Leave();
        _text.Label(done);
        foreach (var (i, let) in check.Rest.Index())
        {
            _values[let.Variable] = _text.Value($"phi {let.Value.Type.Text()} [ {fastValues[i]}, %{fastEnd} ], [ {slowValues[i]}, %{slowEnd} ]");
        }

        string[] Values(Func<LetStatement, bool> isUsual)
        {
            foreach (var let in check.Rest)
            {
                _values[let.Variable] = isUsual(let) ? _expr.Usual((MapExpr)let.Value) : _expr.Value(let.Value);
            }

            return [.. check.Rest.Select(l => _values[l.Variable])];
        }

        string Leave()
        {
            var end = _text.Block;
            _text.Line($"br label %{done}");
            return end;
        }
    }

    //   head: v = phi [from, before], [v + step, last block of the body];  v < to ? body : done
    private void Loop(int variable, string from, string to, long step, Action body)
    {
        var (head, inside, done) = (_text.NewLabel("for"), _text.NewLabel("body"), _text.NewLabel("done"));
        var (counter, next, before, latch) = (_text.NewName(), _text.NewName(), _text.Block, _text.NewLabel("next"));
        _text.FallInto(head);
        _text.Line($"{counter} = phi i64 [ {from}, %{before} ], [ {next}, %{latch} ]");
        _text.Line($"br i1 {_text.Value($"icmp slt i64 {counter}, {to}")}, label %{inside}, label %{done}");
        _text.Label(inside);
        _values[variable] = counter;
        var stores = _memory.NarrowStores;
        body();

        // Vectors are explicit here; LLVM's own would turn loads behind branches into general masked loads, and the last elements of a short
        // loop for AVX-512 into masked stores, both of which MemoryCode avoids.
        var branches = _text.Block != inside;
        var isScalar = branches || (_parts.Target.Level == SimdLevel.Avx512 && _memory.NarrowStores > stores);
        _text.FallInto(latch);
        _text.Line($"{next} = add nsw i64 {counter}, {step.ToString(CultureInfo.InvariantCulture)}");
        _text.Line($"br label %{head}{(isScalar ? _parts.ScalarLoop() : "")}");
        _text.Label(done);
    }

    private string Variable(VariableExpr expr) => _mutable[expr.Variable] is { } slot
        ? _text.Value($"load {expr.Type.Text()}, ptr {slot}")
        : _values[expr.Variable] ?? throw new CompilerBugException("llvm", $"kernel {_kernel.Name} uses variable {expr.Variable} before it is set");
}
