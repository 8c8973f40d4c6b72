using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Tests.Support;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>
/// Random graphs through the passes: the verifier after each, the same numbers as before to the tolerance that the generator works out (0 where
/// nothing rounds).
/// </summary>
public sealed class RandomGraphPassTests
{
    private const int Graphs = 300;

    public static TheoryData<string> Passes => [.. GraphPasses.Names];

    [Fact]
    public void All_passes_keep_the_numbers()
    {
        for (var seed = 0; seed < Graphs; seed++)
        {
            Check(RandomGraphs.Make(seed), new PassOptions { Verify = true });
        }
    }

    [Fact]
    public void All_passes_keep_the_numbers_of_specialised_graphs()
    {
        for (var seed = Graphs; seed < 2 * Graphs; seed++)
        {
            var made = RandomGraphs.Make(seed);
            var fused = Check(made, new PassOptions { Verify = true, Dims = made.Sizes });
            Assert.Empty(fused.Graph.Dims);
        }
    }

    [Fact]
    public void Contractions_alone_keep_the_numbers()
    {
        for (var seed = 0; seed < Graphs / 3; seed++)
        {
            Check(RandomGraphs.Make(3000 + seed), new PassOptions { Verify = true, ContractionsAlone = true });
        }
    }

    [Theory]
    [MemberData(nameof(Passes))]
    public void One_pass_left_out_keeps_the_numbers(string skipped)
    {
        for (var seed = 0; seed < Graphs / 3; seed++)
        {
            Check(RandomGraphs.Make(1000 + seed), new PassOptions { Verify = true, Skip = new HashSet<string> { skipped } });
        }
    }

    [Theory]
    [MemberData(nameof(Passes))]
    public void One_pass_alone_keeps_the_numbers(string only)
    {
        for (var seed = 0; seed < Graphs / 3; seed++)
        {
            Check(RandomGraphs.Make(2000 + seed), new PassOptions { Verify = true, Skip = GraphPasses.Names.Where(n => n != only).ToHashSet() });
        }
    }

    [Fact]
    public void Passes_settle()
    {
        for (var seed = 0; seed < Graphs; seed++)
        {
            var once = GraphPasses.Optimize(RandomGraphs.Make(seed).Graph, new PassOptions());
            var changed = new List<string>();
            var twice = GraphPasses.Optimize(once, new PassOptions
            {
                Trace = (name, before, after, _) =>
                {
                    if (!ReferenceEquals(before, after))
                    {
                        changed.Add(name);
                    }
                },
            });
            Assert.True(changed.Count == 0, $"seed {seed}: {string.Join(", ", changed)}\n{GraphText.Print(once)}{GraphText.Print(twice)}");
        }
    }

    private static FusedGraph Check(RandomCase made, PassOptions options)
    {
        FusedGraph fused;
        try
        {
            fused = GraphPasses.Run(made.Graph, options);
        }
        catch (CompilerBugException e)
        {
            throw new InvalidOperationException($"{e.Message}\n{made}", e);
        }

        var difference = made.Difference(made.Run(), made.Run(fused.Graph));
        Assert.True(difference is null, $"{difference}\n{made}\n{GraphText.Print(fused.Graph)}");
        return fused;
    }
}
