namespace Lepton.Placement.Solver.Engines;

/// <summary>The engine that this build and this machine have.</summary>
public static class CpEngines
{
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
