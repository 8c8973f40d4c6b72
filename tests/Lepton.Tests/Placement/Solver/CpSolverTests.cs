using System.Collections.Immutable;
using Google.Protobuf;
using Lepton.Placement.Solver;
using Lepton.Placement.Solver.Engines;

namespace Lepton.Tests.Placement.Solver;

/// <summary>The byte contract against the solver itself, and what is made of answers that are not true.</summary>
[Collection("solver")] // One engine at a time works here: they would only slow each other down.
public class CpSolverTests
{
    [SolverFact]
    public void Random_small_models_have_the_optimum_that_trying_all_values_finds()
    {
        using var engine = CpEngines.Create(out _)!;
        var (solved, infeasible) = (0, 0);
        for (var seed = 0; seed < 60; seed++)
        {
            var model = SmallModels.Make(seed);
            var best = SmallModels.Best(model);
            var result = CpSolver.Solve(engine, model, new CpParameters { MaxSeconds = 20, LinearizationLevel = seed % 3 });
            if (best is null)
            {
                infeasible++;
                Assert.True(result.Outcome == CpOutcome.Infeasible, $"seed {seed}: {result}");
            }
            else
            {
                solved++;
                Assert.True(result.Outcome == CpOutcome.Optimal && result.Objective == best, $"seed {seed}: best {best}, {result}");
            }
        }

        Assert.True(solved > 20 && infeasible > 8, $"{solved} solved, {infeasible} infeasible");
    }

    [SolverFact]
    public void A_model_that_breaks_the_format_is_refused_and_the_engine_goes_on()
    {
        using var engine = CpEngines.Create(out _)!;
        var wrong = new CpModel([CpDomain.Between(5, 0)], [], LinearExpression.Zero, []);
        Assert.Equal(CpOutcome.ModelRefused, CpSolver.Solve(engine, wrong, new CpParameters()).Outcome);
        Assert.Equal(CpOutcome.Optimal, CpSolver.Solve(engine, One(), new CpParameters()).Outcome);
    }

    [SolverFact]
    public void A_limit_that_comes_at_once_is_no_failure()
    {
        using var engine = CpEngines.Create(out _)!;
        var result = CpSolver.Solve(engine, HardModel.Make(), new CpParameters { MaxSeconds = 0.2 });
        Assert.True(result.Outcome is CpOutcome.Feasible or CpOutcome.NothingFound, result.ToString());
        Assert.True(result.Bound <= result.Objective);
    }

    [SolverFact]
    public void Lines_of_the_log_arrive()
    {
        using var engine = CpEngines.Create(out _)!;
        using var seen = new CancellationTokenSource();
        CpSolver.Solve(
            engine,
            HardModel.Make(),
            new CpParameters { MaxSeconds = 60, Log = true },
            l =>
            {
                if (l.Contains("CP-SAT", StringComparison.Ordinal))
                {
                    seen.Cancel();
                }
            },
            seen.Token);
        Assert.True(seen.IsCancellationRequested);
    }

    [Fact]
    public void An_answer_that_is_no_solution_is_not_believed() =>
        Expect("the solver's answer is no solution: variable 0 = 7 is outside its domain", Response(4, 7, -7, -7));

    [Fact]
    public void An_objective_that_its_solution_has_not_is_not_believed() => Expect("the solver contradicts itself", Response(4, 2, -3, -3));

    [Fact]
    public void A_bound_above_the_objective_is_not_believed() => Expect("the solver contradicts itself", Response(4, 2, -2, -1));

    [Fact]
    public void Bytes_that_are_no_response_are_not_believed() => Expect("the solver's answer cannot be read", [0xff, 0xff]);

    [Theory]
    [InlineData(3, 0, "the solver contradicts itself: it calls infeasible what its hint solves")]
    [InlineData(4, 2, "the solver contradicts itself: its bound -2 is above its hint's -4")]
    public void A_claim_that_the_hint_refutes_is_not_believed(int status, long value, string message)
    {
        using var engine = new Fixed(new EngineAnswer(EngineOutcome.Answered, Response(status, value, -value, -value), ""));
        var result = CpSolver.Solve(engine, One() with { Hint = [4] }, new CpParameters());
        Assert.Equal((CpOutcome.EngineFailed, message), (result.Outcome, result.Message));
    }

    [Fact]
    public void Optimal_within_a_gap_is_not_called_optimal()
    {
        using var engine = new Fixed(new EngineAnswer(EngineOutcome.Answered, Response(4, 2, -2, -3), ""));
        Assert.Equal(CpOutcome.Feasible, CpSolver.Solve(engine, One(), new CpParameters()).Outcome);
    }

    [Theory]
    [InlineData(EngineOutcome.Missing)]
    [InlineData(EngineOutcome.Died)]
    [InlineData(EngineOutcome.TimedOut)]
    public void A_lost_engine_is_a_failure_with_its_reason(EngineOutcome outcome)
    {
        using var engine = new Fixed(new EngineAnswer(outcome, [], "the reason"));
        var result = CpSolver.Solve(engine, One(), new CpParameters());
        Assert.Equal((CpOutcome.EngineFailed, "the reason"), (result.Outcome, result.Message));
    }

    private static void Expect(string message, byte[] response)
    {
        using var engine = new Fixed(new EngineAnswer(EngineOutcome.Answered, response, ""));
        var result = CpSolver.Solve(engine, One(), new CpParameters());
        Assert.Equal(CpOutcome.EngineFailed, result.Outcome);
        Assert.StartsWith(message, result.Message, StringComparison.Ordinal);
        Assert.Empty(result.Solution);
    }

    // The largest x in [0, 5], as the least of -x.
    private static CpModel One()
    {
        var b = new CpModelBuilder();
        b.Minimize(-1 * (LinearExpression)b.Int(0, 5));
        return b.Build();
    }

    private static byte[] Response(int status, long value, double objective, double bound)
    {
        using var bytes = new MemoryStream();
        using (var o = new CodedOutputStream(bytes, leaveOpen: true))
        {
            o.WriteTag(1, WireFormat.WireType.Varint);
            o.WriteEnum(status);
            o.WriteTag(2, WireFormat.WireType.Varint); // Not packed, which a reader must take as well.
            o.WriteInt64(value);
            o.WriteTag(3, WireFormat.WireType.Fixed64);
            o.WriteDouble(objective);
            o.WriteTag(4, WireFormat.WireType.Fixed64);
            o.WriteDouble(bound);
        }

        return bytes.ToArray();
    }

    private sealed class Fixed(EngineAnswer answer) : ICpEngine
    {
        public string Name => "fixed";

        public void Start()
        {
        }

        public EngineAnswer Solve(byte[] model, CpParameters parameters, Action<string>? log, CancellationToken cancel) => answer;

        public void Dispose()
        {
        }
    }
}
