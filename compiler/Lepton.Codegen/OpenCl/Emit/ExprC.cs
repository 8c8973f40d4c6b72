using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>Expressions of a kernel as terms.</summary>
internal sealed class ExprC(
    Helpers helpers, CWriter writer, Func<int, Place> place, Func<SizeExpr, Term> size, Func<VariableExpr, Lanes> variable) : LoopExprVisitor<Lanes>
{
    private readonly MapC _map = new(helpers);

    public MemoryC Memory { get; } = new(helpers, writer);

    public Lanes Value(LoopExpr expr) => expr.Accept(this);

    public Term Scalar(LoopExpr expr) => Value(expr).Parts[0];

    public override Lanes Visit(NumberExpr expr)
    {
        var (element, type) = (expr.Type.Element, expr.Type);
        if (element == ElementType.I64)
        {
            return Splat(type, Term.Index(expr.Value.Bits));
        }

        var text = CTypes.Literal(element, expr.Value);
        return Splat(type, new Term(text, !text.StartsWith('-')) { IsFree = true });
    }

    public override Lanes Visit(SizeOfExpr expr) => Lanes.Of(expr.Type, size(expr.Size));

    public override Lanes Visit(VariableExpr expr) => variable(expr);

    public override Lanes Visit(MapExpr expr) =>
        _map.Emit(expr.Op, expr.Arguments[expr.Op == MapOp.Select ? 1 : 0].Type, expr.Type, [.. expr.Arguments.Select(Value)]);

    public override Lanes Visit(FmaExpr expr) => _map.Fma(expr.Type, Value(expr.A), Value(expr.B), Value(expr.C));

    public override Lanes Visit(BitExpr expr)
    {
        Term[] a = [.. expr.Arguments.Select(Scalar)];
        return Lanes.Of(expr.Type, expr.Op switch
        {
            BitOp.BitAnd => Term.Infix(a[0], "&", a[1]),
            BitOp.BitOr => Term.Infix(a[0], "|", a[1]),
            BitOp.ShiftLeft => new Term($"(long)((ulong){a[0].Operand} << {a[1].Operand})", false),
            BitOp.ShiftRight => new Term($"(long)((ulong){a[0].Operand} >> {a[1].Operand})", false),
            _ => Term.Call(
                helpers.Require("trailing_zeros", () => "// 64 of 0\nstatic long trailing_zeros(const long x)\n{\n    const ulong bits = (ulong)x;\n    return (long)popcount(~bits & (bits - 1));\n}"), a[0]),
        });
    }

    public override Lanes Visit(ReinterpretExpr expr)
    {
        var (value, (width, _)) = (Value(expr.Value), CTypes.Layout(expr.Type.Lanes));
        return new Lanes(expr.Type, expr.Element, [.. value.Parts.Select(p => Term.Call($"as_{CTypes.Vector(expr.Element, width)}", p))]);
    }

    // More lanes of a and b: as many vectors, or twice or four times as many, each for a half or a quarter of those of c.
    public override Lanes Visit(DotExpr expr)
    {
        var (a, b, c) = (Value(expr.A), Value(expr.B), Value(expr.C));
        (a, b) = expr.B.Type.Element == ElementType.U8 ? (b, a) : (a, b);
        var ratio = a.Parts.Length / c.Parts.Length;
        var name = Dot(expr.Group, c.Width / ratio);
        string[] members = ratio switch { 1 => [""], 2 => [".lo", ".hi"], _ => [".lo.lo", ".lo.hi", ".hi.lo", ".hi.hi"] };
        return c with
        {
            Parts = [.. c.Parts.Select((x, i) =>
            {
                x = ratio == 1 ? x : writer.Bind(c.PartType, x);
                Term[] parts = [.. members.Select((m, h) => Term.Call(name, a.Parts[(ratio * i) + h], b.Parts[(ratio * i) + h], m.Length == 0 ? x : x.Member(m)))];
                return ratio == 1 ? parts[0] : new Term($"({c.PartType})({string.Join(", ", parts)})", true);
            })],
        };
    }

    public override Lanes Visit(LoadExpr expr) => Memory.Load(
        place(expr.Buffer), expr.Type, Scalar(expr.Index), expr.Stride is null ? null : Scalar(expr.Stride), expr.Mask is null ? null : Value(expr.Mask));

    public override Lanes Visit(GatherExpr expr) =>
        Memory.Gather(place(expr.Buffer), expr.Type, Value(expr.Indices), expr.Mask is null ? null : Value(expr.Mask));

    public override Lanes Visit(SplatExpr expr) => Splat(expr.Type, Scalar(expr.Value));

    // base + l·step
    public override Lanes Visit(RampExpr expr)
    {
        var (start, step) = (Scalar(expr.Base), Scalar(expr.Step));
        if (expr.Type.Lanes == 1)
        {
            return Lanes.Of(expr.Type, start);
        }

        var (width, count) = CTypes.Layout(expr.Type.Lanes);
        var known = step.Integer is { } s && Math.Abs(s) < 1 << 20 ? s : default(long?);
        (start, step) = count > 1 ? (writer.Bind("long", start), writer.Bind("long", step)) : (start, step);
        var type = CTypes.Vector(ElementType.I64, width);
        return new Lanes(expr.Type, ElementType.I64, [.. Enumerable.Range(0, count).Select(p =>
        {
            var numbers = $"({type})({string.Join(", ", Enumerable.Range(p * width, width).Select(l => l * (known ?? 1)))})";
            var offsets = known is null ? $"{step.Operand} * {numbers}" : numbers;
            return start.Integer == 0 && known is not null ? new Term(numbers, true) { IsIndex = true } : new Term($"{start.Operand} + {offsets}", false) { IsIndex = start.IsIndex && step.IsIndex };
        })]);
    }

    public override Lanes Visit(LaneExpr expr)
    {
        var value = Value(expr.Vector);
        return value.IsScalar ? value : Lanes.Of(expr.Type, Lane(value, expr.Lane));
    }

    public override Lanes Visit(ShuffleExpr expr)
    {
        var (a, b) = (Value(expr.A), Value(expr.B));
        b = a.Type.Element == ElementType.Bool ? MapC.Masked(b, a.Carrier) : b;
        if (expr.Type.Lanes == 1)
        {
            return Lanes.Of(expr.Type, expr.Lanes[0] < a.Type.Lanes ? Lane(a, expr.Lanes[0]) : Lane(b, expr.Lanes[0] - a.Type.Lanes));
        }

        // Scalars of two lanes: a pair.
        var carrier = a.IsScalar && a.Carrier == ElementType.Bool ? ElementType.I32 : a.Carrier;
        a = a.IsScalar && carrier != a.Carrier ? a.Map(p => Term.Prefix("-", p)) : a;
        b = b.IsScalar && carrier != b.Carrier ? b.Map(p => Term.Prefix("-", p)) : b;
        a = a.Map(p => writer.Bind(CTypes.Vector(carrier, a.Width), p));
        b = expr.A == expr.B ? a : b.Map(p => writer.Bind(CTypes.Vector(carrier, b.Width), p));
        var (width, count) = CTypes.Layout(expr.Type.Lanes);
        var parts = Enumerable.Range(0, count).Select(p => Enumerable.Range(p * width, width).Select(l => l < expr.Lanes.Count ? expr.Lanes[l] : -1).ToArray());
        return new Lanes(expr.Type, carrier, [.. parts.Select(p => Shuffled(CTypes.Vector(carrier, width), a, b, p))]);
    }

    // v[0..n/2] op v[n/2..n], and again, to one lane.
    public override Lanes Visit(LaneReduceExpr expr)
    {
        var value = Value(expr.Vector);
        if (value.IsScalar)
        {
            return value;
        }

        if (expr.Kind is ReduceKind.Any or ReduceKind.All)
        {
            var isAny = expr.Kind == ReduceKind.Any;
            var rest = value.Live(value.Parts.Length - 1) < value.Width;
            var parts = !rest ? value : value with { Parts = [.. value.Parts.Select((p, i) => Cut(value, p, i, isAny))] };
            var all = parts.Parts.Aggregate((x, y) => Term.Infix(x, isAny ? "|" : "&", y));
            return Lanes.Of(expr.Type, Term.Call(isAny ? "any" : "all", all) with { IsAtom = true });
        }

        var op = expr.Kind.Combination() ?? throw new CompilerBugException("opencl", $"lanes are not combined by {expr.Kind}");
        if (!int.IsPow2(value.Type.Lanes))
        {
            throw new CompilerBugException("opencl", $"{value.Type} lanes cannot be halved");
        }

        while (value.Parts.Length > 1)
        {
            var half = value.Type with { Lanes = value.Type.Lanes / 2 };
            var (low, high) = (value.Parts[..(value.Parts.Length / 2)], value.Parts[(value.Parts.Length / 2)..]);
            value = _map.Emit(op, half, half, [new(half, value.Carrier, low), new(half, value.Carrier, high)]);
        }

        return Lanes.Of(expr.Type, Term.Call(Reduction(op, expr.Kind, value.Carrier, value.Width), value.Parts[0]));
    }

    // Lanes that there are not hold in no "any" and in every "all".
    private static Term Cut(Lanes mask, Term part, int number, bool isAny)
    {
        var lanes = Enumerable.Range(0, mask.Width).Select(l => l < mask.Live(number) == isAny ? "-1" : "0");
        return Term.Infix(part, isAny ? "&" : "|", new Term($"({mask.PartType})({string.Join(", ", lanes)})", true));
    }

    private static Lanes Splat(LaneType type, Term scalar)
    {
        if (type.Lanes == 1)
        {
            return Lanes.Of(type, scalar);
        }

        var carrier = type.Element == ElementType.Bool ? ElementType.I32 : type.Element;
        var (width, count) = CTypes.Layout(type.Lanes);
        var text = type.Element == ElementType.Bool ? $"-(int){scalar.Operand}" : scalar.Text;
        var vector = new Term($"({CTypes.Vector(carrier, width)})({text})", true) { Scalar = scalar, IsIndex = scalar.IsIndex };
        return new Lanes(type, carrier, [.. Enumerable.Repeat(vector, count)]);
    }

    private static Term Lane(Lanes value, int lane)
    {
        if (value.IsScalar)
        {
            return value.Parts[0];
        }

        var one = value.Parts[lane / value.Width].Member(CTypes.Lane(lane % value.Width));
        return value.Type.Element == ElementType.Bool ? Term.Infix(one, "!=", Term.Name("0")) : one;
    }

    // Stretches of lanes from one vector are written as one swizzle each: (float8)(a.s0246, b.s0246)
    private static Term Shuffled(string type, Lanes a, Lanes b, int[] numbers)
    {
        var pieces = new List<string>();
        for (var l = 0; l < numbers.Length;)
        {
            if (numbers[l] < 0)
            {
                pieces.Add("0");
                l++;
                continue;
            }

            var source = Source(numbers[l]);
            var run = 1;
            while (l + run < numbers.Length && numbers[l + run] >= 0 && Source(numbers[l + run]).Part == source.Part)
            {
                run++;
            }

            run = source.Width == 1 ? 1 : 1 << int.Log2(run);
            var lanes = Enumerable.Range(l, run).Select(i => Source(numbers[i]).Lane).ToArray();
            pieces.Add(source.Width == 1 ? source.Part.Text
                : run == source.Width && lanes.Select((n, i) => n == i).All(x => x) ? source.Part.Text
                : $"{source.Part.Operand}.s{string.Concat(lanes.Select(n => CTypes.Lane(n)[2..]))}");
            l += run;
        }

        return pieces.Count == 1 && numbers.Length > 1 && !pieces[0].StartsWith('(') && a.Width > 1 ? new Term(pieces[0], true) : new Term($"({type})({string.Join(", ", pieces)})", true);

        (Term Part, int Lane, int Width) Source(int number) => number < a.Type.Lanes
            ? (a.Parts[number / a.Width], number % a.Width, a.Width)
            : (b.Parts[(number - a.Type.Lanes) / b.Width], (number - a.Type.Lanes) % b.Width, b.Width);
    }

    private string Reduction(MapOp op, ReduceKind kind, ElementType element, int width)
    {
        var name = $"{kind.ToString().ToLowerInvariant()}_of_{CTypes.Suffix(element, width)}";
        return helpers.Require(name, () =>
        {
            var lines = new CWriter();
            var value = new Lanes(new LaneType(element, width), element, [Term.Name("x")]);
            while (value.Width > 1)
            {
                var half = value.Type with { Lanes = value.Width / 2 };
                Lanes Part(string end) => new(half, element, [value.Parts[0].Member(end)]);
                value = _map.Emit(op, half, half, [Part(".lo"), Part(".hi")]);
                if (value.Width > 1)
                {
                    value = value with { Parts = [lines.Bind(value.PartType, value.Parts[0])] };
                }
            }

            lines.Line($"return {value.Parts[0]};");
            return $"// By halves.\nstatic {CTypes.Scalar(element)} {name}(const {CTypes.Vector(element, width)} x)\n{{\n{lines}}}";
        });
    }

    // Sums of products wrap.
    private string Dot(int group, int width)
    {
        var (name, left, right, lanes) = group == 2
            ? ("pair_dot", "short", "short", (string[])["even", "odd"])
            : ("byte_dot", "uchar", "char", ["even.even", "even.odd", "odd.even", "odd.odd"]);
        name += width == 1 ? "" : $"_x{width}";
        var (ints, words) = (CTypes.Vector("int", width), CTypes.Vector("uint", width));
        var products = string.Concat(lanes.Select(l => $" + as_{words}(convert_{ints}(a.{l}) * convert_{ints}(b.{l}))"));
        return helpers.Require(name, () => $$"""
            // c + a·b, {{group}} neighbouring lanes each
            static {{ints}} {{name}}(const {{CTypes.Vector(left, group * width)}} a, const {{CTypes.Vector(right, group * width)}} b, const {{ints}} c)
            {
                return as_{{ints}}(as_{{words}}(c){{products}});
            }
            """);
    }
}
