using Google.Protobuf;

namespace Lepton.Benchmarks.Contenders;

/// <summary>
/// Writes a small ONNX model: just the messages that the benchmarks' graphs need (field numbers: onnx.proto, IR version 8, opset 17).
/// </summary>
internal sealed class OnnxModel(string name)
{
    private readonly List<byte[]> _nodes = [];
    private readonly List<byte[]> _initializers = [];
    private readonly List<byte[]> _inputs = [];
    private readonly List<byte[]> _outputs = [];

    public OnnxModel Input(string input, params long[] shape)
    {
        _inputs.Add(ValueInfo(input, shape));
        return this;
    }

    public OnnxModel Output(string output, params long[] shape)
    {
        _outputs.Add(ValueInfo(output, shape));
        return this;
    }

    /// <summary>A node; attributes are integers or lists of integers.</summary>
    public OnnxModel Node(string op, string[] inputs, string output, params (string Name, long[] Values, bool List)[] attributes)
    {
        _nodes.Add(Message(m =>
        {
            foreach (var input in inputs)
            {
                WriteString(m, 1, input);
            }

            WriteString(m, 2, output);
            WriteString(m, 4, op);
            foreach (var (attribute, values, list) in attributes)
            {
                WriteMessage(m, 5, Message(a =>
                {
                    WriteString(a, 1, attribute);
                    foreach (var value in values)
                    {
                        WriteInteger(a, list ? 8 : 3, value);
                    }

                    WriteInteger(a, 20, list ? 7 : 2);
                }));
            }
        }));
        return this;
    }

    public OnnxModel Weights(string weights, ReadOnlySpan<float> values, params long[] shape) =>
        Initializer(weights, 1, System.Runtime.InteropServices.MemoryMarshal.AsBytes(values).ToArray(), shape);

    /// <summary>A list of integers that a node reads as an input: axes, a shape.</summary>
    public OnnxModel Integers(string name, params long[] values) =>
        Initializer(name, 7, System.Runtime.InteropServices.MemoryMarshal.AsBytes<long>(values).ToArray(), [values.Length]);

    // type: 1 is FLOAT, 7 is INT64
    private OnnxModel Initializer(string weights, int type, byte[] bytes, long[] shape)
    {
        _initializers.Add(Message(m =>
        {
            foreach (var size in shape)
            {
                WriteInteger(m, 1, size);
            }

            WriteInteger(m, 2, type);
            WriteString(m, 8, weights);
            WriteMessage(m, 9, bytes);
        }));
        return this;
    }

    public byte[] ToBytes() => Message(model =>
    {
        WriteInteger(model, 1, 8);
        WriteMessage(model, 7, Message(graph =>
        {
            _nodes.ForEach(n => WriteMessage(graph, 1, n));
            WriteString(graph, 2, name);
            _initializers.ForEach(i => WriteMessage(graph, 5, i));
            _inputs.ForEach(i => WriteMessage(graph, 11, i));
            _outputs.ForEach(o => WriteMessage(graph, 12, o));
        }));
        WriteMessage(model, 8, Message(opset =>
        {
            WriteString(opset, 1, "");
            WriteInteger(opset, 2, 17);
        }));
    });

    // ValueInfoProto { name = 1; type = 2: TypeProto { tensor_type = 1: { elem_type = 1; shape = 2: { dim = 1: { dim_value = 1 } } } } }
    private static byte[] ValueInfo(string name, long[] shape) => Message(m =>
    {
        WriteString(m, 1, name);
        WriteMessage(m, 2, Message(type => WriteMessage(type, 1, Message(tensor =>
        {
            WriteInteger(tensor, 1, 1);
            WriteMessage(tensor, 2, Message(s =>
            {
                foreach (var size in shape)
                {
                    WriteMessage(s, 1, Message(d => WriteInteger(d, 1, size)));
                }
            }));
        }))));
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var memory = new MemoryStream();
        using (var stream = new CodedOutputStream(memory, leaveOpen: true))
        {
            write(stream);
        }

        return memory.ToArray();
    }

    private static void WriteInteger(CodedOutputStream stream, int field, long value)
    {
        stream.WriteTag(field, WireFormat.WireType.Varint);
        stream.WriteInt64(value);
    }

    private static void WriteString(CodedOutputStream stream, int field, string value)
    {
        stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
        stream.WriteString(value);
    }

    private static void WriteMessage(CodedOutputStream stream, int field, byte[] value)
    {
        stream.WriteTag(field, WireFormat.WireType.LengthDelimited);
        stream.WriteBytes(ByteString.CopyFrom(value));
    }
}
