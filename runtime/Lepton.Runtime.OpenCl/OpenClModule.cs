using System.Text;
using Lepton.Abi.Devices;
using Lepton.Runtime.Memory;

namespace Lepton.Runtime.OpenCl;

/// <summary>A driver does not take the source of the kernels. The message holds what its compiler says.</summary>
public sealed class OpenClBuildException(string message) : Exception(message);

/// <summary>A compiled module, built for a device. Thread-safe. Dispose it when no run is in flight.</summary>
public sealed unsafe class OpenClModule : IDisposable
{
    private const string Options = "-cl-std=CL1.2";
    private const string Rounding = " -cl-fp32-correctly-rounded-divide-sqrt";

    private readonly ClProgram _program;
    private readonly ClBuffer[] _constants;
    private readonly Dictionary<string, OpenClEntry> _entries;
    private readonly Slots<ClKernel?[]> _kernels = new(64);

    internal OpenClModule(OpenClSession session, DeviceModule module)
    {
        (Session, Code) = (session, module);
        _program = Compile(session.Device, module.Source, session.IsQuick);
        _constants = new ClBuffer[module.Constants.Count];
        try
        {
            for (var i = 0; i < _constants.Length; i++)
            {
                var bytes = module.Constants[i];
                fixed (byte* start = bytes)
                {
                    _constants[i] = bytes.Length > 0
                        ? session.Device.Over((nint)start, bytes.Length, isCopied: true, "constants")
                        : session.Device.Allocate(0, "constants");
                }
            }

            _entries = module.Entries.ToDictionary(e => e.Manifest.Symbol, e => new OpenClEntry(this, e));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    internal OpenClSession Session { get; }

    internal DeviceModule Code { get; }

    /// <summary>What runs the entry with this symbol.</summary>
    public IEntryProgram this[string symbol] => _entries[symbol];

    /// <inheritdoc/>
    public void Dispose()
    {
        while (_kernels.Take() is { } kernels)
        {
            Release(kernels);
        }

        Array.ForEach(_constants, static c => c?.Dispose());
        _program.Dispose();
    }

    internal nint Constant(int number) => _constants[number].Id;

    /// <summary>A place for each kernel of the module, for one run: arguments belong to a kernel object, so no two runs share one.</summary>
    internal ClKernel?[] Rent() => _kernels.Take() ?? new ClKernel?[Code.Kernels.Count];

    internal void Return(ClKernel?[] kernels)
    {
        if (!_kernels.Put(kernels))
        {
            Release(kernels);
        }
    }

    internal ClKernel Kernel(ClKernel?[] kernels, int number)
    {
        if (kernels[number] is { } known)
        {
            return known;
        }

        int error;
        var made = Cl.CreateKernel(_program.Id, Code.Kernels[number].Function, &error);
        Session.Device.Check(error, "clCreateKernel");
        return kernels[number] = new ClKernel(made);
    }

    private static void Release(ClKernel?[] kernels) => Array.ForEach(kernels, static k => k?.Dispose());

    private static ClProgram Compile(OpenClDevice device, string source, bool isQuick)
    {
        var options = Options + (device.RoundsDivision ? Rounding : "") + (isQuick ? " -cl-opt-disable" : "");
        var text = Encoding.UTF8.GetBytes(source);
        int error;
        ClProgram program;
        fixed (byte* start = text)
        {
            var place = start;
            var length = (nuint)text.Length;
            var made = Cl.CreateProgramWithSource(device.Context, 1, &place, &length, &error);
            device.Check(error, "clCreateProgramWithSource");
            program = new ClProgram(made);
        }

        var id = device.Id;
        error = Cl.BuildProgram(program.Id, 1, &id, options, 0, 0);
        if (error == 0)
        {
            return program;
        }

        using (program)
        {
            throw error == ClErrors.BuildProgramFailure
                ? new OpenClBuildException($"the compiler of device {device} says: {Log(program, id)}")
                : device.Failure(error, "clBuildProgram");
        }
    }

    private static string Log(ClProgram program, nint device)
    {
        nuint bytes;
        if (Cl.GetProgramBuildInfo(program.Id, device, ClNumbers.ProgramBuildLog, 0, null, &bytes) != 0 || bytes == 0)
        {
            return "nothing";
        }

        var log = new byte[bytes];
        fixed (byte* start = log)
        {
            _ = Cl.GetProgramBuildInfo(program.Id, device, ClNumbers.ProgramBuildLog, bytes, start, null);
        }

        return Encoding.UTF8.GetString(log).TrimEnd('\0').Trim();
    }
}
