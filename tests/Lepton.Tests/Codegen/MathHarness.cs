using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Runtime.Tensors;
using Lepton.Tests.Support;

namespace Lepton.Tests.Codegen;

/// <summary>One function of the math library, compiled for a target, over arrays. With LEPTON_TEST_DEVICE: on that device, as a program.</summary>
internal sealed unsafe class MathHarness : IDisposable
{
    private static readonly MathFunction[] Binary = [MathFunction.Pow, MathFunction.Atan2, MathFunction.Remainder];
    private readonly LeptonEngine? _engine;
    private readonly JitModule? _module;
    private readonly delegate* unmanaged<void*, void*, void*, long, void> _run;

    public MathHarness(MathFunction function, ElementType type, int lanes, CpuTarget target)
    {
        Lanes = lanes;
        if (NativeRunner.Device != CodeDevice.Cpu)
        {
            _engine = LeptonEngine.Compile(Program(function, type), new LeptonOptions { Device = NativeRunner.Device.ToString().ToLowerInvariant(), Target = target.Level.ToString().ToLowerInvariant() });
            Ir = "";
            return;
        }

        var library = new MathLibrary(target);
        var name = library.Require(function, type, lanes);
        var scalar = type == ElementType.F32 ? "float" : "double";
        var t = lanes == 1 ? scalar : $"<{lanes} x {scalar}>";
        var two = Binary.Contains(function);
        Ir = $$"""
            define void @run(ptr %x, ptr %y, ptr %out, i64 %n) nounwind {
            entry:
              br label %loop
            loop:
              %i = phi i64 [ 0, %entry ], [ %next, %loop ]
              %px = getelementptr {{scalar}}, ptr %x, i64 %i
              %py = getelementptr {{scalar}}, ptr %y, i64 %i
              %po = getelementptr {{scalar}}, ptr %out, i64 %i
              %a = load {{t}}, ptr %px, align {{type.ByteSize()}}
              %b = load {{t}}, ptr %py, align {{type.ByteSize()}}
              %r = call {{t}} @{{name}}({{t}} %a{{(two ? $", {t} %b" : "")}})
              store {{t}} %r, ptr %po, align {{type.ByteSize()}}
              %next = add i64 %i, {{lanes}}
              %more = icmp slt i64 %next, %n
              br i1 %more, label %loop, label %done
            done:
              ret void
            }

            {{library.Text}}
            {{MathLibrary.Metadata}}
            """;
        _module = JitModule.Compile(Ir, target.ForThisHost(out var error) ?? throw new InvalidOperationException(error));
        _run = (delegate* unmanaged<void*, void*, void*, long, void>)_module.Lookup("run");
    }

    public int Lanes { get; }

    public string Ir { get; }

    /// <summary>The arrays' length is a multiple of the lanes.</summary>
    public void Run<T>(ReadOnlySpan<T> x, ReadOnlySpan<T> y, Span<T> result)
        where T : unmanaged
    {
        if (_engine is not null)
        {
            // A lane alone is an array of one.
            for (var at = 0; at < x.Length; at += Lanes == 1 ? 1 : x.Length)
            {
                var count = Lanes == 1 ? 1 : x.Length;
                RunProgram(x.Slice(at, count), y.Slice(at, count), result.Slice(at, count));
            }

            return;
        }

        fixed (T* px = x)
        fixed (T* py = y)
        fixed (T* pr = result)
        {
            _run(px, py, pr, x.Length);
        }
    }

    public void Dispose()
    {
        _module?.Dispose();
        _engine?.Dispose();
    }

    private static string Program(MathFunction function, ElementType type)
    {
        var (t, name) = ($"{type.Name()}[N]", function.ToString().ToLowerInvariant());
        return $"fn run(x: {t}{(Binary.Contains(function) ? $", y: {t}" : "")}) -> {t} = " + function switch
        {
            MathFunction.Pow => "x ^ y",
            MathFunction.Remainder => "x % y",
            MathFunction.Atan2 => "atan2(x, y)",
            _ => $"{name}(x)",
        };
    }

    private void RunProgram<T>(ReadOnlySpan<T> x, ReadOnlySpan<T> y, Span<T> result)
        where T : unmanaged
    {
        var entry = _engine!["run"];
        using var a = Filled(x);
        using var b = Filled(y);
        var results = entry.Run(entry.Manifest.Arguments.Count == 2 ? [a, b] : [a]);
        results[0].AsSpan<T>().CopyTo(result);
        results[0].Dispose();

        static OwnedTensor Filled(ReadOnlySpan<T> values)
        {
            var tensor = Tensor.Allocate(Tensor.ElementOf<T>(), [values.Length]);
            values.CopyTo(tensor.AsSpan<T>());
            return tensor;
        }
    }
}
