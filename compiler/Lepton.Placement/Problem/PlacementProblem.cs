using Lepton.Abi;

namespace Lepton.Placement.Problem;

/// <summary>What one run costs.</summary>
public enum MoneyModel
{
    /// <summary>Seconds in which kernels execute × the device's price, and copies by the gigabyte.</summary>
    Busy,

    /// <summary>Every device that has a kernel is paid for max(makespan, its minimum), and copies by the gigabyte.</summary>
    Rental,
}

/// <summary>What counts against a device's memory.</summary>
public enum MemoryModel
{
    /// <summary>Weights alone.</summary>
    Weights,

    /// <summary>Weights and every tensor made there or copied there, as if nothing were ever freed: safe for every order of execution.</summary>
    Sum,

    /// <summary>
    /// Weights and what is alive at a time. A tensor is alive where it is made from its producer's start, where it is copied to from the
    /// copy's start, until the last consumer there, and the last copy from there, has ended; a result of the program until the run ends.
    /// Times count as half-open intervals: what ends at t and what starts at t do not add up.
    /// </summary>
    Residency,
}

/// <summary>
/// Which kernel runs on which device, and when. The rules, with s a start, p a duration, τ a copy's duration:
/// <code>
///   s[v] ≥ s[u] + p[u, d(u)] + τ(t, d(u), d(v))     for each tensor t from u to v; τ = 0 within a device
///   at most Streams[d] kernels of p > 0 at a time on d
///   memory of d ≤ MemoryBytes[d]                    by the memory model
///   d(v) allowed by v; one device per group
/// </code>
/// A tensor is copied once to each device that needs it, however many consumers it has there. A copy starts when its producer ends,
/// unless links are exclusive: then a link carries one copy at a time, which holds it for latency and transfer, and may wait.
/// Kernels may stand in any order; the graph must be acyclic.
/// </summary>
/// <param name="Links">At most one per ordered pair.</param>
/// <param name="ExclusiveLinks">A link carries one copy at a time.</param>
public sealed record PlacementProblem(
    ValueList<Device> Devices,
    ValueList<Link> Links,
    ValueList<Kernel> Kernels,
    ValueList<Tensor> Tensors,
    Objective Objective,
    MoneyModel Money = MoneyModel.Busy,
    MemoryModel Memory = MemoryModel.Sum,
    bool ExclusiveLinks = false)
{
    /// <summary>Only pipelines are admitted (<see cref="Metric.Interval"/>).</summary>
    public bool NeedsPipeline => Objective.Mentions(Metric.Interval);
}
