using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Language.Semantics;

namespace Lepton.Tests.Fuzz.Programs;

/// <summary>Writes expressions as source, with as few parentheses as the grammar allows, and now and then one more.</summary>
internal sealed class ExpressionWriter(Random style)
{
    // From the loosest to the tightest.
    private const int Choice = 0, Or = 1, And = 2, Not = 3, Comparison = 4, Sum = 5, Product = 6, Sign = 7, Power = 8, Operand = 9;

    /// <summary>A text, how tightly it binds, and whether a reducer in it would take in a product that follows.</summary>
    private readonly record struct Piece(string Text, int Level, bool IsOpen = false);

    /// <summary>The functions that were called, in the order of their first call.</summary>
    public List<CallExpr> Calls { get; } = [];

    private bool Chance(int oneIn) => style.Next(oneIn) == 0;

    public string Write(Expr expr) => Piecewise(expr).Text;

    /// <summary><c>i</c>, or <c>i: N</c> where nothing else gives the range.</summary>
    public static string Index(SourceIndex index, IEnumerable<Expr> around, bool isKnown = false) =>
        index.Written || NeedsSize(index, around, isKnown) ? $"{index.Name}: {Size(index.Size)}" : index.Name;

    public static string Size(SizeExpr size) => size.ToString();

    /// <summary>Parameters of a function in order, without what stands for the arguments.</summary>
    public string Function(CallExpr call)
    {
        var parameters = call.Parameters.Select(p => p.HasDefault ? $"{p.Name} = {Write(p.Argument)}" : p.Name);
        return $"fn {call.Name}{(call.Index is null ? "" : $"[{call.Index.Name}]")}({string.Join(", ", parameters)}) = {Definition(call.Body)}";
    }

    /// <summary>A value with the local names that it is written with.</summary>
    public string Definition(Expr value)
    {
        var locals = new List<string>();
        while (value is LetExpr let)
        {
            locals.Add($"{let.Name.Name} = {Write(let.Value)}");
            value = let.Body;
        }

        if (Chance(2))
        {
            locals.Reverse();
        }

        return Write(value) + (locals.Count == 0 ? "" : " where " + string.Join(", ", locals));
    }

    public string Subscript(Subscript subscript) => subscript switch
    {
        AffineSubscript affine => Affine(affine) + Else(affine.Outside, affine.Fill),
        DataSubscript data => Write(data.Index) + Else(data.Outside, data.Fill),
        GroupSubscript group => $"({string.Join(", ", group.Members.Select(m => m.Name))})",
        SliceSubscript slice => $"{slice.Start}:{slice.Stop}{(slice.Step == 1 ? "" : $":{slice.Step}")}",
        _ => throw new ArgumentException("no such subscript"),
    };

    // The plain uses decide, unless they are of another size: then the written one does.
    private static bool NeedsSize(SourceIndex index, IEnumerable<Expr> around, bool isKnown)
    {
        var known = isKnown;
        foreach (var access in around.SelectMany(e => e.All()).OfType<AccessExpr>())
        {
            for (var axis = 0; axis < access.Subscripts.Count; axis++)
            {
                if (access.Subscripts[axis] is AffineSubscript { Outside: Outside.Never } affine && affine.Plain == index)
                {
                    if (access.Source.Shape[axis] != index.Size)
                    {
                        return true;
                    }

                    known = true;
                }

                // A group takes the first size that it can work out, which of an empty axis is any.
                if (access.Subscripts[axis] is GroupSubscript group && group.Members.Contains(index))
                {
                    return true;
                }
            }
        }

        return !known;
    }

    private string Else(Outside outside, Expr? fill) => outside switch
    {
        Outside.Never => "",
        Outside.Fill => $" else {Write(fill!)}",
        _ => $" else {outside.ToString().ToLowerInvariant()}",
    };

    private string Affine(AffineSubscript affine)
    {
        // Coefficients that are negative last, so that no sign stands first unless it must.
        var parts = affine.Terms.Select(t => (Text: Term(t.Index.Name, t.Coefficient), IsNegative: t.Coefficient.AsConstant < 0)).ToList();
        if (affine.Offset != SizeExpr.Zero || parts.Count == 0)
        {
            var isNegative = affine.Offset.AsConstant < 0;
            parts.Add(isNegative ? ((-affine.Offset).ToString(), true) : (affine.Offset.ToString(), false));
        }

        var text = "";
        foreach (var (part, isNegative) in parts.OrderBy(p => p.IsNegative))
        {
            text += text == "" ? (isNegative ? "-" : "") + part : (isNegative ? Operator("-") : Operator("+")) + part;
        }

        return text;
    }

    private string Term(string index, SizeExpr coefficient)
    {
        var magnitude = coefficient.AsConstant < 0 ? -coefficient : coefficient;
        var factor = magnitude.Terms.Count > 1 ? $"({magnitude})" : magnitude.ToString();
        return magnitude == SizeExpr.One ? index : Chance(3) ? $"{index} * {factor}" : $"{factor}{Operator("*")}{index}";
    }

    private string Operator(string sign) => Chance(12) ? sign : Chance(40) ? $" {sign}\n        " : Chance(60) ? $" /* {sign} */ {sign} " : $" {sign} ";

    private string List(IEnumerable<string> items)
    {
        var comma = Chance(12) ? "," : Chance(20) ? ",\n      " : ", ";
        return string.Join(comma, items);
    }

    private string At(Expr expr, int level, bool mayBeOpen = true)
    {
        var piece = Piecewise(expr);
        return piece.Level < level || (piece.IsOpen && !mayBeOpen) || Chance(40) ? $"({piece.Text})" : piece.Text;
    }

    private Piece Piecewise(Expr expr) => expr switch
    {
        LiteralExpr literal => new(literal.Text, literal.Text.StartsWith('-') ? Sign : Operand),
        SizeValueExpr size => size.Size.AsVariable is { } name ? new(name, Operand) : new($"({size.Size})", Operand),
        ListExpr list => new($"[{List(list.Values.Select(v => $"{v}"))}]", Operand),
        IndexExpr index => new(index.Index.Name, Operand),
        ReadExpr read => new(read.Variable.Name, Operand),
        ParameterExpr parameter => new(parameter.Name, Operand),
        CastExpr { IsImplicit: true } cast => Piecewise(cast.Source),
        CastExpr cast => Call(cast.To.Name(), Write(cast.Source)),
        MapExpr map => Map(map),
        IfExpr { Called: true } choice => Call("select", [Write(choice.Condition), Write(choice.Then), Write(choice.Otherwise)]),
        IfExpr choice => new($"if {Write(choice.Condition)} then {Write(choice.Then)} else {Write(choice.Otherwise)}", Choice),
        AccessExpr access => new($"{At(access.Source, Operand)}[{List(access.Subscripts.Select(Subscript))}]", Operand),
        ReduceExpr reduce => new($"{Word(reduce.Reducer)}[{List(reduce.Over.Select(i => reduce.IsRebound ? i.Name : Index(i, [reduce.Body])))}] {At(reduce.Body, Product)}", Product, IsOpen: true),
        ReduceAxesExpr reduce => Call(Word(reduce.Reducer), [Write(reduce.Source), .. Axes(reduce)]),
        MatMulExpr product => Chain("@", product.Left, product.Right),
        TransposeExpr transpose => Call("transpose", transpose.Order.SequenceEqual(Enumerable.Range(0, transpose.Order.Count).Reverse()) && Chance(2)
            ? [Write(transpose.Source)]
            : [Write(transpose.Source), $"[{string.Join(", ", transpose.Order)}]"]),
        ReshapeExpr reshape => Call(
            reshape.IsBroadcast ? "broadcast_to" : "reshape",
            [Write(reshape.Source), $"[{string.Join(", ", reshape.To.Select((s, i) => i == reshape.Open ? "-1" : s.ToString()))}]"]),
        ConcatExpr { IsStack: true } stack => stack.Parts.All(p => !p.IsOpen) && Chance(2)
            ? new($"[{List(stack.Parts.Select(Write))}]", Operand)
            : Call("stack", [.. stack.Parts.Select(Write)]),
        ConcatExpr concat => Call("concat", [.. concat.Parts.Select(Write), .. concat.Axis == 0 && Chance(2) ? Array.Empty<string>() : [$"axis = {concat.Axis}"]]),
        SortExpr sort => Call(sort.Indices ? "argsort" : "sort", [Write(sort.Source), .. Sorting(sort)]),
        IotaExpr iota => Call("iota", iota.Size.ToString()),
        RandomExpr random => Call(random.IsNormal ? "normal" : "uniform", [.. random.Arguments.Select(Write)]),
        CallExpr call => UserCall(call),
        _ => throw new ArgumentException($"{expr.GetType().Name} cannot be written here"),
    };

    private Piece Call(string name, params IEnumerable<string> arguments) => new($"{name}({List(arguments)})", Operand);

    private Piece UserCall(CallExpr call)
    {
        if (Calls.All(c => c.Name != call.Name))
        {
            Calls.Add(call);
        }

        // Of an axis: the tensor itself is handed over. Behind a named argument, or one left out, all are named.
        var arguments = new List<string>();
        var isNamed = false;
        foreach (var parameter in call.Parameters)
        {
            isNamed |= parameter.IsNamed || parameter.IsOmitted;
            if (!parameter.IsOmitted)
            {
                var value = Write(call.Axis is not null && parameter.Argument is AccessExpr whole ? whole.Source : parameter.Argument);
                arguments.Add(isNamed ? $"{parameter.Name} = {value}" : value);
            }
        }

        var index = call.Index is null ? ""
            : call.Axis is not { } axis ? $"[{call.Index.Name}]"
            : $"[axis = {(call.Index.Written ? axis - call.Parameters[0].Argument.Shape.Count - 1 : axis)}]";
        return new($"{call.Name}{index}({List(arguments)})", Operand);
    }

    private static string Word(TypedReducer reducer) => reducer.ToString().ToLowerInvariant();

    private static IEnumerable<string> Axes(ReduceAxesExpr reduce)
    {
        var rank = reduce.Source.Shape.Count;
        var axes = reduce.Axes.Select(a => reduce.FromEnd ? a - rank : a).ToList();
        if (axes.Count > 0)
        {
            yield return axes.Count == 1 ? $"axis = {axes[0]}" : $"axis = [{string.Join(", ", axes)}]";
        }

        if (reduce.KeepDims)
        {
            yield return "keepdims = true";
        }
    }

    private IEnumerable<string> Sorting(SortExpr sort)
    {
        var rank = sort.Shape.Count;
        if (sort.Axis != rank - 1 || Chance(2))
        {
            yield return $"axis = {(Chance(2) ? sort.Axis : sort.Axis - rank)}";
        }

        if (sort.Descending)
        {
            yield return "descending = true";
        }
    }

    private Piece Map(MapExpr map)
    {
        var (op, arguments) = (map.Op, map.Arguments);
        var sign = op switch
        {
            MapOp.Add => "+",
            MapOp.Sub => "-",
            MapOp.Mul => "*",
            MapOp.Div => "/",
            MapOp.Rem => "%",
            MapOp.Pow => "^",
            MapOp.Equal => "==",
            MapOp.NotEqual => "!=",
            MapOp.Less => "<",
            MapOp.LessEqual => "<=",
            MapOp.Greater => ">",
            MapOp.GreaterEqual => ">=",
            MapOp.And => "and",
            MapOp.Or => "or",
            _ => null,
        };
        if (sign is null || map.Called)
        {
            return op switch
            {
                MapOp.Neg => Negated(arguments[0]),
                MapOp.Not => new($"not {At(arguments[0], Not)}", Not),
                MapOp.Div => Call("floordiv", arguments.Select(Write)),
                _ => Call(op.ToString().ToLowerInvariant(), arguments.Select(Write)),
            };
        }

        return op switch
        {
            MapOp.Add or MapOp.Sub => new(At(arguments[0], Sum) + Operator(sign) + At(arguments[1], Product), Sum),
            MapOp.Mul or MapOp.Div or MapOp.Rem => Chain(sign, arguments[0], arguments[1]),
            MapOp.Pow => new(At(arguments[0], Operand) + (Chance(2) ? "^" : Operator("^")) + Exponent(arguments[1]), Power),
            MapOp.And => new(At(arguments[0], And) + " and " + At(arguments[1], Not), And),
            MapOp.Or => new(At(arguments[0], Or) + " or " + At(arguments[1], And), Or),
            _ => new(At(arguments[0], Sum) + Operator(sign) + At(arguments[1], Sum), Comparison),
        };
    }

    private Piece Negated(Expr operand)
    {
        var piece = Piecewise(operand);
        var text = piece.Level >= Sign || piece.IsOpen && operand is ReduceExpr ? piece.Text : $"({piece.Text})";
        return piece.IsOpen && operand is ReduceExpr ? new("-" + text, Product, IsOpen: true) : new("-" + text, Sign);
    }

    // a^-b^c = a^(-(b^c))
    private string Exponent(Expr exponent) =>
        exponent is MapExpr { Op: MapOp.Neg } negated ? "-" + At(negated.Arguments[0], Power) : At(exponent, exponent is LiteralExpr ? Sign : Power);

    // A reducer takes in all of the product behind it, so it stands in a product last or in parentheses.
    private Piece Chain(string sign, Expr left, Expr right)
    {
        var last = Piecewise(right);
        var isOpen = last.IsOpen && (right is ReduceExpr || right is MapExpr { Op: MapOp.Neg }) && !Chance(3);
        var text = isOpen || last.Level >= Sign ? last.Text : $"({last.Text})";
        return new(At(left, Product, mayBeOpen: false) + Operator(sign) + text, Product, isOpen);
    }
}
