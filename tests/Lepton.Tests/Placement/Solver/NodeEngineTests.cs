using System.Diagnostics;
using Lepton.Placement.Solver;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Tests.Placement.Solver;

/// <summary>What can happen to a process: scripts that misbehave stand where the solver would, and the solver itself is killed.</summary>
[Collection("solver")] // One engine at a time works here: they would only slow each other down.
public sealed class NodeEngineTests : IDisposable
{
    private static readonly CpParameters Quick = new() { MaxSeconds = 0.1 };
    private readonly string _folder = Directory.CreateTempSubdirectory("lepton-engine-").FullName;

    public void Dispose() => Directory.Delete(_folder, true);

    [SolverFact]
    public void A_solver_that_aborts_is_said_to_have_and_a_fresh_one_is_used_next()
    {
        using var engine = Misbehaving("throw new Error('Aborted(out of memory)')");
        for (var i = 0; i < 2; i++)
        {
            var answer = engine.Solve([], Quick, null, default);
            Assert.Equal((EngineOutcome.Died, "the solver aborted: Aborted(out of memory)"), (answer.Outcome, answer.Message));
        }
    }

    [SolverFact]
    public void A_solver_that_ends_is_said_to_have_with_what_it_printed_last()
    {
        using var engine = Misbehaving("console.error('no more'); process.exit(3)");
        var answer = engine.Solve([], Quick, null, default);
        Assert.Equal(EngineOutcome.Died, answer.Outcome);
        Assert.StartsWith("the solver's process ended in the middle of its work", answer.Message, StringComparison.Ordinal);
    }

    [SolverFact]
    public void A_solver_that_hangs_is_ended_after_the_limit()
    {
        using var engine = Misbehaving("for (;;);", grace: 900);
        Assert.Equal(EngineOutcome.TimedOut, engine.Solve([], Quick, null, default).Outcome);
    }

    [SolverFact]
    public void A_file_that_is_no_solver_is_said_not_to_start()
    {
        var answer = Script("throw new Error('not a solver')").Solve([], Quick, null, default);
        Assert.Equal(EngineOutcome.Missing, answer.Outcome);
        Assert.Contains("not a solver", answer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_program_that_is_not_there_is_said_not_to_start()
    {
        using var engine = new NodeEngine(new NodePackage("/nonexistent/node", "a.js", "a.wasm"));
        var answer = engine.Solve([], Quick, null, default);
        Assert.Equal(EngineOutcome.Missing, answer.Outcome);
        Assert.StartsWith("/nonexistent/node does not start", answer.Message, StringComparison.Ordinal);
    }

    [SolverFact]
    public void What_the_library_prints_does_not_get_into_the_answer()
    {
        using var engine = Misbehaving("console.log('noise'); o.print('more'); return 0");
        Assert.Equal(EngineOutcome.Answered, engine.Solve([1, 2, 3], Quick, null, default).Outcome);
    }

    [SolverFact]
    public void Cancelling_ends_a_running_solve_at_once_and_the_next_one_runs()
    {
        using var engine = CpEngines.Create(out _)!;
        using var cancel = new CancellationTokenSource(700);
        var watch = Stopwatch.StartNew();
        Assert.Equal(CpOutcome.Cancelled, CpSolver.Solve(engine, HardModel.Make(), new CpParameters { MaxSeconds = 60 }, null, cancel.Token).Outcome);
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(45), $"{watch.Elapsed}");
        Assert.Equal(CpOutcome.Optimal, CpSolver.Solve(engine, HardModel.Make(2, 2), new CpParameters { MaxSeconds = 20 }).Outcome);
        Assert.Equal(EngineOutcome.Cancelled, engine.Solve([], Quick, null, cancel.Token).Outcome);
    }

    [SolverFact]
    public async Task A_killed_solver_is_said_to_have_ended_and_the_next_solve_starts_another()
    {
        if (NodePackage.Find(out _) is not { } package)
        {
            return; // The engine of this build is another one.
        }

        using var engine = new NodeEngine(package);
        var solve = Task.Run(() => CpSolver.Solve(engine, HardModel.Make(), new CpParameters { MaxSeconds = 60 }));
        while (!solve.IsCompleted)
        {
            await Task.Delay(500);
            engine.KillProcess();
        }

        var result = await solve;
        Assert.Equal(CpOutcome.EngineFailed, result.Outcome);
        Assert.Equal(CpOutcome.Optimal, CpSolver.Solve(engine, HardModel.Make(2, 2), new CpParameters { MaxSeconds = 20 }).Outcome);
    }

    [Fact]
    public void What_is_missing_is_named_with_the_command_that_brings_it()
    {
        Assert.Null(NodePackage.Find([_folder], out var missing));
        Assert.Contains(NodePackage.InstallCommand, missing, StringComparison.Ordinal);
    }

    // A factory with as much of the library's surface as engine.js touches; solving runs the given statements.
    private NodeEngine Misbehaving(string solve, double? grace = null) => Script(
        $"export default async o => ({{ ...o, HEAPU8: new Uint8Array(1024), _malloc: n => 64, _free() {{}}, _free_buffer() {{}}, async ccall() {{ {solve} }} }});",
        grace);

    private NodeEngine Script(string text, double? grace = null)
    {
        var script = Path.Combine(_folder, "runtime.mjs");
        File.WriteAllText(script, text);
        return new NodeEngine(new NodePackage(NodePackage.Find(out _)?.Node ?? "node", script, script)) { Grace = grace };
    }
}
