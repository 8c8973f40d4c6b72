namespace Lepton.Runtime.Memory;

/// <summary>A small lock-free store of reusable objects: a run takes one out and puts it back, nothing is allocated in between.</summary>
/// <remarks>Every slot changes hands by one atomic exchange, so there is no ABA problem and no lock. Full: the object is not kept.</remarks>
internal sealed class Slots<T>(int count)
    where T : class
{
    private readonly T?[] _slots = new T?[count];

    internal long Sum(Func<T, long> number)
    {
        long sum = 0;
        foreach (var item in _slots)
        {
            sum += item is null ? 0 : number(item);
        }

        return sum;
    }

    internal T? Take()
    {
        foreach (ref var slot in _slots.AsSpan())
        {
            if (slot is not null && Interlocked.Exchange(ref slot, null) is { } taken)
            {
                return taken;
            }
        }

        return null;
    }

    /// <summary>False when every slot is taken.</summary>
    internal bool Put(T item)
    {
        foreach (ref var slot in _slots.AsSpan())
        {
            if (slot is null && Interlocked.CompareExchange(ref slot, item, null) is null)
            {
                return true;
            }
        }

        return false;
    }
}
