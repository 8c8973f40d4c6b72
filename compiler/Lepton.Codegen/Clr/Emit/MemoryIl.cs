using System.Reflection.Emit;
using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>A buffer as code sees it: its first element's address.</summary>
internal readonly record struct Place(Node Pointer, ElementType Element);

/// <summary>Loads and stores of lanes. What a mask excludes is neither read nor written.</summary>
internal sealed class MemoryIl(VectorIl vectors, LaneShape shape)
{
    /// <summary>Lane l of elements index + l·stride (stride null: 1). A masked lane is not read and 0.</summary>
    public Lanes Load(Place place, LaneType type, Node index, Node? stride, Lanes? mask)
    {
        var raw = new LaneType(Raw(place.Element), type.Lanes);
        if (type.Lanes == 1)
        {
            var one = Element(raw.Element, Address(place, index), mask?.Scalar);
            return HalfIl.FromMemory(vectors, new Lanes(raw, raw.Element, [one]), place.Element, type);
        }

        var lanes = stride is null ? Contiguous(place, raw, index, mask)
            : shape.Of(raw, raw.Element, [.. Enumerable.Range(0, type.Lanes).Select(l =>
                Element(raw.Element, Address(place, index + (stride * Node.Int64(l))), mask is null ? null : shape.Lane(mask, l)))]);
        return HalfIl.FromMemory(vectors, lanes, place.Element, type);
    }

    /// <summary>Lane l of element indices[l].</summary>
    public Lanes Gather(Place place, LaneType type, Lanes indices, Lanes? mask)
    {
        var raw = new LaneType(Raw(place.Element), type.Lanes);
        Node One(int l) => Element(raw.Element, Address(place, shape.Lane(indices, l)), mask is null ? null : shape.Lane(mask, l));
        var lanes = type.Lanes == 1 ? new Lanes(raw, raw.Element, [One(0)]) : shape.Of(raw, raw.Element, [.. Enumerable.Range(0, type.Lanes).Select(One)]);
        return HalfIl.FromMemory(vectors, lanes, place.Element, type);
    }

    /// <param name="stream">Whole vectors go past the caches, where they lie on a multiple of their length.</param>
    public void Store(IlWriter w, Place place, Node index, Lanes value, Node? stride, Lanes? mask, bool stream)
    {
        var raw = HalfIl.ToMemory(vectors, value, place.Element);
        var type = VectorApi.Element(raw.Carrier);
        if (raw.IsScalar)
        {
            StoreElement(w, type, Address(place, index), raw.Scalar, mask?.Scalar);
            return;
        }

        // All that is read comes before all that is written.
        mask = mask is null ? null : shape.Mask(mask, raw.Carrier.ByteSize());
        var bound = w.Bind([index, .. raw.Parts, .. mask?.Parts ?? [], .. stride is null ? Array.Empty<Node>() : [stride]]);
        index = bound[0];
        raw = raw with { Parts = bound[1..(1 + raw.Parts.Length)] };
        mask = mask is null ? null : mask with { Parts = bound[(1 + raw.Parts.Length)..(1 + (2 * raw.Parts.Length))] };
        if (stride is not null)
        {
            for (var l = 0; l < raw.Type.Lanes; l++)
            {
                StoreElement(w, type, Address(place, index + (bound[^1] * Node.Int64(l))), shape.Lane(raw, l), mask is null ? null : shape.Lane(mask, l));
            }

            return;
        }

        var room = VectorApi.Bytes(raw.Parts[0].Type) / raw.Carrier.ByteSize();
        for (var p = 0; p < raw.Parts.Length; p++)
        {
            var (part, address, live) = (raw.Parts[p], Address(place, index + Node.Int64(p * room)), raw.Live(p, room));
            if (mask is not null)
            {
                MaskedStore(w, mask, p, part, address, live == room);
            }
            else if (live == room && stream)
            {
                Stream(w, w.Bind(address), part);
            }
            else if (live == room)
            {
                StoreVector(w, address, part);
            }
            else if (Scalar(live * raw.Carrier.ByteSize()) is { } whole)
            {
                var bits = VectorIl.Call("ToScalar", VectorApi.As(part, whole));
                w.Push([address, bits]);
                w.Il.Emit(OpCodes.Unaligned, (byte)1);
                w.Il.Emit(OpCodes.Stobj, whole);
            }
            else
            {
                for (var l = 0; l < live; l++)
                {
                    StoreElement(w, type, Address(place, index + Node.Int64((p * room) + l)), shape.Lane(raw, (p * room) + l), null);
                }
            }
        }
    }

    public static Node Address(Place place, Node index)
    {
        var offset = index * Node.Int64(place.Element.ByteSize());
        return offset.Integer == 0 ? place.Pointer : Node.Op(OpCodes.Add, typeof(nint), place.Pointer, Node.Op(OpCodes.Conv_I, typeof(nint), offset));
    }

    private static ElementType Raw(ElementType element) => element switch
    {
        ElementType.F16 or ElementType.BF16 => ElementType.I16,
        ElementType.Bool => ElementType.I8,
        _ => element,
    };

    // A number as long as a few lanes are.
    private static Type? Scalar(int bytes) => bytes switch { 1 => typeof(byte), 2 => typeof(short), 4 => typeof(int), 8 => typeof(long), _ => null };

    private static void Stream(IlWriter w, Node address, Node vector)
    {
        var rest = Node.Op(OpCodes.And, typeof(long), Node.Op(OpCodes.Conv_I8, typeof(long), address), Node.Int64(VectorApi.Bytes(vector.Type) - 1));
        var element = VectorApi.ElementOf(vector.Type);
        w.If(
            Node.Op(OpCodes.Ceq, typeof(bool), rest, Node.Int64(0)),
            () =>
            {
                w.Push([vector, address]);
                w.Il.Emit(OpCodes.Call, VectorApi.Find("StoreAlignedNonTemporal", VectorApi.Bytes(vector.Type), [vector.Type, element.MakePointerType()]));
            },
            () => StoreVector(w, address, vector));
    }

    private static void StoreVector(IlWriter w, Node address, Node vector)
    {
        w.Push([address, vector]);
        w.Il.Emit(OpCodes.Unaligned, (byte)1);
        w.Il.Emit(OpCodes.Stobj, vector.Type);
    }

    private static Node Element(ElementType raw, Node address, Node? mask)
    {
        var type = VectorApi.Element(raw);
        return mask is null
            ? new Node(ScalarIl.StackType(raw), w => LoadObject(w, type), address)
            : Node.Call(ClrSupport.Method("LoadIf").MakeGenericMethod(type), ScalarIl.StackType(raw), address, mask);
    }

    private static void LoadObject(IlWriter w, Type type)
    {
        w.Il.Emit(OpCodes.Unaligned, (byte)1);
        w.Il.Emit(OpCodes.Ldobj, type);
    }

    private static void StoreElement(IlWriter w, Type type, Node address, Node value, Node? mask)
    {
        if (mask is null)
        {
            w.Push([address, value]);
            w.Il.Emit(OpCodes.Unaligned, (byte)1);
            w.Il.Emit(OpCodes.Stobj, type);
        }
        else
        {
            w.Push([address, value, mask]);
            w.Il.Emit(OpCodes.Call, ClrSupport.Method("StoreIf").MakeGenericMethod(type));
        }
    }

    private Lanes Contiguous(Place place, LaneType raw, Node index, Lanes? mask)
    {
        var (bytes, count) = shape.Layout(raw.Element, raw.Lanes);
        var (room, element) = (bytes / raw.Element.ByteSize(), VectorApi.Element(raw.Element));
        var vector = VectorApi.Vector(bytes, element);
        mask = mask is null ? null : shape.Mask(mask, raw.Element.ByteSize());
        var result = new Lanes(raw, raw.Element, new Node[count]);
        for (var p = 0; p < count; p++)
        {
            var (address, live) = (Address(place, index + Node.Int64(p * room)), result.Live(p, room));
            if (mask is not null)
            {
                result.Parts[p] = MaskedLoad(vector, mask, p, address, live == room);
            }
            else if (live == room)
            {
                result.Parts[p] = new Node(vector, w => LoadObject(w, vector), address);
            }
            else if (Scalar(live * raw.Element.ByteSize()) is { } whole)
            {
                var bits = new Node(whole == typeof(long) ? whole : typeof(int), w => LoadObject(w, whole), address);
                bits = raw.Element.ByteSize() == 1 ? vectors.Opaque(bits) : bits;
                result.Parts[p] = VectorApi.As(new Node(VectorApi.Vector(bytes, whole), w => w.Il.Emit(OpCodes.Call, VectorApi.Find("CreateScalar", bytes, [whole])), bits), element);
            }
            else
            {
                var lanes = Enumerable.Range(0, room).Select(l => l < live
                    ? Element(raw.Element, Address(place, index + Node.Int64((p * room) + l)), null)
                    : LaneShape.Zero(raw.Element));
                result.Parts[p] = VectorApi.Create(bytes, element, [.. lanes]);
            }
        }

        return result;
    }

    private static Node MaskedLoad(Type vector, Lanes mask, int part, Node address, bool isFull)
    {
        if (isFull && ClrSupport.MaskLoad(vector) is { } instruction)
        {
            return Node.Call(instruction, address, VectorApi.As(mask.Parts[part], VectorApi.ElementOf(vector)));
        }

        if (isFull && VectorApi.Bytes(vector) == 64 && ClrSupport.MaskLoad(Half(vector)) is { } half)
        {
            var (low, high) = Halves(VectorApi.As(mask.Parts[part], VectorApi.ElementOf(vector)));
            return VectorApi.Call("Create", 64, Node.Call(half, address, low), Node.Call(half, Behind(address), high));
        }

        return Node.Call(ClrSupport.Method("Load" + (VectorApi.Bytes(vector) * 8)).MakeGenericMethod(VectorApi.ElementOf(vector)), vector, address, Wide(mask, part));
    }

    private static void MaskedStore(IlWriter w, Lanes mask, int part, Node value, Node address, bool isFull)
    {
        if (isFull && ClrSupport.MaskStore(value.Type) is { } instruction)
        {
            w.Push([address, VectorApi.As(mask.Parts[part], VectorApi.ElementOf(value.Type)), value]);
            w.Il.Emit(OpCodes.Call, instruction);
            return;
        }

        if (isFull && VectorApi.Bytes(value.Type) == 64 && ClrSupport.MaskStore(Half(value.Type)) is { } half)
        {
            var (low, high) = Halves(VectorApi.As(mask.Parts[part], VectorApi.ElementOf(value.Type)));
            var (lowValue, highValue) = Halves(value);
            w.Push([address, low, lowValue]);
            w.Il.Emit(OpCodes.Call, half);
            w.Push([Behind(address), high, highValue]);
            w.Il.Emit(OpCodes.Call, half);
            return;
        }

        w.Push([address, value, Wide(mask, part)]);
        w.Il.Emit(OpCodes.Call, ClrSupport.Method("Store" + (VectorApi.Bytes(value.Type) * 8)).MakeGenericMethod(VectorApi.ElementOf(value.Type)));
    }

    private static Type Half(Type vector) => VectorApi.Vector(32, VectorApi.ElementOf(vector));

    private static (Node Low, Node High) Halves(Node vector) => (VectorApi.Call("GetLower", 64, vector), VectorApi.Call("GetUpper", 64, vector));

    private static Node Behind(Node address) => Node.Op(OpCodes.Add, typeof(nint), address, Node.Int32(32));

    private static Node Wide(Lanes mask, int part)
    {
        var bits = LaneShape.Bits(mask, part, mask.Parts[part]);
        return bits.Type == typeof(long) ? bits : Node.Op(OpCodes.Conv_U8, typeof(long), bits);
    }
}
