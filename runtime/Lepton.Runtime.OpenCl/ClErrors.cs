using System.Globalization;

namespace Lepton.Runtime.OpenCl;

/// <summary>What a function of OpenCL says when it does not succeed.</summary>
internal static class ClErrors
{
    internal const int DeviceNotFound = -1;
    internal const int DeviceNotAvailable = -2;
    internal const int BuildProgramFailure = -11;
    internal const int PlatformNotFound = -1001;

    private static readonly Dictionary<int, string> Names = new()
    {
        [DeviceNotFound] = "CL_DEVICE_NOT_FOUND",
        [DeviceNotAvailable] = "CL_DEVICE_NOT_AVAILABLE",
        [-3] = "CL_COMPILER_NOT_AVAILABLE",
        [-4] = "CL_MEM_OBJECT_ALLOCATION_FAILURE",
        [-5] = "CL_OUT_OF_RESOURCES",
        [-6] = "CL_OUT_OF_HOST_MEMORY",
        [-7] = "CL_PROFILING_INFO_NOT_AVAILABLE",
        [-8] = "CL_MEM_COPY_OVERLAP",
        [BuildProgramFailure] = "CL_BUILD_PROGRAM_FAILURE",
        [-12] = "CL_MAP_FAILURE",
        [-13] = "CL_MISALIGNED_SUB_BUFFER_OFFSET",
        [-14] = "CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST",
        [-30] = "CL_INVALID_VALUE",
        [-32] = "CL_INVALID_PLATFORM",
        [-33] = "CL_INVALID_DEVICE",
        [-34] = "CL_INVALID_CONTEXT",
        [-36] = "CL_INVALID_COMMAND_QUEUE",
        [-37] = "CL_INVALID_HOST_PTR",
        [-38] = "CL_INVALID_MEM_OBJECT",
        [-44] = "CL_INVALID_PROGRAM",
        [-45] = "CL_INVALID_PROGRAM_EXECUTABLE",
        [-46] = "CL_INVALID_KERNEL_NAME",
        [-48] = "CL_INVALID_KERNEL",
        [-49] = "CL_INVALID_ARG_INDEX",
        [-50] = "CL_INVALID_ARG_VALUE",
        [-51] = "CL_INVALID_ARG_SIZE",
        [-52] = "CL_INVALID_KERNEL_ARGS",
        [-54] = "CL_INVALID_WORK_GROUP_SIZE",
        [-55] = "CL_INVALID_WORK_ITEM_SIZE",
        [-57] = "CL_INVALID_EVENT_WAIT_LIST",
        [-58] = "CL_INVALID_EVENT",
        [-59] = "CL_INVALID_OPERATION",
        [-61] = "CL_INVALID_BUFFER_SIZE",
        [-63] = "CL_INVALID_GLOBAL_WORK_SIZE",
        [PlatformNotFound] = "CL_PLATFORM_NOT_FOUND_KHR",
    };

    internal static string Name(int error) => Names.TryGetValue(error, out var name) ? name : "OpenCL error " + error.ToString(CultureInfo.InvariantCulture);

    /// <summary>Whether a device has no memory of the size that was asked for.</summary>
    internal static bool IsMemory(int error) => error is -4 or -5 or -6 or -61;
}
