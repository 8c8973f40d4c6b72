using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Scheduling;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Module = Lepton.Runtime.Module;

namespace Lepton.CommandLine.Tuning;

/// <summary>How kernels are compiled and run while they are tuned.</summary>
internal sealed record TuneSetting(CpuTarget Target, KernelOptions Kernels, bool FastMath, int Threads);

/// <summary>The tensors that all candidates of a kernel read and write: the same memory, so that its place makes no difference.</summary>
internal sealed class KernelTensors : IDisposable
{
    public KernelTensors(Graph alone)
    {
        Inputs = [.. alone.Inputs.Select((id, i) => ((InputNode)alone[id], Fill(alone[id].Type, (ulong)i + 1)))];
        Results = [.. alone.Outputs.Select(o => Allocate(alone[o.Node].Type))];
    }

    public IReadOnlyList<(InputNode Node, OwnedTensor Tensor)> Inputs { get; }

    public IReadOnlyList<OwnedTensor> Results { get; }

    public void Dispose()
    {
        foreach (var tensor in Inputs.Select(i => i.Tensor).Concat(Results))
        {
            tensor.Dispose();
        }
    }

    // Integers may be indices: 0 fits any axis.
    private static OwnedTensor Fill(TensorType type, ulong seed)
    {
        var tensor = Allocate(type);
        if (type.Element.IsFloat())
        {
            TensorFill.Normal(tensor, seed);
        }
        else
        {
            TensorFill.Constant(tensor, 0);
        }

        return tensor;
    }

    private static OwnedTensor Allocate(TensorType type) => Tensor.Allocate(type.Element, [.. type.Shape.Select(s => s.AsConstant!.Value)]);
}

/// <summary>A kernel alone, compiled with some schedules, ready to run.</summary>
internal sealed class Candidate : IDisposable
{
    private readonly Module _module;
    private readonly ParameterSet _parameters = new();
    private readonly Invocation _invocation;

    public Candidate(FusedGraph alone, Schedules schedules, KernelTensors tensors, TuneSetting setting)
    {
        var kernels = KernelLowering.Run(alone, setting.Kernels with { Schedules = schedules });
        var code = JitModule.Compile(LlvmBackend.Emit(kernels, setting.Target, setting.FastMath), setting.Target);
        var manifest = new ModuleManifest(ModuleManifest.CurrentFormat, kernels.Name, setting.Target.ToString(), kernels.Entries.Select(e => e.Manifest).ToValueList());
        _module = Module.FromAddresses(manifest, code.Lookup, code);
        foreach (var (node, tensor) in tensors.Inputs.Where(i => i.Node.Kind == InputKind.Parameter))
        {
            _parameters.Set(node.Label, tensor);
        }

        _invocation = _module.Entries.Single().Bind(new RunOptions { Threads = setting.Threads, Parameters = _parameters });
        foreach (var (i, (_, tensor)) in tensors.Inputs.Where(i => i.Node.Kind == InputKind.Argument).Index())
        {
            _invocation.SetInput(i, tensor);
        }

        foreach (var (i, tensor) in tensors.Results.Index())
        {
            _invocation.SetOutput(i, tensor);
        }
    }

    public void Run() => _invocation.Run();

    public void Dispose()
    {
        _invocation.Dispose();
        _parameters.Dispose();
        _module.Dispose();
    }
}
