namespace Lepton.Kernels;

/// <summary>What schedules depend on besides sizes. The same options give the same kernels, whatever machine compiles.</summary>
/// <param name="VectorBytes">Bytes that one vector of the widest element takes; lanes follow from it. Targets split wider vectors.</param>
/// <param name="Registers">Vector registers of the target, of <paramref name="RegisterBytes"/> bytes each: the register tile of products of matrices.</param>
/// <param name="ChunkElements">About how many elements one chunk of an elementwise kernel handles.</param>
public sealed record KernelOptions(int VectorBytes = 64, int ChunkElements = 32768, int Registers = 16, int RegisterBytes = 32)
{
    public static KernelOptions Default { get; } = new();
}
