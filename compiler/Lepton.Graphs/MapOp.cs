using Lepton.Abi;

namespace Lepton.Graphs;

/// <summary>The elementwise operations. Each is defined once, in <see cref="MapOps"/>: name, arity, types. Meaning: <c>ScalarMeaning</c>.</summary>
public enum MapOp
{
    Add,
    Sub,
    Mul,

    /// <summary>True division of floats; floor division of integers; x / 0 = 0 for integers.</summary>
    Div,

    /// <summary>
    /// x - y * floor(x / y), sign of the divisor; x % 0 = 0 for integers, nan for floats. Of floats exactly, rounded once: the remainder of
    /// the truncated quotient (fmod), plus y where its sign is not that of y; 0 has the sign of y.
    /// </summary>
    Rem,

    /// <summary>Integers wrap; x to a negative integer is 0, but 1 for x = 1 and ±1 for x = -1.</summary>
    Pow,
    Min,
    Max,
    Atan2,

    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,

    And,
    Or,
    Not,

    Neg,
    Abs,

    /// <summary>-1, 0 or 1; nan of nan; -0.0 of -0.0.</summary>
    Sign,
    Sqrt,

    /// <summary>1 / sqrt(x).</summary>
    Rsqrt,
    Cbrt,
    Exp,
    Exp2,
    Expm1,
    Log,
    Log2,
    Log10,
    Log1p,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Erf,
    Floor,
    Ceil,

    /// <summary>To the nearest integer, half to even.</summary>
    Round,
    Trunc,
    IsNan,
    IsFinite,

    /// <summary>select(condition, then, otherwise).</summary>
    Select,

    /// <summary>To the element type of the node.</summary>
    Cast,

    /// <summary>uniform(seed, i, …): f32 in [0, 1) from Philox 4x32-10, keyed by the seed, counted by up to 4 indices (<see cref="Philox"/>); all operands i64.</summary>
    RandomUniform,

    /// <summary>normal(seed, i, …): f32, Box–Muller over two Philox words (<see cref="Philox.Normal"/>).</summary>
    RandomNormal,
}

/// <summary>What types an elementwise operation takes and gives.</summary>
public enum MapTyping
{
    /// <summary>All operands and the result of one numeric type.</summary>
    Numeric,

    /// <summary>All operands and the result of one float type.</summary>
    Float,

    /// <summary>Operands of one type, bool out.</summary>
    Compare,

    /// <summary>bool in, bool out.</summary>
    Logic,

    /// <summary>Float in, bool out.</summary>
    FloatTest,

    /// <summary>bool and two of one type.</summary>
    Select,

    /// <summary>Any to any.</summary>
    Cast,

    /// <summary>i64 in, f32 out.</summary>
    Random,
}

/// <summary>One row of the table of elementwise operations. An arity of -1: any number from 1 to 5.</summary>
public sealed record MapOpInfo(MapOp Op, string Name, int Arity, MapTyping Typing, bool Commutative = false, bool Transcendental = false);

/// <summary>The table of elementwise operations.</summary>
public static class MapOps
{
    private static readonly MapOpInfo[] Table = MakeTable();
    private static readonly Dictionary<string, MapOpInfo> ByName = Table.ToDictionary(i => i.Name);

    public static IReadOnlyList<MapOpInfo> All => Table;

    public static MapOpInfo Info(this MapOp op) => Table[(int)op];

    public static MapOpInfo? Parse(string name) => ByName.GetValueOrDefault(name);

    /// <summary>The element type of the result, or null when the operands' types do not fit. <paramref name="castTo"/>: for Cast alone.</summary>
    public static ElementType? ResultType(this MapOp op, ReadOnlySpan<ElementType> operands, ElementType? castTo = null)
    {
        var info = op.Info();
        if (info.Arity >= 0 ? operands.Length != info.Arity : operands.Length is < 1 or > 5)
        {
            return null;
        }

        var first = operands[0];
        var same = !operands.ContainsAnyExcept(first);
        return info.Typing switch
        {
            MapTyping.Numeric => same && first != ElementType.Bool ? first : null,
            MapTyping.Float => same && first.IsFloat() ? first : null,
            MapTyping.Compare => same ? ElementType.Bool : null,
            MapTyping.Logic => same && first == ElementType.Bool ? ElementType.Bool : null,
            MapTyping.FloatTest => first.IsFloat() ? ElementType.Bool : null,
            MapTyping.Select => first == ElementType.Bool && operands[1] == operands[2] ? operands[1] : null,
            MapTyping.Cast => castTo,
            _ => same && first == ElementType.I64 ? ElementType.F32 : null,
        };
    }

    private static MapOpInfo[] MakeTable()
    {
        var table = new MapOpInfo[Enum.GetValues<MapOp>().Length];
        foreach (var op in Enum.GetValues<MapOp>())
        {
            var (arity, typing) = op switch
            {
                <= MapOp.Max => (2, MapTyping.Numeric),
                MapOp.Atan2 => (2, MapTyping.Float),
                <= MapOp.GreaterEqual => (2, MapTyping.Compare),
                MapOp.And or MapOp.Or => (2, MapTyping.Logic),
                MapOp.Not => (1, MapTyping.Logic),
                MapOp.Neg or MapOp.Abs or MapOp.Sign => (1, MapTyping.Numeric),
                MapOp.IsNan or MapOp.IsFinite => (1, MapTyping.FloatTest),
                MapOp.Select => (3, MapTyping.Select),
                MapOp.Cast => (1, MapTyping.Cast),
                MapOp.RandomUniform or MapOp.RandomNormal => (-1, MapTyping.Random),
                _ => (1, MapTyping.Float),
            };
            var name = op switch
            {
                MapOp.RandomUniform => "uniform",
                MapOp.RandomNormal => "normal",
                _ => op.ToString().ToLowerInvariant(),
            };
            var commutative = op is MapOp.Add or MapOp.Mul or MapOp.Min or MapOp.Max or MapOp.Equal or MapOp.NotEqual or MapOp.And or MapOp.Or;
            var transcendental = op is MapOp.Pow or MapOp.Atan2 or (>= MapOp.Cbrt and <= MapOp.Erf) or MapOp.RandomNormal;
            table[(int)op] = new MapOpInfo(op, name, arity, typing, commutative, transcendental);
        }

        return table;
    }
}
