using Lepton.Abi;
using Lepton.Placement.Problem;

namespace Lepton.Placement.Machines;

/// <summary>How fast a device is where nothing was measured.</summary>
/// <param name="FlopsPerSecond">Multiplications and additions per second, each counted.</param>
/// <param name="BytesPerSecond">Bytes per second to and from its memory.</param>
/// <param name="LaunchSeconds">Seconds before a kernel's first result.</param>
public sealed record DeviceProfile(double FlopsPerSecond, double BytesPerSecond, double LaunchSeconds);

/// <summary>What programs are placed on: devices, their profiles (null: to be measured), links between them.</summary>
public sealed record Machine(ValueList<Device> Devices, ValueList<DeviceProfile?> Profiles, ValueList<Link> Links, MoneyModel Money);
