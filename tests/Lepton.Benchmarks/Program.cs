using System.Globalization;
using System.Numerics.Tensors;
using Lepton.Benchmarks;
using Lepton.Benchmarks.Contenders;
using Lepton.Benchmarks.Reports;
using Lepton.Benchmarks.Workloads;

// Lepton and its peers in turn on the same numbers, for one and two threads: a table as it goes, a JSON file and a page at the end.
//   Lepton.Benchmarks clr [FILTER]: device clr against cpu
//   Lepton.Benchmarks ONNX_RUNTIME_FOLDER PYTHON REPORT_FOLDER [FILTER]       (tests/bench.sh says them)
// Ends with 1 when a result differs from a peer's by more than the workload allows.
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (args is ["clr", ..])
{
    return DeviceTable.Print([.. AllWorkloads.List().Where(w => args.Length < 2 || w.Name.Contains(args[1], StringComparison.OrdinalIgnoreCase))], 0.4);
}

if (args.Length < 3)
{
    Console.Error.WriteLine("start it with tests/bench.sh [FILTER]");
    return 2;
}

var (library, python, report, filter) = (OnnxRuntimePeer.FindLibrary(args[0]), args[1], args[2], args.ElementAtOrDefault(3) ?? "");
var workloads = AllWorkloads.List().Where(w => w.Name.Contains(filter, StringComparison.OrdinalIgnoreCase)).ToList();
if (workloads.Count == 0)
{
    Console.Error.WriteLine($"no workload has '{filter}' in its name; there are:\n  {string.Join("\n  ", AllWorkloads.List().Select(w => w.Name))}");
    return 2;
}

int[] threadCounts = Environment.ProcessorCount > 1 ? [1, 2] : [1];
var arrays = Directory.CreateTempSubdirectory("lepton-bench").FullName;
var pythons = new Dictionary<int, PythonPeers>();
try
{
    var found = new List<string> { $"System.Numerics.Tensors {typeof(TensorPrimitives).Assembly.GetName().Version!.ToString(2)}" };
    if (library is null)
    {
        Console.WriteLine("not here: ONNX Runtime");
    }
    else
    {
        found.Add("ONNX Runtime " + OnnxRuntimePeer.Version(library));
    }

    if (python.Length == 0)
    {
        Console.WriteLine("not here: Python, and with it torch, numpy, scipy, numba");
    }
    else
    {
        foreach (var count in threadCounts)
        {
            pythons[count] = PythonPeers.Start(python, arrays, count);
        }

        found.AddRange(pythons[1].Found);
        pythons[1].Missing.ToList().ForEach(m => Console.WriteLine($"not here: {m}"));
    }

    var machine = Machine.Here(found);
    Console.WriteLine($"{machine.Processor}, {machine.Cores} cores; {string.Join(", ", found)}");
    Table.Head(threadCounts);
    var all = new List<Measurement>();
    foreach (var (workload, number) in workloads.Select((w, i) => (w, i + 1)))
    {
        var (data, matrices) = (workload.Data(), workload.Matrices());
        var line = new List<Measurement>();
        foreach (var threads in threadCounts)
        {
            var contenders = new List<IContender>();
            try
            {
                Progress.Show($"[{number}/{workloads.Count}] {workload.Name}, {threads} threads: loading");
                contenders.Add(new LeptonContender(workload, data, matrices, threads));
                contenders.AddRange(library is null || workload.Model is null ? [] : [new OnnxRuntimePeer(library, workload, data, threads)]);
                contenders.AddRange(TensorPrimitivesPeer.Of(workload, data, threads) is { } primitives ? [primitives] : []);
                contenders.AddRange(pythons.TryGetValue(threads, out var peers) ? peers.Load(workload, data, matrices) : []);
                line.Add(Measurement.Of(workload, threads, contenders, what => Progress.Show($"[{number}/{workloads.Count}] {workload.Name}, {threads} threads: {what}")));
            }
            finally
            {
                contenders.ForEach(c => c.Dispose());
            }
        }

        matrices.Values.OfType<IDisposable>().ToList().ForEach(m => m.Dispose());
        Progress.Clear();
        Table.Line(line);
        all.AddRange(line);
    }

    Directory.CreateDirectory(report);
    Write("bench.json", JsonReport.Of(machine, all));
    Write("bench.html", HtmlReport.Of(machine, all));
    var judged = all.Where(m => m.Ratio is not null).ToList();
    Console.WriteLine($"\n{judged.Count(m => m.Met)} of {judged.Count} goals met; {Path.Combine(report, "bench.html")}");
    return all.Any(m => m.Wrong.Any()) ? 1 : 0;
}
finally
{
    pythons.Values.ToList().ForEach(p => p.Dispose());
    Directory.Delete(arrays, recursive: true);
}

// Whole or not at all.
void Write(string name, string text)
{
    var path = Path.Combine(report, name);
    File.WriteAllText(path + ".tmp", text);
    File.Move(path + ".tmp", path, overwrite: true);
}
