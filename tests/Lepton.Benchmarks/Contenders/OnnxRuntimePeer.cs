using System.Runtime.InteropServices;
using System.Text;
using Lepton.Abi;
using Lepton.Benchmarks.Workloads;
using Lepton.Runtime.Tensors;

namespace Lepton.Benchmarks.Contenders;

/// <summary>
/// ONNX Runtime through its C API: one session over one model, f32 tensors bound to native memory. The functions are members of the table
/// <c>OrtApi</c> (version 17), by position.
/// </summary>
internal sealed unsafe class OnnxRuntimePeer : IContender
{
    private const int CreateEnv = 3, CreateSessionFromArray = 8, RunSession = 9, CreateSessionOptions = 10, SetGraphOptimizationLevel = 23;
    private const int SetIntraOpNumThreads = 24, CreateTensorWithData = 49, CreateCpuMemoryInfo = 69, ErrorMessage = 2, ReleaseSession = 95;
    private readonly nint* _api;
    private readonly nint _session;
    private readonly nint[] _inputNames;
    private readonly nint[] _outputNames;
    private readonly nint[] _inputs;
    private readonly nint[] _outputs;
    private readonly List<OwnedTensor> _tensors = [];

    public OnnxRuntimePeer(string library, Workload workload, IReadOnlyDictionary<string, float[]> data, int threads)
    {
        var model = workload.Model!(data).ToBytes();
        var getApi = (delegate* unmanaged<uint, nint*>)Base(library)[0];
        _api = getApi(17);
        nint env, options, memory, session;
        fixed (byte* log = "lepton\0"u8)
        {
            Check(((delegate* unmanaged<int, byte*, nint*, nint>)_api[CreateEnv])(3, log, &env));
        }

        Check(((delegate* unmanaged<nint*, nint>)_api[CreateSessionOptions])(&options));
        Check(((delegate* unmanaged<nint, int, nint>)_api[SetIntraOpNumThreads])(options, threads));
        Check(((delegate* unmanaged<nint, int, nint>)_api[SetGraphOptimizationLevel])(options, 99));
        fixed (byte* bytes = model)
        {
            Check(((delegate* unmanaged<nint, byte*, nuint, nint, nint*, nint>)_api[CreateSessionFromArray])(env, bytes, (nuint)model.Length, options, &session));
        }

        _session = session;
        Check(((delegate* unmanaged<int, int, nint*, nint>)_api[CreateCpuMemoryInfo])(1, 0, &memory));
        var where = memory;
        var arguments = workload.Inputs.Take(workload.Arguments).ToList();
        _inputNames = [.. arguments.Select(a => Marshal.StringToCoTaskMemUTF8(a.Name))];
        _inputs = [.. arguments.Select(a => Bound(where, a.Shape, data[a.Name]))];
        _outputNames = [Marshal.StringToCoTaskMemUTF8("y")];
        _outputs = [Bound(where, workload.Output, [])];
    }

    public string Name => "onnxrt";

    public static string? FindLibrary(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder, "libonnxruntime.so*", SearchOption.AllDirectories).FirstOrDefault(f => f.Contains("linux/x64", StringComparison.Ordinal))
        : null;

    /// <summary>As the library says it: 1.30.0.</summary>
    public static string Version(string library) => Marshal.PtrToStringUTF8(((delegate* unmanaged<nint>)Base(library)[1])())!;

    public double Time(double seconds) => Clock.Median(Run, seconds);

    public float[] Output() => _tensors[^1].AsSpan<float>().ToArray();

    public void Dispose()
    {
        ((delegate* unmanaged<nint, void>)_api[ReleaseSession])(_session);
        _tensors.ForEach(t => t.Dispose());
    }

    // OrtApiBase: { GetApi, GetVersionString }
    private static nint* Base(string library) =>
        ((delegate* unmanaged<nint*>)NativeLibrary.GetExport(NativeLibrary.Load(library), "OrtGetApiBase"))();

    private void Run()
    {
        fixed (nint* inputNames = _inputNames, inputs = _inputs, outputNames = _outputNames, outputs = _outputs)
        {
            Check(((delegate* unmanaged<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint>)_api[RunSession])(
                _session, 0, inputNames, inputs, (nuint)_inputs.Length, outputNames, (nuint)_outputs.Length, outputs));
        }
    }

    // A tensor of ONNX Runtime over memory of ours.
    private nint Bound(nint memory, long[] dims, float[] values)
    {
        var tensor = Tensor.Allocate(ElementType.F32, dims);
        _tensors.Add(tensor);
        values.CopyTo(tensor.AsSpan<float>());
        nint value;
        fixed (long* shape = dims)
        fixed (float* data = tensor.AsSpan<float>())
        {
            Check(((delegate* unmanaged<nint, nint, nuint, long*, nuint, int, nint*, nint>)_api[CreateTensorWithData])(
                memory, (nint)data, (nuint)tensor.ByteLength, shape, (nuint)dims.Length, 1, &value));
        }

        return value;
    }

    private void Check(nint status)
    {
        if (status != 0)
        {
            var text = ((delegate* unmanaged<nint, byte*>)_api[ErrorMessage])(status);
            throw new InvalidOperationException("ONNX Runtime: " + Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text)));
        }
    }
}
