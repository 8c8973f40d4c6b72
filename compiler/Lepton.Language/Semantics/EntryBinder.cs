using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>
/// Elaborates one entry into a flat list of operations: equations are bound in dependency order, calls by binding the callee's body again
/// with the values of the arguments. A syntax node is bound once per call, so what a node means may differ from call to call.
/// </summary>
internal sealed partial class EntryBinder
{
    private const int MaxCallDepth = 100;

    // Functions that call each other twice, thirty levels deep, would never end.
    private const int MaxOperations = 1_000_000;

    private readonly List<TypedOp> _inputs = [];
    private readonly List<SizeConstraint> _constraints = [];
    private readonly RangeProof _proof = new();
    private readonly HashSet<FunctionSyntax> _inlined;
    private readonly List<string> _dims = [];

    // The body that operations go to is the last one; loops put theirs on top.
    private readonly List<List<TypedOp>> _bodies = [[]];

    private DiagnosticReport _report;
    private Frame _frame;
    private int _nextValue;
    private int _nextLabel;

    /// <param name="inlined">Receives the functions whose bodies were looked at.</param>
    public EntryBinder(FunctionSyntax function, FileScope file, DiagnosticReport report, HashSet<FunctionSyntax> inlined)
    {
        _report = report;
        _inlined = inlined;
        _frame = new Frame(function, file, null, function.Name.Span);
    }

    private List<TypedOp> Body => _bodies[^1];

    /// <summary>Binds the entry; null when it has errors (they are reported).</summary>
    public TypedEntry? Bind()
    {
        var function = _frame.Function;
        _inlined.Add(function);
        var scope = new Scope(null, _frame);
        DeclareSizes(_frame);
        foreach (var parameter in function.Parameters)
        {
            scope.Set(parameter.Name.Text, EntryArgument(parameter, scope));
        }

        var results = BindFunctionBody(scope);
        var typed = new List<TypedResult>();
        for (var i = 0; i < results.Count; i++)
        {
            if (Settle(results[i].Value, results[i].Span) is { } value)
            {
                typed.Add(new TypedResult(results[i].Name, value.Id) { Format = value.Storage?.Format });
                AddDims(value.Shape);
            }
        }

        FinishChecks(0);
        if (_report.HasErrors || typed.Count != results.Count)
        {
            return null;
        }

        var body = _inputs.OrderBy(InputOrder).Concat(_bodies[0]).ToList();
        var sites = _sites.Select(s => s.ToManifest()).ToValueList();
        foreach (var constraint in _constraints)
        {
            AddDims([constraint.Left, constraint.Right]);
        }

        AddDims(body, []);

        return new TypedEntry(function.Name.Text, function.Span, _dims.ToValueList(), body, typed, _constraints.ToValueList(), sites);
    }

    // Arguments in their order, then parameters in the order of their declarations.
    private static (TypedInputKind Kind, int Order) InputOrder(TypedOp op)
    {
        var input = (TypedInput)op;
        return (input.Kind, input.Kind == TypedInputKind.Argument ? input.Id.Value : input.Span.Start);
    }

    private Value EntryArgument(ParameterSyntax parameter, Scope scope)
    {
        if (TypeOf(parameter.Type!, scope) is not { } type)
        {
            return ErrorValue.Instance;
        }

        return Input(type, parameter.Span, TypedInputKind.Argument, parameter.Name.Text, null);
    }

    private TensorValue Input(TensorInfo type, SourceSpan span, TypedInputKind kind, string name, string? initializer)
    {
        AddDims(type.Shape);
        var input = new TypedInput(NewId(), new ValueType(type.Element, [], type.Shape), span, kind, name, initializer) { Format = type.Format };
        _inputs.Add(input);
        return StoredAs(new TensorValue(input.Id, input.Type), type);
    }

    private void AddDims(IEnumerable<SizeExpr> sizes)
    {
        foreach (var name in sizes.SelectMany(s => s.Variables()))
        {
            if (!_dims.Contains(name))
            {
                _dims.Add(name);
            }
        }
    }

    // Ranges that neither arguments nor results show: sum[i: M] of a dim M.
    private void AddDims(IReadOnlyList<TypedOp> body, HashSet<SizeExpr> seen)
    {
        foreach (var op in body)
        {
            foreach (var size in op.Type.Shape)
            {
                Add(size);
            }

            foreach (var label in op.Type.Labels)
            {
                Add(label.Size);
            }

            if (op is TypedReduce reduce)
            {
                foreach (var label in reduce.Over)
                {
                    Add(label.Size);
                }
            }

            AddDims(op is TypedScan scan ? scan.Body : op is TypedIterate iterate ? iterate.Body : [], seen);
        }

        void Add(SizeExpr size)
        {
            if (!size.IsConstant && seen.Add(size))
            {
                AddDims([size]);
            }
        }
    }

    // ---- Operations ------------------------------------------------------------------------------------------------------------

    private ValueId NewId() => new(_nextValue++);

    private TensorValue Emit(TypedOp op)
    {
        Body.Add(op);
        return new TensorValue(op.Id, op.Type);
    }

    private OpenIndex OpenLabel(string name, SourceSpan span)
    {
        var index = new OpenIndex(new IndexLabel(_nextLabel++, name), span);
        _indices[index.Label] = index;
        _open.Add(index);
        return index;
    }

    private IndexLabel SolvedLabel(string name, SizeExpr size, SourceSpan span)
    {
        var index = OpenLabel(name, span);
        _open.RemoveAt(_open.Count - 1);
        index.Label.Solve(size);
        return index.Label;
    }

    // ---- Messages --------------------------------------------------------------------------------------------------------------

    private ErrorValue Error(
        DiagnosticKind kind,
        SourceSpan span,
        IEnumerable<object> arguments,
        IEnumerable<DiagnosticLabel>? labels = null,
        string? help = null)
    {
        var all = (labels ?? []).ToList();
        for (var frame = _frame; frame.Caller is not null && all.Count < 6; frame = frame.Caller)
        {
            all.Add(new DiagnosticLabel(frame.CallSpan, $"in this call of {frame.Function.Name.Text}"));
        }

        _report.Add(kind, span, arguments, all, help);
        return ErrorValue.Instance;
    }

    private ErrorValue OverflowError(SourceSpan span) => Error(SizeDiagnostics.Overflow, span, []);

    /// <summary>The type as it is written: <c>f32[B, D]</c>; <c>a number</c> for what has no type yet.</summary>
    private static string Describe(Value value) => value switch
    {
        TupleValue tuple => $"{tuple.Items.Count} results",
        NumberValue { IsFloat: true } => "a float literal",
        NumberValue => "an integer",
        IndexValue => "an index (i64)",
        UntypedValue => "a literal" + (value.Shape.Count == 0 ? "" : Shown(value.Shape)),
        { Element: { } element } => element.Name() + (value.Shape.Count == 0 ? "" : Shown(value.Shape)),
        _ => "nothing",
    };

    private static string Shown(ValueList<SizeExpr> shape) => "[" + string.Join(", ", shape) + "]";

    private static string Count(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";

    private static string AxisCount(int count) => count == 1 ? "1 axis" : $"{count} axes";

    private static string? Suggest(string name, IEnumerable<string> names) =>
        NameSuggestion.Help(name, names);
}
