using System.Runtime.InteropServices;

namespace Lepton.Runtime.OpenCl;

/// <summary>
/// The functions of OpenCL 1.2 that are used, by their names in <c>CL/cl.h</c>. A result of type int is an error, 0 is success; see <see cref="ClErrors"/>.
/// All may be called from any thread, but for clSetKernelArg on one kernel. Call <see cref="OpenClLibrary.Load"/> before anything here.
/// </summary>
internal static unsafe partial class Cl
{
    // A name that no file has: the resolver answers it with the library that OpenClLibrary found.
    private const string Library = "lepton-opencl";

    static Cl() => NativeLibrary.SetDllImportResolver(typeof(Cl).Assembly, static (name, _, _) => name == Library ? OpenClLibrary.Handle : 0);

    // Platforms and devices

    [LibraryImport(Library, EntryPoint = "clGetPlatformIDs")]
    internal static partial int GetPlatformIDs(uint count, nint* platforms, uint* found);

    [LibraryImport(Library, EntryPoint = "clGetPlatformInfo")]
    internal static partial int GetPlatformInfo(nint platform, uint what, nuint bytes, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clGetDeviceIDs")]
    internal static partial int GetDeviceIDs(nint platform, ulong type, uint count, nint* devices, uint* found);

    [LibraryImport(Library, EntryPoint = "clGetDeviceInfo")]
    internal static partial int GetDeviceInfo(nint device, uint what, nuint bytes, void* value, nuint* needed);

    // Contexts and queues

    [LibraryImport(Library, EntryPoint = "clCreateContext")]
    internal static partial nint CreateContext(nint* properties, uint count, nint* devices, nint notify, nint data, int* error);

    [LibraryImport(Library, EntryPoint = "clReleaseContext")]
    internal static partial int ReleaseContext(nint context);

    [LibraryImport(Library, EntryPoint = "clCreateCommandQueue")]
    internal static partial nint CreateCommandQueue(nint context, nint device, ulong properties, int* error);

    [LibraryImport(Library, EntryPoint = "clReleaseCommandQueue")]
    internal static partial int ReleaseCommandQueue(nint queue);

    [LibraryImport(Library, EntryPoint = "clFlush")]
    internal static partial int Flush(nint queue);

    [LibraryImport(Library, EntryPoint = "clFinish")]
    internal static partial int Finish(nint queue);

    // Programs and kernels

    [LibraryImport(Library, EntryPoint = "clCreateProgramWithSource")]
    internal static partial nint CreateProgramWithSource(nint context, uint count, byte** texts, nuint* lengths, int* error);

    [LibraryImport(Library, EntryPoint = "clBuildProgram", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int BuildProgram(nint program, uint count, nint* devices, string options, nint notify, nint data);

    [LibraryImport(Library, EntryPoint = "clGetProgramBuildInfo")]
    internal static partial int GetProgramBuildInfo(nint program, nint device, uint what, nuint bytes, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clReleaseProgram")]
    internal static partial int ReleaseProgram(nint program);

    [LibraryImport(Library, EntryPoint = "clCreateKernel", StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint CreateKernel(nint program, string name, int* error);

    [LibraryImport(Library, EntryPoint = "clSetKernelArg")]
    internal static partial int SetKernelArg(nint kernel, uint number, nuint bytes, void* value);

    [LibraryImport(Library, EntryPoint = "clReleaseKernel")]
    internal static partial int ReleaseKernel(nint kernel);

    // Memory

    [LibraryImport(Library, EntryPoint = "clCreateBuffer")]
    internal static partial nint CreateBuffer(nint context, ulong flags, nuint bytes, void* host, int* error);

    [LibraryImport(Library, EntryPoint = "clCreateSubBuffer")]
    internal static partial nint CreateSubBuffer(nint buffer, ulong flags, uint type, nuint* region, int* error);

    [LibraryImport(Library, EntryPoint = "clReleaseMemObject")]
    internal static partial int ReleaseMemObject(nint memory);

    // Commands

    [LibraryImport(Library, EntryPoint = "clEnqueueNDRangeKernel")]
    internal static partial int EnqueueNDRangeKernel(
        nint queue, nint kernel, uint dimensions, nuint* offset, nuint* global, nuint* local, uint waits, nint* waitList, nint* made);

    [LibraryImport(Library, EntryPoint = "clEnqueueReadBuffer")]
    internal static partial int EnqueueReadBuffer(
        nint queue, nint buffer, uint isBlocking, nuint offset, nuint bytes, void* target, uint waits, nint* waitList, nint* made);

    [LibraryImport(Library, EntryPoint = "clEnqueueWriteBuffer")]
    internal static partial int EnqueueWriteBuffer(
        nint queue, nint buffer, uint isBlocking, nuint offset, nuint bytes, void* source, uint waits, nint* waitList, nint* made);

    [LibraryImport(Library, EntryPoint = "clEnqueueCopyBuffer")]
    internal static partial int EnqueueCopyBuffer(
        nint queue, nint source, nint target, nuint sourceOffset, nuint targetOffset, nuint bytes, uint waits, nint* waitList, nint* made);

    [LibraryImport(Library, EntryPoint = "clEnqueueMapBuffer")]
    internal static partial void* EnqueueMapBuffer(
        nint queue, nint buffer, uint isBlocking, ulong flags, nuint offset, nuint bytes, uint waits, nint* waitList, nint* made, int* error);

    [LibraryImport(Library, EntryPoint = "clEnqueueUnmapMemObject")]
    internal static partial int EnqueueUnmapMemObject(nint queue, nint memory, void* mapped, uint waits, nint* waitList, nint* made);

    // Events

    [LibraryImport(Library, EntryPoint = "clWaitForEvents")]
    internal static partial int WaitForEvents(uint count, nint* events);

    [LibraryImport(Library, EntryPoint = "clGetEventProfilingInfo")]
    internal static partial int GetEventProfilingInfo(nint made, uint what, nuint bytes, void* value, nuint* needed);

    [LibraryImport(Library, EntryPoint = "clReleaseEvent")]
    internal static partial int ReleaseEvent(nint made);
}

/// <summary>The numbers of <c>CL/cl.h</c> that are used.</summary>
internal static class ClNumbers
{
    internal const ulong DeviceTypeCpu = 1 << 1;
    internal const ulong DeviceTypeGpu = 1 << 2;
    internal const ulong DeviceTypeAll = 0xFFFFFFFF;

    internal const uint PlatformName = 0x0902;

    internal const uint DeviceType = 0x1000;
    internal const uint DeviceMaxComputeUnits = 0x1002;
    internal const uint DeviceMaxMemAllocSize = 0x1010;
    internal const uint DeviceMemBaseAddrAlign = 0x1019;
    internal const uint DeviceSingleFpConfig = 0x101B;
    internal const uint DeviceGlobalMemSize = 0x101F;
    internal const uint DeviceLocalMemSize = 0x1023;
    internal const uint DeviceEndianLittle = 0x1026;
    internal const uint DeviceAvailable = 0x1027;
    internal const uint DeviceCompilerAvailable = 0x1028;
    internal const uint DeviceName = 0x102B;
    internal const uint DeviceVersion = 0x102F;
    internal const uint DeviceExtensions = 0x1030;
    internal const uint DeviceHostUnifiedMemory = 0x1035;
    internal const uint DeviceNativeVectorWidthFloat = 0x103A;

    internal const ulong FpFma = 1 << 5;
    internal const ulong FpCorrectlyRoundedDivideSqrt = 1 << 7;

    internal const uint ProgramBuildLog = 0x1183;

    internal const ulong MemReadWrite = 1 << 0;
    internal const ulong MemReadOnly = 1 << 2;
    internal const ulong MemUseHostPtr = 1 << 3;
    internal const ulong MemCopyHostPtr = 1 << 5;
    internal const uint BufferCreateTypeRegion = 0x1220;
    internal const ulong MapRead = 1 << 0;

    internal const ulong QueueProfilingEnable = 1 << 1;
    internal const uint ProfilingCommandQueued = 0x1280;
    internal const uint ProfilingCommandStart = 0x1282;
    internal const uint ProfilingCommandEnd = 0x1283;
}
