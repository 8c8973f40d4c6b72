using Lepton.Abi;

namespace Lepton.Placement.Problem;

/// <summary>When a copy starts; it leaves from the device of the tensor's producer.</summary>
/// <param name="Tensor">Index of the tensor.</param>
/// <param name="To">Index of the device that receives.</param>
/// <param name="Start">Seconds from the start of the run.</param>
public sealed record CopyStart(int Tensor, int To, double Start);

/// <summary>A device and a start for each kernel.</summary>
/// <param name="Devices">Index of a device, by kernel.</param>
/// <param name="Starts">Seconds from the start of the run, by kernel.</param>
/// <param name="Copies">
/// Where links are exclusive, when each copy starts. Empty: copies leave a link in the order in which their tensors are ready.
/// </param>
public sealed record Plan(ValueList<int> Devices, ValueList<double> Starts, ValueList<CopyStart> Copies = default);

/// <summary>What a plan is worth: seconds, usd, seconds; 0 for the interval of a plan that is no pipeline where none is asked for.</summary>
/// <param name="Feasible">Every rule and every limit of the problem holds.</param>
public sealed record PlanScore(double Time, double Money, double Interval, bool Feasible)
{
    public double Of(Metric metric) => metric switch
    {
        Metric.Time => Time,
        Metric.Money => Money,
        _ => Interval,
    };
}
