using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Results over operands that nobody reads later, and every reason not to.</summary>
public sealed class InPlaceTests
{
    // %2 = x·w, then what a test is about as a group (or several, one line each), then a product with the last of it.
    private static bool IsInPlace(string[] groups, string more = "", KernelStrategy strategy = KernelStrategy.Map)
    {
        foreach (var n in (long[])[5, 67])
        {
            var type = $"f32[{n}, {n}]";
            var (text, fused) = (new List<string>(), new List<FusionGroup>());
            Add($"contract %0[0, 1], %1[1, 2] -> [0, 2] : {type}", KernelStrategy.Contraction);
            foreach (var group in groups)
            {
                Add(group.Replace("T", type), strategy);
            }

            Add($"contract %{text.Count + 1}[0, 1], %1[1, 2] -> [0, 2] : {type}", KernelStrategy.Contraction);
            var last = text.Count + 1;
            var outputs = string.Concat($"{last} {more}".Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(o => $"output y{o} = %{o}\n"));
            var heads = $"%0 = input argument x : {type}\n%1 = input argument w : {type}\n";
            var graph = GraphText.Parse($"graph g() {{\n{heads}{string.Concat(text.Select((t, i) => $"%{i + 2} = {t}\n"))}{outputs}}}\n");
            GraphVerifier.Verify(graph);
            var module = Check(
                new FusedGraph(graph, fused.ToValueList(), [], new Dictionary<NodeId, FusedGraph>()),
                [Random(ElementType.F32, 1, n, n), Random(ElementType.F32, 2, n, n)],
                1e-3);
            if (!module.Kernels.Any(k => k.Note.EndsWith(", in place", StringComparison.Ordinal)))
            {
                return false;
            }

            void Add(string lines, KernelStrategy kind)
            {
                var members = lines.Split(';', StringSplitOptions.TrimEntries).Select((line, i) => (Line: line, Id: new NodeId(text.Count + 2 + i))).ToArray();
                text.AddRange(members.Select(m => m.Line));
                fused.Add(new FusionGroup($"g{fused.Count}", kind, members.Select(m => m.Id).ToValueList(), [members[^1].Id]));
            }
        }

        return true;
    }

    [Fact]
    public void An_elementwise_chain() => Assert.True(IsInPlace(["sin %2 : T; mul %3, %2 : T; add %4, %0 : T"]));

    [Fact]
    public void One_after_the_other() => Assert.True(IsInPlace(["sin %2 : T", "mul %3, %0 : T", "sin %4 : T"]));

    [Fact]
    public void A_residual_behind_a_product() =>
        Assert.True(IsInPlace(["contract %0[0, 1], %0[1, 2] -> [0, 2] : T; add %3, %2 : T"], strategy: KernelStrategy.Contraction));

    [Theory]
    [InlineData("view %2 [i1, i0] : T; add %3, %2 : T")]
    [InlineData("sin %2 : T; view %3 [i1, i0] : T; add %3, %4 : T")]
    [InlineData("view %2 [i0, 0] : T; sin %3 : T")]
    public void Not_what_is_read_at_another_index(string group) => Assert.False(IsInPlace([group]));

    [Fact]
    public void Not_a_factor_of_the_product() =>
        Assert.False(IsInPlace(["contract %2[0, 1], %0[1, 2] -> [0, 2] : T; add %3, %2 : T"], strategy: KernelStrategy.Contraction));

    [Fact]
    public void Not_what_is_read_later() => Assert.False(IsInPlace(["mul %0, %2 : T", "view %2 [i1, i0] : T; view %3 [i1, i0] : T; add %4, %5 : T"]));

    [Fact]
    public void Not_a_result() => Assert.False(IsInPlace(["mul %0, %2 : T"], more: "2"));
}
