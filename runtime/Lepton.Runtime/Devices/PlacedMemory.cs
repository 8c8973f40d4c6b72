using Lepton.Runtime.Memory;

namespace Lepton.Runtime.Devices;

/// <summary>
/// Where tensors lie that are neither arguments nor results: an offset in one block for each memory. Two tensors may lie at one place only if all
/// that happens with one of them is over, by events, before the other is made:
/// <code>
///   a may lie where b does  ⇔  every step that makes or reads a comes before the step that makes b, or the other way round
/// </code>
/// "Comes before" is the closure of <see cref="PlacedStep.After"/>, so that it holds whatever the devices' speeds are. Largest first, each at the
/// lowest place that is free of all that may live at the same time.
/// </summary>
internal sealed class PlacedMemory
{
    private readonly Dictionary<Location, (long Offset, long Bytes)> _places = [];
    private readonly ulong[][] _before;

    private PlacedMemory(ulong[][] before, int spaces) => (_before, Peaks) = (before, new long[spaces]);

    /// <summary>By memory: the bytes of its block.</summary>
    public long[] Peaks { get; }

    /// <summary>By memory: the bytes if nothing were reused.</summary>
    public long[] Sums { get; private set; } = [];

    /// <summary>What lies in the blocks.</summary>
    public IReadOnlyDictionary<Location, (long Offset, long Bytes)> Places => _places;

    public static PlacedMemory Of(PlacedSteps plan, IReadOnlyList<PlacedTensor> tensors, Func<Location, bool> isPlanned)
    {
        var memory = new PlacedMemory(Closure(plan.Steps), plan.Spaces.Count + 1) { Sums = new long[plan.Spaces.Count + 1] };
        var users = new Dictionary<Location, List<int>>();
        foreach (var (number, step) in plan.Steps.Index())
        {
            foreach (var location in step.Makes.Concat(step.Reads).Where(l => isPlanned(l) && tensors[l.Tensor].Format is null))
            {
                (users.TryGetValue(location, out var list) ? list : users[location] = []).Add(number);
            }
        }

        var open = users.Keys.Select(l => (Location: l, tensors[l.Tensor].Bytes)).OrderByDescending(l => l.Bytes).ThenBy(l => plan.MadeBy(l.Location)).ToList();
        foreach (var (location, bytes) in open)
        {
            var rounded = Math.Max(AlignedMemory.Alignment, (bytes + AlignedMemory.Alignment - 1) & ~(AlignedMemory.Alignment - 1L));
            var others = memory._places
                .Where(p => p.Key.Space == location.Space && !memory.AreApart(plan, users[p.Key], p.Key, users[location], location))
                .Select(p => p.Value).OrderBy(p => p.Offset);
            var offset = 0L;
            foreach (var (start, length) in others)
            {
                if (start - offset >= rounded)
                {
                    break;
                }

                offset = Math.Max(offset, start + length);
            }

            memory._places[location] = (offset, rounded);
            memory.Peaks[location.Space] = Math.Max(memory.Peaks[location.Space], checked(offset + rounded));
            memory.Sums[location.Space] += rounded;
        }

        return memory;
    }

    /// <summary>Whether what lies at a place may have been written over once this step has begun.</summary>
    public bool Overwrites(PlacedStep step, Location location) => _places.TryGetValue(location, out var place) && step.Makes.Any(m =>
        m != location && m.Space == location.Space && _places.TryGetValue(m, out var other)
        && other.Offset < place.Offset + place.Bytes && place.Offset < other.Offset + other.Bytes);

    private bool AreApart(PlacedSteps plan, List<int> a, Location ofA, List<int> b, Location ofB) =>
        a.TrueForAll(s => IsBefore(s, plan.MadeBy(ofB))) || b.TrueForAll(s => IsBefore(s, plan.MadeBy(ofA)));

    private bool IsBefore(int earlier, int later) => (_before[later][earlier / 64] >> (earlier % 64) & 1) != 0;

    // By step, a bit for each one that is over before it begins.
    private static ulong[][] Closure(IReadOnlyList<PlacedStep> steps)
    {
        var before = new ulong[steps.Count][];
        for (var i = 0; i < steps.Count; i++)
        {
            before[i] = new ulong[(steps.Count + 63) / 64];
            foreach (var earlier in steps[i].After)
            {
                before[i][earlier / 64] |= 1UL << (earlier % 64);
                for (var word = 0; word <= earlier / 64; word++)
                {
                    before[i][word] |= before[earlier][word];
                }
            }
        }

        return before;
    }
}
