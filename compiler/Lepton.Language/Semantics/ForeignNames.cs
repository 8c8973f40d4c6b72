using Lepton.Abi;
using Lepton.Language.Text;

namespace Lepton.Language.Semantics;

/// <summary>The mends for names that NumPy, Python, C or Rust have and Lepton has not, or has under another name.</summary>
internal static class ForeignNames
{
    private const string Fill = "a number fits every shape, and an equation makes a tensor of it: z[i: N] = 0";
    private const string Drawn = "numbers are drawn by index: r[i] = uniform(seed, i), or normal(seed, i)";

    private static readonly Dictionary<string, string> Elements = new()
    {
        ["float"] = "f32", ["float32"] = "f32", ["double"] = "f64", ["float64"] = "f64", ["half"] = "f16", ["float16"] = "f16", ["bfloat16"] = "bf16",
        ["int"] = "i64", ["long"] = "i64", ["int64"] = "i64", ["int32"] = "i32", ["int16"] = "i16", ["int8"] = "i8", ["uint8"] = "u8", ["byte"] = "u8",
        ["boolean"] = "bool", ["bool_"] = "bool",
    };

    private static readonly Dictionary<string, string> Functions = new()
    {
        ["zeros"] = Fill, ["ones"] = Fill, ["full"] = Fill, ["zeros_like"] = Fill, ["ones_like"] = Fill,
        ["arange"] = "write iota(n), or an index as a value: r[i: N] = i",
        ["range"] = "a size alone is a range: scan t in T, y[i: N] = …",
        ["linspace"] = "an index is a value: x[i: N] = a + (b - a) * i / (N - 1)",
        ["len"] = "a size has a name: the N of f32[N]; or write size(x, 0)",
        ["shape"] = "a size has a name: the N of f32[N]; or write size(x, 0)",
        ["maximum"] = "write max(a, b)", ["minimum"] = "write min(a, b)", ["fmax"] = "write max(a, b)", ["fmin"] = "write min(a, b)",
        ["amax"] = "write max(x, axis = 0)", ["amin"] = "write min(x, axis = 0)",
        ["clip"] = "write min(max(x, low), high)", ["fabs"] = "write abs(x)", ["absolute"] = "write abs(x)", ["power"] = "write x^y",
        ["mod"] = "write a % b", ["fmod"] = "write a % b", ["concatenate"] = "write concat(a, b, axis = 0)", ["hstack"] = "write concat(a, b, axis = -1)",
        ["vstack"] = "write concat(a, b, axis = 0)", ["dot"] = "write a @ b, or sum[k] a[k] * b[k]", ["matmul"] = "write a @ b",
        ["einsum"] = "write the indices: c[i, j] = sum[k] a[i, k] * b[k, j]", ["where"] = "write select(c, a, b), or if c then a else b",
        ["astype"] = "a conversion is a call: f32(x)", ["float"] = "write f32(x)", ["int"] = "write i64(x)", ["double"] = "write f64(x)",
        ["rand"] = Drawn, ["randn"] = Drawn, ["random"] = Drawn, ["print"] = "results are printed by leptonc run", ["ln"] = "write log(x)",
        ["T"] = "write transpose(x)", ["flatten"] = "write reshape(x, [-1])", ["ravel"] = "write reshape(x, [-1])",
    };

    public static string? OfElement(string name) => Elements.TryGetValue(name.ToLowerInvariant(), out var known)
        ? $"write {known}"
        : NameSuggestion.Help(name, ElementTypes.All.Select(e => e.Name()));

    /// <param name="name">The function, which may stand behind a dot.</param>
    /// <param name="isKnown">Whether a name has a value.</param>
    public static string? OfFunction(string name, Func<string, bool> isKnown)
    {
        var dot = name.LastIndexOf('.');
        var plain = name[(dot + 1)..];
        if (Functions.TryGetValue(plain, out var help))
        {
            return help;
        }

        return dot < 0 ? null
            : isKnown(name[..dot]) ? $"a value has no functions of its own: {plain}({name[..dot]})"
            : Builtins.Find(plain) is not null ? $"write {plain}(…)"
            : null;
    }

    /// <inheritdoc cref="OfFunction"/>
    public static string? OfValue(string name, Func<string, bool> isKnown)
    {
        if (ElementTypes.Parse(name) is not null)
        {
            return $"a conversion is a call: {name}(…)";
        }

        var dot = name.LastIndexOf('.');
        if (dot < 0)
        {
            return null;
        }

        return Functions.TryGetValue(name[(dot + 1)..], out var help) ? help : isKnown(name[..dot]) ? "a value has no members: a dot belongs into the name of an import's function, nn.relu" : null;
    }
}
