using Lepton.CommandLine.Profiling;
using Lepton.Graphs;
using Lepton.Kernels;
using Lepton.Tests.Kernels;
using Xunit;

namespace Lepton.Tests.CommandLine;

/// <summary>What a kernel's arithmetic is held against.</summary>
public sealed class ArithmeticRateTests
{
    [Theory]
    [InlineData("f32", "f32", false, 1)]
    [InlineData("f64", "f64", false, 0.5)]
    [InlineData("f16", "f16", false, 1)]
    [InlineData("i8", "i32", false, 2)]
    [InlineData("i8", "i32", true, 4)]
    [InlineData("i32", "i32", true, 1)]
    public void Of_products(string element, string sum, bool bytes, double rate)
    {
        var cast = element == sum ? "%1 = neg %0" : "%1 = cast %0";
        var graph = GraphText.Parse(
            $"graph g() {{\n%0 = input argument x : {element}[40, 40]\n{cast} : {sum}[40, 40]\n%2 = contract %1[0, 1], %1[1, 2] -> [0, 2] : {sum}[40, 40]\noutput y = %2\n}}\n");
        var module = KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Contraction), KernelOptions.Default with { ByteDots = bytes });
        Assert.Equal(rate, ArithmeticRate.Of(module.Kernels[^1]));
    }

    [Theory]
    [InlineData("f64", 0.5)]
    [InlineData("f32", 1)]
    public void Of_elementwise_work(string element, double rate)
    {
        var graph = GraphText.Parse($"graph g() {{\n%0 = input argument x : {element}[40]\n%1 = exp %0 : {element}[40]\n%2 = add %1, %0 : {element}[40]\noutput y = %2\n}}\n");
        Assert.Equal(rate, ArithmeticRate.Of(KernelLowering.Run(RowwiseTests.OneGroup(graph, KernelStrategy.Map)).Kernels[^1]));
    }
}
