using Lepton.Placement.Solver.Engines;

namespace Lepton.Tests.Placement.Solver;

/// <summary>A test that needs a CP-SAT engine; skipped where none is installed (tests/run.sh installs one where there is npm).</summary>
public sealed class SolverFactAttribute : FactAttribute
{
    public SolverFactAttribute()
    {
        using var engine = CpEngines.Create(out var missing);
        Skip = engine is null ? missing : null;
    }
}

/// <summary>The same for a theory.</summary>
public sealed class SolverTheoryAttribute : TheoryAttribute
{
    public SolverTheoryAttribute()
    {
        using var engine = CpEngines.Create(out var missing);
        Skip = engine is null ? missing : null;
    }
}
