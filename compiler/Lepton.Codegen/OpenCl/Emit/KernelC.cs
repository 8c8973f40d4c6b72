using System.Globalization;
using System.Text;
using Lepton.Abi;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>One kernel as a kernel function (<see cref="OpenClKernel"/>); variables and buffers have the numbers of the loop IR's text.</summary>
internal sealed class KernelC : LoopStatementVisitor
{
    // A loop with more rounds is not unrolled.
    private const int MaxUnrolled = 64;

    private readonly Kernel _kernel;
    private readonly OpenClTarget _target;
    private readonly Helpers _helpers;
    private readonly CWriter _writer = new();
    private readonly Lanes?[] _values;
    private readonly ExprC _expr;
    private readonly Dictionary<string, string> _sizeNames;
    private readonly Dictionary<SizeExpr, Term> _sizes = [];
    private readonly CWriter _head = new();
    private readonly Place?[] _places;

    public KernelC(Kernel kernel, OpenClTarget target, Helpers helpers)
    {
        (_kernel, _target, _helpers) = (kernel, target, helpers);
        _values = new Lanes?[kernel.Variables];
        _places = new Place?[kernel.Buffers.Count + kernel.Locals.Count];
        _sizeNames = KernelCode.SizeVariables(kernel).Index().ToDictionary(v => v.Item, v => $"n{v.Index}_{CTypes.Identifier(v.Item)}");
        _expr = new ExprC(helpers, _writer, PlaceOf, Size, e => _values[e.Variable] ?? throw Unknown(e.Variable));
        ScratchBytes = Offsets().Total;
    }

    /// <summary>Bytes of a chunk's part of the scratch buffer.</summary>
    public long ScratchBytes { get; }

    /// <summary>The text of the kernel function.</summary>
    public string Define(string function)
    {
        _values[Kernel.ChunkVariable] = Counter(Kernel.ChunkVariable);
        Body(_kernel.Body);
        var group = _kernel.Group > 1 ? $"__attribute__((reqd_work_group_size({_kernel.Group}, 1, 1)))\n" : "";
        var text = new StringBuilder($"// {Comment(_kernel.Note.Length > 0 ? _kernel.Note : _kernel.Name)}\n{group}kernel void {function}(\n    ");
        text.Append(string.Join(",\n    ", Parameters())).Append(")\n{\n");

        // Whole groups: nobody may stay away from a barrier.
        text.Append("    const long v0 = first + (long)get_global_id(0);\n");
        text.Append(_kernel.Group > 1 ? "" : "    if (v0 >= limit)\n    {\n        return;\n    }\n\n");
        return text.Append(_head.Before(_writer)).Append("}\n").ToString();
    }

    public override void Visit(LetStatement statement) =>
        _values[statement.Variable] = Named(statement.Variable, _expr.Value(statement.Value), isConst: true);

    public override void Visit(DeclareStatement statement) =>
        _values[statement.Variable] = Named(statement.Variable, _expr.Value(statement.Initial), isConst: false);

    public override void Visit(AssignStatement statement)
    {
        var variable = _values[statement.Variable]!;
        var value = _expr.Value(statement.Value);
        value = value.Type.Element == ElementType.Bool && !value.IsScalar ? MapC.Masked(value, variable.Carrier) : value;

        // All parts are computed before the first is set.
        var names = variable.Parts.Select(p => p.Text).ToList();
        var isCrossed = value.Parts.Index().Any(p => names[..p.Index].Any(n => p.Item.Text.Contains(n, StringComparison.Ordinal)));
        value = isCrossed ? value.Map(p => Term.Name(Copied(value.PartType, p))) : value;
        foreach (var (name, part) in names.Zip(value.Parts))
        {
            _writer.Declare(name, $"{name} = {part};");
        }
    }

    public override void Visit(ForStatement statement)
    {
        var (from, to) = (_expr.Scalar(statement.From), _expr.Scalar(statement.To));
        to = to.IsFree && !IsMutable(statement.To) ? to : Term.Name(Copied("long", to));
        if (statement.Unroll && from.Integer is { } first && to.Integer is { } last && last > first && (last - first) / statement.Step <= MaxUnrolled)
        {
            _writer.Line("#pragma unroll");
        }

        var counter = Counter(statement.Variable);
        _values[statement.Variable] = counter;
        var name = counter.Parts[0].Text;
        var step = statement.Step == 1 ? $"{name}++" : $"{name} += {statement.Step.ToString(CultureInfo.InvariantCulture)}";
        _writer.Open($"for (long {name} = {from}; {name} < {to.Operand}; {step})");
        Body(statement.Body);
        _writer.Close();
    }

    public override void Visit(WhileStatement statement)
    {
        _writer.Open("while (true)");
        Body(statement.Head);
        _writer.Open($"if (!{_expr.Scalar(statement.Condition).Operand})");
        _writer.Line("break;");
        _writer.Close();
        Body(statement.Body);
        _writer.Close();
    }

    public override void Visit(IfStatement statement)
    {
        _writer.Open($"if ({_expr.Scalar(statement.Condition)})");
        Body(statement.Then);
        _writer.Close();
        if (statement.Otherwise.Count > 0)
        {
            _writer.Open("else");
            Body(statement.Otherwise);
            _writer.Close();
        }
    }

    public override void Visit(StoreStatement statement) => _expr.Memory.Store(
        PlaceOf(statement.Buffer),
        _expr.Scalar(statement.Index),
        _expr.Value(statement.Value),
        statement.Stride is null ? null : _expr.Scalar(statement.Stride),
        statement.Mask is null ? null : _expr.Value(statement.Mask));

    public override void Visit(PrefetchStatement statement)
    {
    }

    public override void Visit(FailStatement statement)
    {
        var report = _helpers.Require("fail", () => FailText);
        _writer.Open($"if ({_expr.Scalar(statement.Condition)})");
        var arguments = new[] { statement.Element, statement.Value, statement.Bound }.Select(e => _expr.Scalar(e).Text);
        _writer.Line($"{report}(error, {statement.Site}, {string.Join(", ", arguments)});");
        _writer.Close();
    }

    public override void Visit(BarrierStatement statement) => _writer.Line("barrier(CLK_LOCAL_MEM_FENCE);");

    public override void Visit(CommentStatement statement) => _writer.Line("// " + Comment(statement.Text));

    // A work-item that holds the lock gives it back in the same round: so those that run in step with it are not held up for ever.
    private static string FailText => $$"""
        // Keeps the report with the smallest (site, element).
        static void fail(volatile global struct lep_error* error, const long site, const long element, const long value, const long bound)
        {
            bool done = false;
            while (!done)
            {
                if (atomic_cmpxchg(&error->lock, 0, 1) == 0)
                {
                    mem_fence(CLK_GLOBAL_MEM_FENCE);
                    if (error->error == 0 || site < error->site || (site == error->site && element < error->element))
                    {
                        error->error = {{(int)NativeError.IndexOutOfRange}};
                        error->site = site;
                        error->element = element;
                        error->value = value;
                        error->bound = bound;
                    }

                    mem_fence(CLK_GLOBAL_MEM_FENCE);
                    atomic_xchg(&error->lock, 0);
                    done = true;
                }
            }
        }
        """;

    private static string Comment(string text) => text.ReplaceLineEndings(" ").TrimEnd('\\', ' ');

    private static Lanes Counter(int variable) => Lanes.Of(LaneType.Index, Term.Name($"v{variable}") with { IsIndex = true });

    private static string Pointer(ElementType element, bool isConst) => $"{(isConst ? "const " : "")}{CTypes.Memory(element)}*";

    private IEnumerable<string> Parameters()
    {
        foreach (var (i, buffer) in _kernel.Buffers.Index())
        {
            yield return $"global uchar* restrict b{i}, ulong o{i}";
        }

        foreach (var size in _sizeNames.Values)
        {
            yield return $"long {size}";
        }

        if (ScratchBytes > 0)
        {
            yield return "global uchar* restrict scratch";
        }

        yield return "global struct lep_error* error";
        yield return "long first";
        yield return "long limit";
    }

    // Small locals are private, the others lie behind each other in the chunk's part of the scratch buffer.
    private (long[] Places, long Total) Offsets()
    {
        var (places, used, total) = (new long[_kernel.Locals.Count], 0L, 0L);
        foreach (var (i, local) in _kernel.Locals.Index().Where(l => !l.Item.IsShared))
        {
            var bytes = ((long)local.Count * local.Element.ByteSize()) + OpenClSource.Alignment - 1;
            bytes -= bytes % OpenClSource.Alignment;
            if (used + bytes <= _target.PrivateBytes)
            {
                places[i] = -1;
                used += bytes;
            }
            else
            {
                places[i] = total;
                total += bytes;
            }
        }

        return (places, total);
    }

    // Written at the head when it is first used.
    private Place PlaceOf(int number)
    {
        if (_places[number] is { } known)
        {
            return known;
        }

        if (number < _kernel.Buffers.Count)
        {
            var buffer = _kernel.Buffers[number];
            var name = $"b{number}_{CTypes.Identifier(buffer.Name)}";
            var type = "global " + Pointer(buffer.Element, buffer.Access == BufferAccess.Read);
            _head.Declare(name, $"{type} {name} = ({type})(b{number} + o{number});");
            return _places[number] = new Place(name, buffer.Element, "global");
        }

        var local = _kernel.Locals[number - _kernel.Buffers.Count];
        if (local.IsShared)
        {
            var shared = $"b{number}_{CTypes.Identifier(local.Name)}";
            _head.Declare(shared, $"local {CTypes.Memory(local.Element)} {shared}[{Math.Max(1, local.Count)}] __attribute__((aligned({OpenClSource.Alignment})));");
            return _places[number] = new Place(shared, local.Element, "local");
        }

        var (offset, pointer) = (Offsets().Places[number - _kernel.Buffers.Count], $"b{number}_{CTypes.Identifier(local.Name)}");
        if (offset < 0)
        {
            _head.Declare(pointer, $"{CTypes.Memory(local.Element)} {pointer}[{Math.Max(1, local.Count)}] __attribute__((aligned({OpenClSource.Alignment})));");
            return _places[number] = new Place(pointer, local.Element, "private");
        }

        var piece = "global " + Pointer(local.Element, isConst: false);
        _head.Declare(pointer, $"{piece} {pointer} = ({piece})(scratch + (v0 - first) * {ScratchBytes}{(offset == 0 ? "" : $" + {offset}")});");
        return _places[number] = new Place(pointer, local.Element, "global");
    }

    private Term Size(SizeExpr size)
    {
        if (!_sizes.TryGetValue(size, out var value))
        {
            value = new SizeC(_helpers, v => Term.Name(_sizeNames[v]) with { IsIndex = true }).Value(size);
            _sizes[size] = value = value.IsFree ? value : Term.Name(Headed(value));
        }

        return value with { IsIndex = true };

        string Headed(Term text)
        {
            var name = $"size{_sizes.Count}";
            _head.Declare(name, $"const long {name} = {text};");
            return name;
        }
    }

    private void Body(ValueList<LoopStatement> body)
    {
        foreach (var statement in body)
        {
            statement.Accept(this);
        }
    }

    private Lanes Named(int variable, Lanes value, bool isConst)
    {
        // Numbers stay numbers.
        if (isConst && value.Parts is [{ Integer: not null }])
        {
            return value;
        }

        var names = new Term[value.Parts.Length];
        for (var p = 0; p < names.Length; p++)
        {
            var name = value.Parts.Length == 1 ? $"v{variable}" : $"v{variable}_{p}";
            _writer.Declare(name, $"{(isConst ? "const " : "")}{value.PartType} {name} = {value.Parts[p]};");
            names[p] = Term.Name(name) with { IsIndex = isConst && value.Parts[p].IsIndex };
        }

        return value with { Parts = names };
    }

    private string Copied(string type, Term value)
    {
        var name = _writer.NewName();
        _writer.Declare(name, $"const {type} {name} = {value};");
        return name;
    }

    private bool IsMutable(LoopExpr expr) => expr is VariableExpr v && v.Variable != Kernel.ChunkVariable && _values[v.Variable] is { } value && !value.Parts[0].IsIndex;

    private CompilerBugException Unknown(int variable) => new("opencl", $"kernel {_kernel.Name} uses variable {variable} before it is set");
}
