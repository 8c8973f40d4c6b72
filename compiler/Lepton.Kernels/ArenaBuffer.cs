using Lepton.Abi;

namespace Lepton.Kernels;

/// <summary>
/// Where an arena buffer lies and when it lives: from the statement number <paramref name="First"/> to <paramref name="Last"/>, counted in the
/// order of the body from 1, a loop's end as one more.
/// </summary>
public sealed record ArenaBuffer(int Slot, SizeExpr Offset, SizeExpr Bytes, int First, int Last);
