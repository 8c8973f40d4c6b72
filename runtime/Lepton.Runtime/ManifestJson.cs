using System.Buffers;
using System.Text.Json;
using Lepton.Abi;

namespace Lepton.Runtime;

/// <summary>The manifest as JSON: what <c>leptonc build</c> writes beside a library. Sizes are text: <c>"2*B + 1"</c>.</summary>
/// <remarks>Unknown members are passed over, so that additions need no new version; a change that an old reader could misread does.</remarks>
public static class ManifestJson
{
    /// <summary>The manifest as UTF-8 JSON, indented.</summary>
    public static byte[] Write(ModuleManifest manifest)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("format", manifest.FormatVersion);
            json.WriteString("name", manifest.Name);
            json.WriteString("target", manifest.Target);
            Array(json, "entries", manifest.Entries, WriteEntry);
            if (manifest.Placed is { } placed)
            {
                WritePlaced(json, placed);
            }

            json.WriteEndObject();
        }

        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Reads and checks a manifest.</summary>
    /// <exception cref="ModuleLoadException">Not JSON, another version, or a member that is missing or makes no sense; the message names it.</exception>
    public static ModuleManifest Read(ReadOnlyMemory<byte> utf8)
    {
        try
        {
            using var document = JsonDocument.Parse(utf8, new JsonDocumentOptions { MaxDepth = 16 });
            var root = new Node(document.RootElement, "$");
            var version = root["format"].Integer();
            return version == ModuleManifest.CurrentFormat
                ? new ModuleManifest(version, root["name"].Text(), root["target"].Text(), root["entries"].List(ReadEntry)) { Placed = root.Has("placed") ? ReadPlaced(root["placed"]) : null }
                : throw WrongVersion(version);
        }
        catch (JsonException e)
        {
            throw new ModuleLoadException($"the manifest is not JSON: {e.Message}", e);
        }
    }

    internal static ModuleLoadException WrongVersion(int version) => new(
        $"the module has format {version}, and this runtime reads format {ModuleManifest.CurrentFormat}; build the module again with the matching leptonc");

    private static void Array<T>(Utf8JsonWriter json, string name, ValueList<T> items, Action<Utf8JsonWriter, T> write)
    {
        json.WriteStartArray(name);
        foreach (var item in items)
        {
            write(json, item);
        }

        json.WriteEndArray();
    }

    private static void Shape(Utf8JsonWriter json, ValueList<SizeExpr> shape) =>
        Array(json, "shape", shape, static (j, size) => j.WriteStringValue(size.ToString()));

    private static void WritePlaced(Utf8JsonWriter json, PlacedManifest placed)
    {
        json.WriteStartObject("placed");
        json.WritePropertyName("entry");
        WriteEntry(json, placed.Entry);
        Array(json, "results", placed.Results, static (j, name) => j.WriteStringValue(name));
        Array(json, "devices", placed.Devices, static (j, device) =>
        {
            j.WriteStartObject();
            j.WriteString("name", device.Name);
            j.WriteString("kind", device.Kind);
            j.WriteNumber("threads", device.Threads);
            Array(j, "cores", device.Cores, static (c, core) => c.WriteNumberValue(core));
            j.WriteEndObject();
        });
        Array(json, "segments", placed.Segments, static (j, segment) =>
        {
            j.WriteStartObject();
            j.WriteString("entry", segment.Entry);
            j.WriteString("device", segment.Device);
            j.WriteEndObject();
        });
        json.WriteEndObject();
    }

    private static PlacedManifest ReadPlaced(Node placed) => new(
        ReadEntry(placed["entry"]),
        placed["results"].List(r => r.Text()),
        placed["devices"].List(d => new DeviceManifest(d["name"].Text(), d["kind"].Text(), d["threads"].Integer(), d["cores"].List(c => c.Integer()))),
        placed["segments"].List(s => (s["entry"].Text(), s["device"].Text())));

    private static void WriteEntry(Utf8JsonWriter json, EntryManifest entry)
    {
        json.WriteStartObject();
        json.WriteString("name", entry.Name);
        json.WriteString("symbol", entry.Symbol);
        Array(json, "dims", entry.Dims, static (j, dim) => j.WriteStringValue(dim));
        Array(json, "arguments", entry.Arguments, WriteTensor);
        Array(json, "parameters", entry.Parameters, WriteTensor);
        Array(json, "results", entry.Results, WriteTensor);
        Array(json, "constraints", entry.Constraints, WriteConstraint);
        Array(json, "sites", entry.Sites, WriteSite);
        json.WriteEndObject();
    }

    private static void WriteTensor(Utf8JsonWriter json, TensorManifest tensor)
    {
        json.WriteStartObject();
        json.WriteString("name", tensor.Name);
        json.WriteString("element", tensor.Element.Name());
        Shape(json, tensor.Shape);
        if (tensor.Initializer is not null)
        {
            json.WriteString("initializer", tensor.Initializer);
        }

        if (tensor.Given is { } given)
        {
            json.WriteString("given", given.Name());
        }

        if (tensor.Format is { } format)
        {
            WriteFormat(json, format);
        }

        json.WriteEndObject();
    }

    private static void WriteFormat(Utf8JsonWriter json, TensorFormat format)
    {
        json.WriteStartObject("storage");
        json.WriteString("name", format.Name);
        json.WriteString("index", format.Index.Name());
        if (format.Fill is { } fill)
        {
            // Bits, for no text of a float is exact everywhere: those of a double for every float type.
            json.WriteString("fill", fill.Type.Name());
            json.WriteNumber("bits", fill.Bits);
        }

        Array(json, "levels", format.Levels, static (j, level) =>
        {
            j.WriteStartObject();
            j.WriteString("kind", level.Kind.ToString());
            j.WriteNumber("axis", level.Axis);
            j.WriteString("part", level.Part.ToString());
            j.WriteNumber("block", level.Block);
            j.WriteBoolean("unique", level.Unique);
            j.WriteEndObject();
        });
        json.WriteEndObject();
    }

    private static void WriteConstraint(Utf8JsonWriter json, SizeConstraint constraint)
    {
        json.WriteStartObject();
        json.WriteString("left", constraint.Left.ToString());
        json.WriteString("right", constraint.Right.ToString());
        json.WriteBoolean("atLeast", constraint.AtLeast);
        json.WriteString("reason", constraint.Reason);
        json.WriteEndObject();
    }

    private static void WriteSite(Utf8JsonWriter json, SiteManifest site)
    {
        json.WriteStartObject();
        json.WriteString("text", site.Text);
        json.WriteString("location", site.Location);
        Shape(json, site.Shape);
        json.WriteEndObject();
    }

    private static EntryManifest ReadEntry(Node entry) => new(
        entry["name"].Text(),
        entry["symbol"].Text(),
        entry["dims"].List(d => d.Text()),
        entry["arguments"].List(ReadTensor),
        entry["parameters"].List(ReadTensor),
        entry["results"].List(ReadTensor),
        entry["constraints"].List(c => new SizeConstraint(c["left"].Size(), c["right"].Size(), c["atLeast"].Flag(), c["reason"].Text())),
        entry["sites"].List(s => new SiteManifest(s["text"].Text(), s["location"].Text(), s["shape"].List(e => e.Size()))));

    private static TensorManifest ReadTensor(Node tensor) => new(
        tensor["name"].Text(),
        Element(tensor["element"]),
        tensor["shape"].List(e => e.Size()),
        tensor.Has("initializer") ? tensor["initializer"].Text() : null)
    {
        Given = tensor.Has("given") ? Element(tensor["given"]) : null,
        Format = tensor.Has("storage") ? ReadFormat(tensor["storage"], tensor["shape"].List(e => e.Size()).Count) : null,
    };

    private static TensorFormat ReadFormat(Node format, int rank)
    {
        var read = new TensorFormat(
            format["name"].Text(),
            format["levels"].List(level => new FormatLevel(
                level["kind"].OneOf<LevelKind>(),
                level["axis"].Integer(),
                level["part"].OneOf<LevelPart>(),
                level["block"].Long(),
                level["unique"].Flag())),
            Element(format["index"]),
            format.Has("fill") ? new Scalar(Element(format["fill"]), format["bits"].Long()) : null);
        return read.Problem(rank) is null ? read : throw format.Bad("a format of its tensor");
    }

    private static ElementType Element(Node node) => ElementTypes.Parse(node.Text()) ?? throw node.Bad("an element type");

    /// <summary>A JSON value that knows its path, for messages: <c>$.entries[0].dims</c>.</summary>
    private readonly record struct Node(JsonElement Value, string Path)
    {
        internal Node this[string name] =>
            Value.ValueKind != JsonValueKind.Object ? throw Bad("an object")
            : Value.TryGetProperty(name, out var member) ? new(member, $"{Path}.{name}")
            : throw new ModuleLoadException($"the manifest has no {Path}.{name}");

        internal bool Has(string name) => Value.ValueKind == JsonValueKind.Object && Value.TryGetProperty(name, out _);

        internal string Text()
        {
            try
            {
                return Value.ValueKind == JsonValueKind.String ? Value.GetString()! : throw Bad("a string");
            }
            catch (InvalidOperationException)
            {
                throw Bad("a string"); // half a surrogate pair
            }
        }

        internal int Integer() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt32(out var number) ? number : throw Bad("an integer");

        internal long Long() => Value.ValueKind == JsonValueKind.Number && Value.TryGetInt64(out var number) ? number : throw Bad("an integer");

        internal T OneOf<T>()
            where T : struct, Enum => Enum.TryParse<T>(Text(), out var value) && Enum.IsDefined(value) ? value : throw Bad($"one of {string.Join(", ", Enum.GetNames<T>())}");

        internal bool Flag() => Value.ValueKind is JsonValueKind.True or JsonValueKind.False ? Value.GetBoolean() : throw Bad("true or false");

        internal SizeExpr Size()
        {
            try
            {
                return SizeParser.Parse(Text());
            }
            catch (Exception e) when (e is FormatException or OverflowException or DivideByZeroException)
            {
                throw Bad("a size");
            }
        }

        internal ValueList<T> List<T>(Func<Node, T> read)
        {
            if (Value.ValueKind != JsonValueKind.Array)
            {
                throw Bad("a list");
            }

            var items = new List<T>(Value.GetArrayLength());
            foreach (var item in Value.EnumerateArray())
            {
                items.Add(read(new(item, $"{Path}[{items.Count}]")));
            }

            return items.ToValueList();
        }

        internal ModuleLoadException Bad(string wanted) => new($"the manifest's {Path} is not {wanted}");
    }
}
