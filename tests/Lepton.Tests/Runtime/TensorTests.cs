using Lepton.Abi;
using Lepton.Runtime.Tensors;
using Xunit;

namespace Lepton.Tests.Runtime;

public sealed unsafe class TensorTests
{
    [Fact]
    public void An_array_is_used_in_place()
    {
        float[] data = [1, 2, 3, 4, 5, 6];
        var tensor = Tensor.From(data, 2, 3);
        tensor.AsSpan<float>()[4] = 50;
        Assert.Equal(50, data[4]);
        Assert.Equal("f32[2, 3]", tensor.ToString());
        Assert.Equal((6, 24, 2), (tensor.Length, tensor.ByteLength, tensor.Rank));
        using var pin = tensor.Pin();
        Assert.Equal(6, ((float*)pin.Pointer)[5]);
    }

    [Fact]
    public void Part_of_a_memory_is_used_in_place()
    {
        int[] data = [1, 2, 3, 4];
        var tensor = Tensor.From(data.AsMemory(1, 2), [2]);
        tensor.AsSpan<int>()[0] = 20;
        Assert.Equal([1, 20, 3, 4], data);
    }

    [Fact]
    public void A_dense_tensor_of_the_platform_is_used_in_place_and_a_strided_one_refused()
    {
        var source = System.Numerics.Tensors.Tensor.Create([1.0, 2, 3, 4, 5, 6], [3, 2]);
        var tensor = Tensor.From(source);
        tensor.AsSpan<double>()[5] = 60;
        Assert.Equal(60, source[2, 1]);
        Assert.Equal([3L, 2], tensor.Shape.ToArray());
        using (var pin = tensor.Pin())
        {
            Assert.Equal(60, ((double*)pin.Pointer)[5]);
        }

        var column = source.Slice(0..3, 0..1);
        Assert.Throws<ArgumentException>(() => Tensor.From(column));
    }

    [Fact]
    public void A_pointer_is_checked()
    {
        var data = stackalloc long[2];
        Assert.Equal(ElementType.I64, Tensor.FromPointer(data, ElementType.I64, 2).Element);
        var address = (nint)data;
        Assert.Throws<ArgumentException>(() => Tensor.FromPointer((void*)(address + 4), ElementType.I64, 1));
        Assert.Throws<ArgumentException>(() => Tensor.FromPointer(null, ElementType.I64, 1));
        Assert.Equal(0, Tensor.FromPointer(null, ElementType.F32, 3, 0).Length);
    }

    [Fact]
    public void Owned_memory_is_aligned_zeroed_and_freed_once_no_pin_is_left()
    {
        var tensor = Tensor.Allocate(ElementType.F16, 3, 5);
        var pin = tensor.Pin();
        Assert.Equal(0, (nint)pin.Pointer % 64);
        Assert.Equal(new byte[30], tensor.AsBytes().ToArray());
        tensor.Dispose();
        ((Half*)pin.Pointer)[14] = (Half)1; // still ours while pinned
        Assert.Throws<ObjectDisposedException>(() => tensor.AsSpan<Half>()[0]);
        pin.Dispose();
        Assert.Throws<ObjectDisposedException>(() => tensor.Pin());
    }

    [Theory]
    [InlineData(new long[] { -1 })]
    [InlineData(new long[] { 0, -1 })]
    [InlineData(new[] { long.MaxValue, 2 })]
    [InlineData(new[] { 1L << 32, 1L << 32, 1L << 32 })]
    [InlineData(new[] { 1L << 46 })]
    public void Shapes_that_cannot_be_are_refused_before_memory_is_asked_for(long[] shape) =>
        Assert.Throws<ArgumentException>(() => Tensor.Allocate(ElementType.F64, shape));

    [Fact]
    public void An_empty_tensor_may_have_any_other_size()
    {
        using var tensor = Tensor.Allocate(ElementType.F64, long.MaxValue, 0, 7);
        Assert.Equal(0, tensor.Length);
        Assert.True(tensor.AsSpan<double>().IsEmpty);
    }

    [Fact]
    public void Wrong_element_types_and_lengths_are_refused()
    {
        Assert.Throws<InvalidOperationException>(() => Tensor.From(new float[1]).AsSpan<int>()[0]);
        Assert.Throws<ArgumentException>(() => Tensor.From(new float[5], 2, 3));
        Assert.Throws<ArgumentException>(() => Tensor.From(new char[1]));
    }

    [Theory]
    [InlineData(1.0f, 0x3f80)]
    [InlineData(1.00390625f, 0x3f80)] // a tie: to even
    [InlineData(1.01171875f, 0x3f82)] // a tie: to even
    [InlineData(1.0039064f, 0x3f81)]
    [InlineData(float.PositiveInfinity, 0x7f80)]
    [InlineData(float.MaxValue, 0x7f80)]
    [InlineData(-0.0f, 0x8000)]
    public void Bfloat16_rounds_to_nearest_even(float value, int bits) => Assert.Equal(bits, ((BFloat16)value).Bits);

    [Fact]
    public void Bfloat16_from_f64_rounds_once()
    {
        Assert.True(float.IsNaN((BFloat16)float.NaN));

        // A hair above the tie 1 + 2^-8: by way of f32 it would be the tie, and become 1.
        Assert.Equal(0x3f81, ((BFloat16)(1 + Math.Pow(2, -8) + Math.Pow(2, -40))).Bits);
        Assert.Equal(0x3f80, ((BFloat16)(1 + Math.Pow(2, -8) - Math.Pow(2, -40))).Bits);
        Assert.Equal(0xbf81, ((BFloat16)(-1 - Math.Pow(2, -8) - Math.Pow(2, -40))).Bits);
    }

    [Fact]
    public void Casts_mean_what_the_language_says()
    {
        using var bytes = Tensor.From([-1.5, 300, double.NaN, double.PositiveInfinity, 2.9]).ConvertTo(ElementType.U8);
        Assert.Equal([0, 255, 0, 255, 2], bytes.AsSpan<byte>().ToArray());
        using var wrapped = Tensor.From([-1L, 256, 257, 1L << 40]).ConvertTo(ElementType.U8);
        Assert.Equal([255, 0, 1, 0], wrapped.AsSpan<byte>().ToArray());
        using var large = Tensor.From([1e30, -1e30]).ConvertTo(ElementType.I64);
        Assert.Equal([long.MaxValue, long.MinValue], large.AsSpan<long>().ToArray());
        using var truth = Tensor.From([0f, -0f, float.NaN, 3]).ConvertTo(ElementType.Bool);
        Assert.Equal([false, false, true, true], truth.AsSpan<bool>().ToArray());
        using var numbers = Tensor.From([true, false]).ConvertTo(ElementType.F16);
        Assert.Equal([(Half)1, (Half)0], numbers.AsSpan<Half>().ToArray());
        using var rounded = Tensor.From([(1L << 24) + 1, (1L << 62) + (1L << 54) + 1]).ConvertTo(ElementType.BF16);
        Assert.Equal([(float)(1 << 24), (float)((1L << 62) + (1L << 55))], rounded.AsSpan<BFloat16>().ToArray().Select(b => (float)b));
    }

    [Fact]
    public void Philox_gives_the_published_values()
    {
        // Known answers of the authors' own test: all zeros, all ones, digits of pi.
        Assert.Equal((0xe169c58d_6627e8d5UL, 0x9b00dbd8_bc57ac4cUL), Philox.At(0, 0, 0));
        Assert.Equal((0x41c83b0e_408f276dUL, 0x6d5451fd_a20bc7c6UL), Philox.At(ulong.MaxValue, ulong.MaxValue, ulong.MaxValue));
        Assert.Equal(
            (0x94fdcceb_d16cfe09UL, 0x24126ea1_5001e420UL),
            Philox.At(0x299f31d0_a4093822, 0x85a308d3_243f6a88, 0x03707344_13198a2e));
    }
}
