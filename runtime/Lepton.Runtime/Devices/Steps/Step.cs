using Lepton.Abi.Devices;
using Lepton.Runtime.Sizes;

namespace Lepton.Runtime.Devices.Steps;

/// <summary>A place with its offset as a program.</summary>
internal sealed record SizedPlace(PlaceKind Kind, int Number, SizeProgram Offset);

/// <summary>A step with its sizes as programs.</summary>
internal abstract record Step
{
    internal sealed record Launch(int Number, DeviceKernel Kernel, SizedPlace[] Buffers, int[] Sizes, SizeProgram Chunks) : Step;

    internal sealed record Copy(SizedPlace From, SizedPlace To, SizeProgram Bytes) : Step;

    internal sealed record Loop(SizeProgram Count, int Counter, Step[] Body, SizedPlace? Until) : Step;

    internal sealed record SetPointer(int Pointer, SizedPlace Place) : Step;

    internal sealed record Swap(int First, int Second) : Step;

    internal sealed record Allocate(int Pointer, SizeProgram Bytes) : Step;

    internal sealed record ReadSize(SizedPlace Place, int Bytes, int Slot, int Dim) : Step;

    internal sealed record Give(int Tensor, int Pointer) : Step;
}
