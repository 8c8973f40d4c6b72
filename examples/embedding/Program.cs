using Lepton.Abi;
using Lepton.Embedding;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Lepton.Runtime.Text;

// 1. Compile a program, here from its text; a path ending in .lep works as well. Machine code is made on the first run with new sizes.
using var engine = LeptonEngine.Compile("""
    import nn

    dim D = 4, C = 2
    param w: f32[D, C] ~ glorot

    fn wave(x: f32[N]) -> f32[N] = sin(x) + cos(x^2) + exp(x)

    fn line(a: f32[N], x: f32[N], b: f32) -> (y: f32[N], total: f32) {
      y     = a * x + b
      total = sum[i] y[i]
    }

    fn classify(x: f32[B, D]) -> (p: f32[B, C]) {
      z       = x @ w
      p[b, c] = softmax[c](z[b, c])
    }

    fn pick(x: f32[N], at: i64[M]) -> (y: f32[M]) {
      y[i] = x[at[i]]
    }
    """);

// 2. One tensor in, one out: spans are used in place, nothing is copied.
float[] x = [1, 2, 3];
var y = new float[3];
engine["wave"].Run<float, float>(x, [3], y);
Console.WriteLine($"wave: {string.Join(", ", y)}");

// 3. Several tensors: owned ones here; Tensor also wraps arrays and memory of the caller. The results are made for us, one for each.
using var a = Tensor.Allocate(ElementType.F32, [3]);
using var xs = Tensor.Allocate(ElementType.F32, [3]);
using var b = Tensor.Allocate(ElementType.F32, []);
new float[] { 2, 3, 4 }.CopyTo(a.AsSpan<float>());
x.CopyTo(xs.AsSpan<float>());
b.AsSpan<float>()[0] = 0.5f;
var results = engine["line"].Run([a, xs, b]);
Console.WriteLine($"line: y = {NumPyText.Format(results[0])}, total = {NumPyText.Format(results[1])}");
Array.ForEach(results, r => r.Dispose());

// 4. Parameters: set by name, loaded from a file, or drawn by their initialisers.
using var weights = new ParameterSet();
weights.Initialize(engine["classify"], seed: 1);
using var rows = Tensor.Allocate(ElementType.F32, [2, 4]);
rows.AsSpan<float>().Fill(1);
using var p = engine["classify"].Run([rows], new RunOptions { Parameters = weights })[0];
Console.WriteLine($"classify: {p.Shape[0]} × {p.Shape[1]} probabilities, each row sums to {p.AsSpan<float>()[0] + p.AsSpan<float>()[1]:F3}");

// 5. A call that is run again and again: bound once, no managed memory per run.
using (var call = engine["wave"].Bind().SetInput(0, xs).SetOutput(0, a))
{
    call.Run();
    var before = GC.GetAllocatedBytesForCurrentThread();
    for (var i = 0; i < 1000; i++)
    {
        call.Run();
    }

    Console.WriteLine($"bound: 1000 runs, {GC.GetAllocatedBytesForCurrentThread() - before} managed bytes");
}

// 6. Mistakes: those of a program are diagnostics with their places, those of the data are exceptions that name the element.
try
{
    LeptonEngine.Compile("fn f(x: f32[N]) -> f32[N] = x + yy");
}
catch (LeptonCompileException e)
{
    Console.WriteLine($"{e.Diagnostics.Count} error:\n{e.Message}");
}

using var at = Tensor.Allocate(ElementType.I64, [2]);
at.AsSpan<long>()[1] = 7;
try
{
    engine["pick"].Run([xs, at]);
}
catch (LeptonRunException e)
{
    Console.WriteLine($"pick: {e.Message}");
}
