using System.Globalization;
using Lepton.Abi;
using Lepton.Codegen.Llvm.Math;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011) on lanes: the same words as Lepton.Graphs.Philox, which says how seed and indices
/// become key and counter.
/// </summary>
internal sealed class RandomCode(FunctionText text, ModuleParts parts, MapCode map)
{
    private const double Unit = 1.0 / (1 << 24);

    /// <summary>Top 24 bits of word 0, times 2^-24.</summary>
    public string Uniform(IReadOnlyList<string> seedAndIndices, LaneType type)
    {
        var (word, _) = Words(seedAndIndices, type.Lanes);
        return Fraction(word, type, 0);
    }

    /// <summary>sqrt(-2 ln u1) cos(2π u2), Box and Muller, computed in f64 and rounded once.</summary>
    public string Normal(IReadOnlyList<string> seedAndIndices, LaneType type)
    {
        var (word0, word1) = Words(seedAndIndices, type.Lanes);
        var wide = new LaneType(ElementType.F64, type.Lanes);
        var t = wide.Text();
        var u1 = Fraction(word0, wide, 1);
        var u2 = Fraction(word1, wide, 0);
        var log = text.Value($"call {t} @{parts.Math.Require(MathFunction.Log, ElementType.F64, type.Lanes)}({t} {u1})");
        var radius = text.Value($"fmul {t} {log}, {IrTypes.Literal(wide, -2.0)}");
        var root = map.Emit(Graphs.MapOp.Sqrt, wide, wide, [radius]);
        var angle = text.Value($"fmul {t} {u2}, {IrTypes.Literal(wide, 2 * System.Math.PI)}");
        var cosine = text.Value($"call {t} @{parts.Math.Require(MathFunction.Cos, ElementType.F64, type.Lanes)}({t} {angle})");
        var product = text.Value($"fmul {t} {root}, {cosine}");
        return text.Value($"fptrunc {t} {product} to {type.Text()}");
    }

    private string Fraction(string word, LaneType type, int plus)
    {
        var words = new LaneType(ElementType.I32, type.Lanes);
        var top = text.Value($"lshr {words.Text()} {word}, {IrTypes.Literal(words, 8)}");
        var number = plus == 0 ? top : text.Value($"add {words.Text()} {top}, {IrTypes.Literal(words, plus)}");
        var real = text.Value($"uitofp {words.Text()} {number} to {type.Text()}");
        return text.Value($"fmul {type.Text()} {real}, {IrTypes.Literal(type, Unit)}");
    }

    private (string Word0, string Word1) Words(IReadOnlyList<string> a, int lanes)
    {
        var words = new LaneType(ElementType.I32, lanes);
        var (t, zero) = (words.Text(), IrTypes.Literal(words, 0));
        string[] c = (a.Count - 1) switch
        {
            0 => [zero, zero, zero, zero],
            1 => [Low(a[1], lanes), High(a[1], lanes), zero, zero],
            2 => [Low(a[1], lanes), High(a[1], lanes), Low(a[2], lanes), High(a[2], lanes)],
            3 => [Low(a[1], lanes), Low(a[2], lanes), Low(a[3], lanes), zero],
            _ => [Low(a[1], lanes), Low(a[2], lanes), Low(a[3], lanes), Low(a[4], lanes)],
        };
        var (key0, key1) = (Low(a[0], lanes), High(a[0], lanes));
        for (var round = 0; round < 10; round++)
        {
            var (high0, low0) = Multiply(c[0], 0xD2511F53, lanes);
            var (high1, low1) = Multiply(c[2], 0xCD9E8D57, lanes);
            var next0 = text.Value($"xor {t} {text.Value($"xor {t} {high1}, {c[1]}")}, {key0}");
            var next2 = text.Value($"xor {t} {text.Value($"xor {t} {high0}, {c[3]}")}, {key1}");
            c = [next0, low1, next2, low0];
            key0 = text.Value($"add {t} {key0}, {IrTypes.Literal(words, unchecked((int)0x9E3779B9))}");
            key1 = text.Value($"add {t} {key1}, {IrTypes.Literal(words, unchecked((int)0xBB67AE85))}");
        }

        return (c[0], c[1]);
    }

    private string Low(string value, int lanes) =>
        text.Value($"trunc {IrTypes.Vector("i64", lanes)} {value} to {IrTypes.Vector("i32", lanes)}");

    private string High(string value, int lanes)
    {
        var wide = new LaneType(ElementType.I64, lanes);
        return Low(text.Value($"lshr {wide.Text()} {value}, {IrTypes.Literal(wide, 32)}"), lanes);
    }

    private (string High, string Low) Multiply(string word, long constant, int lanes)
    {
        var wide = new LaneType(ElementType.I64, lanes);
        var extended = text.Value($"zext {IrTypes.Vector("i32", lanes)} {word} to {wide.Text()}");
        var product = text.Value($"mul {wide.Text()} {extended}, {IrTypes.Literal(wide, constant)}");
        return (High(product, lanes), Low(product, lanes));
    }
}
