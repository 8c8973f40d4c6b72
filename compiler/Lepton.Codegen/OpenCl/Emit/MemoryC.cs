using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>A buffer as code sees it: a pointer to its first element.</summary>
/// <param name="Space">The address space: <c>global</c>, <c>local</c> or <c>private</c>.</param>
internal sealed record Place(string Pointer, ElementType Element, string Space);

/// <summary>Loads and stores of lanes. What a mask excludes is neither read nor written.</summary>
internal sealed class MemoryC(Helpers helpers, CWriter writer)
{
    private readonly HalfC _half = new(helpers);

    /// <summary>Lane l of elements index + l·stride (stride null: 1). A masked lane is not read and 0.</summary>
    public Lanes Load(Place place, LaneType type, Term index, Term? stride, Lanes? mask)
    {
        var raw = Raw(place, type);
        if (type.Lanes == 1)
        {
            var element = new Term($"{place.Pointer}[{index}]", true);
            return _half.FromMemory(
                raw with { Parts = [mask is null ? element : new Term($"{mask.Parts[0].Operand} ? {element} : {Zero(raw)}", false)] }, place.Element, type);
        }

        index = raw.Parts.Length > 1 ? writer.Bind("long", index) : index;
        stride = stride is null || raw.Parts.Length == 1 ? stride : writer.Bind("long", stride);
        mask = mask is null ? null : MapC.Masked(mask, raw.Carrier);
        for (var p = 0; p < raw.Parts.Length; p++)
        {
            var at = Address(place, Behind(index, stride, p * raw.Width));
            raw.Parts[p] = (stride, mask, raw.Live(p) == raw.Width) switch
            {
                (null, null, true) => Term.Call("vload" + raw.Width, Term.Name("0"), at),
                (null, null, false) => Term.Call(Load(place, raw, p, strided: false, masked: false), at),
                (null, { } m, _) => Term.Call(Load(place, raw, p, strided: false, masked: true), at, m.Parts[p]),
                ({ } s, null, _) => Term.Call(Load(place, raw, p, strided: true, masked: false), at, s),
                ({ } s, { } m, _) => Term.Call(Load(place, raw, p, strided: true, masked: true), at, s, m.Parts[p]),
            };
        }

        return _half.FromMemory(raw, place.Element, type);
    }

    /// <summary>Lane l of element indices[l].</summary>
    public Lanes Gather(Place place, LaneType type, Lanes indices, Lanes? mask)
    {
        if (type.Lanes == 1)
        {
            return Load(place, type, indices.Parts[0], null, mask);
        }

        var raw = Raw(place, type);
        mask = mask is null ? null : MapC.Masked(mask, raw.Carrier);
        for (var p = 0; p < raw.Parts.Length; p++)
        {
            var number = p;
            var (live, type1) = (raw.Live(p), Pointed(place, isConst: true));
            var name = helpers.Require(
                Name("gather", place, raw, p, mask is not null),
                () => Lines(
                    $"static {raw.PartType} {Name("gather", place, raw, number, mask is not null)}({type1} p, const {IndexType(raw)} index{MaskParameter(raw, mask is not null)})",
                    Each(raw, live, l => Guarded(mask is not null, l, $"p[index{CTypes.Lane(l)}]"))));
            raw.Parts[p] = Term.Call(name, [Term.Name(place.Pointer), indices.Parts[p], .. mask is null ? Array.Empty<Term>() : [mask.Parts[p]]]);
        }

        return _half.FromMemory(raw, place.Element, type);
    }

    public void Store(Place place, Term index, Lanes value, Term? stride, Lanes? mask)
    {
        var raw = _half.ToMemory(value, place.Element);
        if (raw.IsScalar)
        {
            writer.Line($"{(mask is null ? "" : $"if ({mask.Parts[0]}) ")}{place.Pointer}[{index}] = {raw.Parts[0]};");
            return;
        }

        // All that is read comes before all that is written.
        mask = mask is null ? null : MapC.Masked(mask, raw.Carrier);
        if (raw.Parts.Length > 1)
        {
            index = writer.Bind("long", index);
            stride = stride is null ? null : writer.Bind("long", stride);
            raw = raw.Map(p => writer.Bind(raw.PartType, p));
            mask = mask?.Map(p => writer.Bind(mask.PartType, p));
        }

        for (var p = 0; p < raw.Parts.Length; p++)
        {
            var at = Address(place, Behind(index, stride, p * raw.Width));
            if (stride is null && mask is null && raw.Live(p) == raw.Width)
            {
                writer.Line($"vstore{raw.Width}({raw.Parts[p]}, 0, {at});");
                continue;
            }

            var name = Store(place, raw, p, stride is not null, mask is not null);
            writer.Line($"{name}({at}, {raw.Parts[p]}{(stride is null ? "" : $", {stride}")}{(mask is null ? "" : $", {mask.Parts[p]}")});");
        }
    }

    // Memory's numbers are those of registers, but for bools and halves.
    private static Lanes Raw(Place place, LaneType type)
    {
        var carrier = place.Element switch
        {
            ElementType.Bool => ElementType.U8,
            ElementType.F16 or ElementType.BF16 => ElementType.I16,
            var element => element,
        };
        return new Lanes(new LaneType(carrier, type.Lanes), carrier, new Term[CTypes.Layout(type.Lanes).Count]);
    }

    private static string Zero(Lanes raw) => CTypes.Literal(raw.Carrier, Scalar.Of(raw.Carrier, 0));

    private static Term Behind(Term index, Term? stride, int lanes) => lanes == 0 ? index
        : stride is null ? index.Plus(lanes)
        : Term.Infix(index, "+", Term.Infix(stride, "*", Term.Index(lanes)));

    private static Term Address(Place place, Term index) => index.Integer == 0 ? Term.Name(place.Pointer) : new Term($"{place.Pointer} + {index.Operand}", false);

    private static string Pointed(Place place, bool isConst) =>
        $"{(place.Space == "private" ? "" : place.Space + " ")}{(isConst ? "const " : "")}{CTypes.Memory(place.Element)}*";

    private static string IndexType(Lanes raw) => CTypes.Vector("long", raw.Width);

    private static string MaskParameter(Lanes raw, bool masked) =>
        masked ? $", const {CTypes.Vector(CTypes.Signed(raw.Carrier.ByteSize()), raw.Width)} mask" : "";

    private static string Name(string what, Place place, Lanes raw, int part, bool masked)
    {
        var live = raw.Live(part) == raw.Width ? "" : $"_{raw.Live(part)}";
        return $"{what}_{CTypes.Suffix(raw.Carrier, raw.Width)}{live}{(masked ? "_where" : "")}{(place.Space == "global" ? "" : "_" + place.Space)}";
    }

    private static string Guarded(bool masked, int lane, string element) => masked ? $"mask{CTypes.Lane(lane)} ? {element} : 0" : element;

    private static string Each(Lanes raw, int live, Func<int, string> lane) =>
        $"return ({raw.PartType})({string.Join(", ", Enumerable.Range(0, raw.Width).Select(l => l < live ? lane(l) : "0"))});";

    private static string Lines(string head, params string[] body) => $"{head}\n{{\n{string.Join('\n', body.Select(l => l.Length == 0 ? "" : "    " + l))}\n}}";

    private string Load(Place place, Lanes raw, int part, bool strided, bool masked)
    {
        var (name, live) = (Name(strided ? "load_strided" : "load", place, raw, part, masked), raw.Live(part));
        var head = $"static {raw.PartType} {name}({Pointed(place, isConst: true)} p{(strided ? ", const long stride" : "")}{MaskParameter(raw, masked)})";
        var lanes = Each(raw, live, l => Guarded(masked, l, strided ? $"p[{l} * stride]" : $"p[{l}]"));

        // Mostly all lanes are there.
        return helpers.Require(name, () => masked && !strided && live == raw.Width
            ? Lines(head, "if (all(mask))", "{", $"    return vload{raw.Width}(0, p);", "}", "", lanes)
            : Lines(head, lanes));
    }

    private string Store(Place place, Lanes raw, int part, bool strided, bool masked)
    {
        var (name, live) = (Name(strided ? "store_strided" : "store", place, raw, part, masked), raw.Live(part));
        return helpers.Require(name, () =>
        {
            var head = $"static void {name}({Pointed(place, isConst: false)} p, const {raw.PartType} x{(strided ? ", const long stride" : "")}{MaskParameter(raw, masked)})";
            var lanes = Enumerable.Range(0, live).Select(l =>
                $"{(masked ? $"if (mask{CTypes.Lane(l)}) " : "")}p[{(strided ? $"{l} * stride" : l)}] = x{CTypes.Lane(l)};");
            string[] whole = masked && !strided && live == raw.Width ? ["if (all(mask))", "{", $"    vstore{raw.Width}(x, 0, p);", "    return;", "}", ""] : [];
            return Lines(head, [.. whole, .. lanes]);
        });
    }
}
