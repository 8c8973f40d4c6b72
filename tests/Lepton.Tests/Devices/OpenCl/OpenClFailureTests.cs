using Lepton.Abi;
using Lepton.Abi.Devices;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;
using static Lepton.Tests.Devices.OpenCl.HandWritten;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>What goes wrong on an OpenCL device, and what is said then.</summary>
[Collection("opencl")]
public class OpenClFailureTests
{
    private static readonly SizeExpr N = SizeExpr.Variable("N");

    [OpenClFact]
    public void Source_that_does_not_compile_is_answered_with_the_compilers_words()
    {
        using var session = OpenClRunTests.Session(inPlace: true);
        var e = Assert.Throws<OpenClBuildException>(() => Load(session, Map(), "kernel void scale(global float* x) { x[0] = nonsense; }"));
        Assert.Contains("opencl:0", e.Message);
        Assert.Contains("nonsense", e.Message);
    }

    [OpenClFact]
    public void A_device_without_memory_is_named_with_what_was_asked()
    {
        using var session = OpenClRunTests.Session(inPlace: true);
        var entry = Map(Scale(Place(0), Constant, Arena(0))) with { Arena = [SizeExpr.Constant(1L << 42)] };
        using var module = Load(session, entry);
        var e = Assert.Throws<LeptonRunException>(() => OpenClRunTests.Run(module, [1]));
        Assert.StartsWith($"device {OpenClDevice.Get(0)} has no memory for {1L << 42} bytes of intermediate results: CL_INVALID_BUFFER_SIZE", e.Message);
        Assert.Equal("opencl:0", e.Device);
        using var endless = Load(session, entry with { Arena = [N * (1L << 62)] });
        e = Assert.Throws<LeptonRunException>(() => OpenClRunTests.Run(endless, new float[4]));
        Assert.Equal("entry f with N = 4: a size does not fit into 64 bits", e.Message);
    }

    [OpenClFact]
    public void A_device_that_is_lost_is_named_with_its_error_and_stays_lost()
    {
        _ = OpenClDevice.Get(0).Context; // stays
        var handles = ClHandle.Alive;
        using (var session = new OpenClSession(OpenClDevice.Get(0)) { FailsAtLaunch = 3 })
        {
            using var module = Load(session, Map(Scale(Place(0), Constant, Arena(0)), Scale(Arena(0), Constant, Place(1))));
            Assert.Equal([9], OpenClRunTests.Run(module, [1]));
            for (var again = 0; again < 3; again++)
            {
                var e = Assert.Throws<LeptonRunException>(() => OpenClRunTests.Run(module, [1]));
                Assert.Equal($"device {OpenClDevice.Get(0)} failed: CL_DEVICE_NOT_AVAILABLE from clEnqueueNDRangeKernel", e.Message);
                Assert.Equal("opencl:0", e.Device);
            }
        }

        Assert.Equal(handles, ClHandle.Alive);
    }

    [OpenClFact]
    public void A_run_is_cancelled_between_two_launches()
    {
        using var session = OpenClRunTests.Session(inPlace: true);
        using var module = Load(session, Map(new LoopStep("i", 1L << 40, [Scale(Place(0), Constant, Arena(0))], Until: null)));
        using var source = new CancellationTokenSource(100);
        Assert.Throws<OperationCanceledException>(() => OpenClRunTests.Run(module, OpenClRunTests.Ramp(100), source.Token));
        using var done = new CancellationTokenSource();
        done.Cancel();
        Assert.Throws<OperationCanceledException>(() => OpenClRunTests.Run(module, [1], done.Token));
    }

    // The driver must not take the signal by which .NET learns of it.
    [OpenClFact]
    public void A_division_by_zero_is_an_exception_after_OpenCL_was_used_too()
    {
        using var session = OpenClRunTests.Session(inPlace: true);
        using var module = Load(session, Map(Scale(Place(0), Constant, Place(1))));
        var three = OpenClRunTests.Run(module, [1]);
        Assert.Throws<DivideByZeroException>(() => 1 / ((int)three[0] - 3));
    }

    [OpenClFact]
    public void A_device_that_is_not_there_is_named_with_those_that_are()
    {
        var e = Assert.Throws<OpenClMissingException>(() => OpenClDevice.Get(999));
        Assert.StartsWith("there is no device opencl:999; there ", e.Message);
        Assert.Contains(OpenClDevice.Get(0).ToString(), e.Message);
    }
}
