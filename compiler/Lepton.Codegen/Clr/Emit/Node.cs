using System.Reflection;
using System.Reflection.Emit;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// A pure value: its operands are pushed on the evaluation stack in order, then <paramref name="last"/> replaces them by the value. A node that is used
/// several times by what is written at once is computed once (<see cref="IlWriter"/>).
/// </summary>
/// <param name="type">Its CLR type on the stack; integers below 32 bits are int.</param>
/// <param name="last">Its own instructions.</param>
/// <param name="operands">What they take from the stack.</param>
internal sealed class Node(Type type, Action<IlWriter> last, params Node[] operands)
{
    public Type Type { get; } = type;

    public Node[] Operands { get; } = operands;

    public Action<IlWriter> Last { get; } = last;

    /// <summary>A number that is known now, or a vector of them.</summary>
    public bool IsConstant { get; init; }

    public bool IsLocal { get; init; }

    /// <summary>Costs nothing to push again.</summary>
    public bool IsFree => IsConstant || IsLocal;

    /// <summary>The number, of a constant integer.</summary>
    public long? Integer { get; init; }

    /// <summary>A local that may be assigned again.</summary>
    public bool IsMutable { get; init; }

    /// <summary>Of a call: what is called.</summary>
    public MethodInfo? Method { get; init; }

    /// <summary>The same bits as another type: those of this one.</summary>
    public Node? Bits { get; init; }

    /// <summary>What is pushed on a branch of its own, so that nothing of it is known behind it.</summary>
    public Node[] Branches { get; init; } = [];

    public static Node Int32(int value) => new(typeof(int), w => w.Il.Emit(OpCodes.Ldc_I4, value)) { IsConstant = true, Integer = value };

    public static Node Int64(long value) => new(typeof(long), w => w.Il.Emit(OpCodes.Ldc_I8, value)) { IsConstant = true, Integer = value };

    public static Node Single(float value) => new(typeof(float), w => w.Il.Emit(OpCodes.Ldc_R4, value)) { IsConstant = true };

    public static Node Double(double value) => new(typeof(double), w => w.Il.Emit(OpCodes.Ldc_R8, value)) { IsConstant = true };

    public static Node Argument(Type type, int number) => new(type, w => w.Il.Emit(OpCodes.Ldarg, (short)number)) { IsLocal = true };

    public static Node Local(LocalBuilder local, bool mutable = false) => new(local.LocalType, w => w.Il.Emit(OpCodes.Ldloc, local)) { IsLocal = true, IsMutable = mutable };

    /// <summary>The value of a static method.</summary>
    public static Node Call(MethodInfo method, params Node[] arguments) => Call(method, method.ReturnType, arguments);

    /// <inheritdoc cref="Call(MethodInfo, Node[])"/>
    public static Node Call(MethodInfo method, Type type, params Node[] arguments) => new(type, w => w.Il.Emit(OpCodes.Call, method), arguments) { Method = method };

    /// <summary>A method of <see cref="ClrSupport"/>.</summary>
    public static Node Support(string name, params Node[] arguments) => Call(ClrSupport.Method(name), arguments);

    /// <summary>The bits of a float as an integer of as many bytes, or the other way round.</summary>
    public static Node Reinterpret(Node value)
    {
        var name = value.Type == typeof(float) ? nameof(BitConverter.SingleToInt32Bits)
            : value.Type == typeof(double) ? nameof(BitConverter.DoubleToInt64Bits)
            : value.Type == typeof(int) ? nameof(BitConverter.Int32BitsToSingle)
            : nameof(BitConverter.Int64BitsToDouble);
        return Call(typeof(BitConverter).GetMethod(name)!, value);
    }

    /// <summary>The value of one instruction.</summary>
    public static Node Op(OpCode code, Type type, params Node[] operands) => new(type, w => w.Il.Emit(code), operands);

    public static Node operator +(Node a, Node b) => (a.Integer, b.Integer) switch
    {
        (0, _) => b,
        (_, 0) => a,
        ({ } x, { } y) when a.Type == typeof(long) => Int64(unchecked(x + y)),
        _ => Op(OpCodes.Add, a.Type, a, b),
    };

    public static Node operator -(Node a, Node b) => b.Integer == 0 ? a : Op(OpCodes.Sub, a.Type, a, b);

    public static Node operator *(Node a, Node b) => (a.Integer, b.Integer) switch
    {
        (1, _) => b,
        (_, 1) => a,
        ({ } x, { } y) when a.Type == typeof(long) => Int64(unchecked(x * y)),
        _ => Op(OpCodes.Mul, a.Type, a, b),
    };

    public static Node operator &(Node a, Node b) => Op(OpCodes.And, a.Type, a, b);

    public static Node operator |(Node a, Node b) => Op(OpCodes.Or, a.Type, a, b);

    public static Node operator ^(Node a, Node b) => Op(OpCodes.Xor, a.Type, a, b);
}
