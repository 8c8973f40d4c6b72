using System.Buffers;
using System.Buffers.Binary;
using System.Text.Json;
using Lepton.Abi;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.Files;

/// <summary>.safetensors: header length (u64), JSON header <c>{"w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}</c>, data without holes.</summary>
internal static class Safetensors
{
    private const ulong MaxHeader = 100_000_000;

    internal static void Read(FileStream stream, string file, Func<string, bool> wanted, Action<string, OwnedTensor?> found)
    {
        var reader = new TensorReader(stream, file, stream.Length);
        var length = BinaryPrimitives.ReadUInt64LittleEndian(reader.Read(8, "the header's length"));
        if (length > MaxHeader || length > (ulong)reader.Remaining)
        {
            throw reader.Bad($"its header claims {length} bytes, and {reader.Remaining} are left");
        }

        var header = reader.Read((int)length, "the header");
        List<Item> items;
        try
        {
            items = Parse(header, reader);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new TensorFileException(file, $"its header is not valid JSON: {e.Message}", "the file is damaged or not what its name says", e);
        }

        CheckExtents(items, reader);
        var data = stream.Length - reader.Remaining;
        foreach (var item in items)
        {
            if (!wanted(item.Name))
            {
                found(item.Name, null);
                continue;
            }

            var element = ElementOf(item.Type)
                ?? throw reader.Bad($"tensor {item.Name} has element type {item.Type}", "convert it first to a type that Lepton has: F64, F32, F16, BF16, I64, I32, I16, I8, U8 or BOOL");
            if (!TensorShape.TryByteLength(element, item.Shape, out var bytes, out var problem))
            {
                throw reader.Bad($"tensor {item.Name}: {problem}");
            }

            if (bytes != item.End - item.Begin)
            {
                throw reader.Bad($"tensor {item.Name}, {element.Name()}{TensorShape.Text(item.Shape)}, needs {bytes} bytes and has {item.End - item.Begin}");
            }

            stream.Position = data + item.Begin;
            found(item.Name, new TensorReader(stream, file, bytes).Tensor(element, item.Shape, bigEndian: false));
        }
    }

    internal static void Write(Stream stream, IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        // Wide elements first, so that every tensor is aligned to its element.
        var ordered = tensors.OrderByDescending(t => t.Value.Element.ByteSize()).ThenBy(t => t.Key, StringComparer.Ordinal).ToList();
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            long offset = 0;
            json.WriteStartObject();
            foreach (var (name, tensor) in ordered)
            {
                json.WriteStartObject(name);
                json.WriteString("dtype", tensor.Element.Name().ToUpperInvariant());
                WriteNumbers(json, "shape", tensor.Shape);
                WriteNumbers(json, "data_offsets", [offset, offset += tensor.ByteLength]);
                json.WriteEndObject();
            }

            json.WriteEndObject();
        }

        Span<byte> length = stackalloc byte[8];
        var padded = (buffer.WrittenCount + 7) / 8 * 8;
        BinaryPrimitives.WriteInt64LittleEndian(length, padded);
        stream.Write(length);
        stream.Write(buffer.WrittenSpan);
        stream.Write("       "u8[..(padded - buffer.WrittenCount)]);
        foreach (var (_, tensor) in ordered)
        {
            TensorWriter.Data(stream, tensor);
        }
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private static List<Item> Parse(byte[] header, TensorReader reader)
    {
        using var document = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8 });
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw reader.Bad("its header is not a JSON object");
        }

        var items = new List<Item>();
        var names = new HashSet<string>();
        foreach (var member in document.RootElement.EnumerateObject())
        {
            if (!names.Add(member.Name))
            {
                throw reader.Bad($"its header has {member.Name} twice");
            }

            if (member.Name != "__metadata__")
            {
                items.Add(ParseItem(member, reader));
            }
        }

        return items;
    }

    private static Item ParseItem(JsonProperty member, TensorReader reader)
    {
        var value = member.Value;
        if (value.ValueKind == JsonValueKind.Object
            && value.TryGetProperty("dtype", out var type) && type.ValueKind == JsonValueKind.String
            && value.TryGetProperty("shape", out var shape) && Numbers(shape) is { } sizes
            && value.TryGetProperty("data_offsets", out var offsets) && Numbers(offsets) is [var begin, var end])
        {
            return new Item(member.Name, type.GetString()!, sizes, begin, end);
        }

        throw reader.Bad($"tensor {member.Name} of its header lacks a valid dtype, shape or data_offsets");
    }

    private static long[]? Numbers(JsonElement list)
    {
        if (list.ValueKind != JsonValueKind.Array)
        {
            return null;
        }

        var numbers = new List<long>();
        foreach (var item in list.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Number || !item.TryGetInt64(out var number) || number < 0)
            {
                return null;
            }

            numbers.Add(number);
        }

        return [.. numbers];
    }

    // The format wants the data covered exactly: no holes (something could hide there), no overlaps, nothing beyond the end.
    private static void CheckExtents(List<Item> items, TensorReader reader)
    {
        long at = 0;
        foreach (var item in items.OrderBy(i => i.Begin).ThenBy(i => i.End))
        {
            if (item.Begin != at || item.End < item.Begin || item.End > reader.Remaining)
            {
                throw reader.Bad(
                    $"tensor {item.Name} claims bytes {item.Begin} to {item.End}; it must begin at {at} and end by {reader.Remaining}");
            }

            at = item.End;
        }

        if (at != reader.Remaining)
        {
            throw reader.Bad($"{reader.Remaining - at} bytes at its end belong to no tensor");
        }
    }

    private static ElementType? ElementOf(string type)
    {
        foreach (var element in ElementTypes.All)
        {
            if (element.Name().ToUpperInvariant() == type)
            {
                return element;
            }
        }

        return null;
    }

    private sealed record Item(string Name, string Type, long[] Shape, long Begin, long End);
}
