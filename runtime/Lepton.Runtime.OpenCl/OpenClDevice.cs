using System.Globalization;
using System.Text;
using Lepton.Runtime.Tensors;

namespace Lepton.Runtime.OpenCl;

/// <summary>An OpenCL device of this machine, with its context, which lives as long as the process. Thread-safe.</summary>
public sealed unsafe class OpenClDevice
{
    private static readonly Lazy<IReadOnlyList<OpenClDevice>> Found = new(Find);

    private readonly nint _id;
    private readonly Lazy<ClContext> _context;

    private OpenClDevice(nint id, string platform, int number)
    {
        (_id, Platform, Number) = (id, platform, number);
        Model = Text(ClNumbers.DeviceName);
        Version = Text(ClNumbers.DeviceVersion);
        IsGpu = (Get<ulong>(ClNumbers.DeviceType) & ClNumbers.DeviceTypeGpu) != 0;
        IsCpu = (Get<ulong>(ClNumbers.DeviceType) & ClNumbers.DeviceTypeCpu) != 0;
        HasDoubles = Text(ClNumbers.DeviceExtensions).Split(' ').Contains("cl_khr_fp64");
        var arithmetic = Get<ulong>(ClNumbers.DeviceSingleFpConfig);
        (HasFma, RoundsDivision) = ((arithmetic & ClNumbers.FpFma) != 0, (arithmetic & ClNumbers.FpCorrectlyRoundedDivideSqrt) != 0);
        VectorBytes = 4 * (int)Get<uint>(ClNumbers.DeviceNativeVectorWidthFloat);
        SharesMemory = Get<uint>(ClNumbers.DeviceHostUnifiedMemory) != 0;
        ComputeUnits = (int)Get<uint>(ClNumbers.DeviceMaxComputeUnits);
        MemoryBytes = (long)Math.Min(Get<ulong>(ClNumbers.DeviceGlobalMemSize), long.MaxValue);
        LocalMemoryBytes = (long)Get<ulong>(ClNumbers.DeviceLocalMemSize);
        MaxBufferBytes = (long)Math.Min(Get<ulong>(ClNumbers.DeviceMaxMemAllocSize), (ulong)TensorShape.MaxBytes);
        BaseAlignment = Math.Max(64, (int)Get<uint>(ClNumbers.DeviceMemBaseAddrAlign) / 8);
        _context = new(MakeContext);
    }

    /// <summary>All devices of this machine, as its drivers list them; none where OpenCL is missing.</summary>
    public static IReadOnlyList<OpenClDevice> All => Found.Value;

    /// <summary>The number that programs call it by.</summary>
    public int Number { get; }

    /// <summary>What programs call it: <c>opencl:0</c>.</summary>
    public string Name => string.Create(CultureInfo.InvariantCulture, $"opencl:{Number}");

    /// <summary>The driver's name.</summary>
    public string Platform { get; }

    /// <summary>The device's own name.</summary>
    public string Model { get; }

    /// <summary>Of OpenCL, with the driver's: <c>OpenCL 3.0 PoCL HSTR: …</c>.</summary>
    public string Version { get; }

    /// <summary>Whether it is a graphics processor.</summary>
    public bool IsGpu { get; }

    /// <summary>Whether it is the machine's processor.</summary>
    public bool IsCpu { get; }

    /// <summary>Whether it computes in 64-bit floating point.</summary>
    public bool HasDoubles { get; }

    /// <summary>Whether a·b + c is rounded once.</summary>
    public bool HasFma { get; }

    /// <summary>How wide its vectors are; 4: it works on numbers one by one.</summary>
    public int VectorBytes { get; }

    /// <summary>Whether it works in the process's own memory, so that nothing is copied.</summary>
    public bool SharesMemory { get; }

    /// <summary>How many work-groups run at once.</summary>
    public int ComputeUnits { get; }

    /// <summary>Its memory.</summary>
    public long MemoryBytes { get; }

    /// <summary>What the work-items of a group share.</summary>
    public long LocalMemoryBytes { get; }

    internal long MaxBufferBytes { get; }

    /// <summary>Whether its compiler can be asked to round quotients and square roots correctly.</summary>
    internal bool RoundsDivision { get; }

    /// <summary>Where a part of a buffer may start, in bytes.</summary>
    internal int BaseAlignment { get; }

    internal nint Context => _context.Value.Id;

    internal nint Id => _id;

    /// <summary>The device with a number.</summary>
    /// <exception cref="OpenClMissingException">There is no OpenCL, or no such device; says what there is, or what to install.</exception>
    public static OpenClDevice Get(int number)
    {
        OpenClLibrary.Load();
        if (All.Count == 0)
        {
            throw new OpenClMissingException($"OpenCL has no device on this machine: no driver is installed; one for the processor: {OpenClMissingException.InstallCommand}");
        }

        return number < All.Count
            ? All[number]
            : throw new OpenClMissingException($"there is no device opencl:{number}; there {(All.Count == 1 ? "is" : "are")} {string.Join(", ", All)}");
    }

    /// <summary><c>opencl:0 (name of the device, its driver)</c>.</summary>
    public override string ToString() => $"{Name} ({Model}, {Platform})";

    /// <summary>Passes 0 on; all else is a failure of the device.</summary>
    /// <param name="error">What a function said.</param>
    /// <param name="function">Its name.</param>
    internal void Check(int error, string function)
    {
        if (error != 0)
        {
            throw Failure(error, function);
        }
    }

    internal LeptonRunException Failure(int error, string function) =>
        new($"device {this} failed: {ClErrors.Name(error)} from {function}") { Device = Name };

    /// <summary>Its own memory; asks no driver for more than it has.</summary>
    /// <param name="bytes">At least 0; none is empty.</param>
    /// <param name="what">What it is for, for the message.</param>
    internal ClBuffer Allocate(long bytes, string what)
    {
        var error = -61;
        var buffer = bytes <= MaxBufferBytes ? Cl.CreateBuffer(Context, ClNumbers.MemReadWrite, (nuint)Math.Max(bytes, 1), null, &error) : 0;
        return error == 0 ? new ClBuffer(buffer, bytes)
            : ClErrors.IsMemory(error) ? throw NoMemory(error, bytes, what)
            : throw Failure(error, "clCreateBuffer");
    }

    /// <summary>A buffer over memory of the process: in place where the device can, else a copy.</summary>
    internal ClBuffer Over(nint address, long bytes, bool isCopied, string what)
    {
        int error;
        var flags = isCopied ? ClNumbers.MemReadOnly | ClNumbers.MemCopyHostPtr : ClNumbers.MemReadWrite | ClNumbers.MemUseHostPtr;
        var buffer = Cl.CreateBuffer(Context, flags, (nuint)bytes, (void*)address, &error);
        return error == 0 ? new ClBuffer(buffer, bytes)
            : ClErrors.IsMemory(error) ? throw NoMemory(error, bytes, what)
            : throw Failure(error, "clCreateBuffer");
    }

    internal ClQueue NewQueue(bool withTimes)
    {
        int error;
        var queue = Cl.CreateCommandQueue(Context, _id, withTimes ? ClNumbers.QueueProfilingEnable : 0, &error);
        Check(error, "clCreateCommandQueue");
        return new ClQueue(queue);
    }

    private static IReadOnlyList<OpenClDevice> Find()
    {
        if (OpenClLibrary.Handle == 0)
        {
            return [];
        }

        uint count;
        if (Cl.GetPlatformIDs(0, null, &count) != 0 || count == 0)
        {
            return [];
        }

        var platforms = new nint[count];
        fixed (nint* ids = platforms)
        {
            _ = Cl.GetPlatformIDs(count, ids, null);
        }

        var devices = new List<OpenClDevice>();
        foreach (var platform in platforms)
        {
            var name = Text((what, bytes, value, needed) => Cl.GetPlatformInfo(platform, what, bytes, (void*)value, (nuint*)needed), ClNumbers.PlatformName);
            uint found;
            if (Cl.GetDeviceIDs(platform, ClNumbers.DeviceTypeAll, 0, null, &found) != 0)
            {
                continue; // it has none
            }

            var ids = new nint[found];
            fixed (nint* first = ids)
            {
                _ = Cl.GetDeviceIDs(platform, ClNumbers.DeviceTypeAll, found, first, null);
            }

            foreach (var id in ids.Where(IsUsable))
            {
                devices.Add(new OpenClDevice(id, name, devices.Count));
            }
        }

        return devices;
    }

    // Tensors are little-endian, and kernels come as text.
    private static bool IsUsable(nint id) =>
        Get<uint>(id, ClNumbers.DeviceAvailable) != 0 && Get<uint>(id, ClNumbers.DeviceCompilerAvailable) != 0 && Get<uint>(id, ClNumbers.DeviceEndianLittle) != 0;

    private static T Get<T>(nint id, uint what)
        where T : unmanaged
    {
        T value = default;
        _ = Cl.GetDeviceInfo(id, what, (nuint)sizeof(T), &value, null);
        return value;
    }

    private static string Text(Func<uint, nuint, nint, nint, int> ask, uint what)
    {
        nuint bytes = 0;
        if (ask(what, 0, 0, (nint)(&bytes)) != 0 || bytes == 0)
        {
            return "";
        }

        var text = new byte[bytes];
        fixed (byte* start = text)
        {
            return ask(what, bytes, (nint)start, 0) == 0 ? Encoding.UTF8.GetString(text).TrimEnd('\0').Trim() : "";
        }
    }

    private LeptonRunException NoMemory(int error, long bytes, string what) =>
        new($"device {this} has no memory for {bytes} bytes of {what}: {ClErrors.Name(error)}") { Device = Name, BytesAsked = bytes };

    private T Get<T>(uint what)
        where T : unmanaged => Get<T>(_id, what);

    private string Text(uint what) => Text((w, bytes, value, needed) => Cl.GetDeviceInfo(_id, w, bytes, (void*)value, (nuint*)needed), what);

    private ClContext MakeContext()
    {
        var device = _id;
        int error;
        var context = Cl.CreateContext(null, 1, &device, 0, 0, &error);
        Check(error, "clCreateContext");
        return new ClContext(context);
    }
}
