using Lepton.Benchmarks;
var lib = OnnxRuntimePeer.FindLibrary(args[0])!;
var n = 1 << 20;
var x = new float[n]; var y = new float[n];
for (var i = 0; i < n; i++) x[i] = (i % 1000) * 0.002f - 1;
var m = new OnnxModel("wave").Input("x", n).Output("y", n).Node("Sin", ["x"], "s").Node("Mul", ["x", "x"], "xx").Node("Cos", ["xx"], "c").Node("Exp", ["x"], "e").Node("Add", ["s", "c"], "sc").Node("Add", ["sc", "e"], "y");
using var p = new OnnxRuntimePeer(lib, m.ToBytes(), 1, [("x", x, [n])], [("y", y, [n])]);
for (var r = 0; r < 10; r++) { var t = System.Diagnostics.Stopwatch.StartNew(); p.Run(); Console.WriteLine($"{t.Elapsed.TotalMilliseconds:f3} {y[5]} {MathF.Sin(x[5]) + MathF.Cos(x[5] * x[5]) + MathF.Exp(x[5])}"); }
