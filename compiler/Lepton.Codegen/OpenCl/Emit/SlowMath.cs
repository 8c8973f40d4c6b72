using Lepton.Abi;
using Lepton.Codegen.Llvm.Math;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>What rare arguments of functions of floats take, a lane at a time.</summary>
internal static class SlowMath
{
    /// <summary>Long division of the mantissas, ten bits a step, for x ≥ 0 and y ≥ 0; in f64, where an f32 remainder is exact too.</summary>
    public static string Remainder(Helpers helpers) => helpers.Require("fmod_f64", () => """
        // x mod y, exactly, for numbers that are not negative
        static double fmod_f64(const double x, const double y)
        {
            if (isnan(x) || isnan(y) || isinf(x) || y == 0)
            {
                return NAN;
            }

            if (x < y)
            {
                return x;
            }

            // a = m 2^(e - 1075), m with its leading bit at 2^52 for normal a
            const ulong fraction = 0xFFFFFFFFFFFFFul;
            const long ex = max((long)(as_ulong(x) >> 52), 1L);
            const long ey = max((long)(as_ulong(y) >> 52), 1L);
            const ulong divisor = (as_ulong(y) & fraction) | (as_ulong(y) >> 52 == 0 ? 0 : 1ul << 52);
            ulong rest = (as_ulong(x) & fraction) | (as_ulong(x) >> 52 == 0 ? 0 : 1ul << 52);
            long left = ex - ey;
            do
            {
                const long step = min(left, 10L);
                rest = (rest << step) % divisor;
                left -= step;
            }
            while (left > 0);

            // In two steps, because 2^e alone may be below every double.
            const long e = ey - 1075;
            const long half_e = e >> 1;
            return (double)rest * as_double((ulong)(half_e + 1023) << 52) * as_double((ulong)(e - half_e + 1023) << 52);
        }
        """);

    /// <summary>
    /// <c>void reduce(x, huge, turn, *r, *low, *k)</c>: Payne and Hanek's reduction, as <see cref="TrigReduction"/> has it, of those lanes that are huge.
    /// </summary>
    public static string Reduction(Helpers helpers, ElementType type, int lanes)
    {
        var single = type == ElementType.F32;
        var (scalar, word) = single ? ("float", "uint") : ("double", "ulong");
        var one = helpers.Require($"reduce_{type.Name()}", () => Scalar(helpers, type));
        if (lanes == 1)
        {
            return helpers.Require($"reduce_huge_{type.Name()}", () => $$"""
                static void reduce_huge_{{type.Name()}}(const {{scalar}} x, const int huge, const int turn, {{scalar}}* r, {{scalar}}* low, {{word}}* k)
                {
                    if (huge)
                    {
                        {{one}}(x, turn, r, low, k);
                    }
                }
                """);
        }

        var name = $"reduce_huge_{CTypes.Suffix(type, lanes)}";
        return helpers.Require(name, () => $$"""
            static void {{name}}(const {{scalar}}{{lanes}} x, const {{(single ? "int" : "long")}}{{lanes}} huge, const int turn, {{scalar}}{{lanes}}* r, {{scalar}}{{lanes}}* low, {{word}}{{lanes}}* k)
            {
                {{scalar}} xs[{{lanes}}], rs[{{lanes}}], lows[{{lanes}}];
                {{(single ? "int" : "long")}} slow[{{lanes}}];
                {{word}} ks[{{lanes}}];
                vstore{{lanes}}(x, 0, xs);
                vstore{{lanes}}(huge, 0, slow);
                vstore{{lanes}}(*r, 0, rs);
                vstore{{lanes}}(*low, 0, lows);
                vstore{{lanes}}(*k, 0, ks);
                for (int i = 0; i < {{lanes}}; i++)
                {
                    if (slow[i] != 0)
                    {
                        {{one}}(xs[i], turn, &rs[i], &lows[i], &ks[i]);
                    }
                }

                *r = vload{{lanes}}(0, rs);
                *low = vload{{lanes}}(0, lows);
                *k = vload{{lanes}}(0, ks);
            }
            """);
    }

    // The mantissa times the window of 2/π whose first bit then weighs 2¹: two bits of quarter turns and 126 of a fraction, as high and low word.
    private static string Scalar(Helpers helpers, ElementType type)
    {
        helpers.Require(TrigReduction.Table, () =>
            $"// 64 zero bits, then 2/pi\nconstant ulong two_over_pi[{TrigReduction.TwoOverPi.Length}] =\n{{\n"
            + string.Join("\n", TrigReduction.TwoOverPi.Chunk(4).Select(c => "    " + string.Join(" ", c.Select(w => $"0x{w:X16}ul,")))) + "\n};");
        var single = type == ElementType.F32;
        var (scalar, word, mantissa, bias, exponents) = single ? ("float", "uint", 23, 127, 255) : ("double", "ulong", 52, 1023, 2047);
        string Number(double value) => CTypes.Literal(ElementType.F64, value);
        var (pi0, pi1) = (Number(TrigReduction.HalfPi.High), Number(TrigReduction.HalfPi.Low));
        return $$"""
            // x = k turns + r + low, where turn 0: quarters, 1: halves, 2: halves, of x + pi/2
            static void reduce_{{type.Name()}}(const {{scalar}} x, const int turn, {{scalar}}* r, {{scalar}}* low, {{word}}* k)
            {
                const ulong bits = (ulong)as_{{word}}(x);
                const long exponent = (long)((bits >> {{mantissa}}) & {{exponents}});
                const ulong m = (bits & {{(1L << mantissa) - 1}}ul) | {{1L << mantissa}}ul;
                const ulong start = (ulong)max(exponent - {{bias + mantissa - 62}}, 0L);
                const int offset = (int)(start & 63);
                constant ulong* words = two_over_pi + (start >> 6);
                const ulong w0 = offset == 0 ? words[0] : (words[0] << offset) | (words[1] >> (64 - offset));
                const ulong w1 = offset == 0 ? words[1] : (words[1] << offset) | (words[2] >> (64 - offset));
                const ulong w2 = offset == 0 ? words[2] : (words[2] << offset) | (words[3] >> (64 - offset));
                ulong low_word = m * w1 + mul_hi(m, w2);
                ulong high_word = m * w0 + mul_hi(m, w1) + (low_word < mul_hi(m, w2) ? 1 : 0);
                if (x < 0)
                {
                    high_word = ~high_word + (low_word == 0 ? 1 : 0);
                    low_word = 0 - low_word;
                }

                high_word += turn == 2 ? 1ul << 62 : 0;
                const int shift = turn == 0 ? 62 : 63;
                const ulong whole = (high_word + (turn == 0 ? 1ul << 61 : 1ul << 62)) >> shift;
                high_word -= whole << shift;
                const bool below = (long)high_word < 0;
                if (below)
                {
                    high_word = ~high_word + (low_word == 0 ? 1 : 0);
                    low_word = 0 - low_word;
                }

                // Its 53 leading bits and the 64 behind them, as doubles; then times pi/2 in two parts.
                const int zeros = min((int)(high_word != 0 ? clz(high_word) : 64 + clz(low_word)), 127);
                if (zeros >= 64)
                {
                    high_word = low_word << (zeros - 64);
                    low_word = 0;
                }
                else if (zeros > 0)
                {
                    high_word = (high_word << zeros) | (low_word >> (64 - zeros));
                    low_word <<= zeros;
                }

                const double size = as_double((ulong)(972 - zeros) << 52);
                const double scale = below ? -size : size;
                const double leading = (double)(high_word >> 11) * scale;
                const double following = (double)((high_word << 53) | (low_word >> 11)) * 0x1p-64 * scale;
                const double product = leading * {{pi0}};
                const double rest = fma(leading, {{pi0}}, -product) + (leading * {{pi1}} + following * {{pi0}});
                const double sum = product + rest;
                const {{scalar}} near = ({{scalar}})sum;
                *r = exponent == {{exponents}} ? ({{scalar}})NAN : near;
                *low = {{(single ? "(float)(sum - (double)near)" : "rest - (sum - product)")}};
                *k = ({{word}})whole;
            }
            """;
    }
}
