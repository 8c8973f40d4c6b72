using System.Collections.Concurrent;
using System.Globalization;
using ILGPU;
using ILGPU.Runtime;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace Lepton.Runtime.Ilgpu;

/// <summary>This machine lacks a device that was asked for, or the name is none.</summary>
public sealed class IlgpuMissingException : LeptonException
{
    /// <summary>Makes the exception.</summary>
    public IlgpuMissingException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}

/// <summary>
/// A device that ILGPU knows, with its context and accelerator, which live as long as the process: <c>ilgpu:cpu</c> (which simulates a graphics
/// processor, slowly), <c>ilgpu:cuda:0</c>, <c>ilgpu:opencl:0</c>. Thread-safe; runs on it follow each other.
/// </summary>
public sealed class IlgpuDevice
{
    private const string Prefix = "ilgpu:";

    private static readonly ConcurrentDictionary<string, Lazy<IlgpuDevice>> Opened = new();

    private readonly DeviceBuffer?[] _grown = new DeviceBuffer?[3];

    private IlgpuDevice(string name, Context context, Accelerator accelerator)
    {
        (Name, Accelerator) = (name, accelerator);
        Model = accelerator.Name;
        Context = context;
    }

    /// <summary>What programs call it.</summary>
    public string Name { get; }

    /// <summary>The device's own name.</summary>
    public string Model { get; }

    internal Accelerator Accelerator { get; }

    internal Context Context { get; }

    /// <summary>Held by a run, and by who loads a kernel.</summary>
    internal Lock Gate { get; } = new();

    /// <summary>The devices of this machine: what programs call them, and their own names.</summary>
    public static IReadOnlyList<(string Name, string Model)> All()
    {
        using var context = Context.Create(static builder => builder.CPU().Cuda().OpenCL());
        return [.. context.Devices.GroupBy(d => d.AcceleratorType).SelectMany(kind => kind.Take(kind.Key == AcceleratorType.CPU ? 1 : int.MaxValue).Select((d, i) => (NameOf(kind.Key, i), d.Name)))];
    }

    /// <summary>Whether a name has the form of those that <see cref="Get"/> takes.</summary>
    public static bool IsName(string name) => Parse(name) is not null;

    /// <summary>The device with a name: <c>ilgpu</c> is <c>ilgpu:cpu</c>, <c>ilgpu:cuda</c> is <c>ilgpu:cuda:0</c>.</summary>
    /// <exception cref="IlgpuMissingException">It is not on this machine, or the name is none.</exception>
    public static IlgpuDevice Get(string name)
    {
        var (kind, number) = Parse(name) ?? throw new IlgpuMissingException($"'{name}' is not a device; say ilgpu:cpu, ilgpu:cuda:0 or ilgpu:opencl:0");
        return Opened.GetOrAdd(NameOf(kind, number), _ => new(() => Open(kind, number))).Value;
    }

    /// <summary><c>ilgpu:cuda:0 (name of the device)</c>.</summary>
    public override string ToString() => $"{Name} ({Model})";

    /// <summary>Memory of the device; a few bytes more than asked for, so that a view behind the last byte has a place.</summary>
    /// <param name="bytes">At least 0.</param>
    /// <param name="what">What it is for, for the message.</param>
    internal DeviceBuffer Allocate(long bytes, string what)
    {
        try
        {
            return new DeviceBuffer(Accelerator.Allocate1D<byte>(checked(((bytes + 63) & ~63L) + 64)), bytes);
        }
        catch (Exception e) when (e is OutOfMemoryException or AcceleratorException or OverflowException)
        {
            throw new LeptonRunException($"device {this} has no memory for {bytes} bytes of {what}: {e.Message}", e) { Device = Name, BytesAsked = bytes };
        }
    }

    /// <summary>Memory that is kept from run to run, under <see cref="Gate"/>: at least so much; what was in it is gone.</summary>
    internal DeviceBuffer Grown(Kept kept, long bytes)
    {
        ref var buffer = ref _grown[(int)kept];
        if (buffer is null || buffer.Bytes < bytes)
        {
            buffer?.Dispose();
            buffer = null; // it stays so when there is no memory
            buffer = Allocate(bytes, "intermediate results");
        }

        return buffer;
    }

    internal LeptonRunException Failure(Exception e) => new($"device {this} failed: {e.Message}", e) { Device = Name };

    private static string NameOf(AcceleratorType kind, int number) => kind == AcceleratorType.CPU ? Prefix + "cpu"
        : string.Create(CultureInfo.InvariantCulture, $"{Prefix}{(kind == AcceleratorType.Cuda ? "cuda" : "opencl")}:{number}");

    private static (AcceleratorType Kind, int Number)? Parse(string name)
    {
        var parts = name.Split(':');
        var number = 0;
        if (parts[0] != "ilgpu" || parts.Length > 3
            || (parts.Length == 3 && !int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out number)))
        {
            return null;
        }

        return (parts.Length > 1 ? parts[1] : "cpu") switch
        {
            "cpu" when number == 0 => (AcceleratorType.CPU, 0),
            "cuda" => (AcceleratorType.Cuda, number),
            "opencl" => (AcceleratorType.OpenCL, number),
            _ => null,
        };
    }

    private static IlgpuDevice Open(AcceleratorType kind, int number)
    {
        var context = Context.Create(builder =>
        {
            builder.Optimize(OptimizationLevel.O2).Math(MathMode.Default);
            _ = kind switch { AcceleratorType.Cuda => builder.Cuda(), AcceleratorType.OpenCL => builder.OpenCL(), _ => builder.CPU() };
        });
        try
        {
            var devices = context.Devices.Where(d => d.AcceleratorType == kind).ToList();
            return number < devices.Count
                ? new IlgpuDevice(NameOf(kind, number), context, devices[number].CreateAccelerator(context))
                : throw new IlgpuMissingException($"there is no device {NameOf(kind, number)}; of its kind ILGPU finds {devices.Count} on this machine");
        }
        catch (AcceleratorException e)
        {
            context.Dispose();
            throw new IlgpuMissingException($"device {NameOf(kind, number)} cannot be opened: {e.Message}", e);
        }
        catch
        {
            context.Dispose();
            throw;
        }
    }
}

/// <summary>Memory that a device keeps.</summary>
internal enum Kept
{
    Arena,
    Scratch,
    Reports,
}
