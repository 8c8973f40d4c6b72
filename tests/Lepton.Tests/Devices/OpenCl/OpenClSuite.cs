using System.Reflection;
using Lepton.Compiler;
using Lepton.Embedding;
using Lepton.Runtime.Devices;
using Lepton.Runtime.OpenCl;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>The suite of all devices on an OpenCL device, in the host's memory and in its own.</summary>
[Collection("opencl")]
public class OpenClSuite
{
    public static TheoryData<string, bool> Tests()
    {
        var tests = new TheoryData<string, bool>();
        foreach (var test in typeof(DeviceSuite).GetMethods().Where(m => m.GetCustomAttribute<FactAttribute>() is not null))
        {
            tests.Add(test.Name, true);
            tests.Add(test.Name, false);
        }

        return tests;
    }

    [OpenClTheory]
    [MemberData(nameof(Tests))]
    public void Passes(string test, bool sharesMemory)
    {
        _ = OpenClDevice.Get(0).Context; // stays
        var handles = ClHandle.Alive;
        typeof(DeviceSuite).GetMethod(test)!.Invoke(new OnOpenCl(sharesMemory), BindingFlags.DoNotWrapExceptions, null, [], null);
        Assert.Equal(handles, ClHandle.Alive);
    }

    private sealed class OnOpenCl(bool sharesMemory) : DeviceSuite
    {
        protected override CompileOptions Options => OpenClCode.For(new CompileOptions(), 0);

        protected override Device Open(string name) => new OpenClExecutor(name, new OpenClSession(OpenClDevice.Get(0)) { IsInPlace = sharesMemory, IsQuick = true });
    }
}
