using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Placement.Machines;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Costs;

/// <summary>What a kernel of the problem stands for.</summary>
public enum KernelRole
{
    /// <summary>An argument: it lies at home before the run.</summary>
    Argument,

    /// <summary>A fusion group.</summary>
    Group,

    /// <summary>A result: it must come home.</summary>
    Result,
}

/// <summary>A kernel of the problem and what it is in the program.</summary>
/// <param name="Name">The argument's, the group's, or the result's.</param>
/// <param name="Group">The fusion group; null for arguments and results.</param>
/// <param name="Work">Its work; null for arguments and results.</param>
/// <param name="Times">By device.</param>
public sealed record ProgramKernel(KernelRole Role, string Name, FusionGroup? Group, GroupWork? Work, ValueList<TimeEstimate> Times);

/// <summary>What the user says of a program besides the machine and the objective. Names are those of groups; devices those of the machine.</summary>
public sealed record ProgramOptions
{
    /// <summary>The device that a group must stand on.</summary>
    public IReadOnlyDictionary<string, string> Pins { get; init; } = new Dictionary<string, string>();

    /// <summary>Devices that a group must not stand on.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Forbidden { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Groups that have run already: what they made lies at home.</summary>
    public IReadOnlySet<string> Finished { get; init; } = new HashSet<string>();

    public WorkAssumptions Assumptions { get; init; } = WorkAssumptions.Default;

    public MemoryModel Memory { get; init; } = MemoryModel.Sum;

    public bool ExclusiveLinks { get; init; }
}

/// <summary>
/// A program as a placement problem.
/// <code>
/// argument (0 s, at home) ─▶ group ─▶ group ─▶ result (0 s, at home)
///                              ▲
///        parameters, constants, prepared groups: weights, on every device that needs them
/// </code>
/// Groups that run once for a set of parameters are no kernels (<see cref="PreparedGroup"/>). What several groups store sparse and
/// nobody but them knows the size of stays on one device with those who read it.
/// </summary>
/// <param name="Kernels">By kernel of the problem: arguments, groups in launch order, results.</param>
/// <param name="Nodes">By tensor of the problem: the node of the graph.</param>
public sealed record ProgramProblem(
    FusedGraph Fused,
    Machine Machine,
    PlacementProblem Problem,
    ValueList<ProgramKernel> Kernels,
    ValueList<NodeId> Nodes)
{
    /// <summary>The names of the groups that are kernels of the problem: what can be pinned.</summary>
    public static IReadOnlyList<string> GroupNames(FusedGraph fused)
    {
        var prepared = PreparedGroup.Of(fused).Groups;
        return [.. fused.Groups.Where(g => !prepared.Contains(g.Name)).Select(g => g.Name)];
    }

    /// <summary>The problem of a fused program with constant sizes.</summary>
    /// <exception cref="ArgumentException">A pin names no group or no device, or a size is not constant.</exception>
    public static ProgramProblem Of(FusedGraph fused, CostModel costs, Objective objective, ProgramOptions? options = null) =>
        new ProblemBuilder(fused, costs, options ?? new ProgramOptions()).Build(objective);

    /// <summary>The index of the kernel that is a group; −1 when it is prepared or not there.</summary>
    public int IndexOf(string group) => Kernels.ToList().FindIndex(k => k.Role == KernelRole.Group && k.Name == group);

    /// <summary>The device of each group by name, as a plan of the problem has it.</summary>
    public IReadOnlyDictionary<string, string> DevicesOf(Plan plan) => Kernels.Index().Where(k => k.Item.Role == KernelRole.Group)
        .ToDictionary(k => k.Item.Name, k => Machine.Devices[plan.Devices[k.Index]].Name);
}
