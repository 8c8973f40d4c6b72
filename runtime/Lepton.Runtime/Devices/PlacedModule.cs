using Lepton.Abi;

namespace Lepton.Runtime.Devices;

/// <summary>
/// What <c>leptonc build --plan</c> wrote: an entry cut into segments for several devices of this machine, with their machine code. Runs may overlap.
/// Dispose it when done.
/// </summary>
public sealed class PlacedModule : IDisposable
{
    private readonly IReadOnlyList<Device> _devices;

    private PlacedModule(PlacedProgram program, IReadOnlyList<Device> devices) => (Program, _devices) = (program, devices);

    /// <summary>The entry on its devices; its <see cref="PlacedProgram.Run"/> and <see cref="PlacedProgram.Evaluate"/> run it.</summary>
    public PlacedProgram Program { get; }

    /// <summary>Loads a module that was built by a plan, and opens its devices.</summary>
    /// <param name="manifestPath">The manifest, <c>name.json</c>.</param>
    /// <param name="libraryPath">The shared library; null: it lies beside the manifest (<see cref="Module.Load"/>).</param>
    /// <exception cref="ModuleLoadException">
    /// A file is missing, damaged, of another version, or not built by a plan; or this machine lacks a core that a device of the plan has.
    /// </exception>
    public static PlacedModule Load(string manifestPath, string? libraryPath = null)
    {
        var module = Module.Load(manifestPath, libraryPath);
        var devices = new List<Device>();
        try
        {
            var placed = module.Manifest.Placed
                ?? throw new ModuleLoadException($"{manifestPath} was not built by a plan: build it with leptonc build --plan FILE.plan, or load it with Module.Load");
            devices.AddRange(placed.Devices.Select(d => d.Kind == "cpu"
                ? new HostDevice(d.Name, d.Kind, d.Threads, d.Cores.Count > 0 ? [.. d.Cores] : null)
                : throw new ModuleLoadException($"{manifestPath}: device {d.Name} is of kind {d.Kind}, for which modules hold no code")));
            return new PlacedModule(Wired(module, placed, devices.ToDictionary(d => d.Name)), devices);
        }
        catch (Exception e)
        {
            devices.ForEach(d => d.Dispose());
            module.Dispose();
            throw e is ModuleLoadException ? e : e is ArgumentException or LeptonArgumentException ? new ModuleLoadException($"{manifestPath}: {e.Message}", e) : e;
        }
    }

    /// <summary>Waits for runs in flight, and closes the devices.</summary>
    public void Dispose()
    {
        Program.Dispose();
        foreach (var device in _devices)
        {
            device.Dispose();
        }
    }

    private static PlacedProgram Wired(Module module, PlacedManifest placed, IReadOnlyDictionary<string, Device> devices)
    {
        var (tensors, numbers) = (new List<PlacedTensor>(), new Dictionary<string, int>());
        var segments = placed.Segments.Select(s => module[s.Entry]).Zip(placed.Segments, (entry, s) => new PlacedSegment(
            s.Entry,
            devices.TryGetValue(s.Device, out var device) ? device : throw new ModuleLoadException($"segment {s.Entry} is placed on {s.Device}, which is no device of the module"),
            entry,
            [.. entry.Manifest.Arguments.Select(Number)],
            [.. entry.Manifest.Results.Select(Number)])).ToList();
        ValueList<int> arguments = [.. placed.Entry.Arguments.Select(Number)];
        return new PlacedProgram(placed.Entry, tensors, arguments, [.. placed.Results.Select(Known)], segments);

        int Number(TensorManifest tensor)
        {
            if (!numbers.TryGetValue(tensor.Name, out var number))
            {
                number = numbers[tensor.Name] = tensors.Count;
                tensors.Add(new PlacedTensor(
                    tensor.Name,
                    tensor.Element,
                    [.. tensor.Shape.Select(s => s.AsConstant ?? throw new ModuleLoadException($"a size of tensor {tensor.Name} is {s}, and a placed module has constant sizes"))],
                    tensor.Format));
            }

            return number;
        }

        int Known(string name) => numbers.TryGetValue(name, out var number) ? number : throw new ModuleLoadException($"no segment makes the result {name}");
    }
}
