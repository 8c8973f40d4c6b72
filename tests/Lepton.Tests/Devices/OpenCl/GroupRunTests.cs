using Lepton.Codegen.OpenCl;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Kernels;
using Lepton.Tests.Support;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>What graphics processors get, work-groups with barriers and shared memory, on whatever OpenCL device there is.</summary>
[Collection("opencl")]
public class GroupRunTests
{
    [OpenClFact]
    public void Random_kernels_made_for_a_graphics_processor_give_what_the_interpreter_says()
    {
        var grouped = 0;
        foreach (var seed in KernelHarness.Seeds("LEPTON_GROUPS", 3))
        {
            var (graph, strategy) = RandomProduct.Make(new Random(seed));
            var inputs = graph.Inputs.Select((id, i) => KernelHarness.Random(graph[id].Type.Element, seed + i, [.. graph[id].Type.Shape.Select(s => s.AsConstant!.Value)])).ToArray();
            var module = KernelLowering.Run(RowwiseTests.OneGroup(graph, strategy), OpenClTarget.Gpu.Shape);
            using var code = NativeRunner.LoadOpenCl(module, OpenClTarget.Gpu);
            var arguments = graph.Inputs.Select((id, i) => (((InputNode)graph[id]).Kind, i)).OrderBy(p => p.Kind).Select(p => inputs[p.i]).ToArray();
            var (expected, found) = (Interpreter.Run(graph, inputs), NativeRunner.Run(code.Entries.First(), arguments, new Dictionary<string, long>()));
            foreach (var (e, f) in expected.Zip(found))
            {
                for (var i = 0; i < e.Count; i++)
                {
                    var (x, y) = (e[i].AsDouble, f[i].AsDouble);
                    Assert.True(x.Equals(y) || Math.Abs(x - y) <= 1e-3 * (1 + Math.Abs(x)), $"seed {seed}: element {i} is {y}, not {x}");
                }
            }

            grouped += module.Kernels.Count(k => k.Group > 1);
        }

        Assert.InRange(grouped, 1, int.MaxValue);
    }
}
