using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Tests.Language;

/// <summary>Plan blocks, and the same goals and limits on a command line.</summary>
public class PlanSyntaxTests
{
    [Theory]
    [InlineData("plan for f { }", "(plan f)")]
    [InlineData("plan for f\n{\n minimize\n  cost +\n 0.002 usd/ms * time\n}", "(plan f (minimize (+ (* cost) (* 0.002 usd/ms time))))")]
    [InlineData("plan for f { minimize cost  subject to time <= 100 ms when B = 64 }", "(plan f (minimize (+ (* cost))) (limit time <= 100 ms (when B 64)))")]
    [InlineData("plan for f {\n minimize cost, 2 * time\n subject to interval <= 1 min, time <= 2 s\n}",
        "(plan f (minimize (+ (* cost)) (+ (* 2 time))) (limit interval <= 1 min time <= 2 s))")]
    [InlineData("plan for f { pin a to gpu0; pin b to opencl:1\npin c to \"edge box\" }", "(plan f (pin a gpu0) (pin b opencl:1) (pin c edge box))")]
    [InlineData("plan for f { precision bf16 for w1, w2 }", "(plan f (precision bf16 w1 w2))")]

    // Every word but those of plans is a name here, and those of plans are names elsewhere.
    [InlineData("plan for step { pin pin to to pin sum to scan pin if_0 to in }", "(plan step (pin pin to) (pin sum scan) (pin if_0 in))")]
    [InlineData("fn f(x) {\n pin = for + to\n minimize = when\n plan = pin\n}", "(fn f (x) (= pin (+ for to)) (= minimize when) (= plan pin))")]
    [InlineData("plan for f { pin a to b }\nfn minimize(to) = sum[for] to[for]", "(plan f (pin a b))\n(fn minimize (to) (sum[for] (at to for)))")]
    public void A_plan_is_read(string text, string tree)
    {
        Assert.Equal(tree, TreePrinter.Print(ParserTests.Parse(text, out var report)).TrimEnd());
        Assert.Empty(report.Diagnostics);
    }

    [Theory]
    [InlineData("plan f { }", "1:6 expected `for`, found `f`", "plan for f { minimize time }")]
    [InlineData("plan for f minimize time", "1:12 expected `{`, found `minimize`", "plan for f { minimize time }")]
    [InlineData("plan for f { minimise time }", "1:14 expected `}`", "did you mean `minimize`?")]
    [InlineData("plan for f { minimize cost - time }", "1:28 expected", "a goal is a sum of products")]
    [InlineData("plan for f { minimize cost / 2 }", "1:28 expected", "a goal is a sum of products")]
    [InlineData("plan for f { subject time <= 3 s }", "1:22 expected `to`, found `time`", "subject to time <= 100 ms")]
    [InlineData("plan for f { subject to time <= x }", "1:33 expected a number, found `x`", "subject to time <= 100 ms")]
    [InlineData("plan for f { pin a b }", "1:20 expected `to`, found `b`", "pin embedding to gpu0")]
    [InlineData("plan for f { pin a to gpu-0 }", "1:26 expected", "stands in quotes")]
    [InlineData("plan for f { subject to time <= 100ms }", "1:33 `100ms` is not a number", "100 ms")]
    [InlineData("plan for f {\n pin a b\n pin c to d }\nfn g(x) = ", "2:8 expected `to`, found `b` | 4:10 expected an expression, found the end of the file", "")]
    [InlineData("plan for f { pin a to b\nfn g(x) = x", "1:12 this `{` is never closed", "close it with `}`")]
    public void A_mistake_in_a_plan_has_a_place_and_a_mend(string text, string messages, string help)
    {
        ParserTests.Parse(text, out var report);
        var shown = DiagnosticPrinter.Sorted(report.Diagnostics).ToList();
        Assert.StartsWith(messages, string.Join(" | ", shown.Select(d => $"{d.Span.StartPosition.Line}:{d.Span.StartPosition.Column} {d.Message}")), StringComparison.Ordinal);
        Assert.Contains(help, shown[0].Help ?? "", StringComparison.Ordinal);
    }

    [Fact]
    public void Plans_are_formatted_like_all_else()
    {
        const string Text = "plan for f {\n    minimize 0.6*time+ 0.4 *cost  // why\n\n\n  subject   to time<=100 ms ,cost <= 3 usd/h when B=64\n  pin a to opencl : 0 ; pin b to \"x y\"\n}\n";
        const string Formatted = "plan for f {\n  minimize 0.6 * time + 0.4 * cost  // why\n\n  subject to time <= 100 ms, cost <= 3 usd/h when B = 64\n  pin a to opencl:0\n  pin b to \"x y\"\n}\n";
        Assert.Equal(Formatted, Formatter.Format(new SourceText("a.lep", Text), new DiagnosticReport()));
        Assert.Equal(Formatted, Formatter.Format(new SourceText("a.lep", Formatted), new DiagnosticReport()));
    }

    [Fact]
    public void A_plan_means_what_it_says()
    {
        const string Text = "fn f(x: f32[B]) = x\nplan for f { minimize 0.6 * time + 0.4 * cost, cost + 2 usd/ms * time, 3 * interval, time + 500 ms/usd * cost subject to time <= 5 us when B = 1_000 pin a to b }";
        var report = new DiagnosticReport();
        var plan = Assert.Single(Binder.Bind(Parser.Parse(new SourceText("a.lep", Text), report), new FileSourceLoader(), report).Plans);
        Assert.Empty(report.Diagnostics);
        Assert.Equal(
            [
                new PlanGoal([new(PlanMetric.Time, 0.6), new(PlanMetric.Cost, 0.4)], true, "", "0.6 * time + 0.4 * cost"),
                new PlanGoal([new(PlanMetric.Cost, 1), new(PlanMetric.Time, 2000)], false, "usd", "cost + 2 usd/ms * time"),
                new PlanGoal([new(PlanMetric.Interval, 1)], false, "s", "3 * interval"),
                new PlanGoal([new(PlanMetric.Time, 1), new(PlanMetric.Cost, 0.5)], false, "s", "time + 500 ms/usd * cost"),
            ],
            plan.Goals);
        Assert.Equal([new PlanLimit(PlanMetric.Time, 5e-6, "time <= 5 us")], plan.Limits);
        Assert.Equal([("B", 1000L)], plan.Dims);
        Assert.Equal(("a", "b"), (plan.Pins[0].Name, plan.Pins[0].Device));
    }

    [Theory]
    [InlineData("0.6*time + 0.4*cost", "")]
    [InlineData("time when B = 3", "")]
    [InlineData("", "1:1 expected a name or a number, found the end of the file")]
    [InlineData("time cost", "1:6 expected the end of the text, found `cost`")]
    [InlineData("0.6 *", "1:6 expected a name or a number")]
    [InlineData("fast", "1:1 there is no goal `fast`")]
    public void Goals_of_a_command_line_are_read_by_the_same_parser(string text, string messages)
    {
        var report = new DiagnosticReport();
        var goals = Parser.ParseGoals(new SourceText("--minimize", text), report)?.Goals.Select(g => GoalBinder.Goal(g, report)).ToList();
        var shown = string.Join(" | ", report.Diagnostics.Select(d => $"{d.Span.StartPosition.Line}:{d.Span.StartPosition.Column} {d.Message}"));
        Assert.True(messages.Length == 0 ? goals is [not null] && shown.Length == 0 : shown.StartsWith(messages, StringComparison.Ordinal), shown);
    }

    [Fact]
    public void Limits_of_a_command_line_are_read_by_the_same_parser()
    {
        var report = new DiagnosticReport();
        var limits = Parser.ParseLimits(new SourceText("--subject-to", "time <= 0.1 s, cost <= 2 usd"), report)!.Limits.Select(l => GoalBinder.Limit(l, report)!);
        Assert.Equal([(PlanMetric.Time, 0.1), (PlanMetric.Cost, 2)], limits.Select(l => (l.Metric, l.Most)));
        Assert.Null(Parser.ParseLimits(new SourceText("--subject-to", "time = 0.1 s <= 3"), report));
    }
}
