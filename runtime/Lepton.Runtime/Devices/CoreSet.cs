using System.Numerics;
using System.Runtime.CompilerServices;

namespace Lepton.Runtime.Devices;

/// <summary>Numbers of processor cores, as the system takes them: a bit for each.</summary>
[InlineArray(MaxCores / 64)]
internal struct CoreSet
{
    /// <summary>Cores have smaller numbers than this.</summary>
    internal const int MaxCores = 1024;

    private ulong _first;

    internal readonly int Count
    {
        get
        {
            var count = 0;
            foreach (var word in this)
            {
                count += BitOperations.PopCount(word);
            }

            return count;
        }
    }

    internal static CoreSet Of(IEnumerable<int> cores)
    {
        var set = default(CoreSet);
        foreach (var core in cores)
        {
            set[core / 64] |= 1UL << (core % 64);
        }

        return set;
    }

    internal readonly bool Contains(int core) => (uint)core < MaxCores && (this[core / 64] >> (core % 64) & 1) != 0;

    internal void Remove(int core) => this[core / 64] &= ~(1UL << (core % 64));

    internal readonly List<int> ToList()
    {
        var cores = new List<int>();
        for (var core = 0; core < MaxCores; core++)
        {
            if (Contains(core))
            {
                cores.Add(core);
            }
        }

        return cores;
    }
}
