namespace Lepton.Placement.Solver.Engines;

/// <summary>The engine that this build and this machine have.</summary>
public static class CpEngines
{
    /// <summary>What there is, in words, or null with what is missing. Starts nothing.</summary>
    public static string? Name(out string missing)
    {
        using var engine = Create(out missing);
        return engine?.Name;
    }

    /// <summary>An engine of its own for the caller, or null with what is missing and how to get it.</summary>
    public static ICpEngine? Create(out string missing)
    {
#if OFFICIAL_PACKAGES
        missing = "";
        return new OrToolsEngine();
#else
        return NodePackage.Find(out missing) is { } package ? new NodeEngine(package) : null;
#endif
    }
}
