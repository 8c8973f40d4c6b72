using System.Reflection;
using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Clr.Emit;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>Functions of floats, each a static method beside the kernels, written once.</summary>
internal sealed class ScalarMath(TypeBuilder type)
{
    // Without fused instructions and instructions that round: ILGPU's devices do not agree on them.
    private static readonly CpuTarget Plain = CpuTarget.Sse2;

    private readonly Dictionary<(MathFunction, ElementType), MethodBuilder> _written = [];
    private readonly MathLibrary _library = new(Plain);
    private MethodBuilder? _words;

    public Node Call(MapOp op, ElementType element, Node[] a) => Call(
        op == MapOp.Rem ? MathFunction.Remainder
            : Enum.TryParse<MathFunction>(op.ToString(), out var function) ? function
            : throw new CompilerBugException("ilgpu", $"no code for {op} on floats"),
        element,
        a);

    public Node Call(MathFunction function, ElementType element, Node[] a)
    {
        if (!_written.TryGetValue((function, element), out var method))
        {
            _written[(function, element)] = method = Define(function, element);
        }

        return Node.Call(method, ScalarIl.StackType(element), a);
    }

    /// <summary>The words of 2/π, by number.</summary>
    public Node Word(Node number)
    {
        _words ??= DefineWords();
        return Node.Call(_words, typeof(long), number);
    }

    private MethodBuilder Define(MathFunction function, ElementType element)
    {
        var isBinary = function is MathFunction.Pow or MathFunction.Atan2 or MathFunction.Remainder;
        var scalar = ScalarIl.StackType(element);
        var method = type.DefineMethod(
            $"{function}_{element.Name()}", MethodAttributes.Public | MethodAttributes.Static, scalar, isBinary ? [scalar, scalar] : [scalar]);
        var body = new ScalarMathBody(element, Plain, [], this);
        var x = body.Input(Node.Argument(scalar, 0));
        var result = _library.Body(body, function, x, isBinary ? body.Input(Node.Argument(scalar, 1)) : x);
        var writer = new IlWriter(method.GetILGenerator());
        writer.Push(body.Value(result.Name));
        writer.Il.Emit(OpCodes.Ret);
        return method;
    }

    // ILGPU has no constant arrays: a switch.
    private MethodBuilder DefineWords()
    {
        var method = type.DefineMethod("two_over_pi", MethodAttributes.Public | MethodAttributes.Static, typeof(long), [typeof(int)]);
        var il = method.GetILGenerator();
        var labels = TrigReduction.TwoOverPi.Select(_ => il.DefineLabel()).ToArray();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Switch, labels);
        il.Emit(OpCodes.Ldc_I8, 0L);
        il.Emit(OpCodes.Ret);
        foreach (var (label, word) in labels.Zip(TrigReduction.TwoOverPi))
        {
            il.MarkLabel(label);
            il.Emit(OpCodes.Ldc_I8, unchecked((long)word));
            il.Emit(OpCodes.Ret);
        }

        return method;
    }
}
