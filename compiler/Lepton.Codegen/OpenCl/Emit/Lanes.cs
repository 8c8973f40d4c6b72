using Lepton.Abi;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl.Emit;

/// <summary>A value of some lanes: a scalar, or vectors of one width, the lanes one after the other (<see cref="CTypes.Layout"/>).</summary>
/// <param name="Type">The element type and number of lanes.</param>
/// <param name="Carrier">What the vectors hold. Of bool lanes: a signed integer, -1 or 0, of the width of what was compared.</param>
internal sealed record Lanes(LaneType Type, ElementType Carrier, Term[] Parts)
{
    public bool IsScalar => Type.Lanes == 1;

    /// <summary>Lanes of a vector.</summary>
    public int Width => CTypes.Layout(Type.Lanes).Width;

    /// <summary>The C type of each part.</summary>
    public string PartType => CTypes.Vector(Carrier, Width);

    public static Lanes Of(LaneType type, Term scalar) => new(type, type.Element, [scalar]);

    /// <summary>How many lanes there are in a part.</summary>
    public int Live(int part) => Math.Clamp(Type.Lanes - (part * Width), 0, Width);

    /// <summary>The same operation on each part.</summary>
    public Lanes Map(Func<Term, Term> op) => this with { Parts = Array.ConvertAll(Parts, p => op(p)) };

    public Lanes Zip(Lanes other, Func<Term, Term, Term> op) => this with { Parts = [.. Parts.Select((p, i) => op(p, other.Parts[i]))] };

    /// <summary>The same, as another type.</summary>
    public Lanes As(LaneType type, ElementType carrier) => new(type, carrier, Parts);
}
