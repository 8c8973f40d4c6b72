using Lepton.Abi;
using Lepton.Kernels.Scheduling;

namespace Lepton.Kernels.Strategies;

/// <summary>The schedules of an elementwise kernel: how many elements a chunk has.</summary>
internal sealed class MapSpace(ElementType element, ValueList<SizeExpr> shape, KernelOptions options) : ScheduleSpace
{
    public const string Chunk = "chunk";

    // Chunks smaller than this cost more to start than to do.
    private const long Least = 1024;

    public override string Name => $"map {element.Name()}[{string.Join(", ", shape)}]";

    public override Choice Model => Of(options.ChunkElements);

    public override IEnumerable<Choice> Near(Choice choice)
    {
        var (now, all) = (choice.Number(Chunk), SizeExpr.Product(shape).AsConstant!.Value);
        foreach (var next in (long[])[now * 2, now / 2, now * 4, now / 4, now * 8, now / 8])
        {
            if (next >= Least && Math.Min(next, now) < all)
            {
                yield return Of(next);
            }
        }
    }

    protected override ValueList<Knob> Knobs(Choice choice) => [new Knob(Chunk)];

    protected override string? Illegal(Choice choice) => null;

    private static Choice Of(long chunk) => new([new Setting(Chunk, chunk)]);
}
