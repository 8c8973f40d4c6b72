using System.Reflection;
using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>
/// Functions of floats on one vector, as static methods beside the kernels: each is written once. Scalars use the first lane of a vector, so that they
/// give the same bits.
/// </summary>
internal sealed class ClrMath(TypeBuilder type, CpuTarget target, LaneShape shape, ConstantPool pool)
{
    private readonly Dictionary<(MathFunction, Type), MethodInfo> _written = [];
    private readonly MathLibrary _library = new(target);

    /// <summary>A function of vectors.</summary>
    public Node Call(MapOp op, ElementType element, Node[] parts) => Call(Function(op), element, parts);

    /// <inheritdoc cref="Call(MapOp, ElementType, Node[])"/>
    public Node Call(MathFunction function, ElementType element, Node[] parts)
    {
        var vector = parts[0].Type;
        if (!_written.TryGetValue((function, vector), out var method))
        {
            _written[(function, vector)] = method = Define(function, element, vector);
        }

        return Node.Call(method, vector, parts);
    }

    /// <summary>What is bound at the head of a method in which functions stand.</summary>
    public Node PoolBase => pool.Base;

    /// <summary>
    /// A function of vectors where it is used: its usual path, which the JIT mixes with what is around it; a rare argument calls the method. Long ones
    /// are called anyway.
    /// </summary>
    /// <param name="constants"><see cref="PoolBase"/>, bound.</param>
    public Node Inline(MapOp op, ElementType element, Node[] parts, Node constants)
    {
        var function = Function(op);
        if (function is MathFunction.Pow or MathFunction.Atan2 or MathFunction.Remainder or MathFunction.Cbrt)
        {
            return Call(function, element, parts);
        }

        var lanes = VectorApi.Bytes(parts[0].Type) / element.ByteSize();
        var body = new ClrMathBody(element, lanes, target, shape, []) { UsualOnly = true, Place = (vector, lane) => pool.Add(constants, vector, lane) };
        var x = body.Input(parts[0]);
        if (function == MathFunction.Exp)
        {
            // Three instructions more for all arguments, and no branch.
            return body.Value(Exponentials.Exp(body, x, scale: 0).Name).Parts[0];
        }

        var usual = body.Value(_library.Body(body, function, x, x).Name).Parts[0];
        if (UsualBelow(function, element) is not { } below)
        {
            return usual;
        }

        var rare = body.Compare("uge", body.Abs(x), body.F(below));
        return ClrMathBody.Rarely(shape.Any(body.Value(rare.Name)), usual, Call(function, element, parts));
    }

    /// <summary>A function of scalars.</summary>
    public Node Scalar(MapOp op, ElementType element, Node[] arguments)
    {
        var scalar = VectorApi.Element(element);
        var parts = Array.ConvertAll(arguments, a => new Node(
            VectorApi.Vector(16, scalar), w => w.Il.Emit(OpCodes.Call, VectorApi.Find("CreateScalar", 16, [scalar])), a));
        return VectorIl.Call("ToScalar", Call(op, element, parts));
    }

    private static MathFunction Function(MapOp op) => op == MapOp.Rem ? MathFunction.Remainder
        : Enum.TryParse<MathFunction>(op.ToString(), out var function) ? function
        : throw new CompilerBugException("clr", $"no code for {op} on floats");

    private MethodBuilder Define(MathFunction function, ElementType element, Type vector)
    {
        var two = function is MathFunction.Pow or MathFunction.Atan2 or MathFunction.Remainder;
        var bytes = VectorApi.Bytes(vector);
        var method = type.DefineMethod($"{function}_{element.Name()}_{bytes}", MethodAttributes.Public | MethodAttributes.Static, vector, two ? [vector, vector] : [vector]);
        method.SetImplementationFlags(MethodImplAttributes.AggressiveOptimization);
        method.InitLocals = false;
        var (x, y) = (Node.Argument(vector, 0), two ? Node.Argument(vector, 1) : null);
        var writer = new IlWriter(method.GetILGenerator());
        writer.Push(Body(function, element, bytes / element.ByteSize(), x, y));
        writer.Il.Emit(OpCodes.Ret);
        return method;
    }

    private Node Body(MathFunction function, ElementType element, int lanes, Node x, Node? y)
    {
        if (function == MathFunction.Remainder)
        {
            return EachLane(element, lanes, l => Node.Call(ClrSupport.Method("Remainder", VectorApi.Element(element)), Lane(x, l), Lane(y!, l)));
        }

        // What a huge angle leaves of its turns is .NET's own business, lane by lane.
        var isTurn = function is MathFunction.Sin or MathFunction.Cos or MathFunction.Tan;
        var values = new List<Lanes>();
        var body = new ClrMathBody(element, lanes, target, shape, values) { UsualOnly = isTurn };
        var (fx, fy) = (body.Input(x), y is null ? default : body.Input(y));
        var result = body.Value(_library.Body(body, function, fx, y is null ? fx : fy).Name).Parts[0];
        if (!isTurn)
        {
            return result;
        }

        var huge = body.Compare("uge", body.Abs(fx), body.F(UsualBelow(function, element)!.Value));
        var mask = body.Value(huge.Name);
        var slow = EachLane(element, lanes, l =>
        {
            var lane = Lane(x, l);
            var angle = element == ElementType.F64 ? lane : Node.Op(OpCodes.Conv_R8, typeof(double), lane);
            var turned = Node.Call(typeof(Math).GetMethod(function.ToString(), [typeof(double)])!, angle);
            return element == ElementType.F64 ? turned : Node.Op(OpCodes.Conv_R4, typeof(float), turned);
        });
        return ClrMathBody.Rarely(shape.Any(mask), result, VectorIl.Select(mask.Parts[0], slow, result));
    }

    private static double? UsualBelow(MathFunction function, ElementType element) =>
        MathLibrary.UsualBelow(function == MathFunction.Tan ? MathFunction.Sin : function, element);

    private Node EachLane(ElementType element, int lanes, Func<int, Node> lane) =>
        shape.Of(new LaneType(element, lanes), element, [.. Enumerable.Range(0, lanes).Select(lane)]).Parts[0];

    private static Node Lane(Node vector, int lane) => VectorIl.Call("GetElement", vector, Node.Int32(lane));
}
