using Lepton.Runtime.Devices;
using Lepton.Runtime.Threading;

namespace Lepton.Tests.Runtime;

/// <summary>Threads that work at the same time are on cores of their own.</summary>
public class CoreSpreadTests
{
    [Fact]
    public void A_worker_leaves_the_core_of_one_that_works()
    {
        if (!OperatingSystem.IsLinux() || CoreAffinity.Allowed().ToList() is not [var first, _, ..])
        {
            return; // one core, or a system that does not say
        }

        var cores = new CoreSpread();
        var (caller, worker, after) = (-1, -1, -1);
        OnCore(first, () =>
        {
            caller = cores.Enter();
            OnCore(first, () =>
            {
                worker = cores.EnterApart();
                cores.Leave(worker);
            });
            cores.Leave(caller);
        });
        OnCore(first, () => after = cores.EnterApart());
        Assert.Equal(first, caller);
        Assert.NotEqual(first, worker);
        Assert.Equal(first, after); // nobody works there any more
    }

    [Fact]
    public void Where_all_cores_are_taken_it_stays()
    {
        if (!OperatingSystem.IsLinux())
        {
            return;
        }

        var (cores, allowed, last) = (new CoreSpread(), CoreAffinity.Allowed().ToList(), -1);
        foreach (var core in allowed)
        {
            OnCore(core, () => cores.Enter());
        }

        OnCore(allowed[0], () => last = cores.EnterApart());
        Assert.Equal(allowed[0], last);
    }

    [Fact]
    public void A_new_worker_is_not_bound_to_the_cores_of_its_creator()
    {
        if (!OperatingSystem.IsLinux() || CoreAffinity.Allowed().ToList() is not [var first, _, ..])
        {
            return;
        }

        var core = first;
        OnCore(first, () =>
        {
            CoreSpread.Start(first);
            core = CoreAffinity.Current;
        });
        Assert.NotEqual(first, core);
    }

    private static void OnCore(int core, Action body)
    {
        var thread = new Thread(() =>
        {
            CoreAffinity.Set(CoreSet.Of([core]));
            body();
        });
        thread.Start();
        thread.Join();
    }
}
