using System.Collections.Concurrent;
using System.Reflection;
using System.Runtime.Intrinsics;
using Lepton.Abi;
using Lepton.Graphs;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>The static methods of Vector128, Vector256 and Vector512, which are the same in all three, and which the JIT knows as instructions.</summary>
internal static class VectorApi
{
    private static readonly ConcurrentDictionary<(string Name, int Bytes, string Types), MethodInfo> Known = [];

    public static Type Element(ElementType type) => type switch
    {
        ElementType.F64 => typeof(double),
        ElementType.F32 => typeof(float),
        ElementType.I64 => typeof(long),
        ElementType.I32 => typeof(int),
        ElementType.I16 => typeof(short),
        ElementType.I8 => typeof(sbyte),
        _ => typeof(byte),
    };

    /// <summary>Vector128, 256 or 512 of a type.</summary>
    public static Type Vector(int bytes, Type element) => Generic(bytes).MakeGenericType(element);

    public static int Bytes(Type vector) => vector.GetGenericTypeDefinition() is var t && t == typeof(Vector128<>) ? 16 : t == typeof(Vector256<>) ? 32 : 64;

    public static Type ElementOf(Type vector) => vector.GetGenericArguments()[0];

    /// <summary>name(arguments) of the class for vectors of so many bytes; the arguments' types are those on the stack.</summary>
    public static Node Call(string name, int bytes, params Node[] arguments) =>
        Node.Call(Find(name, bytes, Array.ConvertAll(arguments, a => a.Type)), arguments);

    /// <summary>A scalar in all lanes.</summary>
    public static Node Splat(int bytes, Type element, Node scalar) =>
        new(Vector(bytes, element), Calls(Find("Create", bytes, [element])), scalar) { IsConstant = scalar.IsConstant };

    /// <summary>A vector of its lanes, each a scalar.</summary>
    public static Node Create(int bytes, Type element, Node[] lanes) => lanes.All(l => ReferenceEquals(l, lanes[0]))
        ? Splat(bytes, element, lanes[0])
        : new(Vector(bytes, element), Calls(Find("Create", bytes, [.. lanes.Select(_ => element)])), lanes) { IsConstant = lanes.All(l => l.IsConstant) };

    /// <summary>The same bits as lanes of another type.</summary>
    public static Node As(Node vector, Type element)
    {
        var from = ElementOf(vector.Type);
        if (from == element)
        {
            return vector;
        }

        var bytes = Bytes(vector.Type);
        var method = Known.GetOrAdd(("As", bytes, $"{from} {element}"), _ => Class(bytes).GetMethod("As")!.MakeGenericMethod(from, element));
        return new Node(Vector(bytes, element), w => w.Il.Emit(System.Reflection.Emit.OpCodes.Call, method), vector) { IsConstant = vector.IsConstant, IsLocal = vector.IsLocal, IsMutable = vector.IsMutable, Bits = vector.Bits ?? vector };
    }

    public static MethodInfo Find(string name, int bytes, Type[] types) =>
        Known.GetOrAdd((name, bytes, string.Join(' ', (object[])types)), _ => Search(name, bytes, types));

    private static Action<IlWriter> Calls(MethodInfo method) => w => w.Il.Emit(System.Reflection.Emit.OpCodes.Call, method);

    private static MethodInfo Search(string name, int bytes, Type[] types)
    {
        foreach (var method in Class(bytes).GetMethods().Where(m => m.Name == name && m.GetParameters().Length == types.Length))
        {
            var known = method;
            if (method.IsGenericMethodDefinition)
            {
                var vector = Array.Find(types, t => t.IsGenericType);
                if (vector is null || method.GetGenericArguments().Length != 1)
                {
                    continue;
                }

                known = method.MakeGenericMethod(ElementOf(vector));
            }

            if (known.GetParameters().Select(p => p.ParameterType).SequenceEqual(types))
            {
                return known;
            }
        }

        throw new CompilerBugException("clr", $"there is no Vector{bytes * 8}.{name}({string.Join(", ", (object[])types)})");
    }

    private static Type Class(int bytes) => bytes == 16 ? typeof(Vector128) : bytes == 32 ? typeof(Vector256) : typeof(Vector512);

    private static Type Generic(int bytes) => bytes == 16 ? typeof(Vector128<>) : bytes == 32 ? typeof(Vector256<>) : typeof(Vector512<>);
}
