using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>Functions of floats, each written once for the lanes asked for: <c>float8 exp_f32x8(float8 x)</c>.</summary>
internal sealed class MathC(Helpers helpers)
{
    private static readonly MathLibrary Library = new(CpuTarget.Avx2);

    public string Require(MapOp op, ElementType element, int width) => Require(
        op == MapOp.Rem ? MathFunction.Remainder
            : Enum.TryParse<MathFunction>(op.ToString(), out var function) ? function
            : throw new CompilerBugException("opencl", $"no code for {op} on floats"),
        element,
        width);

    /// <summary>The name of a function of one argument, or of two: of pow, atan2 (y first) and remainder.</summary>
    public string Require(MathFunction function, ElementType element, int width)
    {
        var name = $"{function.ToString().ToLowerInvariant()}_{CTypes.Suffix(element, width)}";
        return helpers.Require(name, () =>
        {
            var writer = new CWriter();
            var body = new CMathBody(element, width, writer, helpers);
            var isBinary = function is MathFunction.Pow or MathFunction.Atan2 or MathFunction.Remainder;
            var result = Library.Body(body, function, new Flt(body, "x"), new Flt(body, isBinary ? "y" : "x"));
            var type = body.FloatType;
            return $"static {type} {name}(const {type} x{(isBinary ? $", const {type} y" : "")})\n{{\n{writer}    return {result.Name};\n}}";
        });
    }
}
