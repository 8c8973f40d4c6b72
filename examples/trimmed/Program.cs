using System.Globalization;
using Lepton.Runtime;

// Runs the module that `leptonc build examples/wave.lep` wrote: trimmed MANIFEST
using var module = Module.Load(args[0]);
float[] x = [1, 2, 3];
var y = new float[3];
module["wave"].Run<float, float>(x, [3], y);
Console.WriteLine("wave: " + string.Join(", ", y.Select(v => v.ToString(CultureInfo.InvariantCulture))));

// Every library of the process is in this list.
var libraries = File.ReadLines("/proc/self/maps").Select(l => Path.GetFileName(l)).Where(n => n.Contains(".so", StringComparison.Ordinal)).Distinct().ToList();
var compiler = libraries.Where(n => n.Contains("LLVM", StringComparison.OrdinalIgnoreCase)).ToList();
Console.WriteLine($"{libraries.Count} native libraries, {(compiler.Count == 0 ? "none" : string.Join(", ", compiler))} of them LLVM");
return compiler.Count == 0 ? 0 : 1;
