using System.CommandLine;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.OpenCl;
using Lepton.Compiler;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Language.Semantics;
using Lepton.Language.Syntax;
using Lepton.Optimizer;

namespace Lepton.CommandLine.Commands;

/// <summary>Shows each stage of a compilation as text.</summary>
internal static class EmitCommand
{
    private static readonly string[] Stages =
        ["syntax", "program", "graph", .. GraphPasses.List.Select(p => p.Name), "optimized", "groups", "kernels", "llvm", "llvm-optimized", "assembly", "opencl", "opencl-gpu"];

    public static Command Make()
    {
        var file = Source.File();
        var (entry, dims, target, exact, fast, skip) = (Source.Entry(), Source.Dims(), Source.TargetCpu(), Source.Exact(), Source.FastMath(), Source.Skip());
        var stage = Source.OneOf(
            "a stage, one of",
            Stages,
            new Option<string>("--stage", "-s") { HelpName = "STAGE", Description = "One of " + string.Join(", ", Stages) + ".", Required = true });
        var command = new Command("emit", "Print a stage of the compilation as text. Example: leptonc emit mlp.lep --stage kernels --dim B=32")
        {
            file, stage, entry, dims, target, exact, fast, skip,
        };
        var schedules = new ScheduleOptions(command);
        command.SetAction(parsed =>
        {
            var wanted = parsed.GetValue(stage)!;
            Graph? after = null;
            var path = parsed.GetValue(file)!;
            var options = schedules.Apply(parsed, path, Source.Options(parsed.GetValue(target), parsed.GetValue(exact), parsed.GetValue(fast), parsed.GetValue(skip)) with
            {
                Passes = (name, before, result) =>
                {
                    LastGraph.Set(before);
                    after = name == wanted ? result : after;
                },
            });
            var compilation = Source.Compile(path, options);
            var name = wanted is "syntax" or "program" ? "" : Source.ChooseEntry(compilation, parsed.GetValue(entry));
            var sizes = name.Length == 0 ? [] : Source.ParseDims(parsed.GetValue(dims)!, compilation, [name]);
            Console.Out.Write(Text(wanted, compilation, name, sizes, () => after, options.Target!));
            return 0;
        });
        return command;
    }

    private static string Text(string stage, Compilation compilation, string entry, Dictionary<string, long> dims, Func<Graph?> after, CpuTarget target)
    {
        switch (stage)
        {
            case "syntax":
                return TreePrinter.Print(compilation.Syntax);
            case "program":
                return TypedProgramText.Print(compilation.Program!);
            case "graph":
                return GraphText.Print(compilation.Graph(entry));
            case "optimized":
                return GraphText.Print(compilation.Fuse(entry, dims).Graph);
            case "groups":
                return GroupsText.Print(compilation.Fuse(entry, dims));
            case "kernels":
                return LoopText.Print(compilation.Lower([entry], dims));
            case "llvm":
                return compilation.Ir(compilation.Lower([entry], dims));
            case "llvm-optimized":
                return ObjectCode.OptimizedIr(compilation.Ir(compilation.Lower([entry], dims)), target);
            case "assembly":
                return ObjectCode.Assembly(compilation.Ir(compilation.Lower([entry], dims)), target);
            case "opencl":
                return compilation.OpenCl(compilation.Lower([entry], dims), OpenClTarget.Cpu).Text;
            case "opencl-gpu":
                return compilation.OpenCl(KernelLowering.Run(compilation.Fuse(entry, dims), OpenClTarget.Gpu.Shape), OpenClTarget.Gpu).Text;
            default:
                compilation.Fuse(entry, dims);
                return after() is { } graph ? GraphText.Print(graph) : throw new UserException($"the pass {stage} did not run: it was skipped");
        }
    }
}
