using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.Llvm.Emit;

/// <summary>Loads and stores of lanes, with the conversions between memory and registers.</summary>
internal sealed class MemoryCode(FunctionText text, ModuleParts parts)
{
    private const int LineBytes = 64;

    /// <summary>How many stores so far were of integers that may have been cut to their width just before.</summary>
    public int NarrowStores { get; private set; }

    /// <summary>Lane l of elements index + l·stride (stride null: 1). A masked lane is not read and 0.</summary>
    public string Load(Place place, LaneType type, string index, string? stride, string? mask)
    {
        var memory = IrTypes.Memory(place.Element);
        var align = place.Element.ByteSize();
        string raw;
        if (type.Lanes == 1)
        {
            raw = mask is null
                ? text.Value($"load {memory}, ptr {Address(place, index)}, align {align}{place.Scope}")
                : ConditionalLoad(place, index, mask);
        }
        else if (stride is null)
        {
            var vector = IrTypes.Vector(memory, type.Lanes);
            var address = Address(place, index, masked: mask is not null);
            raw = mask is null
                ? text.Value($"load {vector}, ptr {address}, align {align}{place.Scope}")
                : MaskedLoad(memory, type.Lanes, address, align, mask);
        }
        else
        {
            var vector = "zeroinitializer";
            var full = IrTypes.Vector(memory, type.Lanes);
            if (mask is null)
            {
                vector = "poison";
                for (var lane = 0; lane < type.Lanes; lane++)
                {
                    var value = text.Value($"load {memory}, ptr {Address(place, LaneIndex(index, stride, lane))}, align {align}{place.Scope}");
                    vector = text.Value($"insertelement {full} {vector}, {memory} {value}, i32 {lane}");
                }

                raw = vector;
            }
            else
            {
                raw = Gathered(place, type.Lanes, Ramp(type.Lanes, index, stride), mask);
            }
        }

        return FromMemory(raw, place.Element, type);
    }

    /// <summary>Lane l of element indices[l].</summary>
    public string Gather(Place place, LaneType type, string indices, string? mask) =>
        FromMemory(Gathered(place, type.Lanes, indices, mask), place.Element, type);

    public void Store(Place place, LaneType type, string index, string value, string? stride, string? mask)
    {
        var memory = IrTypes.Memory(place.Element);
        var align = place.Element.ByteSize();
        var raw = ToMemory(value, place.Element, type);
        NarrowStores += IsNarrow(memory) ? 1 : 0;
        if (type.Lanes == 1)
        {
            if (mask is null)
            {
                text.Line($"store {memory} {raw}, ptr {Address(place, index)}, align {align}{place.Scope}");
                return;
            }

            var (then, done) = (text.NewLabel("store"), text.NewLabel("stored"));
            text.Line($"br i1 {mask}, label %{then}, label %{done}");
            text.Label(then);
            text.Line($"store {memory} {raw}, ptr {Address(place, index)}, align {align}{place.Scope}");
            text.FallInto(done);
            return;
        }

        var vector = IrTypes.Vector(memory, type.Lanes);
        if (stride is null && mask is null)
        {
            text.Line($"store {vector} {raw}, ptr {Address(place, index)}, align {align}{place.Scope}");
        }
        else if (stride is null)
        {
            MaskedStore(memory, type.Lanes, raw, Address(place, index, masked: true), align, mask!);
        }
        else if (mask is null)
        {
            for (var lane = 0; lane < type.Lanes; lane++)
            {
                var one = text.Value($"extractelement {vector} {raw}, i32 {lane}");
                text.Line($"store {memory} {one}, ptr {Address(place, LaneIndex(index, stride, lane))}, align {align}{place.Scope}");
            }
        }
        else
        {
            var suffix = $"v{type.Lanes}{LaneSuffix(memory)}.v{type.Lanes}p0";
            var pointers = Addresses(place, type.Lanes, Ramp(type.Lanes, index, stride));
            var name = parts.Intrinsic("void", $"llvm.masked.scatter.{suffix}", $"{vector}, <{type.Lanes} x ptr>, i32 immarg, <{type.Lanes} x i1>");
            text.Line($"call void {name}({vector} {raw}, <{type.Lanes} x ptr> {pointers}, i32 {align}, <{type.Lanes} x i1> {mask})");
        }
    }

    /// <summary>A contiguous store past the caches where <paramref name="isAligned"/> holds, else as usual.</summary>
    public void Stream(Place place, LaneType type, string index, string value, string isAligned)
    {
        var (memory, raw) = (IrTypes.Vector(IrTypes.Memory(place.Element), type.Lanes), ToMemory(value, place.Element, type));
        var (stream, store, done) = (text.NewLabel("stream"), text.NewLabel("store"), text.NewLabel("stored"));
        var address = Address(place, index);
        text.Line($"br i1 {isAligned}, label %{stream}, label %{store}");
        text.Label(stream);
        text.Line($"store {memory} {raw}, ptr {address}, align {System.Math.Min(LineBytes, type.Lanes * place.Element.ByteSize())}, !nontemporal !{{i32 1}}");
        text.Line($"br label %{done}");
        text.Label(store);
        text.Line($"store {memory} {raw}, ptr {address}, align {place.Element.ByteSize()}");
        text.FallInto(done);
    }

    /// <summary>Whether a buffer starts on a cache line, an i1.</summary>
    public string IsAligned(Place place)
    {
        var bits = text.Value($"and i64 {text.Value($"ptrtoint ptr {place.Pointer} to i64")}, {LineBytes - 1}");
        return text.Value($"icmp eq i64 {bits}, 0");
    }

    /// <summary>What is behind it sees what was streamed before it.</summary>
    public void Fence() => text.Line($"call void {parts.Intrinsic("void", "llvm.x86.sse.sfence", "")}()");

    /// <summary>Asks for the line of an element that may lie outside.</summary>
    public void Prefetch(Place place, string index, bool far)
    {
        var name = parts.Intrinsic("void", "llvm.prefetch.p0", "ptr, i32 immarg, i32 immarg, i32 immarg");
        text.Line($"call void {name}(ptr {Address(place, index, masked: true)}, i32 0, i32 {(far ? 2 : 3)}, i32 1)");
    }

    /// <summary>base + l·step as i64 lanes.</summary>
    public string Ramp(int lanes, string start, string step)
    {
        var type = new LaneType(ElementType.I64, lanes);
        var numbers = "<" + string.Join(", ", Enumerable.Range(0, lanes).Select(l => $"i64 {l}")) + ">";
        var offsets = step == "1" ? numbers : text.Value($"mul {type.Text()} {numbers}, {Splat(type, step)}");
        return text.Value($"add {type.Text()} {Splat(type, start)}, {offsets}");
    }

    /// <summary>A scalar in every lane.</summary>
    public string Splat(LaneType type, string scalar)
    {
        if (type.Lanes == 1)
        {
            return scalar;
        }

        var lane = IrTypes.Lane(type.Element);
        if (!scalar.StartsWith('%'))
        {
            return $"splat ({lane} {scalar})";
        }

        var one = text.Value($"insertelement {type.Text()} poison, {lane} {scalar}, i32 0");
        return text.Value($"shufflevector {type.Text()} {one}, {type.Text()} poison, <{type.Lanes} x i32> zeroinitializer");
    }

    private static string LaneSuffix(string memory) => memory switch { "double" => "f64", "float" => "f32", _ => memory };

    private string LaneIndex(string index, string stride, int lane)
    {
        if (lane == 0)
        {
            return index;
        }

        var offset = lane == 1 ? stride : text.Value($"mul i64 {stride}, {lane}");
        return text.Value($"add i64 {index}, {offset}");
    }

    // A masked access may be given an address outside: it must not be called inbounds.
    private string Address(Place place, string index, bool masked = false) => index == "0"
        ? place.Pointer
        : text.Value($"getelementptr {(masked ? "" : "inbounds ")}{IrTypes.Memory(place.Element)}, ptr {place.Pointer}, i64 {index}");

    private string Addresses(Place place, int lanes, string indices) =>
        text.Value($"getelementptr {IrTypes.Memory(place.Element)}, ptr {place.Pointer}, <{lanes} x i64> {indices}");

    private string ConditionalLoad(Place place, string index, string mask)
    {
        var memory = IrTypes.Memory(place.Element);
        var before = text.Block;
        var (then, done) = (text.NewLabel("load"), text.NewLabel("loaded"));
        text.Line($"br i1 {mask}, label %{then}, label %{done}");
        text.Label(then);
        var value = text.Value($"load {memory}, ptr {Address(place, index)}, align {place.Element.ByteSize()}{place.Scope}");
        text.FallInto(done);
        var zero = memory is "float" or "double" ? "0.0" : "0";
        return text.Value($"phi {memory} [ {value}, %{then} ], [ {zero}, %{before} ]");
    }

    private string MaskedLoad(string memory, int lanes, string address, int align, string mask)
    {
        var vector = IrTypes.Vector(memory, lanes);
        if (lanes * align > parts.Target.VectorBytes)
        {
            var half = lanes / 2;
            var low = MaskedLoad(memory, half, address, align, Half(lanes, "i1", mask, 0));
            var high = MaskedLoad(memory, half, Behind(memory, address, half), align, Half(lanes, "i1", mask, half));
            var part = IrTypes.Vector(memory, half);
            return text.Value($"shufflevector {part} {low}, {part} {high}, <{lanes} x i32> <{Numbers(0, lanes)}>");
        }

        if (IsHalfOfMaskInstruction(lanes, align))
        {
            var wide = MaskedLoad(memory, 4, address, align, Twice("i1", mask, "zeroinitializer"));
            return Half(4, memory, wide, 0);
        }

        if (MaskInstruction(memory, lanes, align) is { } suffix)
        {
            var bits = IrTypes.Vector("i" + (align * 8), lanes);
            var load = parts.Intrinsic(vector, $"llvm.x86.{suffix.Insert(suffix.IndexOf('.', StringComparison.Ordinal), ".maskload")}", $"ptr, {bits}");
            return text.Value($"call {vector} {load}(ptr {address}, {bits} {SignBits(mask, lanes, align)})");
        }

        var name = parts.Intrinsic(vector, $"llvm.masked.load.v{lanes}{LaneSuffix(memory)}.p0", $"ptr, i32 immarg, <{lanes} x i1>, {vector}");
        return text.Value($"call {vector} {name}(ptr {address}, i32 {align}, <{lanes} x i1> {mask}, {vector} zeroinitializer)");
    }

    private void MaskedStore(string memory, int lanes, string value, string address, int align, string mask)
    {
        var vector = IrTypes.Vector(memory, lanes);
        if (lanes * align > parts.Target.VectorBytes)
        {
            var half = lanes / 2;
            MaskedStore(memory, half, Half(lanes, memory, value, 0), address, align, Half(lanes, "i1", mask, 0));
            MaskedStore(memory, half, Half(lanes, memory, value, half), Behind(memory, address, half), align, Half(lanes, "i1", mask, half));
        }
        else if (IsHalfOfMaskInstruction(lanes, align))
        {
            MaskedStore(memory, 4, Twice(memory, value, "poison"), address, align, Twice("i1", mask, "zeroinitializer"));
        }
        else if (MaskInstruction(memory, lanes, align) is { } suffix)
        {
            var bits = IrTypes.Vector("i" + (align * 8), lanes);
            var store = parts.Intrinsic("void", $"llvm.x86.{suffix.Insert(suffix.IndexOf('.', StringComparison.Ordinal), ".maskstore")}", $"ptr, {bits}, {vector}");
            text.Line($"call void {store}(ptr {address}, {bits} {SignBits(mask, lanes, align)}, {vector} {value})");
        }
        else
        {
            var name = parts.Intrinsic("void", $"llvm.masked.store.v{lanes}{LaneSuffix(memory)}.p0", $"{vector}, ptr, i32 immarg, <{lanes} x i1>");
            var bits = parts.Target.Level == SimdLevel.Avx512 && IsNarrow(memory) ? Unknown(mask, lanes) : mask;
            text.Line($"call void {name}({vector} {value}, ptr {address}, i32 {align}, <{lanes} x i1> {bits})");
        }
    }

    private static bool IsNarrow(string memory) => memory is "i8" or "i16" or "i32";

    // For AVX-512, LLVM 22 makes a masked store of a truncation, <8 x i32> to <8 x i16>, one instruction; where the mask turns out to be a
    // constant with one lane, it then stores that lane as wide as it was before, and writes behind the element. So no mask is a constant.
    private string Unknown(string mask, int lanes)
    {
        var number = text.Value($"bitcast <{lanes} x i1> {mask} to i{lanes}");
        var wide = lanes < 8 ? text.Value($"zext i{lanes} {number} to i8") : number;
        var type = "i" + System.Math.Max(lanes, 8);
        var unknown = text.Value($"call {type} asm \"\", \"=r,0\"({type} {wide})");
        var same = lanes < 8 ? text.Value($"trunc i8 {unknown} to i{lanes}") : unknown;
        return text.Value($"bitcast i{lanes} {same} to <{lanes} x i1>");
    }

    // AVX2's own masked instructions, asked for by name, as in "avx.ps.256". LLVM 22 keeps only the sign bits of the masks of its general ones
    // there, takes what is left of an empty mask for a full one, and reads and writes all lanes.
    private string? MaskInstruction(string memory, int lanes, int align) => parts.Target.Level != SimdLevel.Avx2 ? null : (memory, lanes * align) switch
    {
        ("float", 16) => "avx.ps",
        ("float", 32) => "avx.ps.256",
        ("double", 16) => "avx.pd",
        ("double", 32) => "avx.pd.256",
        ("i32", 16) => "avx2.d",
        ("i32", 32) => "avx2.d.256",
        ("i64", 16) => "avx2.q",
        ("i64", 32) => "avx2.q.256",
        _ => null,
    };

    private bool IsHalfOfMaskInstruction(int lanes, int align) => parts.Target.Level == SimdLevel.Avx2 && lanes == 2 && align == 4;

    // Two lanes and two more.
    private string Twice(string lane, string value, string rest) =>
        text.Value($"shufflevector <2 x {lane}> {value}, <2 x {lane}> {rest}, <4 x i32> <{Numbers(0, 4)}>");

    // Not "sext", which LLVM would take for its general mask again.
    private string SignBits(string mask, int lanes, int bytes)
    {
        var bits = IrTypes.Vector("i" + (bytes * 8), lanes);
        var wide = text.Value($"zext <{lanes} x i1> {mask} to {bits}");
        return text.Value($"shl {bits} {wide}, splat (i{bytes * 8} {(bytes * 8) - 1})");
    }

    private string Half(int lanes, string lane, string value, int from) => text.Slice(lane, lanes, value, from, lanes / 2);

    private string Behind(string memory, string address, int elements) => text.Value($"getelementptr {memory}, ptr {address}, i64 {elements}");

    private static string Numbers(int from, int count) => string.Join(", ", Enumerable.Range(from, count).Select(i => $"i32 {i}"));

    private string Gathered(Place place, int lanes, string indices, string? mask)
    {
        var memory = IrTypes.Memory(place.Element);
        var vector = IrTypes.Vector(memory, lanes);
        if (lanes == 1)
        {
            return mask is null
                ? text.Value($"load {memory}, ptr {Address(place, indices)}, align {place.Element.ByteSize()}{place.Scope}")
                : ConditionalLoad(place, indices, mask);
        }

        if (mask is null)
        {
            // Scalar loads: as fast as the gather instruction on every x86 so far, and they exist for every width.
            var gathered = "poison";
            for (var lane = 0; lane < lanes; lane++)
            {
                var index = text.Value($"extractelement <{lanes} x i64> {indices}, i32 {lane}");
                var value = text.Value($"load {memory}, ptr {Address(place, index)}, align {place.Element.ByteSize()}{place.Scope}");
                gathered = text.Value($"insertelement {vector} {gathered}, {memory} {value}, i32 {lane}");
            }

            return gathered;
        }

        var pointers = Addresses(place, lanes, indices);
        var name = parts.Intrinsic(
            vector,
            $"llvm.masked.gather.v{lanes}{LaneSuffix(memory)}.v{lanes}p0",
            $"<{lanes} x ptr>, i32 immarg, <{lanes} x i1>, {vector}");
        return text.Value(
            $"call {vector} {name}(<{lanes} x ptr> {pointers}, i32 {place.Element.ByteSize()}, <{lanes} x i1> {mask}, {vector} zeroinitializer)");
    }

    private string FromMemory(string raw, ElementType element, LaneType type)
    {
        switch (element)
        {
            case ElementType.Bool:
                var bytes = IrTypes.Vector("i8", type.Lanes);
                return text.Value($"icmp ne {bytes} {raw}, {(type.Lanes == 1 ? "0" : "zeroinitializer")}");
            case ElementType.F16:
                return HalfCode.ToSingle(text, parts, raw, type.Lanes);
            case ElementType.BF16:
                return HalfCode.BrainToSingle(text, raw, type.Lanes);
            default:
                return raw;
        }
    }

    private string ToMemory(string value, ElementType element, LaneType type) => element switch
    {
        ElementType.Bool => text.Value($"zext {type.Text()} {value} to {IrTypes.Vector("i8", type.Lanes)}"),
        ElementType.F16 => HalfCode.FromSingle(text, parts, value, type.Lanes),
        ElementType.BF16 => HalfCode.BrainFromSingle(text, value, type.Lanes),
        _ => value,
    };
}

/// <summary>A buffer as code sees it: its first element's address, and what it is known not to overlap (metadata, or empty).</summary>
internal readonly record struct Place(string Pointer, ElementType Element, string Scope);
