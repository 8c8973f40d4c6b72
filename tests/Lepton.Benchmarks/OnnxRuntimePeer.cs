using System.Runtime.InteropServices;
using System.Text;

namespace Lepton.Benchmarks;

/// <summary>
/// ONNX Runtime through its C API: one session over one model, f32 tensors bound to arrays. The functions are members of the table
/// <c>OrtApi</c> (version 17), by position.
/// </summary>
public sealed unsafe class OnnxRuntimePeer : IDisposable
{
    private const int CreateEnv = 3, CreateSessionFromArray = 8, RunSession = 9, CreateSessionOptions = 10, SetGraphOptimizationLevel = 23;
    private const int SetIntraOpNumThreads = 24, CreateTensorWithData = 49, CreateCpuMemoryInfo = 69, ErrorMessage = 2;
    private readonly nint* _api;
    private readonly nint _session;
    private readonly nint[] _inputNames;
    private readonly nint[] _outputNames;
    private readonly nint[] _inputs;
    private readonly nint[] _outputs;
    private readonly List<GCHandle> _pins = [];

    public OnnxRuntimePeer(string library, byte[] model, int threads, (string Name, float[] Data, long[] Shape)[] inputs, (string Name, float[] Data, long[] Shape)[] outputs)
    {
        var handle = NativeLibrary.Load(library);
        var getBase = (delegate* unmanaged<nint*>)NativeLibrary.GetExport(handle, "OrtGetApiBase");
        var getApi = (delegate* unmanaged<uint, nint*>)getBase()[0];
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
        (_inputNames, _inputs) = (Names(inputs), Tensors(memory, inputs));
        (_outputNames, _outputs) = (Names(outputs), Tensors(memory, outputs));
    }

    public static string? FindLibrary(string folder) => Directory.Exists(folder)
        ? Directory.EnumerateFiles(folder, "libonnxruntime.so*", SearchOption.AllDirectories).FirstOrDefault(f => f.Contains("linux/x64", StringComparison.Ordinal))
        : null;

    public void Run()
    {
        fixed (nint* inputNames = _inputNames, inputs = _inputs, outputNames = _outputNames, outputs = _outputs)
        {
            Check(((delegate* unmanaged<nint, nint, nint*, nint*, nuint, nint*, nuint, nint*, nint>)_api[RunSession])(
                _session, 0, inputNames, inputs, (nuint)_inputs.Length, outputNames, (nuint)_outputs.Length, outputs));
        }
    }

    public void Dispose() => _pins.ForEach(p => p.Free());

    private static nint[] Names((string Name, float[] Data, long[] Shape)[] tensors) => [.. tensors.Select(t => Marshal.StringToCoTaskMemUTF8(t.Name))];

    private nint[] Tensors(nint memory, (string Name, float[] Data, long[] Shape)[] tensors)
    {
        var values = new nint[tensors.Length];
        for (var i = 0; i < tensors.Length; i++)
        {
            var pin = GCHandle.Alloc(tensors[i].Data, GCHandleType.Pinned);
            _pins.Add(pin);
            nint value;
            fixed (long* shape = tensors[i].Shape)
            {
                Check(((delegate* unmanaged<nint, nint, nuint, long*, nuint, int, nint*, nint>)_api[CreateTensorWithData])(
                    memory, pin.AddrOfPinnedObject(), (nuint)tensors[i].Data.Length * 4, shape, (nuint)tensors[i].Shape.Length, 1, &value));
            }

            values[i] = value;
        }

        return values;
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
