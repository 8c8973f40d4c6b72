using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Tests.Fuzz.Programs;

// Every third program is sparse: arguments, parameters and results are stored in formats, and equations stand on tensors. What it means does
// not depend on the formats, so nothing else knows of them.
internal sealed partial class RandomProgramMaker
{
    private static readonly Dictionary<string, string> Declarations = new()
    {
        ["thin"] = "format thin[i]: i64 = i / 2: compressed, i % 2: dense",
        ["full"] = "format full[i, j] = j: dense, i: dense",
        ["half"] = "format half[i, j]: i64 = j: compressed, i: dense",
        ["turned"] = "format turned[i, j] = j: compressed repeated, i: singleton",
        ["tiles"] = "format tiles(b, c)[i, j] = j / c: compressed, i / b: compressed, j % c: dense, i % b: dense",
        ["deep"] = "format deep[i, j, k] = k: dense, i: compressed repeated, j: singleton",
        ["four"] = "format four[i, j, k, l] = l: compressed, i: dense, j: compressed, k: dense",
    };

    private static readonly string[][] FormatsOfRank =
    [
        [],
        ["coo", "csf", "thin"],
        ["csr", "csc", "coo", "dcsr", "csf", "bsr(2, 2)", "bsr(3, 1)", "full", "half", "turned", "tiles(2, 3)"],
        ["coo", "csf", "deep"],
        ["coo", "csf", "four"],
    ];

    private readonly Dictionary<string, WrittenFormat> _formats = [];

    private bool IsSparse => _seed % 3 == 2;

    public static IEnumerable<string> DeclarationsFor(IEnumerable<string> formats) =>
        Declarations.Where(d => formats.Any(f => f.StartsWith(d.Key, StringComparison.Ordinal))).Select(d => d.Value);

    private double RandomFill(ElementType element) => Chance(3) ? Pick<double>(element == ElementType.Bool ? [1] : element == ElementType.U8 ? [1, 7] : [1, -2]) : 0;

    /// <summary>A format for a tensor of this shape, and its fill value (<paramref name="nothing"/> if that is given); null: it stays dense.</summary>
    private double? ChooseFormat(string name, ElementType element, long[] shape, double? nothing = null)
    {
        if (!IsSparse || shape.Length is 0 or > 4 || Chance(4))
        {
            return null;
        }

        var fitting = FormatsOfRank[shape.Length].Where(f => f switch
        {
            "thin" => shape[0] % 2 == 0,
            "bsr(2, 2)" => shape[0] % 2 == 0 && shape[1] % 2 == 0,
            "bsr(3, 1)" => shape[0] % 3 == 0,
            "tiles(2, 3)" => shape[0] % 2 == 0 && shape[1] % 3 == 0,
            _ => true,
        }).ToList();
        var drawn = RandomFill(element);
        var fill = nothing ?? drawn;
        _formats[name] = new WrittenFormat(Pick(fitting), fill);
        return fill;
    }

    // Rows are empty, thin or full.
    private void Thin(double[] values, long[] shape, double fill)
    {
        var kept = 1.0;
        for (var i = 0; i < values.Length; i++)
        {
            kept = i % shape[^1] == 0 ? Pick<double>([0, 0, 0.1, 0.4, 1]) : kept;
            values[i] = _random.NextDouble() < kept ? values[i] : fill;
        }
    }

    // s[i, j] on a fill v = e
    private bool AddSupported()
    {
        var tensors = _block.Visible.Where(v => v.Shape.Count is > 0 and < 5 && _meaning[v].IsExact).ToList();
        if (!IsSparse || !_block.IsEntry || tensors.Count == 0)
        {
            return false;
        }

        var on = Pick(tensors);
        if (Chance(4))
        {
            // Another name has the fill value of the first, and what is computed has not, though it be the same.
            var read = new ReadExpr(on);
            var other = new Variable(VariableName(), on.Element, on.Shape);
            if (!Add(new Equation(other, null, Chance(2) ? read : Chance(2) ? new CallExpr(NewName("fn_"), new ParameterExpr("a", read)) : new ReshapeExpr(read, on.Shape, IsBroadcast: true))))
            {
                return false;
            }

            on = other;
        }

        // Before `on` the words that begin declarations and loops begin these.
        var name = VariableName();
        while (Words.Contains(name))
        {
            name = VariableName();
        }

        var equation = NewEquation(name, RandomElement(), shape: on.Shape);
        var fill = RandomFill(equation.Target.Element);
        return equation.Target.Shape.SequenceEqual(on.Shape) && Add(equation with { On = new Support(on, fill) });
    }
}
