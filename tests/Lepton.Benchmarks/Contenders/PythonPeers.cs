using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lepton.Abi;
using Lepton.Benchmarks.Workloads;
using Lepton.Runtime.Files;
using Lepton.Runtime.Tensors;

namespace Lepton.Benchmarks.Contenders;

/// <summary>
/// PyTorch, NumPy, SciPy and Numba in a Python process of their own (peers.py) that is told, line by line, what to load and when to run; so
/// that ours and theirs run in turn. One process for each number of threads, because their libraries read it when they start.
/// </summary>
internal sealed class PythonPeers : IDisposable
{
    private readonly Process _process;
    private readonly string _folder;

    private PythonPeers(Process process, string folder) => (_process, _folder) = (process, folder);

    /// <summary>The libraries that the process found, as "torch 1.13.0"; those that it lacks are in <see cref="Missing"/>.</summary>
    public IReadOnlyList<string> Found { get; private set; } = [];

    public IReadOnlyList<string> Missing { get; private set; } = [];

    /// <param name="python">The interpreter.</param>
    /// <param name="folder">Where arrays are handed over.</param>
    /// <param name="threads">How many threads their libraries may use.</param>
    public static PythonPeers Start(string python, string folder, int threads)
    {
        var start = new ProcessStartInfo(python, ["-u", Path.Combine(AppContext.BaseDirectory, "peers.py")]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        foreach (var variable in new[] { "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS" })
        {
            start.Environment[variable] = threads.ToString(CultureInfo.InvariantCulture);
        }

        var peers = new PythonPeers(Process.Start(start)!, folder);
        var hello = peers.Receive();
        peers.Found = Words(hello, "found");
        peers.Missing = Words(hello, "missing");
        return peers;
    }

    /// <summary>Everybody there who can compute the workload.</summary>
    public IReadOnlyList<IContender> Load(Workload workload, IReadOnlyDictionary<string, float[]> data, IReadOnlyDictionary<string, SparseTensor> matrices)
    {
        var files = new Dictionary<string, string>();
        foreach (var input in workload.Inputs)
        {
            files[input.Name] = Path.Combine(_folder, input.Name + (input.Stored is null ? ".npy" : ".npz"));
            if (input.Stored is null)
            {
                TensorFile.Write(files[input.Name], Tensor.From(data[input.Name], input.Shape));
            }
            else
            {
                TensorFile.Write(files[input.Name], matrices[input.Name]);
            }
        }

        var answer = Ask(new { @do = "load", workload = workload.Key, inputs = files });
        return [.. Words(answer, "peers").Select(name => new Peer(this, name))];
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private static string[] Words(JsonElement answer, string field) => [.. answer.GetProperty(field).EnumerateArray().Select(p => p.GetString()!)];

    private JsonElement Ask(object request)
    {
        _process.StandardInput.WriteLine(JsonSerializer.Serialize(request));
        _process.StandardInput.Flush();
        return Receive();
    }

    private JsonElement Receive()
    {
        var line = _process.StandardOutput.ReadLine() ?? throw new InvalidOperationException("peers.py ended");
        var answer = JsonDocument.Parse(line).RootElement;
        return answer.TryGetProperty("error", out var error) ? throw new InvalidOperationException("peers.py: " + error.GetString()) : answer;
    }

    private sealed class Peer(PythonPeers process, string name) : IContender
    {
        public string Name => name;

        public double Time(double seconds) => process.Ask(new { @do = "time", peer = name, seconds }).GetProperty("seconds").GetDouble();

        public float[] Output()
        {
            var path = Path.Combine(process._folder, "output.npy");
            process.Ask(new { @do = "output", peer = name, path });
            using var tensor = TensorFile.Read(path);
            using var converted = tensor.Element == ElementType.F32 ? null : tensor.ConvertTo(ElementType.F32);
            return (converted ?? tensor).AsSpan<float>().ToArray();
        }

        public void Dispose() => process.Ask(new { @do = "forget", peer = name });
    }
}
