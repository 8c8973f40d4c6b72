using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Fuzz.Programs;

// Equations, scatters, loops, calls of functions with several results.
internal sealed partial class RandomProgramMaker
{
    private void AddStatement()
    {
        var (outer, made) = (_block, false);
        try
        {
            made = (IsSparse && Chance(4) && AddSupported()) || _random.Next(12) switch
            {
                < 8 => AddEquation(VariableName(), mayWiden: true),
                8 => AddScatter(),
                9 or 10 => AddLoop(),
                _ => AddCall(),
            };
        }
        catch (Exception e) when (e is MeaninglessException or OutsideException)
        {
            // A part of it is too large.
            _block = outer;
        }

        if (!made)
        {
            AddEquation(VariableName(), mayWiden: false);
        }
    }

    private bool Add(Statement statement)
    {
        _meaning.Forget();
        try
        {
            _meaning.Run(statement);
        }
        catch (Exception e) when (e is MeaninglessException or OutsideException)
        {
            return false;
        }

        _block.Statements.Add(statement);
        _block.Visible.AddRange(statement.Defines);
        return true;
    }

    private bool AddEquation(string name, bool mayWiden) => Add(NewEquation(name, RandomElement(), mayWiden && _block.IsEntry));

    private Equation NewEquation(string name, ElementType element, bool mayWiden = false, ValueList<SizeExpr>? shape = null, int depth = 4)
    {
        depth = 1 + _random.Next(depth);
        if (Chance(3))
        {
            var whole = shape ?? RandomShape();
            var value = WithLocals(Expression(Nowhere, element, whole, depth), Nowhere);
            return Finished(name, null, value, whole, mayWiden);
        }

        // The last axes may be left to the value: z[b] = x[b, :].
        var axes = shape is { } wanted ? wanted.Take(wanted.Count - (Chance(6) && wanted.Count > 0 ? 1 : 0)).Select(Indexed).ToList() : [.. RandomShape().Select(Indexed)];
        var rest = shape is { } all ? [.. all.Skip(axes.Count)] : Chance(8) && axes.Count < 4 ? [RandomSize(9)] : (ValueList<SizeExpr>)[];
        if (shape is null && axes.Count > 1 && Chance(5))
        {
            var joined = axes[0].Concat(axes[1]).ToValueList();
            axes.RemoveAt(0);
            axes[0] = joined;
        }

        var scope = new Scope([.. axes.SelectMany(a => a)]);
        var body = WithLocals(Expression(scope, element, rest, depth), scope);
        return Finished(name, axes.Count == 0 ? null : axes.ToValueList(), body, [.. axes.Select(a => SizeExpr.Product(a.Select(i => i.Size))), .. rest], mayWiden);

        ValueList<SourceIndex> Indexed(SizeExpr size, int axis) => [new SourceIndex(((char)('i' + axis)).ToString(), size, Number(size), Chance(6))];
    }

    // An output may be declared wider than what is computed, or take a literal's type from its declaration.
    private Equation Finished(string name, ValueList<ValueList<SourceIndex>>? left, Expr value, ValueList<SizeExpr> shape, bool mayWiden)
    {
        var wide = value.Element switch
        {
            ElementType.F32 => ElementType.F64,
            ElementType.F16 or ElementType.BF16 => ElementType.F32,
            ElementType.I32 or ElementType.I16 => ElementType.I64,
            ElementType.I8 or ElementType.U8 => ElementType.I32,
            _ => value.Element,
        };
        var widens = mayWiden && wide != value.Element && value is not LetExpr && Chance(6);
        value = widens ? new CastExpr(wide, value, IsImplicit: true) : value;
        var target = new Variable(name, value.Element, shape);
        if (widens)
        {
            _mustBeOutputs.Add(target);
        }

        return new Equation(target, left, value);
    }

    // y = a * a where a = x + 1
    private Expr WithLocals(Expr value, Scope scope)
    {
        if (!Chance(5))
        {
            return value;
        }

        var outer = scope.Indices.Concat(_block.Steps).ToHashSet();
        var parts = Written(value).Where(e => e != value && !e.IsOpen && e is not (ReadExpr or ParameterExpr or LetExpr) && Affine(e) is null && Indices(e).All(outer.Contains)
            && !e.All().Any(x => x is ReduceExpr or CallExpr { Axis: not null } or CallExpr { Index: not null })).ToList();
        if (parts.Count == 0)
        {
            return value;
        }

        var part = Pick(parts);
        var local = new Variable(NewName("w"), part.Element, part.Shape);
        return new LetExpr(local, part, Replaced(value, part, new ReadExpr(local)));
    }

    // What is not inside of a function's body.
    private static IEnumerable<Expr> Written(Expr expr) => expr is CallExpr ? [expr] : expr.Children.SelectMany(Written).Prepend(expr);

    private static Expr Replaced(Expr expr, Expr part, Expr by)
    {
        if (expr == part)
        {
            return by;
        }

        var children = expr.Children.Select(c => Replaced(c, part, by)).ToList();
        return children.Zip(expr.Children).All(p => ReferenceEquals(p.First, p.Second)) ? expr : expr.With(children);
    }

    private bool AddScatter()
    {
        var loop = NewIndices(Nowhere, Chance(3) ? 2 : 1);
        if (loop.Count == 0 || _block.Visible.Count == 0)
        {
            return false;
        }

        loop = [.. loop.Select(i => i with { Written = false })];
        var scope = new Scope([.. loop]);
        var element = RandomNumber();
        var kind = Pick(Enum.GetValues<ScatterKind>());
        var places = new List<Subscript>();
        var shape = new List<SizeExpr>();
        for (var axis = 1 + _random.Next(2); axis > 0; axis--)
        {
            var size = RandomSize(17);
            if (axis == 1 && Chance(3))
            {
                size = loop[^1].Size;
                places.Add(new AffineSubscript([(loop[^1], SizeExpr.One)], SizeExpr.Zero));
            }
            else if ((Chance(3) ? Subscript(scope, size, element) : Bins(loop, size)) is { } place and (DataSubscript { Outside: Outside.Never } or AffineSubscript { Outside: Outside.Never }))
            {
                places.Add(place);
            }
            else
            {
                return false;
            }

            shape.Add(size);
        }

        var value = kind == ScatterKind.Mul
            ? new CastExpr(element, new MapExpr(MapOp.Rem, ElementType.I32, [Expression(scope, ElementType.I32, [], 1), new LiteralExpr(Scalar.Integer(ElementType.I32, 3), "3")], []))
            : Expression(scope, element, [], 2);

        // Each index is met in a subscript first, and some plain use gives its range.
        var statement = new ScatterStatement(new Variable(VariableName(), element, [.. shape]), kind, [.. places], [.. loop], value);
        var met = places.SelectMany(p => OwnIndices(p).Concat(p.Expressions.SelectMany(e => e.All()).OfType<AccessExpr>().SelectMany(a => a.Subscripts).SelectMany(OwnIndices))).ToHashSet();
        return loop.All(i => met.Contains(i) && ExpressionWriter.Index(i, statement.Expressions) == i.Name) && !places.SelectMany(p => p.Expressions).SelectMany(e => e.All()).Any(e => e is IndexExpr or CallExpr { Index: not null })
            && Add(statement);
    }

    // bin[i, j]: an argument that has a place for each step of the loop.
    private DataSubscript? Bins(List<SourceIndex> loop, SizeExpr size) => Number(size) == 0 || !MayAddInput ? null : new DataSubscript(
        new AccessExpr(
            new ReadExpr(NewInput(Pick([ElementType.I64, ElementType.I32, ElementType.U8]), [.. loop.Select(i => i.Size)], _ => _random.NextInt64(Number(size)))),
            [.. loop.Select(Subscript (i) => new AffineSubscript([(i, SizeExpr.One)], SizeExpr.Zero))],
            []),
        Outside.Never);

    private bool AddLoop()
    {
        var outer = _block;
        var isScan = !Chance(3);
        var count = isScan ? RandomSize(7) : SizeExpr.Constant(_random.Next(6));
        var step = isScan ? new SourceIndex("t", count, Number(count), IsStep: true) : null;
        _block = new Block([.. outer.Visible], outer.Sizes, [.. outer.Steps], outer.IsEntry);
        try
        {
            _meaning.Forget();
            var firsts = Enumerable.Range(0, 1 + _random.Next(2)).Select(_ => NewEquation(VariableName(), RandomElement(), depth: 2, shape: RandomShape(3))).ToList();
            foreach (var first in firsts)
            {
                _meaning.Define(first.Target, _meaning.Of(first), Nowhere);
                _block.Visible.Add(first.Target);
            }

            if (step is not null)
            {
                _block.Steps.Add(step);
                _meaning.SetStep(step, 0);
            }

            var body = new List<Equation>();
            for (var i = _random.Next(3); i > 0; i--)
            {
                var equation = NewEquation(NewName("v"), RandomElement(), depth: 2);
                _meaning.Define(equation.Target, _meaning.Of(equation), Nowhere);
                _block.Visible.Add(equation.Target);
                body.Add(equation);
            }

            var nexts = firsts.Select(f => NewEquation(f.Target.Name + "'", f.Target.Element, shape: f.Target.Shape, depth: 3)).ToList();
            foreach (var next in nexts)
            {
                _meaning.Define(next.Target, _meaning.Of(next), Nowhere);
            }

            _block.Visible.AddRange(nexts.Select(n => n.Target));
            var emits = new List<(Equation, Variable)>();
            for (var i = isScan ? _random.Next(3) : 0; i > 0; i--)
            {
                var one = NewEquation(NewName("v"), RandomElement(), depth: 2);
                emits.Add((one, new Variable(one.Target.Name, one.Target.Element, [count, .. one.Target.Shape])));
            }

            var until = isScan ? null : Expression(Nowhere, ElementType.Bool, [], 2);
            _block = outer;
            return Add(new LoopStatement(step, count, [.. firsts.Zip(nexts, (f, n) => new State(f.Target, f, n))], [.. body], [.. emits], until));
        }
        finally
        {
            _block = outer;
        }
    }

    private bool AddCall()
    {
        var outer = _block;
        if (!outer.IsEntry)
        {
            return false;
        }

        // The caller's sizes get names of the function's own; a number may stay a number.
        var arguments = Enumerable.Range(0, 1 + _random.Next(3)).Select(_ => Expression(Nowhere, RandomElement(), RandomShape(3), 1)).ToList();
        var inside = new Dictionary<SizeExpr, SizeExpr>();
        var back = new Dictionary<string, SizeExpr>();
        foreach (var size in arguments.SelectMany(a => a.Shape).Distinct())
        {
            if (size.IsConstant && Chance(2))
            {
                inside[size] = size;
                continue;
            }

            var name = NewName("P");
            _sizes[name] = Number(size);
            inside[size] = SizeExpr.Variable(name);
            back[name] = size;
        }

        var parameters = arguments.Select(a => new Variable(NewName("a"), a.Element, [.. a.Shape.Select(s => inside[s])])).ToList();
        _block = new Block([.. parameters], [.. back.Keys.Select(SizeExpr.Variable)], [], IsEntry: false);
        _meaning.Forget();
        for (var i = 0; i < arguments.Count; i++)
        {
            _meaning.Define(parameters[i], _meaning.Of(arguments[i], Nowhere), Nowhere);
        }

        for (var i = 1 + _random.Next(3); i > 0; i--)
        {
            AddEquation(NewName("v"), mayWiden: false);
        }

        var body = _block.Statements;
        _block = outer;
        if (body.Count == 0)
        {
            return false;
        }

        var results = body.SelectMany(s => s.Defines).Reverse().Take(1 + _random.Next(2)).ToList();
        var targets = results.Select(r => new Variable(NewName("v"), r.Element, [.. r.Shape.Select(s => s.Substitute(n => back.GetValueOrDefault(n)))])).ToList();
        var generic = Chance(2) ? parameters[0].Element : (ElementType?)null;
        var function = new BlockFunction(NewName("g"), [.. parameters], [.. body], [.. results], generic, Chance(2));
        return Add(new CallStatement([.. targets], function, [.. arguments]));
    }

    // y[i] = x[k[i]] with some k[i] outside: the run has to fail.
    private bool AddFailure()
    {
        var source = _block.Visible.FirstOrDefault(v => v.Shape.Count == 1 && MeaningOf(new ReadExpr(v), Nowhere) is not null);
        if (source is null)
        {
            return false;
        }

        var index = new SourceIndex("i", 4, 4, Written: true);
        var n = Number(source.Shape[0]);
        var positions = NewInput(ElementType.I64, [4], i => i == 2 ? n + _random.Next(2) : n > 0 ? _random.NextInt64(n) : 5);
        var place = new AccessExpr(new ReadExpr(positions), [new AffineSubscript([(index, SizeExpr.One)], SizeExpr.Zero)], []);
        var target = new Variable("fails", source.Element, [4]);
        _mustBeOutputs.Add(target);
        _block.Statements.Add(new Equation(target, [[index]], new AccessExpr(new ReadExpr(source), [new DataSubscript(place, Outside.Never)], [])));
        return true;
    }
}
