namespace Lepton.Abi.Devices;

/// <summary>What a place counts its offset from.</summary>
public enum PlaceKind
{
    /// <summary>A native tensor of the entry: arguments, then parameters, then results.</summary>
    Tensor,
    Constant,
    Arena,
    Prepared,

    /// <summary>A pointer variable.</summary>
    Pointer,
}

/// <summary>Memory: so many bytes (over the sizes known at that step) behind the start of something.</summary>
public sealed record DevicePlace(PlaceKind Kind, int Number, SizeExpr Offset);

/// <summary>A step of an entry.</summary>
public abstract record DeviceStep;

/// <summary>Runs all chunks of a kernel of the module.</summary>
public sealed record LaunchStep(int Kernel, ValueList<DevicePlace> Buffers) : DeviceStep;

/// <summary>Copies bytes between places that do not overlap.</summary>
public sealed record CopyStep(DevicePlace From, DevicePlace To, SizeExpr Bytes) : DeviceStep;

/// <summary>for (Counter = 0; Counter &lt; Count; Counter++) Body, leaving after a round behind which the byte at Until (null: none) is 1.</summary>
public sealed record LoopStep(string Counter, SizeExpr Count, ValueList<DeviceStep> Body, DevicePlace? Until) : DeviceStep;

/// <summary>pointer := place.</summary>
public sealed record SetPointerStep(int Pointer, DevicePlace Place) : DeviceStep;

/// <summary>Exchanges two pointers.</summary>
public sealed record SwapPointersStep(int First, int Second) : DeviceStep;

/// <summary>pointer := new memory, whose size only the run knows.</summary>
public sealed record AllocateStep(int Pointer, SizeExpr Bytes) : DeviceStep;

/// <summary>A size variable becomes the number (i32 or i64) at a place.</summary>
public sealed record ReadSizeStep(string Size, DevicePlace Place, ElementType Element) : DeviceStep;

/// <summary>A native tensor, an array of a sparse result, is the memory at a pointer.</summary>
public sealed record GiveArrayStep(int Tensor, int Pointer) : DeviceStep;
