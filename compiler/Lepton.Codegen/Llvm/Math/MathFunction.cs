namespace Lepton.Codegen.Llvm.Math;

/// <summary>The functions of one or two floats that Lepton computes itself.</summary>
public enum MathFunction
{
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
    Atan2,
    Sinh,
    Cosh,
    Tanh,
    Erf,
    Pow,
    Sqrt,
    Rsqrt,
    Cbrt,
    Floor,
    Ceil,
    Trunc,

    /// <summary>To the nearest integer, half to even.</summary>
    Round,

    /// <summary>x - y * floor(x / y), computed exactly and rounded once; the sign is y's.</summary>
    Remainder,
}
