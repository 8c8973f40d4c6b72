using System.Runtime.InteropServices;
using Lepton.Abi;
using Lepton.Runtime;
using Lepton.Runtime.Tensors;
using Xunit;
using static Lepton.Tests.Runtime.NativeFixture;

namespace Lepton.Tests.Runtime;

/// <summary>Sizes are solved from shapes, and what does not fit is told. The native function here writes the sizes that it gets into its result.</summary>
public sealed unsafe class SizeBindingTests
{
    [UnmanagedCallersOnly]
    private static long Arena(long* dims) => 0;

    [UnmanagedCallersOnly]
    private static long Prepared(long* dims, long* key) => 0;

    // The last tensor is sizes: i64[count]; the first is how many tensors come before it.
    [UnmanagedCallersOnly]
    private static int TellOne(NativeContext* context, void** tensors, long* dims, byte* arena) => Tell(tensors[1], dims, 1);

    [UnmanagedCallersOnly]
    private static int TellTwo(NativeContext* context, void** tensors, long* dims, byte* arena) => Tell(tensors[1], dims, 2);

    [UnmanagedCallersOnly]
    private static int TellTwoOfTwo(NativeContext* context, void** tensors, long* dims, byte* arena) => Tell(tensors[2], dims, 2);

    private static int Tell(void* target, long* dims, int count)
    {
        new ReadOnlySpan<long>(dims, count).CopyTo(new Span<long>(target, count));
        return (int)NativeStatus.Done;
    }

    private static Module Make(ValueList<string> dims, ValueList<TensorManifest> arguments, ValueList<SizeConstraint> constraints = default)
    {
        var entry = Entry("tell", dims, arguments, [], [Tensor("sizes", ElementType.I64, dims.Count)]) with { Constraints = constraints };
        delegate* unmanaged<NativeContext*, void**, long*, byte*, int> run =
            arguments.Count == 2 ? &TellTwoOfTwo : dims.Count == 1 ? &TellOne : &TellTwo;
        delegate* unmanaged<long*, long> arena = &Arena;
        delegate* unmanaged<long*, long*, long> prepared = &Prepared;
        var (runAddress, arenaAddress, preparedAddress) = ((nint)run, (nint)arena, (nint)prepared);
        return Module.FromAddresses(
            new(ModuleManifest.CurrentFormat, "m", "host", [entry]),
            s => s switch
            {
                "lep_tell" or "lep_tell_prepare" => runAddress,
                "lep_tell_arena" => arenaAddress,
                "lep_tell_prepared" => preparedAddress,
                _ => 0,
            },
            owner: null);
    }

    private static TensorRef Empty(params long[] shape) => Lepton.Runtime.Tensors.Tensor.From(new float[TensorShape.Count(shape)], shape);

    private static long[] Solve(Module module, TensorRef[] inputs, params (string Name, long Value)[] sizes)
    {
        var options = new RunOptions { Sizes = sizes.Length == 0 ? null : sizes.ToDictionary(s => s.Name, s => s.Value) };
        using var result = module["tell"].Run(inputs, options)[0];
        return result.AsSpan<long>().ToArray();
    }

    private static string Refused(Module module, TensorRef[] inputs, params (string Name, long Value)[] sizes) =>
        Assert.Throws<LeptonArgumentException>(() => Solve(module, inputs, sizes)).Message;

    [Fact]
    public void Plain_variables_take_their_axis_and_must_agree()
    {
        using var module = Make(["B", "D"], [F32("x", "B", "D"), F32("w", "D", 3)]);
        Assert.Equal([2, 5], Solve(module, [Empty(2, 5), Empty(5, 3)]));
        Assert.Equal(
            "entry tell: argument w has shape [4, 3]: expected 5 on axis 0, which is D as in axis 1 of entry tell: argument x has shape [2, 5]; got 4",
            Refused(module, [Empty(2, 5), Empty(4, 3)]));
        Assert.Equal("entry tell: argument w has shape [5, 7]: expected 3 on axis 1; got 7", Refused(module, [Empty(2, 5), Empty(5, 7)]));
        Assert.Equal("entry tell: argument w has 2 axes [D, 3], and the tensor given has 1: [5]", Refused(module, [Empty(2, 5), Empty(5)]));
        Assert.Contains("2 arguments, and 1 is given", Refused(module, [Empty(2, 5)]));
        Assert.Contains(
            "argument x is f32, and the tensor given is i32", Refused(module, [Lepton.Runtime.Tensors.Tensor.From(new int[4], 2, 2), Empty(5, 3)]));
    }

    [Theory]
    [InlineData("N + 1", 8, 7)]
    [InlineData("2*N", 8, 4)]
    [InlineData("3*N - 4", 8, 4)]
    [InlineData("10 - N", 8, 2)]
    public void A_compound_size_is_solved_for_its_variable(string size, long given, long expected)
    {
        using var module = Make(["N"], [F32("x", size)]);
        Assert.Equal([expected], Solve(module, [Empty(given)]));
    }

    [Fact]
    public void What_has_no_solution_is_refused()
    {
        using var twice = Make(["N"], [F32("x", "2*N")]);
        Assert.Equal("entry tell: argument x has shape [7]: axis 0 must be 2*N, and no N gives 7", Refused(twice, [Empty(7)]));
        using var next = Make(["N"], [F32("x", "N + 1")]);
        Assert.Contains("no N gives 0", Refused(next, [Empty(0)]));
        using var square = Make(["N"], [F32("x", "N*N")]);
        Assert.Equal("entry tell: size N does not follow from the arguments' shapes; give it by name (N=...)", Refused(square, [Empty(9)]));
        Assert.Equal([3], Solve(square, [Empty(9)], ("N", 3)));
        Assert.Contains("expected 4 on axis 0, which is N*N with N = 2; got 9", Refused(square, [Empty(9)], ("N", 2)));
    }

    [Fact]
    public void Sizes_by_name_help_and_must_agree()
    {
        using var module = Make(["N", "M"], [F32("x", "N*M")]);
        Assert.Contains("size N does not follow", Refused(module, [Empty(12)]));
        Assert.Equal([3, 4], Solve(module, [Empty(12)], ("M", 4)));
        Assert.Equal([3, 4], Solve(module, [Empty(12)], ("M", 4), ("N", 3)));
        Assert.Contains("must be", Refused(module, [Empty(12)], ("M", 5)));
        Assert.Contains("size M does not follow", Refused(module, [Empty(0)], ("N", 0)));
        Assert.Contains("negative", Refused(module, [Empty(12)], ("M", -4)));
        using var plain = Make(["N"], [F32("x", "N")]);
        Assert.Equal(
            "entry tell: argument x has shape [3]: expected 4 on axis 0, which is N, given by name; got 3", Refused(plain, [Empty(3)], ("N", 4)));
    }

    [Fact]
    public void Compound_sizes_are_solved_after_one_another_and_checked()
    {
        using var module = Make(["N", "M"], [F32("x", "N*M", "M + 2"), F32("y", "max(N, M)", "floordiv(N, 2)", "mod(M, 3)")]);
        Assert.Equal([7, 4], Solve(module, [Empty(28, 6), Empty(7, 3, 1)]));
        Assert.Contains("expected 7 on axis 0, which is max(M, N) with N = 7, M = 4; got 8", Refused(module, [Empty(28, 6), Empty(8, 3, 1)]));
    }

    [Fact]
    public void Constraints_are_checked()
    {
        var (n, m) = (SizeExpr.Variable("N"), SizeExpr.Variable("M"));
        using var module = Make(
            ["N", "M"], [F32("x", "N", "M")],
            [new(SizeExpr.FloorDiv(n, 2) * 2, n, false, "N / 2 at f.lep:3:5"), new(m, 4, true, "")]);
        Assert.Equal([6, 4], Solve(module, [Empty(6, 4)]));
        Assert.Equal("entry tell: 2*floordiv(N, 2) = 6 must be equal to N = 7 (N / 2 at f.lep:3:5)", Refused(module, [Empty(7, 4)]));
        Assert.Equal("entry tell: M = 3 must be at least 4", Refused(module, [Empty(6, 3)]));
    }

    [Fact]
    public void Arithmetic_that_overflows_or_divides_by_zero_is_told()
    {
        var (n, m) = (SizeExpr.Variable("N"), SizeExpr.Variable("M"));
        using var module = Make(["N", "M"], [F32("x", "N", "M")], [new(n * n * n * n, m, true, ""), new(SizeExpr.FloorDiv(n, m), 0, true, "")]);
        Assert.Contains("overflows for N = 100000", Refused(module, [Empty(100_000, 0)]));
        Assert.Contains("divides by zero for N = 3, M = 0", Refused(module, [Empty(3, 0)]));
    }

    [Fact]
    public void Outputs_of_another_shape_are_refused()
    {
        using var module = Make(["B", "D"], [F32("x", "B", "D")]);
        var e = Assert.Throws<LeptonArgumentException>(() => module["tell"].Run([Empty(2, 3)], [Lepton.Runtime.Tensors.Tensor.From(new long[3])]));
        Assert.Equal("entry tell: result sizes has shape [3]: expected 2 on axis 0; got 3", e.Message);
    }

    [Fact]
    public void Every_size_program_gives_what_its_expression_gives()
    {
        string[] texts =
        [
            "0", "7", "-3", "N", "-N", "N*N*M - 3*N + 2", "floordiv(N - 7, 3)", "mod(3 - N, 4)", "max(N, M + 1)*min(2*N, 9)", "floordiv(floordiv(N*M, 2) + 1, M + 1)",
        ];
        var dims = new Dictionary<string, int> { ["N"] = 0, ["M"] = 1 };
        foreach (var size in texts.Select(t => SizeParser.Parse(t)))
        {
            var program = new Lepton.Runtime.Sizes.SizeProgram(size, dims);
            var stack = new long[program.StackDepth];
            foreach (var (n, m) in new[] { (0L, 0L), (1, 5), (10, 3), (123, 77) })
            {
                Assert.Equal(size.Evaluate(v => v == "N" ? n : m), program.Evaluate([n, m], stack));
            }
        }
    }
}
