namespace Lepton.Runtime;

/// <summary>The root of every exception that the runtime throws on account of a program, its inputs or its files.</summary>
public abstract class LeptonException : Exception
{
    private protected LeptonException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>The inputs, outputs, parameters or sizes of a call do not fit the entry. The message names the tensor, the axis, what was expected and what came.</summary>
public sealed class LeptonArgumentException : LeptonException
{
    /// <summary>Makes the exception.</summary>
    public LeptonArgumentException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>A run failed on its data: an index outside its axis, or no memory for the intermediate results.</summary>
public sealed class LeptonRunException : LeptonException
{
    /// <summary>Makes the exception for a failure that is not one access.</summary>
    public LeptonRunException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }

    internal LeptonRunException(string message, string access, string location, long[] element, long index, long bound)
        : base(message)
    {
        (Access, Location, Element, Index, Bound) = (access, location, element, index, bound);
    }

    /// <summary>The device that failed or was lost, as the program names it: <c>opencl:0</c>; null when the failure is not a device's.</summary>
    public string? Device { get; init; }

    /// <summary>Of a device that has no memory: the bytes that it was asked for; null: it failed otherwise.</summary>
    public long? BytesAsked { get; init; }

    /// <summary>The same, with what ran.</summary>
    internal LeptonRunException In(string segment) => new($"{Message}; in {segment}", this)
    {
        Access = Access, Location = Location, Element = Element, Index = Index, Bound = Bound,
    };

    /// <summary>The access as written, <c>z[b, y[b]]</c>; null when the failure is not one access.</summary>
    public string? Access { get; private init; }

    /// <summary>Where it is written: <c>file.lep:12:7</c>.</summary>
    public string? Location { get; private init; }

    /// <summary>Coordinates of the first element (in row-major order) whose computation failed.</summary>
    public IReadOnlyList<long> Element { get; private init; } = [];

    /// <summary>The offending index.</summary>
    public long Index { get; private init; }

    /// <summary>The size of the axis: a valid index is in [0, Bound).</summary>
    public long Bound { get; private init; }
}

/// <summary>A built module could not be loaded: its manifest or its library is missing, damaged, or made for another runtime.</summary>
public sealed class ModuleLoadException : LeptonException
{
    /// <summary>Makes the exception.</summary>
    public ModuleLoadException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
