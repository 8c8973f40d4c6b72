using Lepton.Abi;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Placement.Segments;
using Lepton.Runtime;
using Lepton.Runtime.Devices;
using Answer = System.Func<Lepton.Embedding.PlacedFailure, System.Collections.Generic.IReadOnlyList<Lepton.Placement.Segments.PlacedGroup>?>;

namespace Lepton.Embedding;

/// <summary>
/// An entry of a Lepton program, for given sizes, placed on several devices. Each device gets code of its own for the kernels that land on it, fused
/// again; devices work at the same time and wait for each other by events. Thread-safe. Dispose it when done, then the devices.
/// </summary>
/// <example>
/// <code>
/// using Device first = LeptonDevices.Open("cpu:0", "cpu", threads: 1), second = LeptonDevices.Open("cpu:1", "cpu", threads: 1);
/// using var placed = PlacedEngine.Compile("mlp.lep", "mlp", new Dictionary&lt;string, long&gt; { ["B"] = 32 }, [first, second],
///     fused => PlacedEngine.Assign(fused, new Dictionary&lt;string, string&gt; { ["contract_2"] = "cpu:1" }, otherwise: "cpu:0"));
/// using var results = placed.Evaluate([x], new PlacedOptions { Parameters = weights });
/// </code>
/// </example>
public sealed class PlacedEngine : IDisposable
{
    private readonly PlacedPrograms _programs;
    private readonly IReadOnlyList<Device> _devices;
    private readonly Lock _gate = new();
    private readonly List<PlacedProgram> _retired = [];
    private readonly Dictionary<string, DeviceFailedException> _lost = [];
    private volatile PlacedProgram _program;
    private volatile Tuple<PlacedOptions, PlacedRunOptions>? _known;

    private PlacedEngine(PlacedPrograms programs, IReadOnlyList<Device> devices, IReadOnlyList<PlacedGroup> assignment, Answer? onFailure)
    {
        (_programs, _devices) = (programs, devices);
        (_program, Assignment) = Make(assignment, onFailure);
        Manifest = _program.Manifest;
        foreach (var fact in Manifest.Constraints)
        {
            var (left, right) = (fact.Left.AsConstant, fact.Right.AsConstant);
            if (fact.AtLeast ? left < right : left != right)
            {
                _program.Dispose();
                throw new LeptonArgumentException($"entry {Manifest.Name}: {left} must be {(fact.AtLeast ? "at least " : "")}{right}{(fact.Reason.Length > 0 ? $" ({fact.Reason})" : "")}");
            }
        }
    }

    /// <summary>Arguments, parameters and results, of constant sizes.</summary>
    public EntryManifest Manifest { get; }

    /// <summary>The program, whose groups are the kernels that are placed.</summary>
    public FusedGraph Fused => _programs.Fused;

    /// <summary>Where each kernel was placed at first.</summary>
    public IReadOnlyList<PlacedGroup> Assignment { get; }

    /// <summary>The program as it is run now: segments, memory, copies.</summary>
    public PlacedProgram Program => _program;

    /// <summary>Compiles an entry: of the path of a <c>.lep</c> file, or of the text itself.</summary>
    /// <param name="pathOrText">The program.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="dims">All its sizes by name.</param>
    /// <param name="devices">What there is to run on; they stay the caller's.</param>
    /// <param name="assign">Says where each kernel runs; see <see cref="Assign"/>.</param>
    /// <param name="options">How to compile; its device is not looked at.</param>
    /// <param name="onFailure">Asked when a device fails while code is made for it, as <see cref="PlacedOptions.OnFailure"/> is in a run.</param>
    /// <exception cref="LeptonCompileException">The program has errors.</exception>
    /// <exception cref="DeviceFailedException">A device failed, and nothing was planned in its stead.</exception>
    /// <exception cref="LeptonArgumentException">The sizes do not suit the entry.</exception>
    /// <exception cref="ArgumentException">The assignment is not one, or a size is missing.</exception>
    public static PlacedEngine Compile(
        string pathOrText,
        string entry,
        IReadOnlyDictionary<string, long> dims,
        IReadOnlyList<Device> devices,
        Func<FusedGraph, IReadOnlyList<PlacedGroup>> assign,
        LeptonOptions? options = null,
        Answer? onFailure = null)
    {
        options ??= LeptonOptions.Default;
        var (source, path) = LeptonEngine.Read(pathOrText);
        return Of(kind => Compilation.Of(source, (options with { Device = kind, UseSchedules = options.UseSchedules && kind == "cpu" }).ToCompileOptions(path)), entry, dims, devices, assign, onFailure);
    }

    /// <summary>As above, with a compilation for each kind of device, made on demand.</summary>
    /// <inheritdoc cref="Compile"/>
    public static PlacedEngine Of(
        Func<string, Compilation> compile,
        string entry,
        IReadOnlyDictionary<string, long> dims,
        IReadOnlyList<Device> devices,
        Func<FusedGraph, IReadOnlyList<PlacedGroup>> assign,
        Answer? onFailure = null)
    {
        if (devices.Count == 0)
        {
            throw new ArgumentException("there is no device", nameof(devices));
        }

        compile = Once(compile);
        try
        {
            var fused = compile(devices[0].Kind).Fuse(entry, dims);
            return Of(fused, compile, devices, assign(fused), onFailure);
        }
        catch (GraphRunException e)
        {
            throw new LeptonArgumentException($"{entry}: {e.Message}", e);
        }
    }

    /// <summary>An engine over a program that is fused already, for constant sizes.</summary>
    /// <inheritdoc cref="Compile"/>
    public static PlacedEngine Of(
        FusedGraph fused, Func<string, Compilation> compile, IReadOnlyList<Device> devices, IReadOnlyList<PlacedGroup> assignment, Answer? onFailure = null)
    {
        var byName = new Dictionary<string, Device>();
        foreach (var device in devices)
        {
            if (!byName.TryAdd(device.Name, device))
            {
                throw new ArgumentException($"two devices are called {device.Name}", nameof(devices));
            }
        }

        return new PlacedEngine(new PlacedPrograms(fused, Once(compile), byName), [.. devices], assignment, onFailure);
    }

    /// <summary>An assignment in launch order: each kernel on the device given for its name, all others on <paramref name="otherwise"/>.</summary>
    /// <param name="fused">The program.</param>
    /// <param name="devices">Names of devices by names of kernels.</param>
    /// <param name="otherwise">The name of a device.</param>
    /// <exception cref="ArgumentException">There is no such kernel; the message lists those there are.</exception>
    public static IReadOnlyList<PlacedGroup> Assign(FusedGraph fused, IReadOnlyDictionary<string, string> devices, string otherwise)
    {
        var kernels = SegmentCut.Needed(fused);
        return devices.Keys.FirstOrDefault(k => !kernels.Contains(k)) is { } unknown
            ? throw new ArgumentException($"there is no kernel {unknown}; there are {string.Join(", ", kernels)}")
            : [.. kernels.Select(k => new PlacedGroup(k, devices.GetValueOrDefault(k, otherwise)))];
    }

    /// <summary>Runs on the caller's memory; for programs whose results are all dense.</summary>
    /// <inheritdoc cref="PlacedProgram.Run"/>
    public void Run(ReadOnlySpan<TensorRef> inputs, ReadOnlySpan<TensorRef> outputs, PlacedOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= PlacedOptions.Default;
        Current(options).Run(inputs, outputs, Runtime(options), cancellation);
    }

    /// <summary>Runs and makes the results, dense or sparse as the program says. Dispose them.</summary>
    /// <inheritdoc cref="PlacedProgram.Run"/>
    public EntryResults Evaluate(ReadOnlySpan<TensorRef> inputs, PlacedOptions? options = null, CancellationToken cancellation = default)
    {
        options ??= PlacedOptions.Default;
        return Current(options).Evaluate(inputs, Runtime(options), cancellation);
    }

    /// <summary>Refuses new runs; code and memory are released when the last run in flight is over.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _program.Dispose();
            _retired.ForEach(p => p.Dispose());
        }
    }

    private static Func<string, Compilation> Once(Func<string, Compilation> compile)
    {
        var kinds = new Dictionary<string, Compilation>();
        return kind =>
        {
            lock (kinds)
            {
                if (!kinds.TryGetValue(kind, out var compilation))
                {
                    kinds[kind] = compilation = compile(kind);
                }

                return compilation.Report.HasErrors ? throw new LeptonCompileException(compilation.Report.Diagnostics) : compilation;
            }
        };
    }

    // Programs that a lost device belongs to are replaced; runs in flight keep theirs.
    private PlacedProgram Current(PlacedOptions options)
    {
        lock (_gate)
        {
            if (_lost.Count > 0 && _program.Segments.Select(s => s.Device.Name).FirstOrDefault(_lost.ContainsKey) is { } lost)
            {
                var assignment = options.OnFailure?.Invoke(Failure(lost, _lost[lost])) ?? throw _lost[lost];
                var (next, _) = Make(assignment, options.OnFailure);
                _retired.Add(_program);
                _program = next;
            }

            return _program;
        }
    }

    // The same object for the same options, so that a run need not bind its calls anew.
    private PlacedRunOptions Runtime(PlacedOptions options)
    {
        if (_known is { } known && ReferenceEquals(known.Item1, options))
        {
            return known.Item2;
        }

        var made = new PlacedRunOptions
        {
            Parameters = options.Parameters,
            Timeline = options.Timeline,
            Kernels = options.Kernels,
            OnFailure = options.OnFailure is null ? null : failure => GoOn(failure, options.OnFailure),
        };
        _known = Tuple.Create(options, made);
        return made;
    }

    private PlacedProgram? GoOn(DeviceFailure failure, Answer onFailure) =>
        onFailure(Lost(failure.Device.Name, failure.Error, failure.Tensors)) is { } assignment ? Make(assignment, onFailure, failure.Tensors).Program : null;

    // A program for what is not there yet. A device that fails while code is made for it is lost too.
    private (PlacedProgram Program, IReadOnlyList<PlacedGroup> Assignment) Make(IReadOnlyList<PlacedGroup> assignment, Answer? onFailure, IReadOnlySet<string>? there = null)
    {
        while (true)
        {
            try
            {
                return (_programs.Make(Allowed(assignment), there), assignment);
            }
            catch (DeviceFailedException e)
            {
                if (onFailure?.Invoke(Lost(e.Device, e, there)) is not { } instead)
                {
                    // A driver that refuses our code is our bug, unless another device helps.
                    throw e.InnerException?.InnerException as CompilerBugException ?? (Exception)e;
                }

                assignment = instead;
            }
        }
    }

    private PlacedFailure Lost(string device, DeviceFailedException error, IReadOnlySet<string>? there)
    {
        lock (_gate)
        {
            _lost[device] = error;
            return Failure(device, error, there);
        }
    }

    private PlacedFailure Failure(string device, DeviceFailedException error, IReadOnlySet<string>? there = null)
    {
        var needed = SegmentCut.Needed(Fused, there is null ? null : _programs.NodesOf(there));
        return new PlacedFailure(device, error, [.. SegmentCut.Needed(Fused).Except(needed)], needed, Left());
    }

    private IReadOnlyList<string> Left() => [.. _devices.Select(d => d.Name).Where(d => !_lost.ContainsKey(d))];

    private IReadOnlyList<PlacedGroup> Allowed(IReadOnlyList<PlacedGroup> assignment)
    {
        lock (_gate)
        {
            return assignment.FirstOrDefault(a => _lost.ContainsKey(a.Device)) is { } wrong
                ? throw new ArgumentException($"kernel {wrong.Group} is placed on {wrong.Device}, which failed")
                : assignment;
        }
    }
}
