using System.Text;
using Lepton.Abi;
using Lepton.Codegen.Llvm.Emit;
using Lepton.Codegen.OpenCl.Emit;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;

namespace Lepton.Codegen.OpenCl;

/// <summary>
/// A kernel function of an OpenCL program. Its parameters, in this order:
/// <code>
/// for each buffer:         global uchar* bI, ulong oI       the buffer starts oI bytes behind bI
/// for each size variable:  long
/// if ScratchBytes &gt; 0:     global uchar* scratch            ScratchBytes for each chunk of this launch
/// global struct lep_error* error
/// long first, long limit                                    work-item i runs chunk first + i when that is below limit
/// </code>
/// </summary>
/// <param name="Function">Its name in the program.</param>
/// <param name="Buffers">How many buffers it has.</param>
/// <param name="SizeVariables">The size variables, in order.</param>
/// <param name="ScratchBytes">Bytes that a chunk needs in the scratch buffer; a multiple of 64.</param>
/// <param name="Group">Work-items of a work-group, which the launch must have; the chunks of one launch are whole groups. 1: any.</param>
public sealed record OpenClKernel(string Function, int Buffers, ValueList<string> SizeVariables, long ScratchBytes, int Group);

/// <summary>An OpenCL C 1.2 program, and a kernel function for each kernel of the module, in its order.</summary>
/// <param name="NeedsDoubles">It is built only where cl_khr_fp64 is.</param>
public sealed record OpenClProgram(string Text, ValueList<OpenClKernel> Kernels, bool NeedsDoubles);

/// <summary>Kernels as OpenCL C: a chunk is a work-item, vectors of the loop IR are those of OpenCL. Only what is used is written, before its use.</summary>
public static class OpenClSource
{
    /// <summary>Multiples of it, in bytes: where private arrays and pieces of the scratch buffer start.</summary>
    internal const int Alignment = 64;

    // Clang's remark that vectors wider than registers are passed in memory concerns calls between programs.
    private const string Head = """
        // OpenCL C 1.2
        #ifdef __clang__
        #pragma clang diagnostic ignored "-Wpsabi"
        #endif
        #pragma OPENCL FP_CONTRACT OFF

        """;

    // Its meaning is that of NativeContext.
    private const string ErrorType = """
        struct lep_error
        {
            int lock;
            int error;
            long site;
            long element;
            long value;
            long bound;
        };

        """;

    /// <summary>The program of a module.</summary>
    public static OpenClProgram Emit(KernelModule module, OpenClTarget target)
    {
        var helpers = new Helpers(target);
        var kernels = new StringBuilder();
        var functions = new List<OpenClKernel>();
        foreach (var (i, kernel) in module.Kernels.Index())
        {
            var code = new KernelC(kernel, target, helpers);
            var function = $"k{i}_{CTypes.Identifier(kernel.Name)}";
            kernels.Append('\n').Append(code.Define(function));
            functions.Add(new OpenClKernel(function, kernel.Buffers.Count, KernelCode.SizeVariables(kernel).ToValueList(), code.ScratchBytes, kernel.Group));
        }

        var body = $"{ErrorType}{helpers.Text}{kernels}";
        var needsDoubles = body.Contains("double", StringComparison.Ordinal);
        var head = Head + (needsDoubles ? "#pragma OPENCL EXTENSION cl_khr_fp64 : enable\n" : "");
        return new OpenClProgram($"{head}\n{body}", functions.ToValueList(), needsDoubles);
    }
}
