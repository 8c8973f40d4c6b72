using Lepton.Abi;
using Lepton.Kernels;

namespace Lepton.Tests.Support.Guard;

/// <summary>
/// An entry whose arena and prepared buffers lie on pages of their own: at their start, or (the dim <see cref="AtEnd"/> is 1) at their end. One
/// code for both.
/// </summary>
/// <param name="Arena">Bytes of each buffer; so for the others.</param>
internal sealed record GuardedProgram(KernelModule Kernels, ValueList<SizeExpr> Arena, ValueList<SizeExpr> PrepareArena, ValueList<SizeExpr> Prepared)
{
    public const string AtEnd = "at_end";

    /// <param name="kernels">One entry, lowered with <see cref="KernelOptions.Apart"/>.</param>
    public static GuardedProgram Of(KernelModule kernels)
    {
        var entry = kernels.Entries.Single();
        var (arena, prepareArena, prepared) = (entry.Arena, entry.PrepareArena, entry.Prepared);
        var spread = entry with
        {
            Manifest = entry.Manifest with { Dims = [.. entry.Manifest.Dims, AtEnd] },
            Arena = WithGuards(arena),
            PrepareArena = WithGuards(prepareArena),
            Prepared = WithGuards(prepared),
            Body = Moved(entry.Body, b => Moved(b, arena, prepared)),
            Prepare = Moved(entry.Prepare, b => Moved(b, prepareArena, prepared)),
        };
        return new GuardedProgram(kernels with { Entries = [spread] }, arena, prepareArena, prepared);
    }

    private static SizeExpr Rounded(SizeExpr bytes) => SizeExpr.CeilDiv(bytes, GuardedPages.Page) * GuardedPages.Page;

    private static ValueList<SizeExpr> WithGuards(ValueList<SizeExpr> bytes) => bytes.Select(b => Rounded(b) + GuardedPages.Page).ToValueList();

    private static BufferRef Moved(BufferRef place, ValueList<SizeExpr> arena, ValueList<SizeExpr> prepared)
    {
        var bytes = place.Kind switch
        {
            BufferKind.Arena => arena[place.Number],
            BufferKind.Prepared => prepared[place.Number],
            _ => SizeExpr.Zero,
        };
        return place with { Offset = place.Offset + (SizeExpr.Variable(AtEnd) * (Rounded(bytes) - bytes)) };
    }

    private static ValueList<HostStatement> Moved(ValueList<HostStatement> body, Func<BufferRef, BufferRef> move) => body.Select(s => s switch
    {
        Launch launch => launch with { Buffers = launch.Buffers.Select(move).ToValueList() },
        Copy copy => copy with { From = move(copy.From), To = move(copy.To) },
        HostLoop loop => loop with { Body = Moved(loop.Body, move), Until = loop.Until is null ? null : move(loop.Until) },
        SetPointer set => set with { Place = move(set.Place) },
        ReadSize read => read with { Place = move(read.Place) },
        SwapPointers or AllocateLate or GiveArray => s,
        _ => throw new ArgumentException($"where does {s.GetType().Name} lie?"),
    }).ToValueList();
}
