using System.Diagnostics;
using Lepton.Abi;
using Lepton.Abi.Devices;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.OpenCl;
using Lepton.Compiler.Scheduling;
using Lepton.Graphs;
using Lepton.Graphs.Building;
using Lepton.Kernels;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Language.Text;
using Lepton.Optimizer;

namespace Lepton.Compiler;

/// <summary>
/// The whole plan on one screen: text → syntax → program → graph → fused graph → kernels → LLVM IR → object code. A compilation parses and
/// binds once; what follows is made on demand, per entries and sizes.
/// </summary>
public sealed class Compilation
{
    private readonly CompileOptions _options;
    private readonly Dictionary<string, Graph> _graphs = [];

    private Compilation(SourceText source, CompileOptions options)
    {
        (Source, _options) = (source, options);
        Syntax = Timed("parse", () => Parser.Parse(source, Report));
        var library = new StandardLibrary();
        var program = Timed("bind", () => Binder.Bind(Syntax, library, Report));
        Imports = library.Loaded;
        Program = Report.HasErrors ? null : program;
    }

    /// <summary>The code of the optimizer and of the kernels' strategies, for those who ask whether it has changed.</summary>
    public static System.Reflection.Assembly Optimizer => typeof(GraphPasses).Assembly;

    /// <inheritdoc cref="Optimizer"/>
    public static System.Reflection.Assembly Kernels => typeof(KernelLowering).Assembly;

    /// <summary>What the code runs on.</summary>
    public CodeDevice Device => _options.Device;

    /// <summary>Which of the devices of its kind.</summary>
    public int DeviceNumber => _options.DeviceNumber;

    /// <summary>Of a device of ILGPU: its name.</summary>
    public string? DeviceName => _options.DeviceName;

    public SourceText Source { get; }

    /// <summary>The files imported by path, directly or not; the standard library is part of the compiler.</summary>
    public IReadOnlyList<SourceText> Imports { get; }

    /// <summary>All messages; with errors there is no <see cref="Program"/>.</summary>
    public DiagnosticReport Report { get; } = new();

    public FileSyntax Syntax { get; }

    public TypedProgram? Program { get; }

    /// <summary>The names of the entries, in the order of the file; empty when there are errors.</summary>
    public IReadOnlyList<string> Entries => [.. Program?.Entries.Select(e => e.Name) ?? []];

    /// <summary>Parses and binds. Never throws for a text, whatever it is.</summary>
    public static Compilation Of(SourceText source, CompileOptions? options = null) =>
        CompileThread.Run(() => new Compilation(source, options ?? CompileOptions.Default));

    /// <summary>The graph of an entry as it was written.</summary>
    public Graph Graph(string entry)
    {
        lock (_graphs)
        {
            if (!_graphs.TryGetValue(entry, out var graph))
            {
                var program = Program ?? throw new InvalidOperationException("a program with errors has no graph");
                _graphs[entry] = graph = CompileThread.Run(() => Timed("graph", () => GraphBuilder.Build(program, entry)));
            }

            return graph;
        }
    }

    /// <summary>The optimized graph, cut into groups. Sizes given in <paramref name="dims"/> become constants.</summary>
    public FusedGraph Fuse(string entry, IReadOnlyDictionary<string, long>? dims = null) => Fuse(entry, dims, _options.ContractionsAlone);

    /// <summary>The same; contractions alone: without the elementwise work behind them, so that the two can be placed on different devices.</summary>
    public FusedGraph Fuse(string entry, IReadOnlyDictionary<string, long>? dims, bool contractionsAlone)
    {
        var graph = Graph(entry);
        return CompileThread.Run(() => GraphPasses.Run(graph, Passes(dims) with { ContractionsAlone = contractionsAlone }));
    }

    /// <summary>A piece of an optimized graph, cut into groups by itself.</summary>
    public FusedGraph FuseAgain(Graph piece) => CompileThread.Run(() => GraphPasses.FuseAgain(piece, Passes(null)));

    private PassOptions Passes(IReadOnlyDictionary<string, long>? dims) => new()
    {
        Skip = _options.Skip,
        Verify = _options.Verify,
        FastMath = _options.FastMath,
        Exact = _options.Exact,
        Dims = dims ?? new Dictionary<string, long>(),
        Rules = _options.Rules,
        Trace = (name, before, after, time) =>
        {
            _options.Timing?.Invoke(name, time);
            _options.Passes?.Invoke(name, before, after);
        },
    };

    /// <summary>The kernels and host programs of some entries.</summary>
    /// <exception cref="ScheduleException">A planned schedule is not legal.</exception>
    public KernelModule Lower(IReadOnlyList<string> entries, IReadOnlyDictionary<string, long>? dims = null)
    {
        var fused = entries.Select(e => Fuse(e, dims)).ToList();
        return Lower(Path.GetFileNameWithoutExtension(Source.Path), fused, dims);
    }

    /// <summary>The kernels and host programs of fused graphs, whoever made them of this program's.</summary>
    /// <param name="name">The module's name.</param>
    /// <param name="fused">The entries.</param>
    /// <param name="dims">The sizes that they were specialised for.</param>
    /// <exception cref="ScheduleException">A planned schedule is not legal.</exception>
    public KernelModule Lower(string name, IReadOnlyList<FusedGraph> fused, IReadOnlyDictionary<string, long>? dims = null)
    {
        var planned = _options.Schedules is { } file ? new PlannedLowering(file, Target(), Warn) : null;
        var shape = Device == CodeDevice.OpenCl ? _options.OpenCl.Shape : null;
        var options = (shape ?? OptionsFor(Target(), Device)) with { Exact = _options.Exact, Schedules = planned?.Choices };
        var module = CompileThread.Run(() => Timed("kernels", () => KernelLowering.Run(name, fused, options)));
        planned?.Check(module, fused.Select(f => ScheduleSection.TitleOf(f.Graph.Name, dims ?? new Dictionary<string, long>())));
        return module;
    }

    private void Warn(Diagnostic diagnostic)
    {
        lock (Report)
        {
            var known = Report.Diagnostics.Count;
            Report.Add(diagnostic);
            if (Report.Diagnostics.Count > known)
            {
                _options.Warning?.Invoke(diagnostic);
            }
        }
    }

    /// <summary>
    /// How kernels are made for a target. On a device of ILGPU a chunk is a work-item, and each of its lanes a scalar: few lanes, small chunks. .NET's
    /// compiler spills what several passes in one loop need.
    /// </summary>
    public static KernelOptions OptionsFor(CpuTarget target, CodeDevice device = CodeDevice.Cpu) => device == CodeDevice.Ilgpu
        ? new() { VectorBytes = 16, RegisterBytes = 16, ChunkElements = 16 }
        : new()
        {
            Registers = target.Level >= SimdLevel.Avx512 ? 32 : 16, RegisterBytes = target.VectorBytes, Pipelines = device != CodeDevice.Clr,
            ByteDots = device == CodeDevice.Cpu && target.HasByteDots,
        };

    /// <summary>LLVM IR text.</summary>
    public string Ir(KernelModule kernels) =>
        CompileThread.Run(() => Timed("llvm", () => LlvmBackend.Emit(kernels, Target(), _options.FastMath, _options.Profile)));

    /// <summary>An OpenCL program.</summary>
    public OpenClProgram OpenCl(KernelModule kernels, OpenClTarget target) => CompileThread.Run(() => Timed("opencl", () => OpenClSource.Emit(kernels, target)));

    /// <summary>Object code, from the cache where it has been made before.</summary>
    public CompiledModule Compile(IReadOnlyList<string> entries, IReadOnlyDictionary<string, long>? dims = null)
    {
        return Compile(Lower(entries, dims));
    }

    /// <inheritdoc cref="Compile(IReadOnlyList{string}, IReadOnlyDictionary{string, long}?)"/>
    public CompiledModule Compile(KernelModule kernels)
    {
        var ir = Ir(kernels);
        return new CompiledModule(Manifest(kernels), kernels, Timed("machine code", () => Code(ir)));
    }

    /// <summary>Object code to link into this process: large modules as several objects, made on all processors.</summary>
    public IReadOnlyList<byte[]> CompileParts(IReadOnlyList<string> entries, IReadOnlyDictionary<string, long>? dims = null)
    {
        return CompileParts(Lower(entries, dims));
    }

    /// <inheritdoc cref="CompileParts(IReadOnlyList{string}, IReadOnlyDictionary{string, long}?)"/>
    public IReadOnlyList<byte[]> CompileParts(KernelModule kernels)
    {
        var parts = CompileThread.Run(() => Timed("llvm", () => LlvmBackend.EmitParts(kernels, Target(), _options.FastMath, _options.Profile)));
        return Timed("machine code", () => CompileThread.Map(parts, Code));
    }

    /// <summary>The same as methods of this process, for <see cref="CodeDevice.Clr"/>.</summary>
    public ClrModule CompileMethods(IReadOnlyList<string> entries, IReadOnlyDictionary<string, long>? dims = null) => CompileMethods(Lower(entries, dims));

    /// <inheritdoc cref="CompileMethods(IReadOnlyList{string}, IReadOnlyDictionary{string, long}?)"/>
    public ClrModule CompileMethods(KernelModule kernels) =>
        CompileThread.Run(() => Timed("il", () => ClrModule.Compile(kernels, Target(), _options.Profile)));

    /// <summary>The same as OpenCL C with the host's part as steps, for <see cref="CodeDevice.OpenCl"/>.</summary>
    /// <param name="kernels">What to translate.</param>
    /// <param name="needsDoubles">Whether the device must compute in 64-bit floating point.</param>
    public DeviceModule CompileOpenCl(KernelModule kernels, out bool needsDoubles)
    {
        var program = OpenCl(kernels, _options.OpenCl);
        needsDoubles = program.NeedsDoubles;
        return DeviceSteps.Of(kernels, program);
    }

    private byte[] Code(string ir)
    {
        var code = _options.Cache?.Find(ir, Target());
        if (code is null)
        {
            code = ObjectCode.Emit(ir, Target());
            _options.Cache?.Add(ir, Target(), code);
        }

        return code;
    }

    /// <summary>What a runtime needs to know of the kernels' entries.</summary>
    public ModuleManifest Manifest(KernelModule kernels) =>
        new(ModuleManifest.CurrentFormat, kernels.Name, Target().ToString(), kernels.Entries.Select(e => e.Manifest).ToValueList());

    private CpuTarget Target() => _options.Target ?? (Device == CodeDevice.Cpu ? HostCpu.Detect().Target : ClrModule.Target);

    private T Timed<T>(string step, Func<T> work)
    {
        var start = Stopwatch.GetTimestamp();
        var result = work();
        _options.Timing?.Invoke(step, Stopwatch.GetElapsedTime(start));
        return result;
    }
}
