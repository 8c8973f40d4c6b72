using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Clr.Emit;

/// <summary>Lanes as such: made of scalars, taken out, made wider or narrower, put in another order.</summary>
/// <param name="widest">Bytes of the widest vector that the machine has.</param>
internal sealed class LaneShape(int widest)
{
    /// <summary>The signed integer of so many bytes.</summary>
    public static ElementType Signed(int bytes) => bytes switch { 1 => ElementType.I8, 2 => ElementType.I16, 4 => ElementType.I32, _ => ElementType.I64 };

    public (int Bytes, int Count) Layout(ElementType carrier, int lanes) => Lanes.Layout(carrier.ByteSize(), lanes, widest);

    /// <summary>A scalar in every lane. A bool is carried by <paramref name="carrier"/>.</summary>
    public Lanes Splat(LaneType type, Node scalar, ElementType? carrier = null)
    {
        if (type.Lanes == 1)
        {
            return new Lanes(type, type.Element, [scalar]);
        }

        var of = type.Element == ElementType.Bool ? carrier ?? ElementType.I32 : type.Element;
        if (type.Element == ElementType.Bool)
        {
            var bits = scalar.Integer is { } known ? Node.Int32(-(int)known) : Node.Int32(0) - scalar;
            scalar = of == ElementType.I64 ? Widened(bits) : bits;
            }

        var (bytes, count) = Layout(of, type.Lanes);
        var vector = VectorApi.Splat(bytes, VectorApi.Element(of), scalar);
        return new Lanes(type, of, [.. Enumerable.Repeat(vector, count)]);

        static Node Widened(Node bits) => bits.Integer is { } n ? Node.Int64(n) : Node.Op(System.Reflection.Emit.OpCodes.Conv_I8, typeof(long), bits);
    }

    /// <summary>Lanes given one by one; of type <paramref name="carrier"/> on the stack.</summary>
    public Lanes Of(LaneType type, ElementType carrier, Node[] lanes)
    {
        var (bytes, count) = Layout(carrier, type.Lanes);
        var room = bytes / carrier.ByteSize();
        var parts = new Node[count];
        for (var p = 0; p < count; p++)
        {
            parts[p] = VectorApi.Create(bytes, VectorApi.Element(carrier), [.. Enumerable.Range(p * room, room).Select(l => l < lanes.Length ? lanes[l] : Zero(carrier))]);
        }

        return new Lanes(type, carrier, parts);
    }

    /// <summary>Numbers known now, one in each lane.</summary>
    public Lanes Constants(LaneType type, IEnumerable<long> values) => Of(type, type.Element, [.. values.Select(v => Number(type.Element, v))]);

    public static Node Zero(ElementType carrier) => Number(carrier, 0);

    public static Node Number(ElementType carrier, double value) => carrier switch
    {
        ElementType.F64 => Node.Double(value),
        ElementType.F32 => Node.Single((float)value),
        ElementType.I64 => Node.Int64((long)value),
        _ => Node.Int32((int)value),
    };

    public static Node Number(ElementType carrier, long value) => carrier switch
    {
        ElementType.F64 => Node.Double(value),
        ElementType.F32 => Node.Single(value),
        ElementType.I64 => Node.Int64(value),
        _ => Node.Int32((int)value),
    };

    /// <summary>One lane as a scalar; of bool: 0 or 1.</summary>
    public Node Lane(Lanes value, int lane)
    {
        if (value.IsScalar)
        {
            return value.Scalar;
        }

        var element = Raw(value, lane);
        return value.Type.Element != ElementType.Bool ? element
            : value.Carrier == ElementType.I64 ? Node.Op(System.Reflection.Emit.OpCodes.Conv_I4, typeof(int), element) & Node.Int32(1)
            : element & Node.Int32(1);
    }

    /// <summary>The parts of another signed or float carrier, twice as wide: values are kept.</summary>
    public Lanes Widen(Lanes value, ElementType to)
    {
        var ((from, _), (bytes, count)) = (Layout(value.Carrier, value.Type.Lanes), Layout(to, value.Type.Lanes));
        var parts = count == 2 * value.Parts.Length
            ? value.Parts.SelectMany(p => new[] { VectorApi.Call("WidenLower", from, p), VectorApi.Call("WidenUpper", from, p) })
            : value.Parts.Select(p => VectorApi.Call("WidenLower", bytes, bytes > from ? Wider(p) : p));
        return new Lanes(value.Type, to, [.. parts.Select(p => VectorApi.As(p, VectorApi.Element(to)))]);
    }

    /// <summary>The low bits of integers, or floats rounded, in lanes half as wide.</summary>
    public Lanes Narrow(Lanes value, ElementType to)
    {
        var ((from, _), (bytes, count)) = (Layout(value.Carrier, value.Type.Lanes), Layout(to, value.Type.Lanes));
        var parts = new Node[count];
        for (var p = 0; p < count; p++)
        {
            var v = value.Parts;
            parts[p] = v.Length == 2 * count ? VectorApi.Call("Narrow", from, v[2 * p], v[(2 * p) + 1])
                : from > bytes ? VectorApi.Call("Narrow", bytes, VectorApi.Call("GetLower", from, v[p]), VectorApi.Call("GetUpper", from, v[p]))
                : VectorApi.Call("Narrow", from, v[p], v[p]);
            parts[p] = VectorApi.As(parts[p], VectorApi.Element(to));
        }

        return new Lanes(value.Type, to, parts);
    }

    /// <summary>A mask for lanes of so many bytes.</summary>
    public Lanes Mask(Lanes mask, int size)
    {
        while (!mask.IsScalar && mask.Carrier.ByteSize() != size)
        {
            var now = mask.Carrier.ByteSize();
            mask = now < size ? Widen(mask, Signed(now * 2)) : Narrow(mask, Signed(now / 2));
        }

        return mask;
    }

    /// <summary>Whether any lane of a mask holds, or all do: an int, 0 or 1.</summary>
    public Node Any(Lanes mask) => mask.IsScalar ? mask.Scalar : mask.Parts.Select((p, i) => Bits(mask, i, p)).Aggregate((a, b) => a | b) is var bits
        ? Node.Op(System.Reflection.Emit.OpCodes.Cgt_Un, typeof(int), bits, bits.Type == typeof(long) ? Node.Int64(0) : Node.Int32(0)) : null!;

    public Node All(Lanes mask) => mask.IsScalar ? mask.Scalar : Node.Op(System.Reflection.Emit.OpCodes.Ceq, typeof(int), Any(mask.Map(p => VectorApi.Call("OnesComplement", VectorApi.Bytes(p.Type), p))), Node.Int32(0));

    /// <summary>One bit for each lane of a part that there is.</summary>
    public static Node Bits(Lanes mask, int number, Node part)
    {
        var room = VectorApi.Bytes(part.Type) / mask.Carrier.ByteSize();
        var bits = VectorApi.Call("ExtractMostSignificantBits", VectorApi.Bytes(part.Type), part);
        var live = mask.Live(number, room);
        var isLong = bits.Type == typeof(ulong);
        bits = isLong ? Node.Op(System.Reflection.Emit.OpCodes.Conv_U8, typeof(long), bits) : Node.Op(System.Reflection.Emit.OpCodes.Conv_U4, typeof(int), bits);
        return live == room ? bits : bits & (isLong ? Node.Int64((1L << live) - 1) : Node.Int32((1 << live) - 1));
    }

    /// <summary>Lane l of the result is lane numbers[l] of a, and of b behind it.</summary>
    public Lanes Shuffle(LaneType type, Lanes a, Lanes b, IReadOnlyList<int> numbers)
    {
        if (type.Lanes == 1)
        {
            return new Lanes(type, type.Element, [numbers[0] < a.Type.Lanes ? Lane(a, numbers[0]) : Lane(b, numbers[0] - a.Type.Lanes)]);
        }

        if (a.IsScalar)
        {
            var two = new LaneType(type.Element, 2);
            var carrier = type.Element == ElementType.Bool ? ElementType.I32 : type.Element;
            var spread = type.Element == ElementType.Bool ? (Func<Node, Node>)(n => Node.Int32(0) - n) : n => n;
            a = Of(two, carrier, [spread(a.Scalar), spread(b.Scalar)]);
            b = a;
            numbers = [.. numbers];
        }

        b = b.Carrier == a.Carrier ? b : Mask(b, a.Carrier.ByteSize());
        var (bytes, count) = Layout(a.Carrier, type.Lanes);
        var room = bytes / a.Carrier.ByteSize();
        var parts = new Node[count];
        for (var p = 0; p < count; p++)
        {
            parts[p] = ShuffledPart(a, b, [.. Enumerable.Range(p * room, room).Select(l => l < numbers.Count ? numbers[l] : -1)], bytes);
        }

        return new Lanes(type, a.Carrier, parts);
    }

    // A zero comes out of a shuffle where no lane is asked for: so the shuffles of the vectors that lanes come from are combined by "or".
    private Node ShuffledPart(Lanes a, Lanes b, int[] numbers, int bytes)
    {
        var (from, size) = (VectorApi.Bytes(a.Parts[0].Type), a.Carrier.ByteSize());
        var room = from / size;
        var element = VectorApi.Element(a.Carrier);
        var result = default(Node);
        foreach (var source in numbers.Where(n => n >= 0).Select(n => Place(n).Part).Distinct())
        {
            var vector = source < a.Parts.Length ? a.Parts[source] : b.Parts[source - a.Parts.Length];
            var order = Array.ConvertAll(numbers, n => n >= 0 && Place(n).Part == source ? Place(n).Lane : -1);
            var moved = Moved(vector, order);
            result = result is null ? moved : VectorApi.Call("BitwiseOr", bytes, result, moved);
        }

        return result!;

        (int Part, int Lane) Place(int number) => number < a.Type.Lanes
            ? (number / room, number % room)
            : (a.Parts.Length + ((number - a.Type.Lanes) / room), (number - a.Type.Lanes) % room);

        Node Moved(Node vector, int[] order)
        {
            if (order.Select((n, i) => n == i).All(x => x) && from == bytes)
            {
                return vector;
            }

            if (from > bytes && order.All(n => n >= 0) && order.Select((n, i) => n - i).Distinct().ToArray() is [var shift] && shift % order.Length == 0)
            {
                // A piece of it where pieces lie.
                for (var width = from; width > bytes; width /= 2)
                {
                    vector = VectorApi.Call(shift % (width / size) >= width / size / 2 ? "GetUpper" : "GetLower", width, vector);
                }

                return vector;
            }

            var at = Math.Max(from, bytes);
            for (var width = from; width < at; width *= 2)
            {
                vector = Wider(vector);
            }

            var index = VectorApi.Element(Signed(size));
            var count = at / size;
            var indices = VectorApi.Create(at, index, [.. Enumerable.Range(0, count).Select(i => Number(Signed(size), (long)(i < order.Length && order[i] >= 0 ? order[i] : -1)))]);
            vector = VectorApi.Call("Shuffle", at, a.Carrier == ElementType.U8 ? VectorApi.As(vector, index) : vector, indices);
            for (var width = at; width > bytes; width /= 2)
            {
                vector = VectorApi.Call("GetLower", width, vector);
            }

            return VectorApi.As(vector, element);
        }
    }

    private static Node Wider(Node part) => VectorApi.Call(VectorApi.Bytes(part.Type) == 16 ? "ToVector256Unsafe" : "ToVector512Unsafe", VectorApi.Bytes(part.Type), part);

    private Node Raw(Lanes value, int lane)
    {
        var bytes = VectorApi.Bytes(value.Parts[0].Type);
        var room = bytes / value.Carrier.ByteSize();
        var part = value.Parts[lane / room];
        var type = value.Carrier.ByteSize() < 4 ? typeof(int) : VectorApi.Element(value.Carrier);
        return lane % room == 0
            ? Node.Call(VectorApi.Find("ToScalar", bytes, [part.Type]), type, part)
            : Node.Call(VectorApi.Find("GetElement", bytes, [part.Type, typeof(int)]), type, part, Node.Int32(lane % room));
    }
}
