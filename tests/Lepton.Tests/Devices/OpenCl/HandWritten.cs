using Lepton.Abi;
using Lepton.Abi.Devices;
using Lepton.Runtime;
using Lepton.Runtime.OpenCl;

namespace Lepton.Tests.Devices.OpenCl;

/// <summary>Entries whose kernels and steps are written by hand, so that each step is tested for itself.</summary>
internal static class HandWritten
{
    private const string Head = """
        struct lep_error { int lock; int error; long site; long element; long value; long bound; };
        #define LEP_TAIL global struct lep_error* error, long first, long limit
        #define LEP_CHUNK long chunk = first + (long)get_global_id(0); if (chunk >= limit) return;

        // y[i] = x[i] * factor, four elements for each chunk
        kernel void scale(global uchar* b0, ulong o0, global uchar* b1, ulong o1, global uchar* b2, ulong o2, long n, LEP_TAIL)
        {
            LEP_CHUNK
            global const float* x = (global const float*)(b0 + o0);
            global const float* factor = (global const float*)(b1 + o1);
            global float* y = (global float*)(b2 + o2);
            for (long i = chunk * 4; i < min(n, chunk * 4 + 4); i++) y[i] = x[i] * factor[0];
        }

        // y[0] = x[0] + 1, done[0] = y[0] >= 10
        kernel void count(global uchar* b0, ulong o0, global uchar* b1, ulong o1, global uchar* b2, ulong o2, LEP_TAIL)
        {
            LEP_CHUNK
            float y = *(global const float*)(b0 + o0) + 1.0f;
            *(global float*)(b1 + o1) = y;
            *(b2 + o2) = y >= 10.0f;
        }

        // y[i] = x[i]; fails where x[i] is negative, at site 1 below -5, else at site 0
        kernel void check(global uchar* b0, ulong o0, global uchar* b1, ulong o1, long n, LEP_TAIL)
        {
            LEP_CHUNK
            float x = *((global const float*)(b0 + o0) + chunk);
            *((global float*)(b1 + o1) + chunk) = x;
            if (x < 0.0f && error->error == 0)
            {
                error->error = 1; error->site = x < -5.0f ? 1 : 0; error->element = chunk; error->value = (long)x; error->bound = n;
            }
        }

        // where x[i] != 0: index and value in order; how many there are as a long, and as two positions. One chunk
        kernel void pack(global uchar* b0, ulong o0, global uchar* b1, ulong o1, global uchar* b2, ulong o2, global uchar* b3, ulong o3, long n, global uchar* scratch, LEP_TAIL)
        {
            LEP_CHUNK
            global const float* x = (global const float*)(b0 + o0);
            global int* keep = (global int*)(scratch + (chunk - first) * 64);
            keep[0] = 0;
            for (long i = 0; i < n; i++)
                if (x[i] != 0.0f)
                {
                    ((global int*)(b1 + o1))[keep[0]] = (int)i;
                    ((global float*)(b2 + o2))[keep[0]++] = x[i];
                }
            *(global long*)(b3 + o3) = keep[0];
            ((global int*)(b3 + o3))[2] = 0;
            ((global int*)(b3 + o3))[3] = keep[0];
        }

        """;

    private static readonly SizeExpr N = SizeExpr.Variable("N");

    private static readonly ValueList<DeviceKernel> Kernels =
    [
        new("scale", 3, ["N"], SizeExpr.FloorDiv(N + 3, 4), 0, CanFail: false),
        new("count", 3, [], 1, 0, CanFail: false),
        new("check", 2, ["N"], N, 0, CanFail: true),
        new("pack", 4, ["N"], 1, 64, CanFail: false),
    ];

    /// <summary>An entry f(x: f32[N]) -> (y: f32[N]) with these steps; the constant is 3.</summary>
    public static DeviceEntry Map(params ReadOnlySpan<DeviceStep> steps) => new(
        Manifest([Vector("x", N)], [], [Vector("y", N)]), Arena: [N * 4, N * 4], Pointers: 2, ValueList.Create(steps));

    public static EntryManifest Manifest(ValueList<TensorManifest> arguments, ValueList<TensorManifest> parameters, ValueList<TensorManifest> results) => new(
        "f",
        "f",
        ["N", .. arguments.Concat(parameters).Concat(results).SelectMany(t => t.StoredNames)],
        arguments,
        parameters,
        results,
        [],
        [new SiteManifest("x[i]", "hand.lep:1:1", [N]), new SiteManifest("z[i]", "hand.lep:2:1", [N])]);

    public static TensorManifest Vector(string name, SizeExpr size) => new(name, ElementType.F32, [size]);

    public static Module Load(OpenClSession session, DeviceEntry entry, string? source = null)
    {
        byte[] three = [.. BitConverter.GetBytes(3f)];
        var code = session.Build(new DeviceModule("hand", source ?? Head, Kernels, [three], [entry]));
        return Module.FromPrograms(new ModuleManifest(ModuleManifest.CurrentFormat, "hand", "opencl", [entry.Manifest]), e => code[e.Symbol], code);
    }

    public static DevicePlace Place(int tensor) => new(PlaceKind.Tensor, tensor, 0);

    public static DevicePlace Arena(int number) => new(PlaceKind.Arena, number, 0);

    public static DevicePlace Pointer(int number) => new(PlaceKind.Pointer, number, 0);

    public static DevicePlace Constant { get; } = new(PlaceKind.Constant, 0, 0);

    public static LaunchStep Scale(DevicePlace x, DevicePlace factor, DevicePlace y) => new(0, [x, factor, y]);

    public static LaunchStep Count(DevicePlace x, DevicePlace y, DevicePlace done) => new(1, [x, y, done]);

    public static LaunchStep Check(DevicePlace x, DevicePlace y) => new(2, [x, y]);

    public static LaunchStep Pack(DevicePlace x, DevicePlace indices, DevicePlace values, DevicePlace count) => new(3, [x, indices, values, count]);
}
