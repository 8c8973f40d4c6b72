using System.Globalization;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Tests.Support;

namespace Lepton.Tests.Fuzz.Programs;

/// <summary>
/// Random well-typed programs of everything that the language has, with inputs. Each expression is evaluated by definition while the program
/// grows, so that results stay meaningful, as in <see cref="RandomGraphs"/>.
/// </summary>
internal static class RandomPrograms
{
    /// <summary>The program of a seed; the same for ever (as long as the generator is not changed).</summary>
    public static SourceProgram Make(int seed) => new RandomProgramMaker(seed).Make();
}

/// <summary>A program under construction.</summary>
internal sealed partial class RandomProgramMaker
{
    private const int MaxElements = 600;

    // Around the widths of vectors, primes, and nothing at all.
    private static readonly long[] SizeChoices = [0, 1, 2, 3, 4, 5, 7, 8, 9, 13, 15, 16, 17, 31, 33];
    private static readonly Scope Nowhere = new();

    // Words of the grammar are names wherever they can be.
    private static readonly string[] Words = ["state", "step", "emit", "plan", "format", "dim", "update", "until", "fill", "scan", "on", "param", "const", "optimizer"];

    private readonly int _seed;
    private readonly Random _random;
    private readonly Dictionary<string, long> _sizes = [];
    private readonly Meaning _meaning;
    private readonly List<Variable> _inputs = [];
    private readonly Dictionary<Variable, TensorValue> _values = [];
    private readonly HashSet<Variable> _mustBeOutputs = [];
    private readonly HashSet<string> _words = [];
    private readonly bool _fileSizes;
    private int _names;
    private Block _block;

    /// <summary>What is in sight in one block.</summary>
    private sealed record Block(List<Variable> Visible, List<SizeExpr> Sizes, List<SourceIndex> Steps, bool IsEntry)
    {
        public List<Statement> Statements { get; } = [];
    }

    public RandomProgramMaker(int seed)
    {
        _seed = seed;
        _random = new Random(seed);
        _meaning = new Meaning(_sizes, _formats);
        _fileSizes = Chance(2);
        _block = new Block([], [], [], IsEntry: true);
    }

    public SourceProgram Make()
    {
        for (var i = _random.Next(4); i > 0; i--)
        {
            var name = $"N{_sizes.Count}";
            _sizes[name] = Chance(10) ? 0 : Pick(SizeChoices[1..]);
            _block.Sizes.Add(SizeExpr.Variable(name));
        }

        // Without `dim`, a size is known by an argument that has it.
        foreach (var size in _fileSizes ? [] : _block.Sizes)
        {
            NewInput(RandomElement(), [size]);
        }

        for (var i = 1 + _random.Next(3); i > 0; i--)
        {
            NewInput(RandomElement(), RandomShape());
        }

        for (var i = 1 + _random.Next(4); i > 0 || _block.Statements.Count == 0; i--)
        {
            AddStatement();
        }

        if (_seed % 10 == 0)
        {
            AddFailure();
        }

        var defined = _block.Statements.SelectMany(s => s.Defines).ToList();
        var used = _block.Statements.SelectMany(s => s.Expressions).SelectMany(e => e.All()).OfType<ReadExpr>().Select(r => r.Variable).ToHashSet();
        var outputs = defined.Where(v => _mustBeOutputs.Contains(v) || !used.Contains(v) || Chance(6)).ToList();
        if (outputs.Count == 0)
        {
            outputs.Add(defined[^1]);
        }

        var parameters = _inputs.Where(_ => _fileSizes && Chance(6)).ToList();

        // What others stand on, maybe by another name, keeps what it holds for not stored.
        var supports = new HashSet<Variable>();
        foreach (var statement in Enumerable.Reverse(_block.Statements))
        {
            if (statement.Defines.Any(supports.Contains))
            {
                supports.UnionWith(statement.Expressions.SelectMany(e => e.All()).OfType<ReadExpr>().Select(r => r.Variable));
            }

            supports.UnionWith(statement is Equation { On.Tensor: var on } ? [on] : []);
        }

        foreach (var output in outputs)
        {
            double? nothing = supports.Contains(output) ? _meaning.FillOf(output) : null;
            ChooseFormat(output.Name, output.Element, [.. output.Shape.Select(Number)], nothing);
        }

        return new SourceProgram(
            _seed, _sizes, [.. _inputs.Except(parameters)], [.. parameters], _values, [.. _block.Statements], [.. outputs], _fileSizes, _random.Next())
        {
            Formats = _formats,
        };
    }

    private bool Chance(int oneIn) => _random.Next(oneIn) == 0;

    private T Pick<T>(IReadOnlyList<T> list) => list[_random.Next(list.Count)];

    private long Number(SizeExpr size) => _meaning.Number(size);

    private string NewName(string prefix) => $"{prefix}{(_names++).ToString(CultureInfo.InvariantCulture)}";

    private string VariableName() => Chance(12) && Pick(Words) is var word && _words.Add(word) ? word : NewName("v");

    private ElementType RandomElement() =>
        Chance(3) ? Pick(ElementTypes.All) : Chance(3) ? Pick([ElementType.F64, ElementType.F16, ElementType.BF16, ElementType.I32, ElementType.I64]) : ElementType.F32;

    private ElementType RandomNumber() => RandomElement() is var element && element == ElementType.Bool ? ElementType.I32 : element;

    private SizeExpr RandomSize(long atMost)
    {
        for (var tries = 0; tries < 4; tries++)
        {
            var size = _random.Next(6) switch
            {
                0 when _block.Visible.Where(v => v.Shape.Count > 0).ToList() is { Count: > 0 } tensors => Pick(Pick(tensors).Shape),
                1 or 2 when _block.Sizes.Count > 0 => Pick(_block.Sizes),
                3 when _block.Sizes.Count > 0 => Derived(Pick(_block.Sizes)),
                _ => SizeExpr.Constant(Chance(4) ? Pick(SizeChoices) : Pick(SizeChoices[1..])),
            };
            if (Number(size) is >= 0 and var number && number <= atMost)
            {
                return size;
            }
        }

        return SizeExpr.Constant(Math.Max(0, Math.Min(atMost, Pick([1, 2, 3]))));
    }

    private SizeExpr Derived(SizeExpr size) => _random.Next(7) switch
    {
        0 => size + Pick([1L, 2, 3]),
        1 => size * 2,
        2 => size - 1,
        3 => SizeExpr.FloorDiv(size, 2),
        4 => (size * 2) + 1,
        5 when _block.Sizes.Count > 1 => size + Pick(_block.Sizes),
        _ => size * Pick(_block.Sizes),
    };

    private ValueList<SizeExpr> RandomShape(int maxRank = 5)
    {
        if (_block.Visible.Count > 0 && Chance(2))
        {
            var known = Pick(_block.Visible).Shape;
            return [.. known.Take(maxRank)];
        }

        var rank = Math.Min(maxRank, Pick([0, 1, 1, 2, 2, 2, 3, 3, 4, 5]));
        var shape = new List<SizeExpr>();
        long count = 1;
        for (var axis = 0; axis < rank; axis++)
        {
            shape.Add(RandomSize(Math.Max(1, MaxElements / count / (1L << (rank - axis - 1)))));
            count *= Math.Max(1, Number(shape[^1]));
        }

        return [.. shape];
    }

    private long Count(IEnumerable<SizeExpr> shape) => shape.Aggregate(1L, (count, s) => count * Number(s));

    /// <summary>A new argument of the entry.</summary>
    private Variable NewInput(ElementType element, ValueList<SizeExpr> shape, Func<int, double>? number = null)
    {
        var variable = new Variable(NewName("x"), element, shape);
        var sizes = shape.Select(Number).ToArray();
        var values = new double[sizes.Aggregate(1L, (a, b) => a * b)];
        var wide = element.IsInteger() && number is null && Chance(8);
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = number is not null ? number(i)
                : element.IsFloat() ? _random.Next(-16, 17) / 4.0
                : element == ElementType.Bool ? _random.Next(2)
                : element == ElementType.U8 ? _random.Next(wide ? 256 : 12)
                : _random.Next(-9, 10);
        }

        var fill = ChooseFormat(variable.Name, element, sizes);
        if (fill is { } nothing)
        {
            if (number is null)
            {
                Thin(values, sizes, nothing);
            }
        }

        var value = TensorValue.Of(element, sizes, values);
        if (wide)
        {
            value = TensorValue.OfIntegers(element, sizes, [.. values.Select(v => Chance(3) ? _random.NextInt64(long.MinValue, long.MaxValue) >> (8 * _random.Next(3)) : (long)v)]);
        }

        _inputs.Add(variable);
        _values[variable] = value;
        _block.Visible.Add(variable);
        _meaning.Define(variable, Meaning.Exact(value), Nowhere);
        return variable;
    }

    private bool MayAddInput => _block.IsEntry && _block.Steps.Count == 0 && _inputs.Count < 7;

    /// <summary>The expression, if it has a meaning at all points of the scope.</summary>
    private T? Good<T>(T? expr, Scope scope)
        where T : Expr =>
        expr is not null && MeaningOf(expr, scope) is { } value && value.Value.Count <= 4 * MaxElements && (value.IsFinite || (!IsSparse && Chance(3))) ? expr : null;

    // Null where it has none, or cannot be computed near enough to what is exact.
    private RandomValue? MeaningOf(Expr expr, Scope scope)
    {
        try
        {
            return _meaning.Of(expr, scope);
        }
        catch (Exception e) when (e is MeaninglessException or OutsideException)
        {
            return null;
        }
    }
}
