using Lepton.Placement.Costs;

namespace Lepton.CommandLine.Calibration;

/// <summary>One measurement: what a program did, and the seconds of a run.</summary>
/// <param name="Launches">Kernels that a run starts.</param>
/// <param name="KernelSeconds">Of them, what the device says that its kernels took; null: it was not asked.</param>
internal sealed record CalibrationSample(
    KernelClass Class, Purpose Purpose, IReadOnlyList<ClassWork> Operations, double Bytes, double Launches, double Seconds, double? KernelSeconds = null);
