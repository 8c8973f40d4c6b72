namespace Lepton.Runtime.Devices;

/// <summary>
/// A device that is processors of this machine, working in its memory: <c>cpu</c> runs machine code, <c>clr</c> what .NET's compiler made. Several
/// may share the machine, each with some of its cores.
/// </summary>
public sealed class HostDevice : Device
{
    /// <summary>A device.</summary>
    /// <param name="name">What plans and messages call it.</param>
    /// <param name="kind"><c>cpu</c> or <c>clr</c>.</param>
    /// <param name="threads">How many threads work on one call; 0: one for each of its cores.</param>
    /// <param name="cores">
    /// The numbers of the cores that its own thread stays on; null: any. Threads of the pool that help it belong to the process and go anywhere, so
    /// that only a device of one thread stays strictly on its cores.
    /// </param>
    /// <exception cref="ArgumentException">There is no such core, or the system cannot keep threads on cores.</exception>
    public HostDevice(string name, string kind = "cpu", int threads = 0, IReadOnlyList<int>? cores = null)
        : base(name, kind, threads == 0 && cores is not null ? cores.Count : threads)
    {
        Cores = cores;
        if (cores is not null)
        {
            CoreAffinity.Check(cores);
        }
    }

    /// <summary>The numbers of the cores that its own thread stays on; null: any.</summary>
    public IReadOnlyList<int>? Cores { get; }

    /// <inheritdoc/>
    protected override void OnThreadStart()
    {
        if (Cores is not null)
        {
            CoreAffinity.Set(CoreSet.Of(Cores));
        }
    }
}
