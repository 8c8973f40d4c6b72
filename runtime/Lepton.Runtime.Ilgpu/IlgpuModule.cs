using System.Reflection;
using ILGPU;
using ILGPU.Runtime;
using Lepton.Abi.Devices;
using Lepton.Runtime.Devices.Steps;

namespace Lepton.Runtime.Ilgpu;

/// <summary>
/// A compiled module on a device. Its kernels are static methods, compiled by ILGPU when they are first launched. Thread-safe. Dispose it when no run
/// is in flight.
/// </summary>
public sealed unsafe class IlgpuModule : IDisposable
{
    private readonly IReadOnlyList<MethodInfo> _methods;
    private readonly Loaded?[] _kernels;
    private readonly DeviceBuffer[] _constants;
    private readonly Dictionary<string, IEntryProgram> _entries;

    /// <summary>Brings a module to a device.</summary>
    /// <param name="device">Where its runs are.</param>
    /// <param name="module">The host's part; of its kernels the source and the functions' names mean nothing.</param>
    /// <param name="kernels">
    /// The kernels. A method takes an index, a view for each buffer, the sizes, a view of bytes (scratch memory), a view of numbers (the report), and
    /// the number of the first chunk.
    /// </param>
    /// <exception cref="LeptonRunException">The device has no memory for the constants.</exception>
    public IlgpuModule(IlgpuDevice device, DeviceModule module, IReadOnlyList<MethodInfo> kernels)
    {
        (Device, Code, _methods) = (device, module, kernels);
        _kernels = new Loaded?[kernels.Count];
        _constants = new DeviceBuffer[module.Constants.Count];
        try
        {
            lock (device.Gate)
            {
                for (var i = 0; i < _constants.Length; i++)
                {
                    var bytes = module.Constants[i];
                    _constants[i] = device.Allocate(bytes.Length, "constants");
                    fixed (byte* start = bytes)
                    {
                        _constants[i].Write(device.Accelerator.DefaultStream, 0, (nint)start, bytes.Length);
                    }
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }

        _entries = module.Entries.ToDictionary(e => e.Manifest.Symbol, e => (IEntryProgram)new IlgpuEntry(this, e));
    }

    internal IlgpuDevice Device { get; }

    internal DeviceModule Code { get; }

    /// <summary>What runs the entry with this symbol.</summary>
    public IEntryProgram this[string symbol] => _entries[symbol];

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Device.Gate)
        {
            Array.ForEach(_constants, static c => c?.Dispose());
            Array.ForEach(_kernels, static k => k?.Kernel.Dispose());
        }
    }

    internal DeviceBuffer Constant(int number) => _constants[number];

    /// <summary>A kernel, compiled. Under the device's gate.</summary>
    internal Loaded Kernel(int number)
    {
        if (_kernels[number] is { } known)
        {
            return known;
        }

        var buffers = _methods[number].GetParameters().Skip(1).Take(Code.Kernels[number].Buffers);
        return _kernels[number] = new Loaded(Device.Accelerator.LoadAutoGroupedKernel(_methods[number]), [.. buffers.Select(p => Typed(p.ParameterType))]);
    }

    /// <summary>A view of so many elements, given the bytes from its first one on, as the argument of a kernel that wants this type.</summary>
    private static Func<ArrayView<byte>, object> Typed(Type view) => view == typeof(ArrayView<float>) ? Cast<float>
        : view == typeof(ArrayView<double>) ? Cast<double>
        : view == typeof(ArrayView<long>) ? Cast<long>
        : view == typeof(ArrayView<int>) ? Cast<int>
        : view == typeof(ArrayView<short>) ? Cast<short>
        : view == typeof(ArrayView<sbyte>) ? Cast<sbyte>
        : view == typeof(ArrayView<byte>) ? static bytes => bytes
        : throw new ModuleLoadException($"a kernel wants {view} of its buffers");

    private static object Cast<T>(ArrayView<byte> bytes)
        where T : unmanaged => bytes.SubView(0, bytes.Length - (bytes.Length % sizeof(T))).Cast<T>();

    /// <summary>A kernel that was compiled, and how its views are made.</summary>
    internal sealed record Loaded(Kernel Kernel, Func<ArrayView<byte>, object>[] Views);
}

/// <summary>An entry of a module, ready to run.</summary>
internal sealed class IlgpuEntry(IlgpuModule module, DeviceEntry entry) : EntrySteps(module.Code, entry), IEntryProgram
{
    internal IlgpuModule Module => module;

    public void Run(EntryCall call)
    {
        lock (module.Device.Gate)
        {
            using var run = new IlgpuRun(this, call);
            run.Do();
        }
    }
}
