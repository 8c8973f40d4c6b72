using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// Names of values: locals and indices first, then those of the file, then those that are always there.
internal sealed partial class EntryBinder
{
    private static readonly string[] OutsideModes = ["clamp", "wrap", "reflect"];

    private readonly Dictionary<DeclarationSyntax, Value> _fileValues = [];
    private readonly List<DeclarationSyntax> _bindingFileValues = [];

    // > 0 while the index of an access is bound: an unknown name is then an unbound index.
    private int _subscriptDepth;

    // A single name behind `else`: an unknown one is most likely a misspelt mode.
    private bool _bindsFill;

    internal static bool IsAlwaysThere(string name) => name is "inf" or "nan" or "pi";

    private Value BindName(NameExpressionSyntax expression, Scope scope)
    {
        var name = expression.Name.Text;
        switch (scope.Find(expression.Prime ? name + "'" : name))
        {
            case OpenIndex index:
                return IndexValue.Of(index.Label);
            case Value value:
                return value;
            default:
                break;
        }

        if (expression.Prime)
        {
            var help = scope.Find(name) is Value { Shape.Count: >= 2 } ? $"a transposed matrix is transpose({name})" : null;
            return Error(FunctionDiagnostics.PrimeOutsideLoop, expression.Span, [name], help: help);
        }

        if (scope.Frame.Sizes.TryGetValue(name, out var size))
        {
            return size is not null
                ? NumberValue.Of(size)
                : Error(SizeDiagnostics.UnsolvedSize, expression.Span, [name], help: $"use {name} as a size in a parameter's type");
        }

        return BindFileName(expression.Name, scope) ?? BindUnknown(expression, scope);
    }

    private Value BindUnknown(NameExpressionSyntax expression, Scope scope)
    {
        var name = expression.Name.Text;
        if (IsAlwaysThere(name))
        {
            return NumberValue.Of(name switch { "inf" => double.PositiveInfinity, "nan" => double.NaN, _ => Math.PI });
        }

        var scatter = _subscriptDepth > 0 ? scope.ScatterScope() : null;
        if (scatter is not null)
        {
            var index = OpenLabel(name, expression.Span);
            scatter.Implicit!.Add(index);
            scatter.Set(name, index);
            return IndexValue.Of(index.Label);
        }

        var modes = _bindsFill ? OutsideModes : [];
        var near = Suggest(name, modes.Concat(scope.AllNames).Concat(scope.Frame.Sizes.Keys).Concat(scope.Frame.File.ValueNames).Concat(["true", "false", "inf", "nan", "pi"]));
        near ??= _bindsFill ? "behind `else` stands a value, or how: clamp, wrap, reflect" : null;
        near ??= _subscriptDepth > 0 ? null : ForeignNames.OfValue(name, n => scope.Find(n) is not null);
        scope.SetUnknown(name);
        if (scope.Frame.Function.IsIncomplete || (near is null && scope.Frame.File.IsIncomplete))
        {
            return ErrorValue.Instance; // it may be what could not be read
        }

        if (_subscriptDepth > 0)
        {
            return Error(SizeDiagnostics.UnboundIndex, expression.Span, [name], help: near ?? $"bind it with a reducer: sum[{name}] …, or put it on the left");
        }

        if (scope.Frame.File.FindFunctions(name).Count > 0 || Builtins.Find(name) is not null)
        {
            return Error(TypeDiagnostics.FunctionAsValue, expression.Span, [name], help: $"call it: {name}(…)");
        }

        return Error(TypeDiagnostics.UnknownName, expression.Span, [name], help: near);
    }

    // ---- Dims, constants and parameters ----------------------------------------------------------------------------------------

    private Value? BindFileName(NameSyntax name, Scope scope)
    {
        var found = scope.Frame.File.FindValues(name.Text);
        if (found.Count > 1)
        {
            return Ambiguous(name, found[0].File, found[1].File);
        }

        return found.Count == 0 ? null : BindFileValue(found[0].Item, found[0].File, name.Span);
    }

    private ErrorValue Ambiguous(NameSyntax name, FileScope first, FileScope second) => Error(
        TypeDiagnostics.Ambiguous,
        name.Span,
        [name.Text, first.Alias, second.Alias],
        help: $"write {first.Alias}.{name.Text} or {second.Alias}.{name.Text}");

    private Value BindFileValue(DeclarationSyntax declaration, FileScope file, SourceSpan use)
    {
        if (_fileValues.TryGetValue(declaration, out var known))
        {
            return known;
        }

        if (_bindingFileValues.IndexOf(declaration) is >= 0 and var start)
        {
            var names = _bindingFileValues.Skip(start).Append(declaration).Select(d => FileScopes.NameOf(d).Text);
            return Error(TypeDiagnostics.Cycle, use, [FileScopes.NameOf(declaration).Text, string.Join(" -> ", names)]);
        }

        _bindingFileValues.Add(declaration);
        var (outerFrame, outerDepth) = (_frame, _subscriptDepth);
        _frame = new Frame(_frame.Function, file, null, use);
        _subscriptDepth = 0;
        var scope = new Scope(null, _frame);
        var value = declaration switch
        {
            DimSyntax dim => BindDim(dim, scope),
            ConstSyntax constant => BindConst(constant, scope),
            _ => BindParameter((ParamSyntax)declaration, scope),
        };
        (_frame, _subscriptDepth) = (outerFrame, outerDepth);
        _bindingFileValues.RemoveAt(_bindingFileValues.Count - 1);

        // A constant that needed operations is made again where it is used, since these may stand inside a loop.
        if (declaration is not ConstSyntax || value is UntypedValue or BoolValue or ErrorValue)
        {
            _fileValues[declaration] = value;
        }

        return value;
    }

    /// <summary>Binds every dim, constant and parameter of a file once, so that their mistakes are found also when nothing uses them.</summary>
    internal static void CheckDeclarations(FileSyntax file, FileScope scope, DiagnosticReport report)
    {
        var none = new FunctionSyntax(file.Span, new NameSyntax(file.Span, ""), [], [], [], null, [], isIncomplete: false);
        var binder = new EntryBinder(none, scope, report, []);
        foreach (var declaration in file.Declarations.Where(d => d is DimSyntax or ConstSyntax or ParamSyntax))
        {
            binder.BindFileValue(declaration, scope, FileScopes.NameOf(declaration).Span);
        }
    }

    private Value BindDim(DimSyntax dim, Scope scope)
    {
        if (dim.Size is null)
        {
            return NumberValue.Of(SizeExpr.Variable(dim.Name.Text));
        }

        return BindSize(dim.Size, scope) is { } size && CheckExtent(size, dim.Size.Span) is { } good ? NumberValue.Of(good) : ErrorValue.Instance;
    }

    private Value BindConst(ConstSyntax constant, Scope scope)
    {
        var value = BindExpression(constant.Value, scope);
        if (value is not (UntypedValue or BoolValue or ErrorValue))
        {
            // Only what is made of literals: no arguments are in sight, so nothing else can be wrong but a parameter.
            return value is TensorValue && constant.Type is null && !FreeNamesReachParameters(constant.Value, scope)
                ? value
                : Error(TypeDiagnostics.NotAConstant, constant.Value.Span, ["this"]);
        }

        if (constant.Type is null || TypeOf(constant.Type, scope) is not { } type)
        {
            return value;
        }

        if (value is NumberValue { Integer: not null } && type.Element.IsInteger() && type.Shape.Count == 0)
        {
            return value;
        }

        return CheckType(value, type, constant.Value.Span, constant.Name.Text, constant.Type.Span);
    }

    private static bool FreeNamesReachParameters(ExpressionSyntax value, Scope scope)
    {
        var reached = false;
        FreeNames.Of(value, (name, _, _) => reached |= scope.Frame.File.FindValues(name.Text).Any(f => f.Item is ParamSyntax));
        return reached;
    }

    private static readonly string[] Initializers = ["zeros", "ones", "glorot", "he", "normal", "uniform"];

    private Value BindParameter(ParamSyntax parameter, Scope scope)
    {
        string? initializer = null;
        if (parameter.Initializer is { } written)
        {
            var name = written switch { NameExpressionSyntax n => n.Name, CallSyntax c => c.Callee, _ => null };
            if (name is null || !Initializers.Contains(name.Text))
            {
                Error(
                    TypeDiagnostics.UnknownInitializer,
                    written.Span,
                    [written.Span.Text],
                    help: Suggest(name?.Text ?? "", Initializers) ?? $"there are {string.Join(", ", Initializers)}");
            }

            initializer = written.Span.Text;
        }

        if (TypeOf(parameter.Type, scope) is not { } type)
        {
            return ErrorValue.Instance;
        }

        return Input(type, parameter.Span, TypedInputKind.Parameter, parameter.Name.Text, initializer);
    }
}
