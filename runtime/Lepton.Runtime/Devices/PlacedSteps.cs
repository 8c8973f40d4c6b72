namespace Lepton.Runtime.Devices;

/// <summary>Where a tensor may be: memory 0 is the host's, the others are those of devices that do not work in it.</summary>
internal readonly record struct Location(int Tensor, int Space);

/// <summary>One thing to do: run a segment, or copy a tensor between the host and a device.</summary>
/// <param name="Device">Whose queue it is in.</param>
/// <param name="Lane">Its queue: two for each device, work and copies.</param>
/// <param name="Segment">The number of the segment; -1: it is a copy.</param>
/// <param name="Copied">What a copy reads; -1 in a segment.</param>
/// <param name="Reads">What must be there.</param>
/// <param name="Makes">What is there afterwards.</param>
/// <param name="After">The steps that must be done before, all of lower numbers.</param>
internal sealed record PlacedStep(Device Device, int Lane, int Segment, Location Copied, Location[] Reads, Location[] Makes, int[] After)
{
    public bool IsCopy => Segment < 0;
}

/// <summary>
/// The segments of a program with the copies between them, in an order in which each step finds what it reads. Steps of one queue run in that
/// order; others only wait for what they read.
/// <code>
///   gpu, work                  [ s1 ]──┐
///   gpu, copies    [ x in ]──▶         └─▶[ t out ]
///   cpu, work      [ s0 ]                          └─▶[ s2 ]
/// </code>
/// </summary>
internal sealed class PlacedSteps
{
    private readonly List<PlacedStep> _steps = [];
    private readonly List<Device> _spaces = [];
    private readonly Dictionary<Location, int> _madeBy = [];
    private readonly Dictionary<(Device, bool), int> _lanes = [];
    private readonly Dictionary<int, int> _lastInLane = [];
    private readonly IReadOnlyList<PlacedTensor> _tensors;

    private PlacedSteps(IReadOnlyList<PlacedTensor> tensors) => _tensors = tensors;

    /// <summary>By number.</summary>
    public IReadOnlyList<PlacedStep> Steps => _steps;

    /// <summary>The devices of memories 1, 2, …</summary>
    public IReadOnlyList<Device> Spaces => _spaces;

    /// <summary>How many queues there are.</summary>
    public int Lanes => _lanes.Count;

    /// <summary>The step that makes a tensor there; -1: it is there from the start.</summary>
    public int MadeBy(Location location) => _madeBy.GetValueOrDefault(location, -1);

    /// <summary>The memory that a device works in.</summary>
    public int SpaceOf(Device device) => device.SharesHostMemory ? 0 : _spaces.IndexOf(device) + 1;

    /// <exception cref="ArgumentException">A segment reads what is not there.</exception>
    public static PlacedSteps Of(IReadOnlyList<PlacedTensor> tensors, IEnumerable<int> arguments, IReadOnlySet<int> results, IReadOnlyList<PlacedSegment> segments)
    {
        var plan = new PlacedSteps(tensors);
        foreach (var argument in arguments)
        {
            plan._madeBy[new Location(argument, 0)] = -1;
        }

        plan._spaces.AddRange(segments.Select(s => s.Device).Where(d => !d.SharesHostMemory).Distinct());
        foreach (var (number, segment) in segments.Index())
        {
            var space = plan.SpaceOf(segment.Device);
            Location[] reads = [.. segment.Reads.Select(t => plan.Provide(t, space, segment.Name))];
            Location[] makes = [.. segment.Makes.Select(t => new Location(t, plan.Home(t, space)))];
            plan.Add(segment.Device, isCopy: false, number, new Location(-1, 0), reads, makes);
            foreach (var made in makes.Where(m => m.Space != 0 && results.Contains(m.Tensor)))
            {
                plan.Provide(made.Tensor, 0, segment.Name);
            }
        }

        return plan;
    }

    // Sparse tensors are arrays of sizes that only a run knows: they stay with the host, and devices take them from there.
    private int Home(int tensor, int space) => _tensors[tensor].Format is null ? space : 0;

    private Location Provide(int tensor, int space, string segment)
    {
        var wanted = new Location(tensor, Home(tensor, space));
        if (_madeBy.ContainsKey(wanted))
        {
            return wanted;
        }

        var host = new Location(tensor, 0);
        if (wanted.Space != 0 && !_madeBy.ContainsKey(host))
        {
            Provide(tensor, 0, segment);
        }

        if (wanted.Space != 0)
        {
            Add(_spaces[wanted.Space - 1], isCopy: true, -1, host, [host], [wanted]);
            return wanted;
        }

        var from = Enumerable.Range(1, _spaces.Count).Select(s => new Location(tensor, s)).FirstOrDefault(_madeBy.ContainsKey, new Location(-1, 0));
        if (from.Tensor < 0)
        {
            throw new ArgumentException($"segment {segment} reads {_tensors[tensor].Name}, which nothing made before");
        }

        Add(_spaces[from.Space - 1], isCopy: true, -1, from, [from], [wanted]);
        return wanted;
    }

    private void Add(Device device, bool isCopy, int segment, Location copied, Location[] reads, Location[] makes)
    {
        if (!_lanes.TryGetValue((device, isCopy), out var lane))
        {
            lane = _lanes[(device, isCopy)] = _lanes.Count;
        }

        var after = reads.Select(MadeBy).Append(_lastInLane.GetValueOrDefault(lane, -1)).Where(s => s >= 0).Distinct().Order();
        _steps.Add(new PlacedStep(device, lane, segment, copied, reads, makes, [.. after]));
        _lastInLane[lane] = _steps.Count - 1;
        foreach (var made in makes)
        {
            _madeBy[made] = _steps.Count - 1;
        }
    }
}
