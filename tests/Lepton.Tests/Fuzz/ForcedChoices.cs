using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Scheduling;

namespace Lepton.Tests.Fuzz;

/// <summary>
/// Schedules that sizes of random programs would never get: smaller caches and chunks, other register tiles, algorithms that do not pay. Which of
/// them follows from the seed.
/// </summary>
internal static class ForcedChoices
{
    private static readonly int[] Miniatures = [1, 16, 128, 1024, 1 << 16];
    private static readonly int[] Chunks = [64, 256, 1024, 32768];

    // Register files: of the target; of the AVX-512 schedules, on narrower registers; few registers.
    private static readonly (int Count, int Bytes)?[] Registers = [null, null, (32, 64), (8, 16)];

    // Random weights are not 0: all of them are stored then.
    private static readonly int?[] SparseShares = [null, 30, 100];

    /// <param name="usual">How the target's kernels are made.</param>
    /// <param name="allowsWinograd">Whether the tolerances of the program do.</param>
    public static KernelOptions Of(KernelOptions usual, int seed, bool allowsWinograd)
    {
        var random = new Random(seed);
        T Pick<T>(T[] all) => all[random.Next(all.Length)];
        var (miniature, chunk, vector) = (Pick(Miniatures), Pick(Chunks), random.Next(4) == 0 ? 32 : 64);
        var (count, bytes) = Pick(Registers) ?? (usual.Registers, usual.RegisterBytes);
        var share = Pick(SparseShares);
        var byteDots = random.Next(3) == 0 ? !usual.ByteDots : usual.ByteDots;
        return usual with
        {
            Miniature = miniature, ChunkElements = chunk, VectorBytes = vector, Registers = count, RegisterBytes = bytes, Eager = allowsWinograd, Apart = true,
            SparseShare = share, ByteDots = byteDots,
        };
    }

    /// <summary>A module of which every other one has random legal schedules for its kernels.</summary>
    public static KernelModule Lower(FusedGraph fused, KernelOptions options, int seed)
    {
        var random = new Random(seed);
        if (random.Next(2) == 0)
        {
            return KernelLowering.Run(fused, options);
        }

        var choices = new Dictionary<string, Choice>();
        foreach (var use in KernelLowering.Run(fused, options with { Schedules = Schedules.None }).Uses)
        {
            var choice = use.Space.Model;
            for (var steps = random.Next(5); steps > 0; steps--)
            {
                var near = use.Space.Near(choice).Where(c => options.Eager || use.Space.IsExact(c)).ToArray();
                var next = near.Length == 0 ? choice : near[random.Next(near.Length)];
                choice = use.Space.Problem(next) is null ? next : choice;
            }

            choices[use.Key] = choice;
        }

        return KernelLowering.Run(fused, options with { Schedules = new Schedules(choices) });
    }
}
