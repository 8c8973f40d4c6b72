using System.Text;
using Lepton.Abi;

namespace Lepton.Codegen.Llvm.Math;

/// <summary>
/// Collects the functions that a module's text calls: each is written once, for the lanes asked for, to be appended to the module.
/// Every function is straight-line but for rare slow paths, is inlined always, and needs no library.
/// </summary>
/// <remarks>Errors stay below 2 ulp over the whole range in f32 and f64; inf, nan, signed zeros and subnormal numbers as C99's Annex F has them.</remarks>
public sealed class MathLibrary(CpuTarget target)
{
    private readonly HashSet<string> _written = [];
    private readonly StringBuilder _text = new();

    /// <summary>The definitions asked for so far.</summary>
    public string Text => _text.ToString();

    /// <summary>Metadata that the definitions refer to; goes to the end of a module that uses any: a branch hardly ever taken.</summary>
    public static string Metadata => "!0 = !{!\"branch_weights\", i32 1, i32 100000}\n";

    /// <summary>
    /// The symbol (without @) of <paramref name="function"/> on f32 or f64: <c>T f(T x)</c>, or <c>T f(T x, T y)</c> for Pow, Atan2
    /// (y first) and Remainder, where T is the element type or a vector of <paramref name="lanes"/> of it.
    /// </summary>
    public string Require(MathFunction function, ElementType type, int lanes)
    {
        if (type is not (ElementType.F32 or ElementType.F64))
        {
            throw new ArgumentOutOfRangeException(nameof(type), type, "mathematics is done in f32 and f64");
        }

        var name = Name(function.ToString().ToLowerInvariant(), type, lanes);
        if (_written.Add(name))
        {
            var b = new IrMathBody(new IrText(), type, lanes, target);
            var x = new Flt(b, "%x");
            var y = new Flt(b, "%y");
            var result = Body(b, function, x, y);
            var two = function is MathFunction.Pow or MathFunction.Atan2 or MathFunction.Remainder ? $", {b.FloatType} %y" : "";
            _text.Append($"define internal {b.FloatType} @{name}({b.FloatType} %x{two}) alwaysinline nounwind {{\nentry:\n{b.Text}")
                .Append($"  ret {b.FloatType} {result.Name}\n}}\n\n");
        }

        return name;
    }

    /// <summary>
    /// Of a function with a rare slow path: below which magnitude of its argument the usual path alone is right. null: it has none, or it
    /// does not hang on the argument's magnitude alone.
    /// </summary>
    public static double? UsualBelow(MathFunction function, ElementType type) => function switch
    {
        MathFunction.Exp => Exponentials.UsualBelow(type),
        MathFunction.Sin or MathFunction.Cos => TrigReduction.UsualBelow(type),
        _ => null,
    };

    /// <summary>
    /// The usual path alone as straight-line text, for an argument of which it is known that all lanes are <see cref="UsualBelow"/>. Its names
    /// begin with <paramref name="prefix"/>.
    /// </summary>
    public (string Lines, string Result) Usual(MathFunction function, ElementType type, int lanes, string argument, string prefix)
    {
        var text = new IrText(prefix);
        var b = new IrMathBody(text, type, lanes, target) { UsualOnly = true };
        var x = new Flt(b, argument);
        var result = Body(b, function, x, x).Name;
        return (text.ToString(), result);
    }

    /// <summary>The slow path of the trigonometric functions.</summary>
    internal string RequireReduction(MathBody b)
    {
        var scalar = Name("reduce", b.Type, 1);
        if (_written.Add(scalar))
        {
            if (_written.Add(TrigReduction.Table))
            {
                _text.Append(TrigReduction.TableText()).Append('\n');
            }

            _text.Append(TrigReduction.ScalarText(new IrMathBody(new IrText(), b.Type, 1, target), scalar)).Append('\n');
        }

        var name = Name("reduce", b.Type, b.Lanes);
        if (_written.Add(name))
        {
            _text.Append(TrigReduction.VectorText(new IrMathBody(new IrText(), b.Type, b.Lanes, target), name, scalar)).Append('\n');
        }

        return name;
    }

    /// <summary>The slow path of the remainder.</summary>
    internal string RequireSlowRemainder(MathBody b)
    {
        if (_written.Add(Remainders.SlowName))
        {
            _text.Append(Remainders.ScalarText(target)).Append('\n');
        }

        var name = Name("fmod.lanes", b.Type, b.Lanes);
        if (_written.Add(name))
        {
            _text.Append(Remainders.VectorText(new IrMathBody(new IrText(), b.Type, b.Lanes, target), name)).Append('\n');
        }

        return name;
    }

    private static string Name(string function, ElementType type, int lanes) =>
        lanes == 1 ? $"lep.{function}.{type.Name()}" : $"lep.{function}.{type.Name()}x{lanes}";

    internal Flt Body(MathBody b, MathFunction function, Flt x, Flt y) => function switch
    {
        MathFunction.Exp => Exponentials.Exp(b, x),
        MathFunction.Exp2 => Exponentials.Exp2(b, x),
        MathFunction.Expm1 => Exponentials.Expm1(b, x),
        MathFunction.Log => Logarithms.Log(b, x),
        MathFunction.Log2 => Logarithms.Log2(b, x),
        MathFunction.Log10 => Logarithms.Log10(b, x),
        MathFunction.Log1p => Logarithms.Log1p(b, x),
        MathFunction.Sin => Trigonometry.Sin(b, this, x),
        MathFunction.Cos => Trigonometry.Cos(b, this, x),
        MathFunction.Tan => Trigonometry.Tan(b, this, x),
        MathFunction.Asin => InverseTrigonometry.Asin(b, x),
        MathFunction.Acos => InverseTrigonometry.Acos(b, x),
        MathFunction.Atan => InverseTrigonometry.Atan(b, x),
        MathFunction.Atan2 => InverseTrigonometry.Atan2(b, x, y),
        MathFunction.Sinh => Hyperbolics.Sinh(b, x),
        MathFunction.Cosh => Hyperbolics.Cosh(b, x),
        MathFunction.Tanh => Hyperbolics.Tanh(b, x),
        MathFunction.Erf => Hyperbolics.Erf(b, x),
        MathFunction.Pow => Powers.Pow(b, x, y),
        MathFunction.Sqrt => b.Sqrt(x),
        MathFunction.Rsqrt => 1 / b.Sqrt(x),
        MathFunction.Cbrt => Powers.Cbrt(b, x),
        MathFunction.Floor => Rounding.Floor(b, x),
        MathFunction.Ceil => Rounding.Ceil(b, x),
        MathFunction.Trunc => Rounding.Trunc(b, x),
        MathFunction.Round => Rounding.Round(b, x),
        MathFunction.Remainder => Remainders.Remainder(b, this, x, y),
        _ => throw new ArgumentOutOfRangeException(nameof(function)),
    };
}
