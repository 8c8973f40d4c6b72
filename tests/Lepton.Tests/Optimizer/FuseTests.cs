using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Optimizer;
using Lepton.Optimizer.Fusion;
using Xunit;

namespace Lepton.Tests.Optimizer;

/// <summary>Which kernels well-known programs become.</summary>
public sealed class FuseTests
{
    private static readonly PassOptions Checked = new() { Verify = true };

    [Fact]
    public void Wave_is_one_kernel()
    {
        var fused = Fused(
            """
            graph wave(N) {
              %0 = input argument x : f32[N]
              %1 = sin %0 : f32[N]
              %2 = splat 2 : f32[N]
              %3 = pow %0, %2 : f32[N]
              %4 = cos %3 : f32[N]
              %5 = add %1, %4 : f32[N]
              %6 = exp %0 : f32[N]
              %7 = add %5, %6 : f32[N]
              output y = %7
            }
            """);
        Strategies(fused, KernelStrategy.Map);
    }

    [Fact]
    public void Softmax_is_one_kernel_and_no_more_with_work_before_it()
    {
        var fused = Fused(
            """
            graph softmax(B) {
              %0 = input argument x : f32[B, 10]
              %1 = input argument b : f32[10]
              %2 = view %1 [i1] : f32[B, 10]
              %3 = add %0, %2 : f32[B, 10]
              %4 = reduce max %3 [1] : f32[B]
              %5 = view %4 [i0] : f32[B, 10]
              %6 = sub %3, %5 : f32[B, 10]
              %7 = exp %6 : f32[B, 10]
              %8 = reduce sum %7 [1] : f32[B]
              %9 = view %8 [i0] : f32[B, 10]
              %10 = div %7, %9 : f32[B, 10]
              output y = %10
            }
            """);
        Strategies(fused, KernelStrategy.Rowwise);
        Assert.Equal("softmax_0", fused.Groups[0].Name);
    }

    [Fact]
    public void Mlp_is_three_kernels_none_for_views()
    {
        var fused = Fused(
            """
            graph mlp(B) {
              %0 = input argument x : f32[B, 784]
              %1 = input parameter w1 : f32[784, 128]
              %2 = input parameter b1 : f32[128]
              %3 = input parameter w2 : f32[128, 10]
              %4 = input parameter b2 : f32[10]
              %5 = view %0 [i0, i2] : f32[B, 128, 784]
              %6 = view %1 [i2, i1] : f32[B, 128, 784]
              %7 = mul %5, %6 : f32[B, 128, 784]
              %8 = reduce sum %7 [2] : f32[B, 128]
              %9 = view %2 [i1] : f32[B, 128]
              %10 = add %8, %9 : f32[B, 128]
              %11 = splat 0 : f32[B, 128]
              %12 = max %10, %11 : f32[B, 128]
              %13 = contract %12[0, 2], %3[2, 1] -> [0, 1] : f32[B, 10]
              %14 = view %4 [i1] : f32[B, 10]
              %15 = add %13, %14 : f32[B, 10]
              %16 = reduce max %15 [1] : f32[B]
              %17 = view %16 [i0] : f32[B, 10]
              %18 = sub %15, %17 : f32[B, 10]
              %19 = exp %18 : f32[B, 10]
              %20 = reduce sum %19 [1] : f32[B]
              %21 = view %20 [i0] : f32[B, 10]
              %22 = div %19, %21 : f32[B, 10]
              output p = %22
            }
            """);
        Strategies(fused, KernelStrategy.Contraction, KernelStrategy.Contraction, KernelStrategy.Rowwise);
        Assert.Equal(["contract_add_max_0", "contract_add_1", "softmax_2"], fused.Groups.Select(g => g.Name));
    }

    [Fact]
    public void Layer_norm_is_one_kernel()
    {
        var fused = Fused(
            """
            graph layernorm(B, D) {
              %0 = input argument x : f32[B, D]
              %1 = input argument g : f32[D]
              %2 = reduce sum %0 [1] : f32[B]
              %3 = size D : i64
              %4 = view %3 [] : i64[B]
              %5 = cast %4 : f32[B]
              %6 = div %2, %5 : f32[B]
              %7 = view %6 [i0] : f32[B, D]
              %8 = sub %0, %7 : f32[B, D]
              %9 = splat 2 : f32[B, D]
              %10 = pow %8, %9 : f32[B, D]
              %11 = reduce sum %10 [1] : f32[B]
              %12 = div %11, %5 : f32[B]
              %13 = view %12 [i0] : f32[B, D]
              %14 = splat 1e-5 : f32[B, D]
              %15 = add %13, %14 : f32[B, D]
              %16 = sqrt %15 : f32[B, D]
              %17 = div %8, %16 : f32[B, D]
              %18 = view %1 [i1] : f32[B, D]
              %19 = mul %17, %18 : f32[B, D]
              output y = %19
            }
            """);
        Strategies(fused, KernelStrategy.Rowwise);
    }

    [Fact]
    public void Logsumexp_and_mean_with_variance_are_one_kernel_each()
    {
        Strategies(
            Fused(
                """
                graph lse(B, D) {
                  %0 = input argument x : f32[B, D]
                  %1 = reduce max %0 [1] : f32[B]
                  %2 = view %1 [i0] : f32[B, D]
                  %3 = sub %0, %2 : f32[B, D]
                  %4 = exp %3 : f32[B, D]
                  %5 = reduce sum %4 [1] : f32[B]
                  %6 = log %5 : f32[B]
                  %7 = add %6, %1 : f32[B]
                  output y = %7
                }
                """),
            KernelStrategy.Rowwise);
        var both = Fused(
            """
            graph moments(B) {
              %0 = input argument x : f32[B, 100]
              %1 = reduce sum %0 [1] : f32[B]
              %2 = splat 100 : f32[B]
              %3 = div %1, %2 : f32[B]
              %4 = view %3 [i0] : f32[B, 100]
              %5 = sub %0, %4 : f32[B, 100]
              %6 = mul %5, %5 : f32[B, 100]
              %7 = reduce sum %6 [1] : f32[B]
              %8 = div %7, %2 : f32[B]
              output mean = %3
              output variance = %8
            }
            """);
        Strategies(both, KernelStrategy.Rowwise);
        Assert.Equal(2, both.Groups[0].Outputs.Count);
    }

    [Fact]
    public void Sibling_reductions_and_sibling_maps_share_a_kernel()
    {
        Strategies(
            Fused(
                """
                graph siblings(B, D) {
                  %0 = input argument x : f32[B, D]
                  %1 = reduce sum %0 [1] : f32[B]
                  %2 = mul %0, %0 : f32[B, D]
                  %3 = reduce max %2 [1] : f32[B]
                  %4 = reduce argmax %0 [1] : i64[B]
                  output a = %1
                  output b = %3
                  output c = %4
                }
                """),
            KernelStrategy.Rowwise);
        Strategies(
            Fused(
                """
                graph adam(N) {
                  %0 = input argument w : f32[N]
                  %1 = input argument g : f32[N]
                  %2 = mul %1, %1 : f32[N]
                  %3 = add %0, %1 : f32[N]
                  %4 = sqrt %2 : f32[N]
                  %5 = div %3, %4 : f32[N]
                  output v = %2
                  output m = %3
                  output w2 = %5
                }
                """),
            KernelStrategy.Map);
    }

    [Fact]
    public void An_expensive_value_that_is_repeated_is_stored_and_a_cheap_one_is_not()
    {
        const string Text =
            """
            graph repeated(B) {
              %0 = input argument x : f32[64]
              %1 = input argument y : f32[B, 64]
              %2 = OP %0 : f32[64]
              %3 = view %2 [i1] : f32[B, 64]
              %4 = add %3, %1 : f32[B, 64]
              output z = %4
            }
            """;
        Strategies(Fused(Text.Replace("OP", "exp")), KernelStrategy.Map, KernelStrategy.Map);
        var stored = Fused(Text.Replace("OP", "exp"));
        Assert.Contains(stored.Notes, n => !n.Fused && n.Reason.Contains("times per element"));
    }

    [Fact]
    public void A_residual_and_a_second_reader_of_a_contraction()
    {
        var fused = Fused(
            """
            graph residual(B) {
              %0 = input argument x : f32[B, 32]
              %1 = input argument w : f32[32, 32]
              %2 = contract %0[0, 2], %1[2, 1] -> [0, 1] : f32[B, 32]
              %3 = tanh %2 : f32[B, 32]
              %4 = add %3, %0 : f32[B, 32]
              %5 = contract %4[0, 2], %1[2, 1] -> [0, 1] : f32[B, 32]
              %6 = add %5, %4 : f32[B, 32]
              output z = %2
              output y = %6
            }
            """);
        Strategies(fused, KernelStrategy.Contraction, KernelStrategy.Contraction);
        Assert.Equal(2, fused.Groups[0].Outputs.Count);
    }

    [Fact]
    public void A_scan_takes_its_inputs_from_memory_and_its_body_is_fused()
    {
        var fused = Fused(
            """
            graph rnn(T, B) {
              %0 = input argument x : f32[T, B, 8]
              %1 = input argument w : f32[8, 8]
              %2 = splat 0 : f32[B, 8]
              %3 = scan [T] states [%2] captures [%0, %1] body step : f32[B, 8] {
                %0 = input step t : i64
                %1 = input state h : f32[B, 8]
                %2 = input capture x : f32[T, B, 8]
                %3 = input capture w : f32[8, 8]
                %4 = view %0 [] : i64[B, 8]
                %5 = gather %2 [data0, i0, i1] with %4 : f32[B, 8]
                %6 = contract %1[0, 2], %3[2, 1] -> [0, 1] : f32[B, 8]
                %7 = add %5, %6 : f32[B, 8]
                %8 = tanh %7 : f32[B, 8]
                output h = %8
                output hs = %8
              }
              %4 = result %3 1 : f32[T, B, 8]
              output hs = %4
            }
            """);
        Strategies(fused, KernelStrategy.Map, KernelStrategy.Loop);
        var body = Assert.Single(fused.Bodies).Value;
        Assert.Equal(KernelStrategy.Contraction, body.Groups[0].Strategy);
    }

    [Fact]
    public void A_long_chain_is_cut_into_kernels_of_bounded_size()
    {
        var graph = new GraphAssembler("chain", ["N"]);
        var x = graph.Input("x", new TensorType(ElementType.F32, [SizeExpr.Variable("N")]));
        var y = x;
        for (var i = 0; i < 1000; i++)
        {
            y = graph.Map(i % 2 == 0 ? MapOp.Sin : MapOp.Tanh, y);
        }

        graph.Output("y", y);
        var fused = GraphPasses.Run(graph.ToGraph(), Checked);
        Assert.Equal(5, fused.Groups.Count);
    }

    [Fact]
    public void An_output_that_is_an_input_or_another_output_is_copied()
    {
        var fused = Fused(
            """
            graph copies() {
              %0 = input argument x : f32[4]
              %1 = neg %0 : f32[4]
              output a = %0
              output b = %1
              output c = %1
            }
            """);
        Assert.All(fused.Groups, g => Assert.Equal(KernelStrategy.Map, g.Strategy));
        Assert.Equal(3, fused.Groups.SelectMany(g => g.Outputs).Distinct().Count());
    }

    private static FusedGraph Fused(string text) => GraphPasses.Run(GraphText.Parse(text + "\n"), Checked);

    private static void Strategies(FusedGraph fused, params KernelStrategy[] expected)
    {
        var shown = string.Join("\n", fused.Groups.Select(g => $"{g.Name} {g.Strategy}: {string.Join(" ", g.Members)} -> {string.Join(" ", g.Outputs)}"));
        var notes = string.Join("\n", fused.Notes.Select(n => $"{n.Producer} -> {n.Consumer} {n.Fused} {n.Reason}"));
        Assert.True(expected.SequenceEqual(fused.Groups.Select(g => g.Strategy)), $"{GraphText.Print(fused.Graph)}\n{shown}\n{notes}");
    }
}
