using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Graphs.Building;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;

namespace Lepton.Tests.Language;

/// <summary>Binds small programs, and runs them through the graph builder and the interpreter: what the binder made must mean what was written.</summary>
internal static class SemanticsHarness
{
    public static (TypedProgram Program, DiagnosticReport Report) Bind(string text, IReadOnlyDictionary<string, string>? imports = null)
    {
        var report = new DiagnosticReport();
        var program = Binder.Bind(Parser.Parse(new SourceText("test.lep", text), report), new TextSourceLoader(imports ?? new Dictionary<string, string>()), report);
        return (program, report);
    }

    public static TypedProgram Good(string text, IReadOnlyDictionary<string, string>? imports = null)
    {
        var (program, report) = Bind(text, imports);
        Assert.True(!report.HasErrors, new DiagnosticPrinter().PrintAll(report.Diagnostics));
        foreach (var entry in program.Entries)
        {
            GraphVerifier.Verify(GraphBuilder.Build(entry));
        }

        return program;
    }

    /// <summary>Codes with their places, <c>LEP2003 4:7</c>.</summary>
    public static string[] Errors(string text) =>
        [.. DiagnosticPrinter.Sorted(Bind(text).Report.Diagnostics).Select(d => $"{d.Kind.Code} {d.Span.StartPosition.Line}:{d.Span.StartPosition.Column}")];

    public static TensorValue F32(long[] shape, params double[] values) => TensorValue.OfFloats(ElementType.F32, shape, values);

    public static TensorValue I32(long[] shape, params long[] values) => TensorValue.OfIntegers(ElementType.I32, shape, values);

    /// <summary>1, 2, 3 … in a shape.</summary>
    public static TensorValue Count(params long[] shape) => F32(shape, [.. Enumerable.Range(1, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(i => (double)i)]);

    public static IReadOnlyList<TensorValue> Run(string text, params TensorValue[] inputs) => RunEntry(Good(text).Entries[^1], inputs);

    public static IReadOnlyList<TensorValue> RunEntry(TypedEntry entry, params TensorValue[] inputs) => Interpreter.Run(GraphBuilder.Build(entry), inputs);

    /// <summary>Runs the last function and compares its first result, numbers within 1e-5.</summary>
    public static void Gives(string text, TensorValue expected, params TensorValue[] inputs)
    {
        var actual = Run(text, inputs)[0];
        Assert.Equal((expected.Element, string.Join(",", expected.Dims)), (actual.Element, string.Join(",", actual.Dims)));
        for (var i = 0; i < expected.Count; i++)
        {
            var (want, got) = (expected[i].AsDouble, actual[i].AsDouble);
            Assert.True(want.Equals(got) || Math.Abs(want - got) <= 1e-5 * Math.Max(1, Math.Abs(want)), $"element {i}: {want} expected, {got} found\n{TypedProgramText.Print(Good(text))}");
        }
    }
}
