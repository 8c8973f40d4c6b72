using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Codegen;

/// <summary>Every elementwise operation on every type it takes, as loop IR of 1 and 16 lanes, against its meaning on single numbers.</summary>
public class MapOpTests
{
    private const int Count = 1024;
    private static readonly int[] Lanes = [1, 16];

    public static TheoryData<MapOp, string> OpsAndTargets()
    {
        var data = new TheoryData<MapOp, string>();
        foreach (var op in Enum.GetValues<MapOp>())
        {
            foreach (var target in NativeRunner.Targets.Keys)
            {
                data.Add(op, target);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(OpsAndTargets))]
    public void Native_code_does_what_the_operation_means(MapOp op, string target)
    {
        foreach (var (operands, result) in Signatures(op))
        {
            var inputs = Inputs(op, operands);
            foreach (var lanes in Lanes)
            {
                var module = Module(op, operands, result, lanes);
                KernelVerifier.Check(module);
                var actual = NativeRunner.Run(module, inputs, new Dictionary<string, long>(), NativeRunner.Targets[target])[0];
                for (var i = 0; i < Count; i++)
                {
                    var arguments = inputs.Select(x => x[i].Type.IsFloat() ? Scalar.Float(x[i].Type.ComputeType(), x[i].AsDouble) : x[i]).ToArray();
                    var wanted = ScalarMeaning.Apply(op, result, arguments);
                    Assert.True(
                        Same(wanted, actual[i]),
                        $"{op}({string.Join(", ", arguments)}) of {string.Join(", ", operands.Select(o => o.Name()))} to {result.Name()}, {lanes} lanes: {actual[i]}, not {wanted}");
                }
            }
        }
    }

    /// <summary>The modules of the test above and what they are run on, each with a name of its own.</summary>
    internal static IEnumerable<(string Name, KernelModule Module, TensorValue[] Inputs)> Programs(MapOp op) =>
        from signature in Signatures(op)
        from lanes in Lanes
        let name = $"{op}-{string.Join('-', signature.Operands)}-{signature.Result}-{lanes}"
        select (name, Module(op, signature.Operands, signature.Result, lanes), Inputs(op, signature.Operands));

    private static TensorValue[] Inputs(MapOp op, ElementType[] operands) => [.. operands.Select((type, i) => Values(op, type, i))];

    // out[i] = op(in0[i], …), `lanes` at a time.
    private static KernelModule Module(MapOp op, ElementType[] operands, ElementType result, int lanes)
    {
        var position = new VariableExpr(LaneType.Index, 1);
        var loads = operands.Select((o, i) => (LoopExpr)new LoadExpr(new LaneType(o.ComputeType(), lanes), i, position)).ToValueList();
        var value = op == MapOp.Cast && operands[0].ComputeType() == result.ComputeType() ? loads[0] : new MapExpr(new LaneType(result.ComputeType(), lanes), op, loads);
        var loop = new ForStatement(
            1,
            new NumberExpr(LaneType.Index, Scalar.Integer(ElementType.I64, 0)),
            new SizeOfExpr(SizeExpr.Constant(Count)),
            lanes,
            [new LetStatement(2, value), new StoreStatement(operands.Length, position, new VariableExpr(value.Type, 2))]);
        var buffers = operands.Select((o, i) => new KernelBuffer($"in{i}", o, BufferAccess.Read)).Append(new KernelBuffer("out", result, BufferAccess.Write));
        var kernel = new Kernel("test", KernelStrategy.Map, buffers.ToValueList(), [], 1, [loop], 3, 0, 0, "test");
        TensorManifest Tensor(string name, ElementType type) => new(name, type, [SizeExpr.Constant(Count)]);
        var manifest = new EntryManifest("test", "lep_test", [], operands.Select((o, i) => Tensor($"in{i}", o)).ToValueList(), [], [Tensor("out", result)], [], []);
        var launch = new Launch(0, Enumerable.Range(0, operands.Length + 1).Select(i => new BufferRef(BufferKind.Tensor, i, 0)).ToValueList());
        return new KernelModule("test", [kernel], [], [new EntryProgram(manifest, [], 0, [launch])]);
    }

    private static IEnumerable<(ElementType[] Operands, ElementType Result)> Signatures(MapOp op)
    {
        var info = op.Info();
        if (info.Typing == MapTyping.Random)
        {
            return Enumerable.Range(1, 5).Select(n => (Enumerable.Repeat(ElementType.I64, n).ToArray(), ElementType.F32));
        }

        return ElementTypes.All.SelectMany(type =>
        {
            var operands = Enumerable.Repeat(type, info.Arity).ToArray();
            if (info.Typing == MapTyping.Select)
            {
                operands[0] = ElementType.Bool;
            }

            return (info.Typing == MapTyping.Cast ? ElementTypes.All : [type])
                .Select(to => (operands, op.ResultType(operands, to)))
                .Where(s => s.Item2 is not null)
                .Select(s => (s.operands, s.Item2!.Value));
        });
    }

    // Every special value meets every other, then random ones: of ordinary size, of any bits, and whole numbers.
    private static TensorValue Values(MapOp op, ElementType type, int operand)
    {
        var random = new Random((int)type + (100 * operand));
        if (!type.IsFloat())
        {
            var values = new long[Count];
            for (var i = 0; i < Count; i++)
            {
                var edge = (operand == 0 ? i % 10 : i / 10 % 10) switch { 0 => 0, 1 => 1, 2 => -1, 3 => long.MinValue, 4 => long.MaxValue, 5 => 127, 6 => -128, 7 => 1L << 31, 8 => (1L << 53) + 1, _ => 7L };
                var value = i < 100 ? edge : i % 3 == 0 ? random.Next(-20, 20) : random.NextInt64(long.MinValue, long.MaxValue);
                values[i] = Scalar.Wrap(type, type == ElementType.Bool ? value & 1 : edge == long.MinValue && i < 100 && type != ElementType.I64 ? 1L << ((type.ByteSize() * 8) - 1) : value);
            }

            return TensorValue.OfIntegers(type, [Count], values);
        }

        double[] edges = [0.0, -0.0, 1, -1, double.PositiveInfinity, double.NegativeInfinity, double.NaN, 0.5, -2.5, 1e-40, 3e38, 255.5, 65520];
        if (op == MapOp.Cast)
        {
            // Around the limits of every integer type.
            edges = [.. edges, .. from sign in (double[])[1, -1] from bits in (int[])[7, 8, 15, 31, 63] let limit = double.Exp2(bits)
                from near in (double[])[limit, limit - 1, limit - 0.5, limit + 0.5, limit + 1, double.BitDecrement(limit), float.BitDecrement((float)limit)] select sign * near];
        }

        var pairs = op == MapOp.Cast ? edges.Length : edges.Length * edges.Length;
        var floats = new double[Count];
        for (var i = 0; i < Count; i++)
        {
            var value = i < pairs ? edges[operand == 0 ? i % edges.Length : i / edges.Length]
                : (i % 4) switch
                {
                    0 => (random.NextDouble() * 4) - 2,
                    1 => random.Next(-50, 50),
                    2 => Math.ScaleB(random.NextDouble() - 0.5, random.Next(-20, 20)),
                    _ => Math.ScaleB(random.NextDouble() - 0.5, random.Next(-140, 127)),
                };
            floats[i] = Scalar.Round(type, value);
        }

        return TensorValue.OfFloats(type, [Count], floats);
    }

    // Floats within 3 ulp of the type (the meaning itself is rounded); zeros of max and min may have either sign.
    private static bool Same(Scalar wanted, Scalar actual)
    {
        if (wanted.Bits == actual.Bits || !wanted.Type.IsFloat())
        {
            return wanted.Bits == actual.Bits;
        }

        var (w, a) = (wanted.AsDouble, actual.AsDouble);
        if (w.Equals(a))
        {
            return true;
        }

        if (double.IsNaN(w) || double.IsNaN(a))
        {
            return false;
        }

        var (bits, lowest, largest) = wanted.Type switch
        {
            ElementType.F64 => (52, -1074, double.MaxValue),
            ElementType.F32 => (23, -149, float.MaxValue),
            ElementType.F16 => (10, -24, 65504.0),
            _ => (7, -133, 3.3895313892515355e38),
        };
        if (double.IsInfinity(w) || double.IsInfinity(a))
        {
            return Math.Sign(w) == Math.Sign(a) && Math.Min(Math.Abs(w), Math.Abs(a)) >= largest * (1 - Math.ScaleB(1, -bits));
        }

        return Math.Abs(w - a) <= 3 * Math.ScaleB(1, w == 0 ? lowest : Math.Max(Math.ILogB(w) - bits, lowest));
    }
}
