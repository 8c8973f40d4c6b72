using Lepton.Abi;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

// f32[N, M] in bsr(4, 4) fill 1: the format behind `in`.
internal sealed partial class EntryBinder
{
    /// <summary>The format of a type; null when none is written, or after an error (reported: then <paramref name="good"/> is false).</summary>
    private TensorFormat? FormatOf(TypeSyntax type, ElementType element, ValueList<SizeExpr> shape, Scope scope, out bool good)
    {
        good = true;
        if (type.Format is not { } written)
        {
            return null;
        }

        good = false;
        if (FindFormat(written, type, shape.Count, scope.Frame.File, (kind, span, arguments, labels, help) => Error(kind, span, arguments, labels, help)) is not { } definition || BlockSizes(written, definition, scope) is not { } blocks)
        {
            return null;
        }

        var format = definition.Make(blocks);
        var fill = written.Fill is null ? Scalar.Of(element, 0) : BindFill(written.Fill, element, scope);
        good = fill is not null && FitsBlocks(format, type, shape);
        return good ? format.WithFill(fill!.Value) : null;
    }

    /// <summary>The declaration that a name means for a tensor of a rank; null after an error, or where that has been reported.</summary>
    internal static FormatDefinition? FindFormat(StorageSyntax written, TypeSyntax type, int rank, FileScope file, Action<DiagnosticKind, SourceSpan, IEnumerable<object>, IEnumerable<DiagnosticLabel>?, string?> error)
    {
        var name = written.Name.Text;
        var found = file.FindFormats(name, rank);
        if (found.Count > 1)
        {
            var (first, second) = (found[0].File.Alias, found[1].File.Alias);
            error(TypeDiagnostics.Ambiguous, written.Name.Span, [name, first, second], [], $"write {first}.{name} or {second}.{name}");
            return null;
        }

        if (found.Count == 1)
        {
            return found[0].Item is { IsGood: true } good ? good : null;
        }

        var ranks = file.RanksOf(name);
        if (ranks.Count > 0)
        {
            var wanted = string.Join(", ", ranks.SkipLast(1)) + (ranks.Count > 1 ? " or " : "") + AxisCount(ranks[^1]);
            error(FormatDiagnostics.FormatRank, written.Span, [name, wanted, rank == 0 ? "a scalar" : AxisCount(rank)], [new DiagnosticLabel(type.Span, $"{AxisCount(rank)} here")], null);
            return null;
        }

        var help = NameSuggestion.Help(name, file.FormatNames);
        if (help is not null || !file.IsIncomplete)
        {
            error(FormatDiagnostics.UnknownFormat, written.Name.Span, [name], [], help ?? $"there are {string.Join(", ", file.FormatNames)}; others are declared: format {name}[i, j] = …");
        }

        return null;
    }

    private List<long>? BlockSizes(StorageSyntax written, FormatDefinition definition, Scope scope)
    {
        if (written.Blocks.Count != definition.BlockCount)
        {
            Error(FormatDiagnostics.BlockCount, written.Span, [written.Name.Text, definition.BlockCount == 0 ? "no block sizes" : Count(definition.BlockCount, "block size"), written.Blocks.Count]);
            return null;
        }

        var sizes = new List<long>();
        foreach (var block in written.Blocks)
        {
            if (BindSize(block, scope) is not { } size)
            {
                return null;
            }

            if (size.AsConstant is not { } constant || constant < 1)
            {
                Error(FormatDiagnostics.BlockSize, block.Span, [size]);
                return null;
            }

            sizes.Add(constant);
        }

        return sizes;
    }

    /// <summary>Blocks cut an axis without a rest: checked now when its size is known, else a condition of the entry.</summary>
    private bool FitsBlocks(TensorFormat format, TypeSyntax type, ValueList<SizeExpr> shape)
    {
        foreach (var level in format.Levels.Where(l => l.Part == LevelPart.Outer))
        {
            var (size, block) = (shape[level.Axis], (SizeExpr)level.Block);
            if (size.AsConstant is { } constant && constant % level.Block != 0)
            {
                var place = type.Shape.All(s => s.Rest is null) ? type.Shape[level.Axis].Span : type.Span;
                Error(
                    SizeDiagnostics.NotDivisible,
                    type.Format!.Span,
                    [size, block],
                    [new DiagnosticLabel(place, $"axis {level.Axis} has size {size}"), new DiagnosticLabel(type.Format.Span, $"cut into blocks of {block}")],
                    "a tensor in blocks consists of whole ones: take blocks of another size, or a longer axis with zeros at its end");
                return false;
            }

            // Inlined, a format is a word about the caller's value: it asks nothing of it.
            if (_frame.Caller is null && !_proof.Equal(SizeExpr.FloorDiv(size, block) * block, size))
            {
                AddConstraint(SizeExpr.Mod(size, block), SizeExpr.Zero, atLeast: false, $"{size} is cut into blocks of {block} at {type.Format!.Span.Location}");
                _proof.AddExact(size, block);
            }
        }

        return true;
    }

    /// <summary>A fill value: a number known now that fits the element type. Null after an error.</summary>
    private Scalar? BindFill(ExpressionSyntax written, ElementType element, Scope scope) =>
        BindExpression(written, scope) is var value && IsFill(value, written.Span) ? FillOf(value, element, written.Span) : null;

    private bool IsFill(Value value, SourceSpan span)
    {
        switch (value)
        {
            case ErrorValue:
                return false;
            case NumberValue { Form.AsConstant: { } number } when double.IsNaN(number):
                Error(FormatDiagnostics.NanFill, span, []);
                return false;
            case NumberValue { Form.AsConstant: not null } or BoolValue:
                return true;
            default:
                Error(TypeDiagnostics.NotAConstant, span, ["the fill value"]);
                return false;
        }
    }

    private Scalar? FillOf(Value value, ElementType element, SourceSpan span)
    {
        switch (value)
        {
            case NumberValue { Form.AsConstant: { } number } when element.IsFloat():
                var rounded = Scalar.Float(element, number);
                if (!double.IsInfinity(rounded.AsDouble) || double.IsInfinity(number))
                {
                    return rounded;
                }

                break;
            case NumberValue { Integer.AsConstant: { } number } when element != ElementType.Bool && !element.IsFloat() && Scalar.Wrap(element, number) == number:
                return Scalar.Integer(element, number);
            case BoolValue truth when element == ElementType.Bool:
                return Scalar.Bool(truth.Value);
            default:
                break;
        }

        Error(TypeDiagnostics.LiteralDoesNotFit, span, [value is NumberValue shown ? Shown(shown) : span.Text, element.Name()], help: element == ElementType.Bool ? "write true or false" : null);
        return null;
    }

    /// <summary>Whether an argument has the fill value that a parameter wants: `on` would mean something else with another.</summary>
    private bool HasFill(Value argument, Scalar wanted, SourceSpan span)
    {
        var fill = (argument as TensorValue)?.Storage?.Fill ?? Scalar.Of(wanted.Type, 0);
        if (fill.AsDouble.Equals(wanted.AsDouble))
        {
            return true;
        }

        Error(FormatDiagnostics.FillsDiffer, span, [fill, wanted]);
        return false;
    }

    /// <summary>The value, of which nothing is said about how it is stored.</summary>
    private static Value Dense(Value value) => value switch
    {
        TensorValue { Storage: not null } stored => stored.With(null),
        DeferredValue deferred => deferred.Dense(),
        _ => value,
    };

    /// <summary>The value, stored as its type says; a type without a format is that of a dense tensor.</summary>
    private static TensorValue StoredAs(TensorValue value, TensorInfo type)
    {
        // What is filled stays filled: the fill value belongs to the definition unless the type gives one.
        var fill = type.HasFill ? type.Format!.FillOf(value.Type.Element) : value.Storage?.Fill ?? Scalar.Of(value.Type.Element, 0);
        return type.Format is null && value.Storage is null ? value : value.With(new Storage(type.Format?.WithFill(fill), fill));
    }
}
