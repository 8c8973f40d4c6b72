using Lepton.Abi;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Kernels.Loops;
using Lepton.Kernels.Scheduling;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Products whose vectors lie along the rows of packed parameters, against the interpreter of graphs, also where that would not pay.</summary>
public sealed class TransposedContractionTests
{
    private static string Lower(string text, TensorValue[] inputs, bool forced = true, double tolerance = 1e-4)
    {
        var graph = GraphText.Parse(text);
        GraphVerifier.Verify(graph);
        var fused = RowwiseTests.OneGroup(graph, KernelStrategy.Contraction);
        var options = KernelOptions.Default with { Schedules = Schedules.None };
        if (forced)
        {
            var use = KernelLowering.Run(fused, options).Uses.Single();
            var choice = use.Space.Model["by"] == "transposed" ? use.Space.Model : use.Space.Near(use.Space.Model).First(c => c["by"] == "transposed");
            Assert.Null(use.Space.Problem(choice));
            options = options with { Schedules = Schedules.None.With(use.Key, choice) };
        }

        return string.Join(" | ", Check(fused, inputs, tolerance, options).Kernels.Select(k => k.Note));
    }

    [Fact]
    public void Every_size_around_the_tile()
    {
        foreach (var (element, m, n, k) in from element in (ElementType[])[ElementType.F32, ElementType.F64, ElementType.I32]
                                           from m in (int[])[2, 7, 16, 33] from n in (int[])[2, 5, 6, 7, 13, 31] from k in (int[])[4, 9, 700] select (element, m, n, k))
        {
            var t = element.Name();
            var note = Lower(
                $$"""
                graph g() {
                  %0 = input argument x : {{t}}[{{k}}, {{n}}]
                  %1 = input argument r : {{t}}[{{m}}, {{n}}]
                  %2 = input parameter w : {{t}}[{{m}}, {{k}}]
                  %3 = contract %2[0, 1], %0[1, 2] -> [0, 2] : {{t}}[{{m}}, {{n}}]
                  %4 = add %3, %1 : {{t}}[{{m}}, {{n}}]
                  output y = %4
                  output z = %3
                }
                """,
                [Random(element, 1, k, n), Random(element, 2, m, n), Random(element, 3, m, k)]);
            Assert.Contains($"transposed, {n} x {m} x {k}", note);
        }
    }

    /// <summary>Strides, padding of every kind, batches, groups of channels, a long epilogue.</summary>
    [Theory]
    [InlineData("fill", 7, 7, 1)]
    [InlineData("clamp", 5, 3, 1)]
    [InlineData("reflect", 4, 9, 1)]
    [InlineData("fill", 7, 7, 2)]
    [InlineData("fill", 3, 5, 2)]
    public void Convolutions(string mode, int height, int width, int stride)
    {
        var (fill, rows, columns) = (mode == "fill" ? " fill 3" : "", height * stride, width * stride);
        string Window(string at, int tap) => stride == 1 ? $"{at} + i{tap} - 1 else {mode}" : $"{stride}*{at} + i{tap} - 1 else {mode}";
        var result = $"f32[2, 9, {height}, {width}]";
        var note = Lower(
            $$"""
            graph g() {
              %0 = input argument x : f32[2, 5, {{rows}}, {{columns}}]
              %1 = input parameter w : f32[9, 5, 3, 3]
              %2 = view %0 [i0, i1, {{Window("i2", 4)}}, {{Window("i3", 5)}}]{{fill}} : f32[2, 5, {{height}}, {{width}}, 3, 3]
              %3 = contract %2[0, 4, 2, 3, 5, 6], %1[1, 4, 5, 6] -> [0, 1, 2, 3] : {{result}}
              %4 = tanh %3 : {{result}}
              %5 = mul %4, %3 : {{result}}
              output y = %5
            }
            """,
            [Random(ElementType.F32, 1, 2, 5, rows, columns), Random(ElementType.F32, 2, 9, 5, 3, 3)]);
        Assert.Contains($"transposed, {height * width} x 9 x 45", note);
    }

    /// <summary>512 filters on images of 7 x 7, as deep networks end: their rows are shorter than a vector, and 49 columns fill no vectors.</summary>
    [Fact]
    public void The_model_takes_it_for_small_images_of_many_channels()
    {
        string Text(string weights) => $$"""
            graph g() {
              %0 = input argument x : f32[1, 32, 7, 7]
              %1 = input {{weights}} w : f32[64, 32, 3, 3]
              %2 = view %0 [i0, i1, i2 + i4 - 1 else fill, i3 + i5 - 1 else fill] fill 0 : f32[1, 32, 7, 7, 3, 3]
              %3 = contract %2[0, 4, 2, 3, 5, 6], %1[1, 4, 5, 6] -> [0, 1, 2, 3] : f32[1, 64, 7, 7]
              output y = %3
            }
            """;
        var inputs = new[] { Random(ElementType.F32, 1, 1, 32, 7, 7), Random(ElementType.F32, 2, 64, 32, 3, 3) };
        Assert.Contains("transposed, 49 x 64 x 288", Lower(Text("parameter"), inputs, forced: false));
        Assert.DoesNotContain("transposed", Lower(Text("argument"), inputs, forced: false));
    }

    /// <summary>Both sides: columns that fill vectors, and too few of them. A schedule that says what the model says asks ahead as the model does.</summary>
    [Theory]
    [InlineData(64)]
    [InlineData(7)]
    public void Panels_that_stream_are_asked_for_ahead_in_planned_schedules_too(int n)
    {
        var graph = GraphText.Parse($$"""
            graph g() {
              %0 = input argument x : f32[256, {{n}}]
              %1 = input parameter w : f32[128, 256]
              %2 = contract %1[0, 1], %0[1, 2] -> [0, 2] : f32[128, {{n}}]
              output y = %2
            }
            """);
        var fused = RowwiseTests.OneGroup(graph, KernelStrategy.Contraction);
        var options = KernelOptions.Default with { Schedules = Schedules.None, Miniature = 64 };
        var module = KernelLowering.Run(fused, options);
        var use = module.Uses.Single();
        var planned = KernelLowering.Run(fused, options with { Schedules = Schedules.None.With(use.Key, use.Space.Model) });
        Assert.True(planned.Uses.Single().IsPlanned);
        Assert.Contains("prefetch far", LoopText.Print(module));
        Assert.Equal(LoopText.Print(module), LoopText.Print(planned));
    }
}
