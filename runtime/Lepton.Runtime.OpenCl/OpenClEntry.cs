using Lepton.Abi.Devices;
using Lepton.Runtime.Devices.Steps;

namespace Lepton.Runtime.OpenCl;

/// <summary>An entry of a module, ready to run.</summary>
internal sealed class OpenClEntry(OpenClModule module, DeviceEntry entry) : EntrySteps(module.Code, entry), IEntryProgram
{
    internal OpenClModule Module => module;

    public void Run(EntryCall call)
    {
        var run = new EntryRun(this, call);
        run.Do();
    }
}
