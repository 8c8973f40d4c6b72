using Lepton.Abi;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>
/// Philox 4x32-10 (Salmon, Moraes, Dror, Shaw, SC 2011): the same words as Lepton.Graphs.Philox, which says how seed and indices become key and counter.
/// </summary>
internal sealed class RandomC(Helpers helpers, MathC math)
{
    public Lanes Emit(MapOp op, LaneType type, Lanes[] a)
    {
        var (width, count) = (a[0].Width, a.Length - 1);
        var isNormal = op == MapOp.RandomNormal;
        var name = $"random_{(isNormal ? "normal" : "uniform")}_{count}_{CTypes.Suffix(type.Element, width)}";
        helpers.Require(name, () => Function(name, isNormal, count, type.Element, width));
        return a[0].As(type, type.Element) with { Parts = [.. a[0].Parts.Select((_, i) => Term.Call(name, a.Select(v => v.Parts[i])))] };
    }

    private string Function(string name, bool isNormal, int count, ElementType element, int width)
    {
        var (floats, doubles, longs, words) = (CTypes.Vector(element, width), CTypes.Vector("double", width), CTypes.Vector("long", width), CTypes.Vector("uint", width));
        var philox = helpers.Require(width == 1 ? "philox" : $"philox_x{width}", () => Philox(width));
        string Low(int i) => $"convert_{words}(i{i})";
        string High(int i) => $"convert_{words}(as_u{longs}(i{i}) >> 32)";
        string[] counter = count switch
        {
            0 => ["0", "0", "0", "0"],
            1 => [Low(1), High(1), "0", "0"],
            2 => [Low(1), High(1), Low(2), High(2)],
            3 => [Low(1), Low(2), Low(3), "0"],
            _ => [Low(1), Low(2), Low(3), Low(4)],
        };
        var parameters = string.Join(", ", Enumerable.Range(0, count + 1).Select(i => $"const {longs} i{i}"));
        var results = isNormal
            ? $$"""
                // Box and Muller: sqrt(-2 ln u1) cos(2 pi u2)
                const {{doubles}} u1 = convert_{{doubles}}((w0 >> 8) + 1) * 0x1p-24;
                const {{doubles}} u2 = convert_{{doubles}}(w1 >> 8) * 0x1p-24;
                const {{doubles}} root = sqrt({{math.Require(MathFunction.Log, ElementType.F64, width)}}(u1) * -2.0);
                return convert_{{floats}}(root * {{math.Require(MathFunction.Cos, ElementType.F64, width)}}(u2 * {{CTypes.Literal(ElementType.F64, 2 * Math.PI)}}));
            """
            : $"    return convert_{floats}(w0 >> 8) * {(element == ElementType.F32 ? "0x1p-24f" : "0x1p-24")};";
        return $$"""
            static {{floats}} {{name}}({{parameters}})
            {
                {{words}} w0 = {{counter[0]}};
                {{words}} w1 = {{counter[1]}};
                {{philox}}({{Low(0)}}, {{High(0)}}, &w0, &w1, {{counter[2]}}, {{counter[3]}});
            {{results}}
            }
            """;
    }

    private static string Philox(int width)
    {
        var words = CTypes.Vector("uint", width);
        return $$"""
            // Philox 4x32-10: the counter becomes random words, of which the first two are wanted.
            static void {{(width == 1 ? "philox" : $"philox_x{width}")}}({{words}} key0, {{words}} key1, {{words}}* w0, {{words}}* w1, const {{words}} c2, const {{words}} c3)
            {
                const {{words}} factor0 = 0xD2511F53u;
                const {{words}} factor1 = 0xCD9E8D57u;
                {{words}} a = *w0;
                {{words}} b = *w1;
                {{words}} c = c2;
                {{words}} d = c3;
                for (int round = 0; round < 10; round++)
                {
                    const {{words}} high0 = mul_hi(factor0, a);
                    const {{words}} low0 = factor0 * a;
                    a = mul_hi(factor1, c) ^ b ^ key0;
                    b = factor1 * c;
                    c = high0 ^ d ^ key1;
                    d = low0;
                    key0 += 0x9E3779B9u;
                    key1 += 0xBB67AE85u;
                }

                *w0 = a;
                *w1 = b;
            }
            """;
    }
}
