namespace Lepton.Language.Semantics;

/// <summary>A function that the language has without a library.</summary>
/// <param name="Parameters">Names in order; those behind Required may be left out. A last name that ends in … takes any number.</param>
internal sealed record Builtin(string Name, IReadOnlyList<string> Parameters, int Required, MapTyping? Typing = null)
{
    public bool IsVariadic => Parameters.Count > 0 && Parameters[^1].EndsWith('…');
}

/// <summary>The functions that are always there. Elementwise ones have the names of the graph's operations.</summary>
internal static class Builtins
{
    private static readonly Dictionary<string, Builtin> Table = Make().ToDictionary(b => b.Name);

    public static IEnumerable<string> Names => Table.Keys;

    public static Builtin? Find(string name) => Table.GetValueOrDefault(name);

    private static IEnumerable<Builtin> Make()
    {
        foreach (var name in "sqrt rsqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh erf floor ceil round trunc".Split(' '))
        {
            yield return new Builtin(name, ["x"], 1, MapTyping.Float);
        }

        yield return new Builtin("abs", ["x"], 1, MapTyping.Numeric);
        yield return new Builtin("sign", ["x"], 1, MapTyping.Numeric);
        yield return new Builtin("isnan", ["x"], 1, MapTyping.FloatTest);
        yield return new Builtin("isfinite", ["x"], 1, MapTyping.FloatTest);
        yield return new Builtin("pow", ["x", "y"], 2, MapTyping.Numeric);
        yield return new Builtin("atan2", ["y", "x"], 2, MapTyping.Float);

        // max(a, b, …) is elementwise, max(x) and max(x, axis = 1) reduce.
        yield return new Builtin("max", ["values…"], 1);
        yield return new Builtin("min", ["values…"], 1);
        foreach (var name in "sum prod mean any all argmax argmin".Split(' '))
        {
            yield return new Builtin(name, ["x", "axis", "keepdims"], 1);
        }

        yield return new Builtin("select", ["condition", "then", "otherwise"], 3);
        yield return new Builtin("transpose", ["x", "axes"], 1);
        yield return new Builtin("reshape", ["x", "shape"], 2);
        yield return new Builtin("broadcast_to", ["x", "shape"], 2);
        yield return new Builtin("concat", ["parts…"], 1);
        yield return new Builtin("stack", ["parts…"], 1);
        yield return new Builtin("sort", ["x", "axis", "descending"], 1);
        yield return new Builtin("argsort", ["x", "axis", "descending"], 1);
        yield return new Builtin("size", ["x", "axis"], 1);
        yield return new Builtin("rank", ["x"], 1);
        yield return new Builtin("iota", ["n"], 1);
        yield return new Builtin("floordiv", ["a", "b"], 2);
        yield return new Builtin("ceildiv", ["a", "b"], 2);
        yield return new Builtin("uniform", ["seed", "indices…"], 1);
        yield return new Builtin("normal", ["seed", "indices…"], 1);
    }
}
