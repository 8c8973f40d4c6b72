using Lepton.Placement.Solver.Engines;

namespace Lepton.Tests.Placement.Solver;

/// <summary>
/// A test that needs a CP-SAT engine. tests/run.sh installs one where there is npm, and says so: there such a test runs or fails. Elsewhere Lepton works
/// without a solver, and what needs one is not run.
/// </summary>
public sealed class SolverFactAttribute : FactAttribute
{
    public SolverFactAttribute() => Skip = Missing;

    /// <summary>Why there is no engine, where there need not be one.</summary>
    internal static string? Missing { get; } = Find();

    private static string? Find()
    {
        using var engine = CpEngines.Create(out var missing);
        return engine is null && Environment.GetEnvironmentVariable("LEPTON_TEST_SOLVER") is not "1" ? missing : null;
    }
}

/// <summary>The same for a theory.</summary>
public sealed class SolverTheoryAttribute : TheoryAttribute
{
    public SolverTheoryAttribute() => Skip = SolverFactAttribute.Missing;
}
