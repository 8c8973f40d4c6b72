using Lepton.Abi;
using Lepton.Codegen.Clr;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.OpenCl;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;
using Lepton.Runtime.Tensors;
using Module = Lepton.Runtime.Module;

namespace Lepton.Tests.Support;

/// <summary>
/// Compiles kernel modules to machine code and runs them on values of the interpreter. By LLVM; with LEPTON_TEST_DEVICE=clr as IL, with opencl as OpenCL C,
/// so that all tests of machine code can run on that device by hand.
/// </summary>
internal static class NativeRunner
{
    /// <summary>Where all machine code of tests runs.</summary>
    public static readonly CodeDevice Device =
        DeviceChoice.Choose(Environment.GetEnvironmentVariable("LEPTON_TEST_DEVICE") is { Length: > 0 } name ? name : "cpu", null, out var error)?.Device ?? throw new ArgumentException(error);

    /// <summary>The targets that this machine can run, by name. On other devices than cpu they are widths of vectors, which they all have in software.</summary>
    public static IReadOnlyDictionary<string, CpuTarget> Targets { get; } = new[] { "sse2", "avx2", "avx512" }
        .Select(name => (name, Target: Device != CodeDevice.Cpu ? CpuTarget.Parse(name, out _) : CpuTarget.Parse(name, out _)!.ForThisHost(out _)))
        .Where(t => t.Target is not null)
        .ToDictionary(t => t.name, t => t.Target!);

    /// <summary>What OpenCL code is made for: LEPTON_TEST_SHAPE=gpu says, for a graphics processor, wherever it runs.</summary>
    public static readonly OpenClTarget Shape = Environment.GetEnvironmentVariable("LEPTON_TEST_SHAPE") == "gpu" ? OpenClTarget.Gpu : OpenClTarget.Cpu;

    /// <summary>How kernels are made for a target, on the device of the tests.</summary>
    public static KernelOptions OptionsFor(CpuTarget target, CodeDevice? device = null) =>
        ((device ?? Device) == CodeDevice.OpenCl ? Shape.Shape : null) ?? Compilation.OptionsFor(target, device ?? Device);

    /// <param name="quick">See <see cref="ObjectCode.Emit"/>.</param>
    /// <param name="device">Where, whatever the environment says.</param>
    public static Module Load(KernelModule kernels, CpuTarget target, bool quick = false, CodeDevice? device = null)
    {
        var manifest = new ModuleManifest(ModuleManifest.CurrentFormat, kernels.Name, target.ToString(), kernels.Entries.Select(e => e.Manifest).ToValueList());
        if ((device ?? Device) == CodeDevice.OpenCl)
        {
            return LoadOpenCl(manifest, kernels, Shape);
        }

#if ILGPU
        if ((device ?? Device) == CodeDevice.Ilgpu)
        {
            var emitted = Lepton.Codegen.Ilgpu.IlgpuCode.Emit(kernels);
            var methods = new Lepton.Runtime.Ilgpu.IlgpuModule(Lepton.Runtime.Ilgpu.IlgpuDevice.Get("ilgpu:cpu"), emitted.Host, emitted.Kernels);
            return Module.FromPrograms(manifest, e => methods[e.Symbol], methods);
        }
#endif

        var code = Link(kernels, target, quick, device);
        return Module.FromAddresses(manifest, code.Lookup, code);
    }

    public static Code Link(KernelModule kernels, CpuTarget target, bool quick, CodeDevice? device = null)
    {
        if ((device ?? Device) == CodeDevice.Clr)
        {
            var methods = ClrModule.Compile(kernels, target);
            return new Code(methods.Lookup, methods);
        }

        var linked = JitModule.Link([ObjectCode.Emit(LlvmBackend.Emit(kernels, target), target, quick)]);
        return new Code(linked.Lookup, linked);
    }

    /// <summary>On the first OpenCL device, made for another.</summary>
    public static Module LoadOpenCl(KernelModule kernels, OpenClTarget target) => LoadOpenCl(
        new ModuleManifest(ModuleManifest.CurrentFormat, kernels.Name, "opencl", kernels.Entries.Select(e => e.Manifest).ToValueList()), kernels, target);

    // Half of the modules work on copies, as a device with memory of its own does; which half, their text says.
    private static Module LoadOpenCl(ModuleManifest manifest, KernelModule kernels, OpenClTarget target)
    {
        var steps = DeviceSteps.Of(kernels, OpenClSource.Emit(kernels, target));
        var session = new OpenClSession(OpenClDevice.Get(0)) { IsInPlace = steps.Source.Length % 2 == 0, IsQuick = true };
        var code = session.Build(steps);
        return Module.FromPrograms(manifest, e => code[e.Symbol], new Both(code, session));
    }

    private sealed record Both(IDisposable First, IDisposable Second) : IDisposable
    {
        public void Dispose()
        {
            First.Dispose();
            Second.Dispose();
        }
    }

    /// <summary>Functions in memory, by name.</summary>
    public sealed class Code(Func<string, nint> lookup, IDisposable owner) : IDisposable
    {
        public nint Lookup(string symbol) => lookup(symbol);

        public void Dispose() => owner.Dispose();
    }

    /// <summary>Runs the module's first entry. Sizes that the arguments do not determine come from <paramref name="dims"/>.</summary>
    public static IReadOnlyList<TensorValue> Run(
        KernelModule kernels,
        IReadOnlyList<TensorValue> inputs,
        IReadOnlyDictionary<string, long> dims,
        CpuTarget target,
        int threads = 1)
    {
        using var module = Load(kernels, target);
        return Run(module.Entries.First(), inputs, dims, threads);
    }

    public static IReadOnlyList<TensorValue> Run(Entry entry, IReadOnlyList<TensorValue> inputs, IReadOnlyDictionary<string, long> dims, int threads = 1)
    {
        var manifest = entry.Manifest;
        var sizes = dims.Where(d => manifest.Dims.Contains(d.Key)).ToDictionary(d => d.Key, d => d.Value);
        using var parameters = new ParameterSet();
        for (var i = 0; i < manifest.Parameters.Count; i++)
        {
            var (name, value) = (manifest.Parameters[i].Name, inputs[manifest.Arguments.Count + i]);
            if (manifest.Parameters[i].Format is { } format)
            {
                parameters.Set(name, Sparse(value, format));
            }
            else
            {
                parameters.Set(name, Tensor(value));
            }
        }

        var arguments = manifest.Arguments.Select((a, i) => a.Format is { } format ? new TensorRef(Sparse(inputs[i], format)) : Tensor(inputs[i])).ToArray();
        var options = new RunOptions { Threads = threads, Parameters = parameters, Sizes = sizes };
        using var results = entry.Evaluate(arguments, options);
        return [.. results.Select(r => r.IsSparse ? Dense(r.Sparse) : Value(r.Dense))];
    }

    private static TensorValue Value(Tensor tensor) => TensorValue.FromBytes(tensor.Element, tensor.Shape, tensor.AsBytes());

    // What the run stored is checked as if it came from a file.
    private static TensorValue Dense(SparseTensor result)
    {
        result.Validate();
        using var dense = result.ToDense();
        return Value(dense);
    }

    private static SparseTensor Sparse(TensorValue value, TensorFormat format)
    {
        using var dense = global::Lepton.Runtime.Tensors.Tensor.Allocate(value.Element, [.. value.Dims]);
        value.ToBytes().CopyTo(dense.AsBytes());
        return SparseTensor.From(dense, format);
    }

    public static Tensor Tensor(TensorValue value)
    {
        var tensor = global::Lepton.Runtime.Tensors.Tensor.Allocate(value.Element, [.. value.Dims]);
        value.ToBytes().CopyTo(tensor.AsBytes());
        return tensor;
    }
}
