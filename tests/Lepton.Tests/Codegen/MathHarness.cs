using Lepton.Abi;
using Lepton.Codegen.Llvm;
using Lepton.Codegen.Llvm.Math;

namespace Lepton.Tests.Codegen;

/// <summary>One function of the math library, compiled for a target, over arrays.</summary>
internal sealed unsafe class MathHarness : IDisposable
{
    private static readonly MathFunction[] Binary = [MathFunction.Pow, MathFunction.Atan2, MathFunction.Remainder];
    private readonly JitModule _module;
    private readonly delegate* unmanaged<void*, void*, void*, long, void> _run;

    public MathHarness(MathFunction function, ElementType type, int lanes, CpuTarget target)
    {
        Lanes = lanes;
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
        fixed (T* px = x)
        fixed (T* py = y)
        fixed (T* pr = result)
        {
            _run(px, py, pr, x.Length);
        }
    }

    public void Dispose() => _module.Dispose();
}
