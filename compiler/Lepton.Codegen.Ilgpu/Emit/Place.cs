using System.Reflection;
using System.Reflection.Emit;
using ILGPU;
using Lepton.Abi;
using Lepton.Codegen.Clr.Emit;

namespace Lepton.Codegen.Ilgpu.Emit;

/// <summary>A buffer as code sees it: a view of its elements, in an argument or a local.</summary>
/// <param name="View">Pushes the address of the view.</param>
internal sealed record Place(Node View, ElementType Element)
{
    /// <summary>What the view is of: bool is a byte in memory, f16 and bf16 are their bits.</summary>
    public Type Memory => MemoryOf(Element);

    public static Type MemoryOf(ElementType element) => element switch
    {
        ElementType.F64 => typeof(double),
        ElementType.F32 => typeof(float),
        ElementType.I64 => typeof(long),
        ElementType.I32 => typeof(int),
        ElementType.I16 or ElementType.F16 or ElementType.BF16 => typeof(short),
        ElementType.I8 => typeof(sbyte),
        _ => typeof(byte),
    };

    public static Type ViewOf(ElementType element) => typeof(ArrayView<>).MakeGenericType(MemoryOf(element));

    public static Place Argument(int number, ElementType element) =>
        new(new Node(typeof(nint), w => w.Il.Emit(OpCodes.Ldarga, (short)number)) { IsLocal = true }, element);

    public static Place Local(LocalBuilder local, ElementType element) =>
        new(new Node(typeof(nint), w => w.Il.Emit(OpCodes.Ldloca, local)) { IsLocal = true }, element);

    /// <summary>The value of an element as memory has it.</summary>
    public Node Read(Node index) => new(
        Memory == typeof(double) ? typeof(double) : Memory == typeof(float) ? typeof(float) : Memory == typeof(long) ? typeof(long) : typeof(int),
        w =>
        {
            w.Il.Emit(OpCodes.Call, Item(Memory));
            w.Il.Emit(OpCodes.Ldobj, Memory);
        },
        View,
        index);

    /// <summary>Writes one.</summary>
    public void Write(IlWriter writer, Node index, Node value)
    {
        writer.Push(new Node(typeof(nint), w => w.Il.Emit(OpCodes.Call, Item(Memory)), View, index));
        writer.Push(value);
        writer.Il.Emit(OpCodes.Stobj, Memory);
    }

    // Of the indexers, the one that takes a long.
    private static MethodInfo Item(Type memory) => typeof(ArrayView<>).MakeGenericType(memory).GetProperties()
        .First(p => p.GetIndexParameters() is [{ ParameterType: var type }] && type == typeof(long)).GetMethod!;
}
