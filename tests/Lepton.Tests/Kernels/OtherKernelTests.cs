using Lepton.Abi;
using Lepton.Graphs;
using Xunit;
using static Lepton.Tests.Kernels.KernelHarness;

namespace Lepton.Tests.Kernels;

/// <summary>Scatters, concats and loops against the interpreter of graphs.</summary>
public sealed class OtherKernelTests
{
    private static readonly TensorValue X = Random(ElementType.F32, 1, 5, 7);

    [Theory]
    [InlineData("add")]
    [InlineData("mul")]
    [InlineData("max")]
    [InlineData("min")]
    public void Scatters(string kind)
    {
        var line = Random(ElementType.F32, 2, 9);
        var at = Random(ElementType.I64, 3, 5); // 0 … 9: 9 is outside of 9
        foreach (var mode in (string[])["fill", "clamp", "wrap", "reflect"])
        {
            Check($"scatter {kind} %0, %1 [data0 else {mode}] with %2 : f32[9]", line, Random(ElementType.F32, 4, 5), at);
        }

        // The last axis straight, in vectors; the rows meet.
        Check($"view %2 [i0] : i64[5, 40]; scatter {kind} %0, %1 [data0, i1] with %3 : f32[10, 40]", Random(ElementType.F32, 5, 10, 40), Random(ElementType.F32, 6, 5, 40), at);
        Check($"scatter {kind} %0, %1 [data0, i1] with %2 : f32[10, 40]", Random(ElementType.F32, 5, 10, 40), Random(ElementType.F32, 6, 5, 40), Random(ElementType.I64, 7, 5, 40));
        Check($"splat 1 : f16[10]; exp %0 : f16[5]; scatter {kind} %2, %3 [data0] with %1 : f16[10]", Random(ElementType.F16, 8, 5), at);
        Check($"scatter {kind} %0, %1 [2*i0 - 1 else fill] : f32[9]", line, Random(ElementType.F32, 4, 5));
        Check($"scatter {kind} %0, %1 [data0] with %2 : i32[10]", Random(ElementType.I32, 9, 10), Random(ElementType.I32, 10, 5), at);
        Check($"scatter {kind} %0, %1 [0] : f32[1]", F32([1], 2), Random(ElementType.F32, 11, 0));
    }

    [Fact]
    public void Scatters_out_of_range_name_the_first_element() =>
        Check(
            "scatter add %0, %1 [data0 check 0] with %2 : f32[4]; site 0 \"h[b]\" at \"f:1:1\" over [5]",
            Random(ElementType.F32, 2, 4), Random(ElementType.F32, 4, 5), I64([5], 0, 3, 4, -1, 2));

    [Fact]
    public void Concats_part_by_part()
    {
        var y = Random(ElementType.F32, 15, 2, 7);
        Check("concat %0, %1 axis 0 : f32[7, 7]", X, y);
        Check("exp %0 : f32[5, 7]; concat %2, %1, %0 axis 0 : f32[12, 7]", X, y);
        Check("splat 2 : f32[5, 3]; concat %0, %1, %0 axis 1 : f32[5, 17]", X);
        Check("concat %0, %1 axis 0 : f32[5]", F32([0]), F32([5], 1, 2, 3, 4, 5));
    }

    private const string Rnn = """
        graph rnn(T, B, D) {
          %0 = input argument x : f32[T, B, D]
          %1 = input argument h0 : f32[B, D]
          %2 = input argument w : f32[D, D]
          %3 = scan [T] states [%1] captures [%0, %2] body step : f32[B, D] {
            %0 = input step t : i64
            %1 = input state h : f32[B, D]
            %2 = input capture x : f32[T, B, D]
            %3 = input capture w : f32[D, D]
            %4 = view %0 [] : i64[B, D]
            %5 = gather %2 [data0, i0, i1] with %4 : f32[B, D]
            %6 = contract %1[0, 1], %3[1, 2] -> [0, 2] : f32[B, D]
            %7 = add %5, %6 : f32[B, D]
            %8 = tanh %7 : f32[B, D]
            %9 = reduce sum %8 [1] : f32[B]
            output h = %8
            output hs = %8
            output norm = %9
          }
          %4 = result %3 0 : f32[B, D]
          %5 = result %3 1 : f32[T, B, D]
          %6 = result %3 2 : f32[T, B]
          %7 = exp %6 : f32[T, B]
          output h = %4
          output hs = %5
          output norms = %7
        }
        """;

    [Theory]
    [InlineData(3, 2, 5)]
    [InlineData(1, 1, 1)]
    [InlineData(0, 2, 3)]
    [InlineData(4, 0, 3)]
    [InlineData(5, 1, 18)]
    public void Scans(long t, long b, long d) =>
        Check(GraphText.Parse(Rnn), [Random(ElementType.F32, 1, t, b, d), Random(ElementType.F32, 2, b, d), Random(ElementType.F32, 3, d, d)]);

    [Fact]
    public void States_that_change_places_and_stay()
    {
        var graph = GraphText.Parse("""
            graph g() {
              %0 = input argument a : f32[3]
              %1 = splat 2 : f32[3]
              %2 = scan [3] states [%0, %1, %1, %0] captures [] body swap : f32[3] {
                %0 = input step t : i64
                %1 = input state a : f32[3]
                %2 = input state b : f32[3]
                %3 = input state c : f32[3]
                %4 = input state d : f32[3]
                %5 = cast %0 : f32
                %6 = view %5 [] : f32[3]
                %7 = add %6, %4 : f32[3]
                output a = %2
                output b = %1
                output c = %3
                output d = %7
                output es = %7
                output ts = %0
                output bs = %2
              }
              %3 = result %2 0 : f32[3]
              %4 = result %2 1 : f32[3]
              %5 = result %2 2 : f32[3]
              %6 = result %2 3 : f32[3]
              %7 = result %2 4 : f32[3, 3]
              %8 = result %2 5 : i64[3]
              %9 = result %2 6 : f32[3, 3]
              %10 = add %6, %1 : f32[3]
              output a = %3
              output b = %4
              output c = %5
              output d = %10
              output es = %7
              output ts = %8
              output bs = %9
              output again = %3
            }
            """);
        Check(graph, [F32([3], 5, 6, 7)]);
    }

    [Theory]
    [InlineData(0.5, 100)]
    [InlineData(1e-3, 100)]
    [InlineData(1e-3, 4)]
    [InlineData(1e-3, 0)]
    public void Iterates(double tolerance, int max)
    {
        var graph = GraphText.Parse($$"""
            graph g(N) {
              %0 = input argument x : f32[N]
              %1 = input argument eps : f32
              %2 = iterate [{{max}}] states [%0] captures [%1] body halve : f32[N] {
                %0 = input step t : i64
                %1 = input state x : f32[N]
                %2 = input capture eps : f32
                %3 = splat 0.5 : f32[N]
                %4 = mul %1, %3 : f32[N]
                %5 = abs %4 : f32[N]
                %6 = reduce max %5 [0] : f32
                %7 = less %6, %2 : bool
                output x = %4
                output until = %7
              }
              %3 = result %2 0 : f32[N]
              output x = %3
            }
            """);
        Check(graph, [Random(ElementType.F32, 1, 20), F32([], tolerance)]);
    }

    [Fact]
    public void Loops_in_loops()
    {
        var graph = GraphText.Parse("""
            graph g(N) {
              %0 = input argument x : f32[N]
              %1 = scan [4] states [%0] captures [] body outer : f32[N] {
                %0 = input step t : i64
                %1 = input state x : f32[N]
                %2 = exp %1 : f32[N]
                %3 = scan [3] states [%2] captures [%0, %1] body inner : f32[N] {
                  %0 = input step u : i64
                  %1 = input state y : f32[N]
                  %2 = input capture t : i64
                  %3 = input capture x : f32[N]
                  %4 = mul %0, %2 : i64
                  %5 = cast %4 : f32
                  %6 = view %5 [] : f32[N]
                  %7 = add %6, %3 : f32[N]
                  %8 = atan %1 : f32[N]
                  %9 = add %7, %8 : f32[N]
                  output y = %9
                  output ys = %8
                }
                %4 = result %3 0 : f32[N]
                %5 = result %3 1 : f32[3, N]
                output x = %4
                output zs = %5
              }
              %2 = result %1 0 : f32[N]
              %3 = result %1 1 : f32[4, 3, N]
              output x = %2
              output zs = %3
            }
            """);
        Check(graph, [Random(ElementType.F32, 1, 20)]);
    }
}
