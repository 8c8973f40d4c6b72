using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Optimizer.Algebra;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>
/// Every rule on 1,000 random instances of its left-hand side, special values included: it fires, and the numbers stay the same, bit for bit
/// for exact rules.
/// </summary>
public sealed class AlgebraRuleTests
{
    private const int Instances = 1000;
    private static readonly ElementType[] Floats = [ElementType.F64, ElementType.F32, ElementType.F16, ElementType.BF16];
    private static readonly ElementType[] Integers = [ElementType.I64, ElementType.I32, ElementType.I16, ElementType.I8, ElementType.U8];

    // Rule, element types (f floats, i integers, b bool), left-hand sides.
    private static readonly Dictionary<string, (string Types, string[] Patterns)> Cases = new()
    {
        ["NumberLast"] = ("fi", ["add(?, x)", "mul(?, x)", "min(?, x)", "max(?, x)", "equal(?, x)", "notequal(?, x)", "and(true, b)", "or(false, b)"]),
        ["NumberLastCompared"] = ("fi", ["less(?, x)", "lessequal(?, x)", "greater(?, x)", "greaterequal(?, x)"]),
        ["AddZero"] = ("fi", ["add(x, -0)"]),
        ["SubZero"] = ("fi", ["sub(x, 0)"]),
        ["MulOne"] = ("fi", ["mul(x, 1)"]),
        ["DivOne"] = ("fi", ["div(x, 1)"]),
        ["MulZero"] = ("i", ["mul(x, 0)"]),
        ["SubSelf"] = ("i", ["sub(x, x)"]),
        ["ZeroDiv"] = ("i", ["div(0, x)", "rem(0, x)"]),
        ["RemOne"] = ("i", ["rem(x, 1)"]),
        ["RemRem"] = ("i", ["rem(rem(x, y), y)", "rem(rem(x, 7), 7)"]),
        ["SubNumber"] = ("i", ["sub(x, ?)"]),
        ["AddNumbers"] = ("i", ["add(add(x, ?), ?)"]),
        ["MulNumbers"] = ("i", ["mul(mul(x, ?), ?)"]),
        ["DivPowerOfTwo"] = ("f", ["div(x, #2)", "div(x, 8)", "div(x, -0.25)", "div(x, ?)"]),
        ["NegNeg"] = ("fi", ["neg(neg(x))"]),
        ["MulMinusOne"] = ("fi", ["mul(x, -1)", "div(x, -1)"]),
        ["ZeroSub"] = ("fi", ["sub(-0, x)"]),
        ["AddNeg"] = ("fi", ["add(x, neg(y))"]),
        ["NegAdd"] = ("fi", ["add(neg(x), y)"]),
        ["SubNeg"] = ("fi", ["sub(x, neg(y))"]),
        ["NegSub"] = ("i", ["neg(sub(x, y))"]),
        ["MulNegNeg"] = ("fi", ["mul(neg(x), neg(y))"]),
        ["DivNegNeg"] = ("f", ["div(neg(x), neg(y))"]),
        ["NegMulNumber"] = ("fi", ["mul(neg(x), ?)"]),
        ["NegDivNumber"] = ("f", ["div(neg(x), ?)"]),
        ["AbsAbs"] = ("fi", ["abs(abs(x))"]),
        ["AbsNeg"] = ("fi", ["abs(neg(x))"]),
        ["MulAbsSelf"] = ("fi", ["mul(abs(x), abs(x))"]),
        ["AbsSquare"] = ("f", ["abs(mul(x, x))"]),
        ["PowZero"] = ("fi", ["pow(x, 0)", "pow(x, -0)"]),
        ["PowOne"] = ("fi", ["pow(x, 1)"]),
        ["PowTwo"] = ("fi", ["pow(x, 2)"]),
        ["PowThree"] = ("f", ["pow(x, 3)"]),
        ["PowMinusOne"] = ("f", ["pow(x, -1)"]),
        ["PowInteger"] = ("i", ["pow(x, 3)", "pow(x, 4)", "pow(x, 7)", "pow(x, 13)", "pow(x, 64)"]),
        ["ExtremeSelf"] = ("fi", ["min(x, x)", "max(x, x)"]),
        ["ExtremeAgain"] = ("fi", ["min(min(x, y), y)", "max(max(x, y), x)"]),
        ["ExtremeNumbers"] = ("fi", ["min(min(x, ?), ?)", "max(max(x, ?), ?)", "max(max(x, 0), 0)"]),
        ["ExtremeNeutral"] = ("fi", ["min(x, #max)", "max(x, #min)"]),
        ["ExtremeAbsorbing"] = ("i", ["min(x, #min)", "max(x, #max)"]),
        ["RoundRounded"] = ("f", ["floor(ceil(x))", "round(trunc(x))", "trunc(round(x))", "ceil(floor(x))"]),
        ["RoundWhole"] = ("f", ["floor(cast(T, n))", "round(cast(T, n))", "trunc(cast(T, b))"]),
        ["CompareSelf"] = ("i", ["equal(x, x)", "notequal(x, x)", "lessequal(x, x)", "greaterequal(x, x)", "equal(b, b)"]),
        ["LessSelf"] = ("fi", ["less(x, x)", "greater(x, x)"]),
        ["NotSelf"] = ("f", ["notequal(x, x)"]),
        ["CompareEnd"] = ("ib", ["less(x, #min)", "greater(x, #max)", "lessequal(x, #max)", "greaterequal(x, #min)"]),
        ["CompareTrue"] = ("fi", ["equal(b, true)", "equal(b, false)", "notequal(b, true)", "notequal(b, false)"]),
        ["CompareCastBool"] = ("fi", ["equal(cast(T, b), 0)", "notequal(cast(T, b), 0)"]),
        ["TestWhole"] = ("f", ["isnan(cast(T, n))", "isfinite(cast(T, n))", "isfinite(cast(f32, n))"]),
        ["NotNot"] = ("f", ["not(not(b))"]),
        ["AndNumber"] = ("f", ["and(b, true)", "and(b, false)"]),
        ["OrNumber"] = ("f", ["or(b, true)", "or(b, false)"]),
        ["LogicSelf"] = ("f", ["or(b, b)", "and(b, b)"]),
        ["LogicAgain"] = ("f", ["or(or(b, c), c)", "and(and(b, c), b)"]),
        ["LogicOpposite"] = ("f", ["or(not(b), b)", "or(b, not(b))", "and(b, not(b))"]),
        ["NotEquality"] = ("fi", ["not(equal(x, y))", "not(notequal(x, y))"]),
        ["NotOrder"] = ("i", ["not(less(x, y))", "not(lessequal(x, y))", "not(greater(x, y))", "not(greaterequal(x, y))"]),
        ["SelectNumber"] = ("fi", ["select(true, x, y)", "select(false, x, y)"]),
        ["SelectSame"] = ("fi", ["select(b, x, x)"]),
        ["SelectNot"] = ("fi", ["select(not(b), x, y)"]),
        ["SelectAgainThen"] = ("fi", ["select(b, select(b, x, y), z)"]),
        ["SelectAgainElse"] = ("fi", ["select(b, x, select(b, y, z))"]),
        ["SelectBool"] = ("f", ["select(b, true, c)", "select(b, c, false)", "select(b, false, true)"]),
        ["CastSame"] = ("fib", ["cast(T, x)"]),
        ["CastLossless"] = ("fib", [.. from through in ElementTypes.All from to in ElementTypes.All select $"cast({to.Name()}, cast({through.Name()}, x))"]),
        ["CastNarrower"] = ("i", [.. from through in Integers from to in Integers select $"cast({to.Name()}, cast({through.Name()}, x))"]),
        ["ExpLog"] = ("f", ["exp(log(x))"]),
        ["LogExp"] = ("f", ["log(exp(x))"]),
        ["PowHalf"] = ("f", ["pow(x, 0.5)"]),
        ["PowMinusHalf"] = ("f", ["pow(x, -0.5)"]),
        ["PowSmall"] = ("f", ["pow(x, 3)", "pow(x, 4)"]),
        ["SqrtSquare"] = ("f", ["mul(sqrt(x), sqrt(x))"]),
        ["SquareSqrt"] = ("f", ["sqrt(mul(x, x))"]),
        ["DivNumber"] = ("f", ["div(x, 3)"]),
        ["DivSqrt"] = ("f", ["div(x, sqrt(y))"]),
        ["MulFloats"] = ("f", ["mul(mul(x, 3), 0.1)"]),
        ["AddFloats"] = ("f", ["add(add(x, 3), 0.1)"]),
        ["AddZeroFloat"] = ("f", ["add(x, 0)"]),
        ["SubSelfFloat"] = ("f", ["sub(x, x)"]),
        ["MulZeroFloat"] = ("f", ["mul(x, 0)"]),
    };

    public static TheoryData<string> Names => [.. AlgebraRule.All.Select(r => r.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_rule_fires_and_keeps_the_numbers(string name)
    {
        var rule = AlgebraRule.All.Single(r => r.Name == name);
        var (types, patterns) = Cases[name];
        var fired = 0;
        for (var seed = 0; seed < Instances; seed++)
        {
            var random = new Random(seed);
            var pattern = patterns[seed % patterns.Length];
            var size = random.Next(1, 8);
            var graph = new GraphAssembler("g", []);
            var type = OptimizerSupport.Pick(random, OptimizerSupport.Pick(random, types.ToCharArray()) switch
            {
                'f' => Floats,
                'i' => Integers,
                _ => [ElementType.Bool],
            });
            graph.Output("y", new RulePattern(pattern, graph, type, random, size).Build());
            var before = graph.ToGraph();
            var after = ApplyAlgebra.Run(before, rule);
            fired += ReferenceEquals(before, after) ? 0 : 1;
            if (rule.FastMath)
            {
                Close(before, after, type, random, size);
            }
            else if (name is "PowTwo" or "PowMinusOne" or "PowThree" && type == ElementType.F64)
            {
                WithinUlp(before, after, type, random, size, name == "PowThree" ? 3 : 2);
            }
            else if (name == "PowThree")
            {
                WithinUlp(before, after, type, random, size, 2);
            }
            else
            {
                OptimizerSupport.SameMeaning(before, after, random, _ => size);
            }
        }

        Assert.True(fired >= Instances / 10, $"{name} fired {fired} times in {Instances}");
    }

    [Fact]
    public void Every_rule_has_a_case_and_every_case_a_rule() =>
        Assert.Equal(AlgebraRule.All.Select(r => r.Name).Order(), Cases.Keys.Order());

    [Fact]
    public void Inexact_rules_stay_out_unless_asked_for()
    {
        var graph = GraphText.Parse("graph g() {\n%0 = input argument x : f32[4]\n%1 = log %0 : f32[4]\n%2 = exp %1 : f32[4]\noutput y = %2\n}\n");
        Assert.Same(graph, ApplyAlgebra.Run(graph, fastMath: false));
        Assert.NotSame(graph, ApplyAlgebra.Run(graph, fastMath: true));
    }

    // Positive numbers of moderate size: what fast-math says is about these alone.
    private static void Close(Graph before, Graph after, ElementType type, Random random, int size)
    {
        var inputs = before.Inputs.Select(_ =>
            TensorValue.OfFloats(type, [size], Enumerable.Range(0, size).Select(_ => 0.5 + (2 * random.NextDouble())).ToArray())).ToList();
        var (expected, actual) = (Interpreter.Run(before, inputs)[0], Interpreter.Run(after, inputs)[0]);
        var epsilon = type switch { ElementType.F64 => 1e-14, ElementType.F32 => 1e-5, ElementType.F16 => 1e-2, _ => 1e-1 };
        for (var i = 0; i < size; i++)
        {
            var (e, a) = (expected.AsFloats[i], actual.AsFloats[i]);
            Assert.True(Math.Abs(e - a) <= epsilon * Math.Max(1, Math.Abs(e)), $"{e} {a} of {inputs[0]}");
        }
    }

    // The interpreter's pow of doubles is good to an ulp, that of floats to half of one; what replaces it is correctly rounded, or good to two.
    private static void WithinUlp(Graph before, Graph after, ElementType type, Random random, int size, int ulp)
    {
        var inputs = new[] { OptimizerSupport.Values(random, type, size) };
        var (expected, actual) = (Interpreter.Run(before, inputs)[0], Interpreter.Run(after, inputs)[0]);
        for (var i = 0; i < size; i++)
        {
            var (e, a) = (expected.AsFloats[i], actual.AsFloats[i]);
            var near = Int128.Abs(Bits(e) - Bits(a)) <= ulp;
            Assert.True(near || (double.IsNaN(e) && double.IsNaN(a)), $"{e} {a} of {inputs[0]}");
        }

        Int128 Bits(double x) => type == ElementType.F64 ? BitConverter.DoubleToInt64Bits(x) : BitConverter.SingleToInt32Bits((float)x);
    }
}
